"""Refusals that CompreFace tells apart and we do not: each has the number that its clients know."""

from __future__ import annotations

from vultus.errors import InvalidApiKey, InvalidImage, InvalidRequest


class NoSuchService(InvalidApiKey):
    """The key is unknown, or of another service than the path."""

    number, status = 10, 404


class NotAUuid(InvalidApiKey):
    """The key has another shape than CompreFace's."""

    number, status = 26, 400


class InvalidValue(InvalidRequest):
    """A value breaks a rule of CompreFace's."""

    number, status = 26, 400


class WrongArgument(InvalidRequest):
    """A value is of another type than the parameter."""

    number, status = 36, 400


class WrongPredictionCount(InvalidRequest):
    """prediction_count is below 1; CompreFace answers 404."""

    number, status = 12, 404


class MissingParameter(InvalidRequest):
    """A parameter of the query that must be there is missing."""

    number, status = 33, 400


class MissingPart(InvalidRequest):
    """A part of the form, or a field of the JSON body, that must be there is missing."""

    number, status = 34, 400


class WrongExtension(InvalidImage):
    """The name of the file says that it is no picture."""

    number, status = 21, 400
