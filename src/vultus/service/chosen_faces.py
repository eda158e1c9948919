"""The face of a photo that a decision is about: of several a usable one; and what to say of the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from vultus.errors import InvalidRequest
from vultus.records.answers import FindResult
from vultus.records.cautions import Caution
from vultus.records.chosen import FaceChoice, OtherFace
from vultus.records.seen import Face, Quality, Template
from vultus.vision.detected_photo import DetectedPhoto
from vultus.vision.embed import Recogniser
from vultus.vision.face_selection import largest_face
from vultus.vision.pipeline import Pipeline

UNUSABLE = 20.0  # quality, 0..100: below it a photo is not enrolled by default, and flagged
# Shares of the prominence of the chosen face. Composites of two LFW photos, a person whole and a bystander cut by the
# edge: the whole one has a third to all of it.
MAY_STAND_IN = 0.25  # another face is taken in place of an unusable one
AS_PROMINENT = 0.5  # another face may as well be the one that is meant
BETTER = 20.0  # of quality, 0..100: so much more makes another face worth a caution


def requested_face(detected: DetectedPhoto, index: int | None, *, which: str, field: str, enforce: bool) -> Face:
    """The face that the caller asks for by its place, most prominent first, from 0; None: the most prominent.

    which, field: the names of the image and of the index in the sentence. Raises NoFaceDetected, InvalidRequest.
    """
    face = largest_face(detected, which=which, enforce=enforce)
    if not index:
        return face
    count = len(detected.faces)
    if index >= count:
        shown = "1 face" if count == 1 else f"{count} faces"
        raise InvalidRequest(f"{field} is {index}, but {which} has {shown}; count from 0, in the order of /detect")
    return detected.faces[index]


def settle(
    pipeline: Pipeline,
    detected: DetectedPhoto,
    face: Face,
    template: Template,
    model: Recogniser[Any],
    *,
    align: bool,
    requested: bool = False,
) -> tuple[Template, FaceChoice]:
    """The template to decide on: that of the most prominent face, or, where this is unusable, of the most prominent
    one that is usable and not much less prominent. requested: the caller asked for this face, so it stays. Needs a
    compute slot."""
    if requested and detected.faces:
        return template, pipeline.choice(detected, face, "face_index")
    choice = pipeline.choice(detected, face)
    if not _is_unusable(template.quality):
        return template, choice
    others = [one for one in detected.faces if one is not face]
    for other, seen in zip(others, choice.others, strict=True):
        if seen.prominence < MAY_STAND_IN or _is_unusable(seen.quality):
            continue
        (instead,) = pipeline.embed([(detected, other)], model, align=align)
        if not _is_unusable(instead.quality):
            return instead, pipeline.choice(detected, other, "usable")
    return template, choice


def chosen_face(detected: DetectedPhoto, choice: FaceChoice, whole: Face) -> Face:
    """The face that was chosen, in the pixels of the decoded photo. whole: where none was found."""
    return whole if choice.index is None else detected.faces[choice.index]


def _is_unusable(quality: Quality) -> bool:
    return quality.score < UNUSABLE


def cautions_about(image: str, choice: FaceChoice, quality: Quality, *, how: str = "") -> Iterator[Caution]:
    """What to say of the faces that were not chosen, unless the caller chose. quality: of the chosen face. how: another
    way to ask for it."""
    if choice.rule == "face_index":
        return
    rival = next((other for other in choice.others if _rivals(other, quality)), None)
    if rival is not None:
        x, y = (max(round(value), 0) for value in rival.face.box[:2])
        yield Caution(
            "several_faces",
            image,
            f"{choice.found} faces are in {image}; the answer is about one ({choice.sentence}) of quality "
            f"{quality.score:.0f}, and another at x {x}, y {y} has {rival.prominence:.2f} times its prominence and "
            f"quality {rival.quality.score:.0f}; crop the photo to the person you mean{how}",
        )
    if choice.left_out:
        yield faces_left_out(image, choice.found, choice.left_out)


def _rivals(other: OtherFace, quality: Quality) -> bool:
    return other.prominence >= AS_PROMINENT or other.quality.score >= quality.score + BETTER


def faces_left_out(image: str, found: int, left_out: int) -> Caution:
    """What to say where a photo shows more faces than may be used."""
    return Caution(
        "faces_left_out",
        image,
        f"{found} faces are in {image}; the {left_out} least prominent are left out, as at most {found - left_out} are "
        "used; cut the photo into parts, or ask the operator for a higher VULTUS_MAX_FACES",
    )


def with_choice(found: FindResult, detected: DetectedPhoto, choice: FaceChoice | None) -> FindResult:
    """The answer of a search with what is to say of the faces that were not searched. choice: None: all were."""
    answers = []
    for answer in found.faces:
        if choice is not None and answer.quality is not None:
            more = tuple(cautions_about("img", choice, answer.quality, how=", or send faces=all"))
        elif detected.left_out:
            more = (faces_left_out("img", detected.found, detected.left_out),)
        else:
            more = ()
        answers.append(replace(answer, cautions=(*answer.cautions, *more)))
    return replace(found, faces=tuple(answers), found=detected.found, choice=choice)
