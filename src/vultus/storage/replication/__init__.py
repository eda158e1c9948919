"""Several servers on one database: who they are, and what they still need."""
