"""The HTTP server process. The only importer of uvicorn."""
