"""Faces that are enrolled one by one, without a subject of the caller's, and grouped into subjects later."""
