"""Enroll photos of many people in one transaction: an import, which computes elsewhere and stores here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from threading import Event
from typing import Any

from vultus.errors import BadInput, CollectionNotFound, SpaceChanged, SubjectErased, VultusError
from vultus.identifiers import canonical
from vultus.records.cautions import Caution
from vultus.records.stored import Collection, CollectionPolicies
from vultus.service.accepted_faces import (
    Acceptance,
    AcceptedFace,
    AcceptSome,
    Found,
    Sent,
    WhichFace,
    ensure_photos,
    store_photos,
)
from vultus.service.chosen_faces import cautions_about
from vultus.service.context import Model, ServiceContext
from vultus.service.evidence import Seen
from vultus.service.likeness import NewSeen, all_id_cautions, face_cautions
from vultus.service.liveness.checks import liveness_check, note, of_liveness, verdicts_of
from vultus.service.liveness.judging import liveness_cautions
from vultus.service.policies import NO_POLICIES
from vultus.storage.adding.additions import Beginning
from vultus.storage.adding.batch_additions import NewOfPerson

TOGETHER_BYTES = 2 << 20  # of photos that are computed together; a larger one is computed alone


@dataclass(frozen=True)
class PhotoOf:
    """A photo of a subject. name, metadata: of the subject; replaced when given."""

    subject: str
    photo: bytes
    name: str | None = None
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a photo: enrolled, there already (created False), or refused."""

    created: bool = False
    refusal: VultusError | None = None
    cautions: tuple[Caution, ...] = ()


class BatchRefused(Exception):
    """Nothing of a batch was stored, for what concerns one of its photos; one by one the others can be.

    begun: what the batch began with: who was erased, renamed or merged since does not come back.
    """

    def __init__(self, begun: Beginning) -> None:
        super().__init__(begun)
        self.begun = begun


@dataclass(frozen=True)
class _Binding:
    existing: Collection | None
    model: Model
    policies: CollectionPolicies


def _firsts(photos: Sequence[PhotoOf], sources: Sequence[str]) -> list[int]:
    """By place the first place of the same photo of the same subject: it is computed once."""
    first: dict[tuple[str, str], int] = {}
    each = enumerate(zip(photos, sources, strict=True))
    return [first.setdefault((canonical(one.subject), source), i) for i, (one, source) in each]


def _same(outcome: Outcome | None, *, again: bool) -> Outcome | None:
    """The outcome of a photo by that of the first such one; again: it is not the first."""
    return Outcome() if again and outcome is not None and outcome.refusal is None else outcome


def _groups(places: Sequence[int], sizes: Sequence[int], together: int) -> list[list[int]]:
    """The places in groups of at most so many, of large photos fewer, as all of a group are decoded at once."""
    groups: list[list[int]] = []
    room = 0
    for i in places:
        if not groups or len(groups[-1]) >= together or sizes[i] > room:
            groups.append([])
            room = TOGETHER_BYTES
        groups[-1].append(i)
        room -= sizes[i]
    return groups


