"""Refusals that CompreFace tells apart and we do not: each has the number that its clients know."""

from __future__ import annotations

from vultus.errors import InvalidApiKey, InvalidRequest


class NoSuchService(InvalidApiKey):
    """The key is unknown, or of another service than the path."""

    number, status = 10, 404


class NotAUuid(InvalidApiKey):
    """The key has another shape than CompreFace's."""

    number, status = 26, 400


class InvalidValue(InvalidRequest):
    """A value breaks a rule of CompreFace's."""

    number, status = 26, 400


class EmptyField(InvalidRequest):
    """A field that must be there is empty or missing."""

    number, status = 5, 400
