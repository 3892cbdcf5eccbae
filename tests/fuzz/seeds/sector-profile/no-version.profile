[lus-scanner-profile]
