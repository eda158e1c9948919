"""Results as text and as plots."""
