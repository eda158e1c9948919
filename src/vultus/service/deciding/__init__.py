"""What is decided on scores: of two photos, of a search; and how the audit keeps it."""
