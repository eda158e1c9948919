"""Requests that this machine makes on behalf of a caller: only to addresses that were checked."""
