"""The same gallery as the storage tests have."""

from tests.storage.conftest import engine, gallery, other_engine, other_gallery, url

__all__ = ["engine", "gallery", "other_engine", "other_gallery", "url"]
