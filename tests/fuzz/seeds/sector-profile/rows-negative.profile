[lus-scanner-profile]
version=1
notice=n

[40x32]
rows=-1;29;
left=5;5;
right=36;36;
