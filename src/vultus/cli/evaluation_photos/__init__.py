"""The photos that `vultus evaluate` and `calibrate` measure beside those of people as they are."""
