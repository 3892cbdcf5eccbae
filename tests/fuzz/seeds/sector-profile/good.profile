[lus-scanner-profile]
version=1
notice=n

[40x32]
rows=4;12;29;
left=15;10;5;
right=25;30;36;
