"""What a person should look at: subjects that may be one, and faces of nobody known."""

from __future__ import annotations

from collections.abc import Sequence

from vultus_client.request import Call, Defaults, body_of, bytes_of, path_of, query_of, record_of
from vultus_client.results.jobs import Job
from vultus_client.results.review import Assigned, Dismissed, Duplicates, Forgotten, Ignored, Unknown


def search_duplicates(defaults: Defaults, *, collection: str | None = None) -> Call[Job]:
    """Queue a search of a whole collection for subjects that may be one person."""
    return Call(method="POST", path=_duplicates(defaults, collection), read=record_of(Job))


def get_duplicates(defaults: Defaults, *, limit: int | None = None, collection: str | None = None) -> Call[Duplicates]:
    """What the last search found, the most alike first, and where the latest one stands."""
    path, query = _duplicates(defaults, collection), query_of(limit=limit)
    return Call(method="GET", path=path, read=record_of(Duplicates), query=query)


def dismiss_duplicate(
    defaults: Defaults, subject: str, other: str, *, dismissed: bool | None = None, collection: str | None = None
) -> Call[Dismissed]:
    """Say that two subjects are different people, so that they are not listed again. dismissed: False takes it back."""
    path = f"{_duplicates(defaults, collection)}/dismiss"
    body = body_of(subject=subject, other=other, dismissed=dismissed)
    return Call(method="POST", path=path, read=record_of(Dismissed), body=body)


def list_unknown(
    defaults: Defaults, *, limit: int | None = None, ignored: bool | None = None, collection: str | None = None
) -> Call[Unknown]:
    """The faces that searches found to be of nobody known, where the collection keeps them, by person.

    ignored: True lists those that are ignored, in place of the others.
    """
    path, query = _unknown(defaults, collection), query_of(limit=limit, ignored=ignored)
    return Call(method="GET", path=path, read=record_of(Unknown), query=query)


def unknown_photo(defaults: Defaults, unknown_id: str, *, collection: str | None = None) -> Call[bytes]:
    """The picture of an unknown face, a square JPEG."""
    path = f"{_unknown(defaults, collection)}{path_of(unknown_id)}/photo"
    return Call(method="GET", path=path, read=bytes_of)


def assign_unknown(
    defaults: Defaults,
    ids: Sequence[str],
    *,
    subject: str | None = None,
    name: str | None = None,
    collection: str | None = None,
) -> Call[Assigned]:
    """Enroll unknown faces for a subject, created when new. They are not unknown any more."""
    path, body = f"{_unknown(defaults, collection)}/assign", body_of(ids=list(ids), subject=subject, name=name)
    return Call(method="POST", path=path, read=record_of(Assigned), body=body, repeatable=False)


def ignore_unknown(
    defaults: Defaults, ids: Sequence[str], *, ignored: bool | None = None, collection: str | None = None
) -> Call[Ignored]:
    """Do not list some unknown faces, nor keep these people again until the faces' days are over.

    ignored: False takes it back.
    """
    path, body = f"{_unknown(defaults, collection)}/ignore", body_of(ids=list(ids), ignored=ignored)
    return Call(method="POST", path=path, read=record_of(Ignored), body=body)


def erase_unknown(defaults: Defaults, ids: Sequence[str], *, collection: str | None = None) -> Call[Forgotten]:
    """Erase some unknown faces."""
    path, body = f"{_unknown(defaults, collection)}/erase", body_of(ids=list(ids))
    return Call(method="POST", path=path, read=record_of(Forgotten), body=body, repeatable=False)


def erase_all_unknown(defaults: Defaults, *, collection: str | None = None) -> Call[Forgotten]:
    """Erase all unknown faces of a collection."""
    return Call(method="DELETE", path=_unknown(defaults, collection), read=record_of(Forgotten), repeatable=False)


def _unknown(defaults: Defaults, collection: str | None) -> str:
    return f"{path_of('collections', defaults.collection if collection is None else collection)}/unknown"


def _duplicates(defaults: Defaults, collection: str | None) -> str:
    return f"{path_of('collections', defaults.collection if collection is None else collection)}/duplicates"
