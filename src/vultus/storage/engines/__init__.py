"""The databases behind `Database`: how each is opened, written, checked and copied."""
