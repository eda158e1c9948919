"""1:N search in PostgreSQL by pgvector: nothing of a collection is held in memory."""
