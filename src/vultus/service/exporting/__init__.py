"""What is held on one person, as one file."""
