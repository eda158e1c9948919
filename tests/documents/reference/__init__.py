"""Pages of docs/reference that are made from the code: `python -m tests.documents.reference` writes them."""
