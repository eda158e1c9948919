"""The methods of both clients, and their parts: `client.subjects`, `client.keys`, ..."""

from __future__ import annotations

from copy import copy
from typing import Self

from vultus_client.calls import administration, corrections, galleries, jobs, recognition, review
from vultus_client.folder import run
from vultus_client.methods import Bound, FolderMethod, Listing, Method, S
from vultus_client.waiting import WaitMethod


class Subjects(Bound[S]):
    """The people of a collection."""

    list = Listing(galleries.list_subjects)
    get = Method(galleries.get_subject)
    update = Method(galleries.update_subject)
    erase = Method(galleries.erase_subject)
    export = Method(galleries.export_subject)
    faces = Method(galleries.subject_faces)
    rename = Method(corrections.rename_subject)
    merge = Method(corrections.merge_subject)


class Faces(Bound[S]):
    """The enrolled faces."""

    list = Listing(galleries.list_faces)
    get = Method(galleries.get_face)
    photo = Method(galleries.get_photo)
    crop = Method(galleries.get_crop)
    move = Method(corrections.move_face)
    erase = Method(galleries.erase_face)


class Collections(Bound[S]):
    """The collections and their policies."""

    list = Method(galleries.list_collections)
    get = Method(galleries.get_collection)
    create = Method(galleries.create_collection)
    set_policies = Method(galleries.set_policies)
    erase = Method(galleries.erase_collection)


class Keys(Bound[S]):
    """The keys of the service."""

    own = Method(administration.own_key)
    list = Method(administration.list_keys)
    create = Method(administration.create_key)
    rotate = Method(administration.rotate_key)
    revoke = Method(administration.revoke_key)


class Audit(Bound[S]):
    """Who did what."""

    lines = Listing(administration.audit_lines)
    csv = Method(administration.audit_csv)


class Jobs(Bound[S]):
    """The work in the background."""

    create = Method(jobs.create_job)
    list = Listing(jobs.list_jobs)
    get = Method(jobs.get_job)
    items = Listing(jobs.job_items)
    wait = WaitMethod()
    cancel = Method(jobs.cancel_job)


class Reembeddings(Bound[S]):
    """Embedding a collection again."""

    start = Method(administration.start_reembedding)
    get = Method(administration.get_reembedding)
    missing = Listing(administration.missing_faces)
    finish = Method(administration.finish_reembedding)
    abandon = Method(administration.abandon_reembedding)


class Duplicates(Bound[S]):
    """Subjects that may be one person."""

    search = Method(review.search_duplicates)
    get = Method(review.get_duplicates)
    dismiss = Method(review.dismiss_duplicate)


class UnknownFaces(Bound[S]):
    """Faces of nobody known."""

    list = Method(review.list_unknown)
    photo = Method(review.unknown_photo)
    assign = Method(review.assign_unknown)
    ignore = Method(review.ignore_unknown)
    erase = Method(review.erase_unknown)
    erase_all = Method(review.erase_all_unknown)


class Calls(Bound[S]):
    """What `Client` and `AsyncClient` have in common: all calls of the service."""

    enroll = Method(recognition.enroll)
    verify = Method(recognition.verify)
    find = Method(recognition.find)
    represent = Method(recognition.represent)
    compare = Method(recognition.compare)
    detect = Method(recognition.detect)
    enroll_folder = FolderMethod(run.start)
    undo = Method(corrections.undo)
    health = Method(administration.health)
    readiness = Method(administration.readiness)
    status = Method(administration.status)
    capabilities = Method(administration.capabilities)
    metrics = Method(administration.metrics)

    @property
    def subjects(self) -> Subjects[S]:
        return Subjects(self._sender)

    @property
    def faces(self) -> Faces[S]:
        return Faces(self._sender)

    @property
    def collections(self) -> Collections[S]:
        return Collections(self._sender)

    @property
    def keys(self) -> Keys[S]:
        return Keys(self._sender)

    @property
    def audit(self) -> Audit[S]:
        return Audit(self._sender)

    @property
    def jobs(self) -> Jobs[S]:
        return Jobs(self._sender)

    @property
    def reembeddings(self) -> Reembeddings[S]:
        return Reembeddings(self._sender)

    @property
    def duplicates(self) -> Duplicates[S]:
        return Duplicates(self._sender)

    @property
    def unknown_faces(self) -> UnknownFaces[S]:
        return UnknownFaces(self._sender)

    def with_options(
        self, *, timeout: float | None = None, max_retries: int | None = None, collection: str | None = None
    ) -> Self:
        """The same client, over the same connections, with other options. Raises InvalidRequest."""
        other = copy(self)
        other._sender = self._sender.changed(self._sender.options.changed(timeout, max_retries, collection))
        return other
