"""Refusals that only this dialect has."""

from __future__ import annotations

from vultus.errors import InvalidRequest, NotFound

NO_ATTRIBUTES = (
    "/analyze is not offered: no model of age, gender, emotion or race is known whose licence allows its use here "
    "(DeepFace's are derived from VGG-Face, for non-commercial research only), and none is made up"
)


class AttributesNotOffered(InvalidRequest):
    """Attributes of a face were asked for."""

    def __init__(self) -> None:
        super().__init__(NO_ATTRIBUTES)


class NothingRegistered(NotFound):
    """The collection of the key has no faces, so that there is nothing to search."""

    def __init__(self) -> None:
        super().__init__("no face is registered yet in the collection of this key; register one before a search")
