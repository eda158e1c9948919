"""Protocols of other services over the same use cases: each brings its keys, error shape and audit actions."""
