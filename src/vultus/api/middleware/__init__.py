"""Layers around every request, outermost first: see `api.app`."""
