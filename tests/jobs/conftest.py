"""The database of the storage tests."""

from tests.storage.conftest import database, gallery, url

__all__ = ["database", "gallery", "url"]
