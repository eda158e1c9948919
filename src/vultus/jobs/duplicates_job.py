"""The job that looks for subjects of a collection that may be one person: each face is searched among all others.

A search is that of /find with the collection's default rate, so a pair is above the threshold when a photo of the one
would be taken for the other. Nothing is stored before the end: after a kill it begins again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vultus.jobs.kinds import Outcome, Progress
from vultus.records.answers import Candidate, ThresholdRule
from vultus.records.review import SimilarFaces
from vultus.records.seen import Float32
from vultus.records.stored import Collection, EnrolledFace, Job
from vultus.service.context import Model, ServiceContext
from vultus.service.evidence import is_reliable
from vultus.service.review.duplicates import DUPLICATES

FACES_AT_ONCE = 256  # a step: at most some seconds in a large collection
LINES = 6  # of each face: its own subject, and five others
MOST_PAIRS = 500  # that are kept
NEAREST_PAIRS = 20  # so many are kept also where they are below the threshold

Pairs = dict[frozenset[str], SimilarFaces]


class DuplicatesJob:
    """Compares all faces of a collection with each other by the search index."""

    name = DUPLICATES

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def run(self, job: Job, progress: Progress) -> Outcome:
        """Search face by face, then store the pairs. Raises what the storage and the models raise."""
        assert job.collection is not None
        gallery, store = self._context.gallery, self._context.gallery.similar_pairs
        bound = gallery.binding(job.collection)
        model, total = self._context.model_of(bound), gallery.collection(job.collection).faces
        rate = self._context.effective_limit("target_fpir", None, bound.policies)
        rule = model.thresholds().for_fpir(rate, max(total, 1))
        apart, best, done, after = store.dismissed(job.collection), Pairs(), 0, 0
        progress.step(done, total)
        while page := gallery.faces_of_collection(job.collection, after=after, limit=FACES_AT_ONCE):
            after, faces = page[-1][1], {number: face for face, number in page if is_reliable(face.quality)}
            for pair, found in self._pairs(bound, model, rule, faces):
                if pair not in apart and (pair not in best or found.score > best[pair].score):
                    best[pair] = found
            if len(best) > 2 * MOST_PAIRS:
                best = _most_alike(best)
            done += len(page)
            progress.step(done, max(done, total))
        store.replace(job.collection, _wanted(self._reliable(job.collection, _most_alike(best))))
        return Outcome()

    def _pairs(
        self, bound: Collection, model: Model, rule: ThresholdRule, faces: dict[int, EnrolledFace]
    ) -> list[tuple[frozenset[str], SimilarFaces]]:
        """Each of these faces, by their numbers, with its most alike of the other subjects. Raises SpaceChanged."""
        numbers, vectors = self._embeddings(bound.name, list(faces))
        if not len(vectors):
            return []
        cohort = None if model.reference is None else model.reference.rule
        found = self._context.index.search(bound.name, vectors, LINES, cohort, space=bound.space)
        return [
            (frozenset((faces[number].subject, line.subject)), _compared(faces[number], line, rule))
            for number, lines in zip(numbers, found, strict=True)
            for line in lines
            if line.subject != faces[number].subject
        ]

    def _embeddings(self, collection: str, numbers: Sequence[int]) -> tuple[list[int], Float32]:
        """Those of the faces that are still there: their numbers, and their embeddings (N, D)."""
        if not numbers:
            return [], np.empty((0, 0), np.float32)
        stored = self._context.gallery.stored_embeddings(self._context.gallery.mark(collection), numbers)
        return list(map(int, stored.face_pks)), stored.embeddings

    def _reliable(self, collection: str, pairs: Pairs) -> Pairs:
        """Without the pairs one of whose faces is too damaged to decide on."""
        ids = [face_id for found in pairs.values() for face_id in found.face_ids]
        faces = self._context.gallery.faces_by_id(collection, list(dict.fromkeys(ids)))
        good = {face_id for face_id, face in faces.items() if is_reliable(face.quality)}
        return {pair: found for pair, found in pairs.items() if good.issuperset(found.face_ids)}


def _compared(face: EnrolledFace, line: Candidate, rule: ThresholdRule) -> SimilarFaces:
    similarity, score = float(line.similarity), float(line.score)
    threshold = float(rule.at(similarity, score).similarity)
    return SimilarFaces((face.id, line.face_id), similarity, score, threshold, rule.reached(similarity, score))


def _most_alike(pairs: Pairs) -> Pairs:
    ordered = sorted(pairs.items(), key=lambda item: -item[1].score)
    return dict(ordered[:MOST_PAIRS])


def _wanted(pairs: Pairs) -> list[SimilarFaces]:
    """Those above the threshold, or else the nearest."""
    return [found for place, found in enumerate(pairs.values()) if found.above or place < NEAREST_PAIRS]
