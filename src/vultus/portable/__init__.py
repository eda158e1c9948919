"""The open archive of a gallery: photos and JSON lines in a tar, to move to another Vultus or to another program."""
