"""Renames, merges and moves of what is enrolled, and their undo."""
