"""The console: pages for people, on the public API only. Files as they are in `static/`; there is no build step."""
