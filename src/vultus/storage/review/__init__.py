"""What a person should look at: subjects that may be one, and faces of nobody known."""
