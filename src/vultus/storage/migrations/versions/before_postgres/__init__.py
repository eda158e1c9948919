"""The revisions of before PostgreSQL, whose databases begin with the tables that the last one leaves."""
