"""Subjects that may be one person: a job searches for them, and an operator merges them or says that they are two."""

from __future__ import annotations

from vultus.records.review import SimilarPairs
from vultus.records.stored import Job
from vultus.service.context import ServiceContext
from vultus.storage.gallery import Gallery

DUPLICATES = "duplicates"  # the kind of its jobs, and their action in the audit


class Duplicates:
    """Asks for searches and reads what they found; the work itself is a job, see `jobs/duplicates_job.py`."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def start(self, collection: str) -> Job:
        """Queue a search of the whole collection. Raises CollectionNotFound, InvalidRequest, when its model has no
        thresholds."""
        bound = self._context.gallery.binding(collection)
        self._context.model_of(bound).thresholds()
        return self._context.gallery.jobs.add(DUPLICATES, {}, collection=collection)

    def found(self, collection: str, *, limit: int) -> SimilarPairs:
        """What the last search found, without the pairs that were dismissed. Raises CollectionNotFound."""
        return found_pairs(self._context.gallery, collection, limit=limit)

    def dismiss(self, collection: str, subject: str, other: str, *, dismissed: bool = True) -> None:
        """Say that two subjects are different people, or take that back.

        Raises CollectionNotFound, SubjectNotFound, InvalidRequest.
        """
        self._context.gallery.similar_pairs.dismiss(collection, subject, other, dismissed=dismissed)


def found_pairs(gallery: Gallery, collection: str, *, limit: int) -> SimilarPairs:
    """What the last search found, without the pairs that were dismissed. Raises CollectionNotFound."""
    pairs = gallery.similar_pairs.page(collection, limit=limit + 1)
    jobs = gallery.jobs.of_collection(DUPLICATES, collection)
    return SimilarPairs(pairs[:limit], len(pairs) > limit, jobs[0] if jobs else None)
