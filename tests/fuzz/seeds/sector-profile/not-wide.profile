[lus-scanner-profile]
version=1
notice=n

[40x32]
rows=0;31;
left=39;0;
right=40;1;
