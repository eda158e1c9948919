"""Enrolls a folder with one sub-folder for each person."""
