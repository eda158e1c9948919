"""What a person should look at: subjects that may be one person, and faces of nobody known."""