class BatchEnrolment:
    """Enrolls photos, some with each call; several calls may run at once."""

    def __init__(
        self, context: ServiceContext, accept: AcceptSome, computing: Executor, stopping: Event, *, together: int = 1
    ) -> None:
        """accept: computes at most `together` faces, called by the threads of `computing`. stopping: once it is set
        none are computed any more; the first error that concerns all photos sets it too."""
        self._context, self._accept = context, accept
        self._computing, self._stopping, self._together = computing, stopping, together

    @property
    def stopped(self) -> bool:
        """Whether no further photos are computed."""
        return self._stopping.is_set()

    def enroll(
        self, photos: Sequence[PhotoOf], *, collection: str, face: WhichFace
    ) -> tuple[list[Outcome | None], BaseException | None]:
        """What became of each photo, None of those that were not computed; and the error that ended it, if one did.

        What was computed before is stored. Faces are compared with the others once all are stored, so that of two
        photos of one person under two names in a batch each is told of. Raises BatchRefused, and errors that concern
        all photos.
        """
        sources = [hashlib.sha256(one.photo).hexdigest() for one in photos]
        named = [(one.subject, source) for one, source in zip(photos, sources, strict=True)]
        begun, known = self._context.gallery.batches.begin(collection, named)
        bound = self._binding(collection)
        rules = self._rules(bound, face)
        outcomes: dict[int, Outcome] = {i: Outcome() for i, one in enumerate(named) if one in known}
        first = _firsts(photos, sources)
        wanted = [i for i in dict.fromkeys(first) if i not in outcomes]
        accepted, refused, error = self._computed(photos, sources, wanted, rules)
        created = self._store(photos, accepted, refused, begun, collection, bound)
        outcomes |= {i: Outcome(refusal=one) for i, one in refused.items()}
        outcomes |= {i: Outcome(created=i in created) for i in accepted}
        try:
            told = self._cautions(photos, {i: accepted[i] for i in created}, begun, collection, bound)
            outcomes |= {i: Outcome(created=True, cautions=cautions) for i, cautions in told.items()}
        except VultusError as exc:  # they are stored, and that is to be told
            error = error or exc
        return [_same(outcomes.get(one), again=one != i) for i, one in enumerate(first)], error

    def _binding(self, collection: str) -> _Binding:
        with suppress(CollectionNotFound):
            existing, model = self._context.bound_collection(collection, None)
            return _Binding(existing, model, existing.policies)
        return _Binding(None, self._context.models.resolve(None), NO_POLICIES)

    def _rules(self, bound: _Binding, face: WhichFace) -> Acceptance:
        floor = self._context.effective_limit("min_quality", None, bound.policies)
        mode = liveness_check(self._context, None, bound.policies).mode
        keep = bound.policies.store_photos
        return Acceptance(bound.model.id, bound.model.pipeline_version, floor, face, keep_photo=keep, liveness=mode)

    def _computed(
        self, photos: Sequence[PhotoOf], sources: Sequence[str], places: Sequence[int], rules: Acceptance
    ) -> tuple[dict[int, AcceptedFace], dict[int, VultusError], BaseException | None]:
        """By place, of these places: faces and refusals; and the error that concerns all."""
        groups = _groups(places, [len(one.photo) for one in photos], self._together)
        sent = [[(photos[i].photo, sources[i]) for i in group] for group in groups]
        under_way = [self._computing.submit(self._compute, group, rules) for group in sent]
        accepted: dict[int, AcceptedFace] = {}
        refused: dict[int, VultusError] = {}
        error: BaseException | None = None
        for group, future in zip(groups, under_way, strict=True):
            try:
                results = future.result()
            except BaseException as exc:  # also Ctrl-C in a thread: what was computed before is stored first
                error = error or exc
                continue
            for i, found in zip(group, results, strict=False):
                if isinstance(found, AcceptedFace):
                    accepted[i] = found
                else:
                    refused[i] = found
        return accepted, refused, error

    def _compute(self, photos: Sequence[Sent], rules: Acceptance) -> list[Found]:
        """Nothing where it is stopped."""
        if self.stopped:
            return []
        try:
            return self._accept(photos, rules)
        except BaseException:
            self._stopping.set()
            raise

    def _store(
        self,
        photos: Sequence[PhotoOf],
        accepted: Mapping[int, AcceptedFace],
        refused: Mapping[int, VultusError],
        begun: Beginning,
        collection: str,
        bound: _Binding,
    ) -> frozenset[int]:
        """Store the faces in one transaction; the places of those that were not there. Raises BatchRefused."""
        verdicts = verdicts_of(accepted.values(), refused.values())
        if not accepted:
            note(self._context.act, verdicts)
            return frozenset()
        target = bound.existing or self._context.create_collection(collection, bound.model)[0]
        faces = tuple(accepted.values())
        stored = zip(accepted, store_photos(self._context, faces), strict=True)
        try:
            stored_now = self._context.gallery.batches.add(
                collection,
                [NewOfPerson(photos[i].subject, new, photos[i].name, photos[i].metadata) for i, new in stored],
                begun,
                space=target.space,
                decisions=of_liveness(verdicts),
                before_commit=lambda: ensure_photos(self._context.photos, faces),
            )
        except (BadInput, SubjectErased, SpaceChanged) as exc:
            raise BatchRefused(begun) from exc
        return frozenset(i for i, is_new in zip(accepted, stored_now, strict=True) if is_new)

    def _cautions(
        self,
        photos: Sequence[PhotoOf],
        accepted: Mapping[int, AcceptedFace],
        begun: Beginning,
        collection: str,
        bound: _Binding,
    ) -> dict[int, tuple[Caution, ...]]:
        """What to say of each face that was enrolled."""
        if not accepted:
            return {}
        seen = [NewSeen(photos[i].subject, Seen.of("img", one.template), i) for i, one in accepted.items()]
        target = bound.existing or self._context.gallery.binding(collection)
        fits: dict[int, list[Caution]] = {}
        with suppress(SpaceChanged):  # embedded anew by another model this moment: nothing to compare with
            for caution in face_cautions(self._context, target, bound.model, seen):
                fits.setdefault(caution.index or 0, []).append(caution)
        new = dict.fromkeys(canonical(photos[i].subject) for i in accepted if photos[i].subject not in begun.subjects)
        alike = all_id_cautions(self._context.gallery, self._context.act, collection, list(new))
        cautions = {}
        for i, one in accepted.items():
            of_id = alike.pop(canonical(photos[i].subject), None)  # said once
            liveness = [] if one.liveness is None else liveness_cautions([one.liveness])
            chosen = cautions_about("img", one.choice, one.template.quality)
            cautions[i] = (*chosen, *liveness, *fits.get(i, ()), *([] if of_id is None else [of_id]))
        return cautions
