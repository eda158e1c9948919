"""Damaged copies of photos, and what a model makes of them."""
