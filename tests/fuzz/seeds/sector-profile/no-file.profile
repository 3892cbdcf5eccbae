no key file
