"""The commands of an operator: how the service is, its backups, and what is stored compared."""
