"""What a person should look at: subjects that may be one."""

from __future__ import annotations

from vultus_client.request import Call, Defaults, body_of, path_of, query_of, record_of
from vultus_client.results.jobs import Job
from vultus_client.results.review import Dismissed, Duplicates


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


def _duplicates(defaults: Defaults, collection: str | None) -> str:
    return f"{path_of('collections', defaults.collection if collection is None else collection)}/duplicates"
