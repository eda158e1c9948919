"""The job that embeds all faces of a collection again, from their stored photos, and then switches to the result."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np

from vultus.errors import InvalidImage, ModelMismatch, NotFound, StorageFailed
from vultus.jobs.kinds import Outcome, Progress
from vultus.records.embedding_spaces import Space, space_of
from vultus.records.seen import Float32
from vultus.records.stored import EnrolledFace, Job
from vultus.service.context import Model, ServiceContext
from vultus.service.reembedding import REEMBED, space_for
from vultus.storage.spaces import FaceToEmbed, Spaces
from vultus.vision.embed import Recogniser
from vultus.vision.pipeline import PHOTO_SIDE

FACES_AT_ONCE = 32  # a step: about a second of one core
MIN_SIDE = 24  # pixels of the face in a reduced photo; of such photos a fiftieth of the strangers match (LFW)
SAME_INSIDE = {1, 2}  # versions whose crops differ only outside the picture

Result = Float32 | str  # an embedding, or why there is none


class ReembedJob:
    """Follows the faces that are enrolled or erased meanwhile, as it asks for those that lack an embedding."""

    name = REEMBED

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def run(self, job: Job, progress: Progress) -> Outcome:
        """Embed what is missing, then switch. Raises what the models and the storage raise."""
        assert job.collection is not None
        spaces, collection = self._context.gallery.spaces, job.collection
        bound = self._context.gallery.binding(collection)
        model = self._context.models.resolve(job.parameters["model"]).at_version(job.parameters["pipeline_version"])
        target = space_for(model)
        if space_of(bound) == target:  # a kill came between the switch and the end of the job
            return Outcome()
        keeps = {bound.pipeline_version, model.pipeline_version} <= SAME_INSIDE and bound.model_id == model.id
        while True:
            self._fill(spaces, collection, target, partial(self._embedding, model, keeps, progress.check), progress)
            switch = spaces.switch(collection, target, drop_missing=job.parameters["drop_missing"])
            if switch.done:
                self._context.index.discard(collection)
                return Outcome()
            if not switch.remaining:
                return Outcome("waiting", _waiting(switch.missing))

    def _fill(
        self, spaces: Spaces, collection: str, target: Space, embed: Callable[[FaceToEmbed], Result], progress: Progress
    ) -> None:
        """Go once through all faces."""
        other = spaces.other(collection)
        done = 0 if other is None else other.embedded + other.missing
        total, after = self._context.gallery.collection(collection).faces, 0
        progress.step(done, total)
        with ThreadPoolExecutor(self._context.pipeline.background_slots) as threads:
            following: int | None = 0
            while following is not None:
                after = following
                faces, following = spaces.remaining(collection, after=after, limit=FACES_AT_ONCE)
                made = list(zip(faces, threads.map(embed, faces), strict=True))
                if made and not spaces.add(collection, target, made):
                    raise ModelMismatch(f"the re-embedding of collection {collection!r} was abandoned meanwhile")
                done += len(made)
                if made:
                    progress.step(done, max(done, total))
                progress.check()

    def _embedding(self, model: Model, keeps: bool, check: Callable[[], None], one: FaceToEmbed) -> Result:
        """keeps: an embedding is the same in both spaces if its crop lies inside the picture."""
        check()
        if one.face.box is None:
            return "enrolled by its embedding, without a photo"
        embedder = model.embedder()
        if keeps and one.embedding is not None and _lies_inside(embedder, one.face):
            return one.embedding
        if one.face.photo is None:
            return "no photo is kept of it"
        try:
            photo = self._context.photos.get(one.face.photo.sha256)
            with ExitStack() as stack:
                stack.enter_context(self._context.pipeline.background_slot(check))
                return self._from_photo(photo, embedder, keeps, one)
        except (NotFound, InvalidImage, StorageFailed) as exc:
            return str(exc)

    def _from_photo(self, photo: bytes, embedder: Recogniser[Any], keeps: bool, one: FaceToEmbed) -> Result:
        pixels, face = self._context.pipeline.stored_face(photo, one.face)
        height, width = pixels.shape[:2]
        # Asked again, as the scale of the photo may not have been known before.
        if keeps and one.embedding is not None and embedder.lies_inside(face.landmarks, (width, height)):
            return one.embedding
        side = min(face.width, face.height)
        if max(width, height) >= PHOTO_SIDE and side < MIN_SIDE:
            return f"only {side:.0f} px of its side are left in its stored photo; at least {MIN_SIDE} are needed"
        embedding: Float32 = embedder.embed([embedder.crop(pixels, face)])[0]
        return embedding


def _lies_inside(embedder: Recogniser[Any], face: EnrolledFace) -> bool:
    """Whether its crop surely lay inside the photo that it was enrolled with, which was at least as large as the
    stored one."""
    size, landmarks = face.source_size, np.array(face.landmarks, np.float32)
    if size is None and face.photo is not None:
        size = face.photo.width, face.photo.height
    return size is not None and len(landmarks) > 0 and embedder.lies_inside(landmarks, size)


def _waiting(missing: int) -> str:
    return (
        f"{missing} faces cannot be embedded again (they are listed with the reasons); all goes on with the former "
        "embeddings. Erase or enroll them again and start once more, or start with drop_missing to leave them out"
    )
