"""Keys that clients of other services have already, and the tokens that they send with requests."""
