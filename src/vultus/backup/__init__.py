"""Backup, restore and integrity of a data folder."""
