[lus-scanner-profile]
version=a
