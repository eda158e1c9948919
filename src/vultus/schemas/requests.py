"""The fields of the calls on photos, the same in a form and in JSON. Unknown fields are refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticKnownError

from vultus.identifiers import DEFAULT_COLLECTION
from vultus.records.answers import Metric
from vultus.schemas.field_types import (
    Blank,
    CollectionName,
    Cosine,
    CountTo100,
    DetectorName,
    Embeddings,
    FaceId,
    FaceIndex,
    Flag,
    FutureMoment,
    Image,
    Images,
    KnownSubjectId,
    Metadata,
    ModelName,
    Normalization,
    Number,
    PersonName,
    Rate,
    Score,
    SubjectId,
    SubjectIds,
    Vector,
)
from vultus.schemas.liveness import FRAMES, LIVENESS, LIVENESS_OF, Frames, LivenessField

MODEL = "A model of /capabilities, by id or alias. Blank or over 200 characters counts as absent."
DETECTOR = "A detector of /capabilities, or one of its aliases, which mean the default. Default: the server's."
NORMALIZATION = "Accepted for clients that send it; has no effect: preprocessing is what the model's card says."
ENFORCE = "Refuse a photo in which no face is found; if false, the whole photo is taken as the face."
ALIGN = "Rotate and scale the face by its landmarks before it is embedded."
ACCEPT_LOW_QUALITY = (
    "Decide on a photo that is too damaged all the same, with a caution; the error rates do not hold for it."
)
IMAGE = "A photo."
WHICH_FACE = "Which face of the photo, by its place in the answer of /detect, from 0. Default: the most prominent."


class CallFields(BaseModel):
    """What all calls have in common. repeatable: the fields that a form may send more than once.

    takes_unknown: other fields are ignored, for clients of other services that send more than is read.
    """

    model_config = ConfigDict(extra="forbid")
    repeatable: ClassVar[frozenset[str]] = frozenset()
    takes_unknown: ClassVar[bool] = False


def _required_without_embedding(value: Any, info: ValidationInfo) -> Any:
    if value is None and info.data.get("embedding", ...) is None:  # absent from data: sent, and refused
        raise PydanticKnownError("missing")
    return value


class EnrollFields(CallFields):
    """POST /enroll."""

    repeatable = frozenset({"img", "frames"})

    embedding: Annotated[Embeddings | None, Blank] = Field(
        None,
        description="In place of img: one embedding of unit length, or a list, each a face of the person; model_name "
        "says which model made them.",
    )
    img: Annotated[Images | None, BeforeValidator(_required_without_embedding)] = Field(
        None,
        validate_default=True,
        description="One or more photos of one person; in JSON a string or a list of strings.",
    )
    subject: SubjectId | None = Field(None, description="Your id of the person. Absent: a new id is made.")
    subjects: Annotated[SubjectIds | None, Blank] = Field(
        None,
        description="With face=all: the subject of each face, largest first, null for a new one. Default: all new.",
    )
    name: Annotated[PersonName | None, Blank] = Field(None, description="What the person is called.")
    collection: CollectionName = Field(DEFAULT_COLLECTION, description="The gallery; created when it is new.")
    metadata: Annotated[Metadata | None, Blank] = Field(None, description="A JSON object, up to 16 KiB.")
    expires_at: Annotated[FutureMoment | None, Blank] = Field(
        None, description="When the subject is erased, with time zone. Absent: as before; never, for a new one."
    )
    model_name: ModelName = Field(None, description=MODEL + " Only when the collection is new.")
    detector_backend: DetectorName = Field(None, description=DETECTOR)
    face: Literal["only", "largest", "all"] = Field(
        "only",
        description="only: a photo with several faces is refused. largest: the largest face is enrolled. all: each "
        "face of one photo is enrolled for a subject of its own.",
    )
    min_quality: Annotated[Score | None, Blank] = Field(
        None, description="Quality below which a photo is refused, 0..100. Default: the server's."
    )
    align: Flag = Field(True, description=ALIGN)
    strict: Flag = Field(
        False, description="Refuse, instead of a caution, a face that fits another subject of the collection."
    )
    liveness: LivenessField = Field(None, description=LIVENESS)
    frames: Frames = Field(None, description=FRAMES)

    @model_validator(mode="after")
    def _one_way_to_enroll(self) -> Self:
        if self.embedding is not None:
            photo = ("img", "subjects", "detector_backend", "face", "min_quality", "align", "frames")
            self._refuse("an embedding", photo)
            if self.model_name is None:
                raise ValueError("an embedding needs model_name, the model that made it")
        elif self.face == "all":
            self._refuse("face=all", ("subject", "name", "metadata", "expires_at", "frames"))
            if len(self.img or ()) > 1:
                raise ValueError(f"face=all takes one photo, {len(self.img or ())} were sent; send them one by one")
        elif self.subjects is not None:
            raise ValueError("subjects needs face=all; for photos of one person send subject")
        elif self.frames and len(self.img or ()) > 1:
            raise ValueError(f"frames are of one photo, {len(self.img or ())} were sent as img; send one img")
        return self

    def _refuse(self, way: str, names: Sequence[str]) -> None:
        """Fields that would be ignored."""
        fields = type(self).model_fields
        sent = [name for name in names if getattr(self, name) != fields[name].default]
        if sent:
            raise ValueError(f"{way} excludes {', '.join(sent)}; leave out one or the other")


class VerifyFields(CallFields):
    """POST /verify: img1 and img2, or img and subject."""

    repeatable = frozenset({"frames"})

    img1: Annotated[Image | None, Blank] = Field(None, description="First photo; together with img2.")
    img2: Annotated[Image | None, Blank] = Field(None, description="Second photo.")
    img: Annotated[Image | None, Blank] = Field(None, description="Photo to compare with an enrolled subject.")
    subject: Annotated[KnownSubjectId | None, Blank] = Field(
        None, description="The enrolled subject; together with img."
    )
    collection: CollectionName = Field(DEFAULT_COLLECTION, description="The subject's collection.")
    model_name: ModelName = Field(None, description=MODEL)
    detector_backend: DetectorName = Field(None, description=DETECTOR)
    distance_metric: Metric = Field("cosine", description="The metric of distance and threshold.")
    target_fmr: Annotated[Rate | None, Blank] = Field(
        None, description="False match rate that sets the threshold. Default: the server's."
    )
    threshold: Annotated[Number | None, Blank] = Field(
        None, description="A distance in distance_metric, instead of target_fmr."
    )
    enforce_detection: Flag = Field(True, description=ENFORCE)
    align: Flag = Field(True, description=ALIGN)
    normalization: Normalization = Field(None, description=NORMALIZATION)
    cohort: Annotated[CollectionName | None, Blank] = Field(
        None,
        description="With img1 and img2: a collection of people like these two; the score is then relative to its "
        "faces in place of the model's mean faces.",
    )
    img1_face_index: FaceIndex = Field(None, description=f"With img1. {WHICH_FACE}")
    img2_face_index: FaceIndex = Field(None, description=f"With img2. {WHICH_FACE}")
    face_index: FaceIndex = Field(None, description=f"With subject. {WHICH_FACE}")
    accept_low_quality: Flag = Field(False, description=ACCEPT_LOW_QUALITY)
    liveness: LivenessField = Field(None, description=LIVENESS)
    liveness_of: Annotated[Literal["both", "img1", "img2"], Blank] = Field("both", description=LIVENESS_OF)
    frames: Frames = Field(None, description=FRAMES)

    @model_validator(mode="after")
    def _one_pair_one_rule(self) -> Self:
        refuse_both(self.target_fmr, "target_fmr", self.threshold)
        photos, person = (self.img1, self.img2), (self.img, self.subject)
        if any(photos) and any(person):
            raise ValueError("img1 and img2 exclude img and subject; send one pair or the other")
        if self.cohort is not None and any(person):
            raise ValueError("cohort is for img1 and img2; a subject is compared within its own collection")
        if self.frames and any(photos):
            raise ValueError("frames are of img, with subject; img1 and img2 are judged each by itself")
        if self.liveness_of != "both" and any(person):
            raise ValueError("liveness_of is for img1 and img2; of a subject the photo sent is judged")
        self._refuse_index_of_other_pair(with_subject=any(person))
        names = ("img", "subject") if any(person) else ("img1", "img2")
        missing = [name for name in names if getattr(self, name) is None]
        if missing:
            fields = " and ".join(f'field "{name}"' for name in missing)
            raise ValueError(f"{fields} missing; send img1 and img2, or img and subject")
        return self

    def _refuse_index_of_other_pair(self, *, with_subject: bool) -> None:
        """A face index of a photo that is not sent would be ignored."""
        if with_subject and (self.img1_face_index is not None or self.img2_face_index is not None):
            raise ValueError("img1_face_index and img2_face_index are for img1 and img2; with img send face_index")
        if not with_subject and self.face_index is not None:
            raise ValueError("face_index is of img, with subject; of two photos send img1_face_index, img2_face_index")


class FindFields(CallFields):
    """POST /find: one of img, face_id and embedding."""

    repeatable = frozenset({"frames"})

    img: Annotated[Image | None, Blank] = Field(None, description="The photo to search with.")
    face_id: Annotated[FaceId | None, Blank] = Field(
        None, description="An enrolled face to search its collection with; it is no candidate itself."
    )
    embedding: Annotated[Vector | None, Blank] = Field(
        None, description="An embedding of unit length to search with; model_name says which model made it."
    )
    collection: CollectionName = Field(DEFAULT_COLLECTION, description="The gallery to search.")
    top_k: CountTo100 = Field(5, description="Most subjects to answer per face.")
    faces: Literal["largest", "all"] = Field("largest", description="Which faces of the photo to search.")
    target_fpir: Annotated[Rate | None, Blank] = Field(
        None, description="False-positive identification rate that sets the threshold. Default: the server's."
    )
    threshold: Annotated[Cosine | None, Blank] = Field(
        None, description="A cosine similarity at or above which a candidate matches, instead of target_fpir."
    )
    model_name: ModelName = Field(None, description=MODEL + " It must be the collection's.")
    detector_backend: DetectorName = Field(None, description=DETECTOR)
    accept_low_quality: Flag = Field(False, description=ACCEPT_LOW_QUALITY)
    liveness: LivenessField = Field(None, description=LIVENESS)
    frames: Frames = Field(None, description=FRAMES)

    @model_validator(mode="after")
    def _one_probe_one_rule(self) -> Self:
        refuse_both(self.target_fpir, "target_fpir", self.threshold)
        sent = [name for name in ("img", "face_id", "embedding") if getattr(self, name) is not None]
        if not sent:
            raise ValueError('field "img" is missing')
        if len(sent) > 1:
            raise ValueError(f"{' and '.join(sent)} exclude each other; send one")
        if self.embedding is not None and self.model_name is None:
            raise ValueError("an embedding needs model_name, the model that made it")
        if self.frames and (self.img is None or self.faces == "all"):
            raise ValueError("frames are of one face in img; leave out frames, or faces, face_id and embedding")
        return self


class RepresentFields(CallFields):
    """POST /represent."""

    img: Image = Field(description=IMAGE)
    model_name: ModelName = Field(None, description=MODEL)
    detector_backend: DetectorName = Field(None, description=DETECTOR)
    enforce_detection: Flag = Field(True, description=ENFORCE)
    align: Flag = Field(True, description=ALIGN)
    normalization: Normalization = Field(None, description=NORMALIZATION)


class DetectFields(CallFields):
    """POST /detect."""

    img: Image = Field(description=IMAGE)
    detector_backend: DetectorName = Field(None, description=DETECTOR)


def refuse_both(target: Any, name: str, threshold: Any) -> None:
    """Raises ValueError when a rate and a threshold are both given."""
    if target is not None and threshold is not None:
        raise ValueError(f"{name} and threshold exclude each other; send one")
