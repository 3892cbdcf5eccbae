[lus-scanner-profile]
version=1
notice=n

[40x32]
rows=4;12;20;29;
left=5;20;6;18;
right=7;38;8;20;
