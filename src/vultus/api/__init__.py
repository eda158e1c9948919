"""The HTTP API: translates requests to the service and results to answers; nothing else."""
