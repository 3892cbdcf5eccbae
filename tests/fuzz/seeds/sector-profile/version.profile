[lus-scanner-profile]
version=2
