"""Liveness at the service: what is judged, what is refused, and several frames of one presentation."""
