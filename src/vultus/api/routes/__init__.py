"""The calls: each reads its fields, calls the service in a thread and answers."""
