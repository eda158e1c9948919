"""The same gallery as the other storage tests have."""

from tests.storage.conftest import database, gallery, keys, other_database, other_gallery, url

__all__ = ["database", "gallery", "keys", "other_database", "other_gallery", "url"]
