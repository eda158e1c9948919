"""The console: its files, how they are served, and its pages in a real browser."""
