"""The calls of the service as values: what is sent, and how the answer is read. Shared by both clients."""
