"""Object storage for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.storage.photo_stores.object_storage import s3_server


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def s3(endpoint, monkeypatch) -> None:
    """The usual variables of a process that uses S3."""
    variables = {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret", "REGION": "us-east-1", "ALLOW_HTTP": "true"}
    for name, value in variables.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
