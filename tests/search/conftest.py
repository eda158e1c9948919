"""The gallery fixtures of the storage tests."""

from tests.storage.conftest import engine, gallery, other_engine, other_gallery, url

__all__ = ["engine", "gallery", "other_engine", "other_gallery", "url"]
