"""Adds faces to subjects, one subject or many in a transaction, and nobody back who was erased meanwhile."""
