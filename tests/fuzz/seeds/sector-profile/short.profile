[lus-scanner-profile]
version=1
notice=n

[40x32]
rows=4;10;
left=5;5;
right=36;36;
