"""The rows of stored photos, and the removal of those that no face uses any more."""
