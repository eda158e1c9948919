"""Re-embedding: new embeddings of a whole collection, by another model or version, from its stored photos."""

from __future__ import annotations

import logging

from vultus.errors import InvalidRequest, VultusError
from vultus.records.embedding_spaces import Reembedding, Space, space_of
from vultus.records.stored import Collection, Job
from vultus.service.context import Model, ServiceContext

log = logging.getLogger(__name__)

REEMBED = "reembed"  # the kind of its jobs, and their action in the audit


class ReembeddingRequests:
    """Asks for re-embeddings and ends them; the work itself is a job, see `jobs/reembed_job.py`."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def start(self, collection: str, *, model_name: str | None = None, drop_missing: bool = False) -> Job:
        """Queue the re-embedding of a collection by a model in its newest version; None: its own model.

        drop_missing: faces that cannot be embedded again are left out: they stay stored and listed, and are not
        searched. Raises CollectionNotFound, ModelNameNotAllowed, ModelNotInstalled, InvalidRequest.
        """
        bound = self._context.gallery.binding(collection)
        return self._queue(bound, self._context.models.resolve(model_name or bound.model_id), drop_missing)

    def status(self, collection: str, *, after: int = 0, limit: int = 100) -> Reembedding:
        """Where the collection stands. Raises CollectionNotFound."""
        gallery = self._context.gallery
        found = gallery.spaces.missing(collection, after=after, limit=limit + 1)
        following = found[limit - 1].number if len(found) > limit else None
        jobs = gallery.jobs.of_collection(REEMBED, collection)
        return Reembedding(
            gallery.collection(collection),
            gallery.spaces.other(collection),
            found[:limit],
            following,
            jobs[0] if jobs else None,
        )

    def finish(self, collection: str) -> Reembedding:
        """Erase the embeddings that a switch left; there is no way back then. Raises InvalidRequest."""
        if not self._context.gallery.spaces.remove(collection, "kept"):
            raise InvalidRequest(
                f"collection {collection!r} keeps no former embeddings: no re-embedding was switched to; see its job"
            )
        self._erase(collection)
        return self.status(collection)

    def abandon(self, collection: str) -> Reembedding:
        """Give up the re-embedding under way; after the switch: go back to the former embeddings, by a job.

        Raises InvalidRequest when there is neither.
        """
        gallery = self._context.gallery
        other = gallery.spaces.other(collection)
        if other is not None and other.state == "kept":
            former = self._context.models.resolve(other.space.model_id).at_version(other.space.pipeline_version)
            self._queue(gallery.binding(collection), former, drop_missing=False)
            return self.status(collection)
        if not gallery.spaces.remove(collection, "filling"):
            raise InvalidRequest(f"collection {collection!r} is not being re-embedded; there is nothing to abandon")
        for job in gallery.jobs.of_collection(REEMBED, collection):
            gallery.jobs.cancel(job.id)
        self._erase(collection)
        return self.status(collection)

    def sweep(self) -> None:
        """Go on erasing what a kill left of embeddings that were given up."""
        for collection in self._context.gallery.spaces.removing():
            self._erase(collection)

    def queue_upgrades(self) -> tuple[Job, ...]:
        """Queue a re-embedding of each collection of an older version that has a stored photo.

        Not twice: one that was cancelled, abandoned or waits is a decision of the operator.
        """
        return tuple(job for each in self._context.gallery.collections() for job in self._upgrade(each))

    def _upgrade(self, collection: Collection) -> tuple[Job, ...]:
        gallery = self._context.gallery
        try:
            model = self._context.models.resolve(collection.model_id)
            if collection.pipeline_version >= model.pipeline_version or not gallery.keeps_photos(collection.name):
                return ()
            target = {"model": model.id, "pipeline_version": model.pipeline_version}
            decided = [job for job in gallery.jobs.of_collection(REEMBED, collection.name) if job.state != "failed"]
            if any(target.items() <= job.parameters.items() for job in decided):
                return ()
            return (self._queue(collection, model, drop_missing=False),)
        except VultusError as exc:  # such as a model that is no longer installed: the others are re-embedded
            log.warning("a collection of an older version is not re-embedded: %s", exc)
            return ()

    def _queue(self, collection: Collection, model: Model, drop_missing: bool) -> Job:
        target = space_for(model)
        if target == space_of(collection):
            raise InvalidRequest(
                f"collection {collection.name!r} is embedded by {model.id} (pipeline {model.pipeline_version}) already"
            )
        gallery = self._context.gallery
        gallery.spaces.begin(collection.name, target)
        return gallery.jobs.add(REEMBED, _parameters(model, drop_missing=drop_missing), collection=collection.name)

    def _erase(self, collection: str) -> None:
        while self._context.gallery.spaces.erase_some(collection):
            pass


def space_for(model: Model) -> Space:
    """The space that a model fills."""
    return Space(model.id, model.pipeline_version, model.dimension)


def _parameters(model: Model, *, drop_missing: bool) -> dict[str, object]:
    return {"model": model.id, "pipeline_version": model.pipeline_version, "drop_missing": drop_missing}
