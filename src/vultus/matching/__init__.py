"""What a similarity means: decisions, and the error rates behind their thresholds."""
