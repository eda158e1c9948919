"""Keys that clients of other services have already."""
