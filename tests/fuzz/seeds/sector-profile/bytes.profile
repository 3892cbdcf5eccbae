[lus-scanner-profile]
version=1
notice=n

[ÿþ]
=
