"""The history of the database schema, and what brings a database to its end."""
