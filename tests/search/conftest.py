"""The gallery fixtures of the storage tests."""

from tests.storage.conftest import database, gallery, other_database, other_gallery, url

__all__ = ["database", "gallery", "other_database", "other_gallery", "url"]
