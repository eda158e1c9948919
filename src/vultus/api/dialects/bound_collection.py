"""The collection that a key of a client stands for, where its service has none in the request."""

from __future__ import annotations

from vultus.api.auth import Caller
from vultus.errors import CollectionNotAllowed
from vultus.identifiers import DEFAULT_COLLECTION


def bound_collection(caller: Caller) -> str:
    """The one collection that the key is limited to, or the default one; it is audited.

    Raises CollectionNotAllowed, when the key is limited to several.
    """
    limited_to = (DEFAULT_COLLECTION,) if caller.key is None else caller.key.collections or (DEFAULT_COLLECTION,)
    if len(limited_to) > 1:
        raise CollectionNotAllowed(
            f"this key is limited to {len(limited_to)} collections, and a request of this protocol names none; use a "
            "key of one collection"
        )
    caller.require_collection(limited_to[0])
    return limited_to[0]
