"""The database of the storage tests: each test that uses it runs on SQLite and on PostgreSQL."""

from tests.storage.conftest import database, gallery, pytest_generate_tests, url

__all__ = ["database", "gallery", "pytest_generate_tests", "url"]
