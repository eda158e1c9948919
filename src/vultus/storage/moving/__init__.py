"""Moving a whole gallery from one database to another, row by row, of the same or the other kind."""
