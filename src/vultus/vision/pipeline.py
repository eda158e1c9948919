"""The vision pipeline: a photo to faces and templates, step by step, on as many cores as are free."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from vultus.caller import leave_if_unwanted
from vultus.errors import DetectorNotAllowed, NotFound
from vultus.metrics.stopwatch import stage
from vultus.records.chosen import ChoiceRule, FaceChoice
from vultus.records.samples import SlotLoad
from vultus.records.seen import RGB, Box, Face, Float32, Photograph, Quality, Template
from vultus.records.stored import EnrolledFace
from vultus.vision.compute_slots import Beside, ComputeSlots, Helpers
from vultus.vision.decoding.decode import decode
from vultus.vision.decoding.isolated import Decode
from vultus.vision.detect import Detector
from vultus.vision.detected_photo import DetectedPhoto
from vultus.vision.embed import Recogniser
from vultus.vision.face_crop import crop_face, cut_out, scale_to, scaled_box
from vultus.vision.face_selection import by_prominence, choice_of
from vultus.vision.image import encode_jpeg
from vultus.vision.orientation import looks_upright, tilted_faces, turn, turned, upright_faces
from vultus.vision.quality import assess, with_recognisability, with_reliability
from vultus.vision.whole_head import with_border

LANDMARKS = 5
PHOTO_SIDE = 512  # pixels: long side of a stored photo
KEPT_MARGIN, KEPT_SIDE = 1.8, 256  # of the picture of an unknown face: side / side of the box; pixels
LARGEST_BATCH = 8  # faces: larger batches are no faster a face, and take more memory


class Pipeline:
    """Decode, detect, assess, embed. Every step expects the caller to hold `slot()`."""

    def __init__(
        self,
        detectors: Mapping[str, Detector],
        *,
        default_detector: str,
        fallback: str | None = None,
        stood_in_for: Collection[str] = (),
        slots: ComputeSlots | None = None,
        decode: Decode = decode,
        max_faces: int = 64,
    ) -> None:
        """fallback: the detector tried when the default one finds nothing.

        decode: of photos, within the limits of this service.
        stood_in_for: names of other detectors that clients ask for; the default one answers for them.
        """
        self._detectors = dict(detectors)
        self._default, self._fallback = default_detector, fallback
        self.detectors = tuple(detectors)
        self._by_lower_case = {name.lower(): name for name in detectors}
        self.stood_in_for = tuple(name for name in stood_in_for if name not in detectors)
        self._slots = slots or ComputeSlots(1, queue=0, wait_seconds=1)
        self._decode, self._max_faces = decode, max_faces

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a compute slot. Raises QueueFull, QueueTimeout."""
        with self._slots.hold():
            yield

    @property
    def stuck_seconds(self) -> float:
        """For how long all slots have been taken without one coming free; 0 when one is free."""
        return self._slots.stuck_seconds()

    @property
    def load(self) -> SlotLoad:
        """How busy the compute slots are at this moment."""
        return self._slots.load()

    @property
    def background_slots(self) -> int:
        """How many slots work in the background may hold at once: half of them."""
        return self._slots.background

    @contextmanager
    def background_slot(self, check: Callable[[], None]) -> Iterator[None]:
        """Hold a compute slot while no request waits for one. check: called while waiting, may raise."""
        with self._slots.hold_in_background(check):
            yield

    def detector_name(self, wanted: str | None) -> str:
        """The served detector of a name; None, or a name that the default one stands in for, means the default.

        Raises DetectorNotAllowed.
        """
        name = self._default if self._means_default(wanted) else self._by_lower_case.get((wanted or "").lower())
        if name is None:
            served = ", ".join(sorted(self._detectors))
            raise DetectorNotAllowed(f"detector_backend {wanted!r} is not served; use one of: {served}")
        return name

    def _means_default(self, wanted: str | None) -> bool:
        return wanted is None or wanted.lower() in self.stood_in_for

    def detect(self, photo: bytes, *, detector: str | None = None) -> DetectedPhoto:
        """Decode a photo and find its faces. Raises InvalidImage, RequestTooLarge, DetectorNotAllowed."""
        name = self.detector_name(detector)
        fallback = self._fallback if self._means_default(detector) else None
        leave_if_unwanted()
        photograph = self._decoded(photo)
        leave_if_unwanted()
        with stage("detect"):
            found, name, rotation = self._find(photograph.pixels, name, fallback)
            photograph = turned(photograph, rotation)
            faces = tuple(by_prominence(found, photograph.pixels)[: self._max_faces])
        decode_again = partial(self._decode_to, photo, rotation)
        left_out = len(found) - len(faces)
        return DetectedPhoto(photograph, faces, name, decode_again, rotation, left_out)

    def _decode_to(self, photo: bytes, rotation: int, side: int) -> Photograph:
        return turned(self._decoded(photo, reduced_side=side), rotation)

    def _decoded(self, photo: bytes, **options: int) -> Photograph:
        with stage("decode"):
            return self._decode(photo, **options)

    def _find(self, pixels: RGB, name: str, fallback: str | None) -> tuple[list[Face], str, int]:
        """The faces of a picture, or of a quarter turn of it where they look upright only there, or as they are found
        with a tilt between; the detector that found them, and the turn in degrees."""
        detector = self._detectors[name]
        faces = with_border(detector, pixels, detector.detect(pixels))
        if faces and looks_upright(by_prominence(faces, pixels)[0]):
            return faces, name, 0
        best, rotation = upright_faces(detector, pixels, faces)
        if (faces or best) and not (best and looks_upright(best[0])):
            tilted = tilted_faces(detector, pixels, best)
            if tilted is not best:
                return tilted, name, 0
        if not best and fallback is not None:
            return self._detectors[fallback].detect(pixels), fallback, 0
        if rotation:
            best = with_border(detector, turn(pixels, rotation), best)
        return best, name, rotation

    def detect_all(self, photos: Sequence[bytes], *, detector: str | None = None) -> list[DetectedPhoto]:
        """`detect` for several photos, in parallel where slots are free. Raises the error of the first bad one."""
        return self._slots.run_all([partial(self.detect, photo, detector=detector) for photo in photos])

    def quality(self, detected: DetectedPhoto, face: Face) -> Quality:
        """The quality of a face of this photo."""
        photograph, near = detected.closer(face)
        return assess(photograph.pixels, near, reduction=photograph.reduction)

    def choice(self, detected: DetectedPhoto, face: Face, rule: ChoiceRule | None = None) -> FaceChoice:
        """How a face of this photo was chosen, and the others with their quality. rule: None: the most prominent."""
        others = [(other, self.quality(detected, other)) for other in detected.faces if other is not face]
        return choice_of(detected, face, others, rule)

    def embed(
        self, faces: Sequence[tuple[DetectedPhoto, Face]], model: Recogniser[Any], *, align: bool = True
    ) -> tuple[Template, ...]:
        """Templates of faces, which may be of several photos. Raises ModelInvalid."""
        leave_if_unwanted()
        with stage("embed"):
            crops = [self._crop(model, *one, align=align) for one in faces]
            beside = Beside(self._slots, lambda: [self.quality(*one) for one in faces])
            vectors, recognisability = self._recognise(model, crops, beside)
            templates = []
            each = zip(vectors, recognisability, beside.result(), faces, strict=True)
            for vector, known, measured, (detected, face) in each:
                quality = with_recognisability(measured, known)
                if model.reliability is not None:
                    quality = with_reliability(quality, model.reliability.reliability(vector, quality.parts))
                templates.append(Template(vector, model.model_id, detected.as_sent(face), quality))
            return tuple(templates)

    def _crop(self, model: Recogniser[Any], detected: DetectedPhoto, face: Face, *, align: bool) -> Any:
        photograph, near = detected.closer(face)
        return model.crop(photograph.pixels, near, align=align)

    def _recognise(
        self, model: Recogniser[Any], crops: Sequence[Any], helpers: Helpers
    ) -> tuple[list[Float32], list[float | None]]:
        """The embeddings of all crops and their recognisability.

        For one face the members of a fused model run in parallel; several faces are divided into batches that do.
        """
        if len(crops) == 1:
            vectors, recognisability = model.embed_with_recognisability(crops, helpers)
            return list(vectors), recognisability
        size = min(-(-len(crops) // self._slots.count), LARGEST_BATCH)
        batches = [crops[i : i + size] for i in range(0, len(crops), size)]
        found = helpers.run_all([partial(model.embed_with_recognisability, batch) for batch in batches])
        return [vector for vectors, _ in found for vector in vectors], [
            each for _, recognisability in found for each in recognisability
        ]

    def warm_up(self, pixels: RGB) -> None:
        """Run every detector once, so that the first request does not wait for what they set up."""
        for detector in self._detectors.values():
            detector.detect(pixels)

    def stored_photo(self, detected: DetectedPhoto) -> tuple[bytes, int, int]:
        """The JPEG to store, at most PHOTO_SIDE pixels on the long side, with its width and height."""
        return encode_jpeg(detected.photograph.pixels, max_side=PHOTO_SIDE)

    def kept_crop(self, detected: DetectedPhoto, face: Face) -> tuple[bytes, int, Face]:
        """A square JPEG around a face, its side in pixels, and the face in it: enough to show it and embed it again."""
        photograph, near = detected.closer(face)
        pixels, inside = cut_out(photograph.pixels, near, margin=KEPT_MARGIN, most=KEPT_SIDE)
        return encode_jpeg(pixels, max_side=KEPT_SIDE)[0], pixels.shape[0], inside

    def face_picture(self, photo: bytes, face: EnrolledFace, *, size: int) -> bytes:
        """The JPEG of a face, size x size pixels, from the photo stored of it. Raises NotFound, InvalidImage."""
        pixels = self._decoded(photo).pixels
        box = scaled_box(*self._scale_in(photo, pixels, face))
        return encode_jpeg(crop_face(pixels, box, size=size), max_side=size)[0]

    def stored_face(self, photo: bytes, face: EnrolledFace) -> tuple[RGB, Face]:
        """The pixels of the photo stored of a face, and the face in them. Raises NotFound, InvalidImage."""
        pixels = self._decoded(photo).pixels
        box, across, down = self._scale_in(photo, pixels, face)
        landmarks = np.array(face.landmarks or [(np.nan, np.nan)] * LANDMARKS, np.float64) * [across, down]
        return pixels, Face(scaled_box(box, across, down), landmarks.astype(np.float32), face.detector_score or 0.0)

    def _scale_in(self, photo: bytes, pixels: RGB, face: EnrolledFace) -> tuple[Box, float, float]:
        """The box of the face, and width and height of the stored photo over those of the original, in which the box
        is; for one of a release that did not keep the original's size, by detecting it again."""
        height, width = pixels.shape[:2]
        across = down = 1.0 if max(width, height) < PHOTO_SIDE else None  # smaller photos are stored as they are
        if face.source_size is not None:
            across, down = width / face.source_size[0], height / face.source_size[1]
        elif across is None:
            across = down = scale_to(self.detect(photo).faces, face)
        if face.box is None or across is None or down is None:
            raise NotFound(f"where face {face.id} is in its photo is not known any more; get the whole photo")
        return face.box, across, down
