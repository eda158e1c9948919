"""The small system, as the tests of the HTTP application have it."""

from __future__ import annotations

from tests.api.conftest import settings, whole

__all__ = ["settings", "whole"]
