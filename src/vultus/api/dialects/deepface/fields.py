"""The fields of DeepFace's calls, the same in a form and in JSON; those that a call does not have are ignored."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from vultus.api.dialects.deepface.names import check_img_name
from vultus.plain_numbers import plain_integer
from vultus.schemas.field_types import (
    Blank,
    CountTo100,
    DetectorName,
    FaceId,
    Flag,
    Image,
    KnownSubjectId,
    ModelName,
    Normalization,
)
from vultus.schemas.requests import CallFields

SKIP = "skip"
NAMED_BY_ADDRESS = (".jpg", ".jpeg", ".png")
MOST_RESULTS = 1000  # of each face; DeepFace has no limit
NEAREST = 20  # results of an "ann" search, as DeepFace has it

Distance = Literal["cosine", "euclidean", "euclidean_l2", "angular"]
ImgName = Annotated[str, AfterValidator(check_img_name)]
Share = Annotated[int, Field(ge=0), BeforeValidator(plain_integer)]
ResultCount = Annotated[int, Field(ge=1, le=MOST_RESULTS), BeforeValidator(plain_integer)]


class DeepFaceFields(CallFields):
    """What all calls have in common. detector_backend "skip": the image is a face, detected or not."""

    takes_unknown: ClassVar[bool] = True

    model_name: ModelName = None
    detector_backend: DetectorName = None
    enforce_detection: Flag = True
    align: Flag = True
    anti_spoofing: Flag = False

    @property
    def detector(self) -> str | None:
        """The detector that is meant; the default one for "skip"."""
        return None if self.skips_detection else self.detector_backend

    @property
    def needs_face(self) -> bool:
        """Whether an image without a face is refused."""
        return self.enforce_detection and not self.skips_detection

    @property
    def skips_detection(self) -> bool:
        return (self.detector_backend or "").lower() == SKIP


class ImageFields(DeepFaceFields):
    """One image. img_path: as older clients call it."""

    img: Image
    img_path: Any = None

    @model_validator(mode="before")
    @classmethod
    def _read_old_name(cls, values: dict[str, Any]) -> dict[str, Any]:
        return _with_old_names(values, "img")


class RepresentFields(ImageFields):
    """POST /represent. max_faces: most faces, the most prominent; absent: all."""

    max_faces: Annotated[CountTo100 | None, Blank] = None


class VerifyFields(DeepFaceFields):
    """POST /verify."""

    img1: Image
    img2: Image
    img1_path: Any = None
    img2_path: Any = None
    distance_metric: Distance = "cosine"

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, values: dict[str, Any]) -> dict[str, Any]:
        return _with_old_names(values, "img1", "img2")


def _with_old_names(values: dict[str, Any], *images: str) -> dict[str, Any]:
    old = {name: values[f"{name}_path"] for name in images if f"{name}_path" in values}
    return {**old, **values}


class GalleryFields(ImageFields):
    """What /register and /search have in common. The last three, and align, have no effect: all faces of a gallery are
    prepared alike, as the model's card says."""

    l2_normalize: Flag = False
    expand_percentage: Share = 0
    normalization: Normalization = None


class RegisterFields(GalleryFields):
    """POST /register. img_name: absent: the address of the image where that names one, else a new id."""

    img_name: Annotated[ImgName | None, Blank] = None

    @model_validator(mode="before")
    @classmethod
    def _name_of_address(cls, values: dict[str, Any]) -> dict[str, Any]:
        img = values.get("img", values.get("img_path"))
        if values.get("img_name") is None and isinstance(img, str) and img[-5:].endswith(NAMED_BY_ADDRESS):
            with suppress(ValueError):
                return {**values, "img_name": check_img_name(img)}
        return values


class SearchFields(GalleryFields):
    """POST /search. k: most results for each face. similarity_search: the nearest too that are beyond the threshold."""

    distance_metric: Distance = "cosine"
    search_method: Literal["exact", "ann"] = "exact"
    similarity_search: Flag = False
    k: Annotated[ResultCount | None, Blank] = None

    @property
    def most(self) -> int:
        """How many results each face has at most."""
        return self.k or (NEAREST if self.search_method == "ann" else MOST_RESULTS)


class IndexFields(DeepFaceFields):
    """POST /build/index."""

    l2_normalize: Flag = False


class FaceQuery(BaseModel):
    """DELETE /faces: one face, or all of one img_name."""

    model_config = ConfigDict(extra="forbid")

    id: FaceId | None = None
    img_name: KnownSubjectId | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.id is None) == (self.img_name is None):
            raise ValueError("send the id of one face, or an img_name")
        return self
