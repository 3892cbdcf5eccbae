[lus-scanner-profile]
version=1
notice=n
# the one in room 4
[40x32]
rows=0;31;
left=0;0;
right=40;40;
