"""Images from URLs that a caller sends; off unless the operator turns it on."""
