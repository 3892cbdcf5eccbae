[lus-scanner-profile]
version=1
notice=n

[640x480]
rows=10;400;
left=20;30;
right=600;610;
