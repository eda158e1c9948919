"""Failures that AWS tells apart and we do not: each has the name that its clients catch."""

from __future__ import annotations

from vultus.errors import InvalidApiKey, InvalidRequest, NotFound, RequestIdConflict


class InvalidSignature(InvalidApiKey):
    """The request was changed, signed by another secret, or at another time."""

    aws_name = "InvalidSignatureException"


class IncompleteSignature(InvalidApiKey):
    """The Authorization header is no signature of version 4."""

    aws_name = "IncompleteSignatureException"


class RequestExpired(InvalidApiKey):
    """The request was signed long ago."""

    aws_name = "RequestExpired"


class UnknownOperation(NotFound):
    """No operation of this name is here."""

    aws_name = "UnknownOperationException"


class NotJson(InvalidRequest):
    """The body is no JSON object."""

    aws_name = "SerializationException"


class S3Refused(InvalidRequest):
    """An image is named by its place in S3."""

    aws_name = "InvalidS3ObjectException"


class InvalidPageToken(InvalidRequest):
    """A NextToken is none of this list."""

    aws_name = "InvalidPaginationTokenException"


class TokenReused(RequestIdConflict):
    """A ClientRequestToken was sent with another request before."""

    aws_name = "IdempotentParameterMismatchException"
