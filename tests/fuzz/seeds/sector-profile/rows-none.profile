[lus-scanner-profile]
version=1
notice=n

[40x32]
rows=
left=
right=
