"""Which face of a photo an answer is about, and the faces of that photo that it is not about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, overload

from vultus.records.cautions import Caution
from vultus.records.seen import Face, Quality

T = TypeVar("T")
ChoiceRule = Literal["only", "largest", "most_prominent", "usable", "face_index", "all", "whole_image"]


@dataclass(frozen=True, eq=False)
class OtherFace:
    """A face that was not chosen. face: in pixels of the photo as sent.

    prominence: as a share of that of the chosen face. quality: what the photo shows, without the parts that a
    recognition model adds.
    """

    face: Face
    quality: Quality
    prominence: float


@dataclass(frozen=True, eq=False)
class FaceChoice:
    """The face that was chosen among those of a photo.

    found: how many faces the photo shows; left_out of them, the least prominent, are not used. index: the place of the
    face among them, most prominent first, from 0; None where no face was found. face: in pixels of the photo as sent.
    sentence: how it was chosen, in words.
    """

    found: int
    rule: ChoiceRule
    index: int | None
    face: Face
    sentence: str
    others: tuple[OtherFace, ...] = ()
    left_out: int = 0

    @property
    def note(self) -> str | None:
        """How the face was chosen; None where there was no choice."""
        return self.sentence if self.found > 1 else None


@dataclass(frozen=True, eq=False)
class PhotoFaces(Sequence[T]):
    """What is said of each face of a photo, most prominent first. found: how many faces the photo shows."""

    each: tuple[T, ...]
    found: int
    cautions: tuple[Caution, ...] = ()

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        return self.each[index]

    def __len__(self) -> int:
        return len(self.each)

    def __iter__(self) -> Iterator[T]:
        return iter(self.each)
