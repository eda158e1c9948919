"""Seals of the stored rows: by them a changed row is noticed."""
