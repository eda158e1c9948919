"""A stand-in system: deterministic answers from the bytes sent, no model, no database.

A photo is any bytes that begin with PHOTO; b"...none" has no face, b"...two" has two, b"...dim" is of low quality.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import numpy as np

from vultus.config import Settings
from vultus.errors import (
    CollectionNotFound,
    DetectorNotAllowed,
    FaceNotFound,
    InvalidApiKey,
    InvalidImage,
    LowQuality,
    ModelMismatch,
    ModelNameNotAllowed,
    MultipleFaces,
    NoFaceDetected,
    NotFound,
    SubjectNotFound,
)
from vultus.records.answers import (
    Candidate,
    Comparison,
    Deleted,
    EnrolledPhoto,
    EnrollResult,
    FindResult,
    Identification,
    Match,
    ThresholdRule,
    Verification,
)
from vultus.records.chosen import FaceChoice, OtherFace, PhotoFaces
from vultus.records.samples import CollectionSize, LoadedIndex, LoadedModel, Sample, Work
from vultus.records.seen import Face, Quality, Template
from vultus.records.server_processes import FollowedCollection, ServerProcess
from vultus.records.stored import (
    ApiKey,
    AuditLine,
    Collection,
    CollectionPolicies,
    EnrolledFace,
    Job,
    KeyRotation,
    Photo,
    Scope,
    Subject,
    SubjectOrder,
    SubjectPlace,
)
from vultus.search.recall import Recall, SearchState
from vultus.storage.audit import Act, NoAudit

GIB = 1 << 30
PHOTO = b"\x89PNG"
JPEG = b"\xff\xd8\xff"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MODEL = "tiny"
QUALITY = Quality(80.0, {"size": 90.0, "sharpness": 70.0})
LANDMARKS = ((30.2, 40.4), (70.6, 41.0), (50.0, 60.0), (35.0, 80.0), (65.0, 80.0))
FACE = Face((10.4, 20.6, 90.0, 110.0), np.array(LANDMARKS, np.float32), 0.99)

SERVER = ServerProcess(
    id="5f0c8f9e7f3b4a569d0c2b1d7a3e4c10",
    host="web-1",
    process_id=17,
    living=True,
    version="0.1.0",
    started_at=NOW,
    seen_at=NOW,
    ahead_seconds=0.0123,
    search="memory",
    model_id="tiny",
    model_sha256="a" * 64,
    pipeline_version=1,
    calibrations="b" * 64,
    followed=(FollowedCollection("staff", 40, behind=2), FollowedCollection("guests", 3, behind=0)),
)
SAMPLE = Sample(
    at=NOW,
    database_up=True,
    collections=(CollectionSize("staff", 20, 30), CollectionSize("guests", 1, 2)),
    models=(LoadedModel(MODEL, "int8"),),
    database_bytes=3_000_000,
    wal_bytes=40_000,
    photo_bytes=500_000,
    disk_free_bytes=50 * GIB,
    disk_bytes=100 * GIB,
    last_backup=NOW,
    device="cpu",
    arithmetic="int8",
    servers=(SERVER,),
)

ALONE = FaceChoice(1, "only", 0, FACE, "the only face")
TWO = FaceChoice(2, "largest", 0, FACE, "largest of 2", (OtherFace(FACE, QUALITY, 0.4),))


def photo(kind: str = "") -> bytes:
    return PHOTO + kind.encode()


def kind_of(photo: bytes, *, enforce: bool = True) -> str:
    """The kind of a photo. Raises what the pipeline would."""
    if not photo.startswith((PHOTO, JPEG)):
        raise InvalidImage("the bytes are no image that Vultus reads; send JPEG, PNG or WebP")
    kind = photo[len(PHOTO) :].decode("latin-1")
    if kind.endswith("none") and enforce:
        raise NoFaceDetected("no face found in the photo (64x64 px); use one where the face is at least 40 px wide")
    if kind.endswith("crash"):
        raise RuntimeError("SECRET: the engine fell over near /srv/secret")
    return kind


@dataclass
class StandInService:
    """Records its last arguments in `asked` and the acts of its callers in `acts`."""

    asked: dict[str, Any] = field(default_factory=dict)
    known_collections: dict[str, Collection] = field(default_factory=dict)
    people: dict[tuple[str, str], Subject] = field(default_factory=dict)
    stored: dict[str, EnrolledFace] = field(default_factory=dict)
    acts: list[Act] = field(default_factory=list)

    def acting_as(self, act: Act) -> Self:
        self.acts.append(act)
        return self

    @property
    def itself(self) -> Self:
        """All parts of the real service in one."""
        return self

    enrolment = recognition = identification = comparison = galleries = corrections = reembedding = itself

    def _model(self, name: str | None) -> str:
        if name not in (None, MODEL, "Facenet", "sface"):
            raise ModelNameNotAllowed("no served model has this name; /capabilities lists those there are")
        return MODEL

    def _detector(self, name: str | None) -> None:
        if name not in (None, "yunet"):
            raise DetectorNotAllowed("no served detector has this name; /capabilities lists those there are")

    def enroll(self, photos: Sequence[bytes], *, subject: str | None = None, **options: Any) -> EnrollResult:
        self.asked = {"photos": list(photos), "subject": subject, **options}
        self._model(options["model_name"])
        for one in photos:
            if kind_of(one).endswith("two") and options["face"] == "only":
                raise MultipleFaces("2 faces are in the photo; send one with exactly one face, or face=largest")
            if kind_of(one).endswith("dim"):
                raise LowQuality("the face is below the quality floor of 20", {"sharpness": 12.0})
        collection, _ = self.create_collection(options["collection"])
        key = (collection.name, subject or "made-1")
        person = self.people.setdefault(
            key, Subject(key[1], key[0], options["name"], options["metadata"] or {}, NOW, faces=len(photos))
        )
        return EnrollResult(person, collection, tuple(self._store(one, person) for one in photos), ())

    def _store(self, photo: bytes, person: Subject) -> EnrolledPhoto:
        digest = hashlib.sha256(photo + person.id.encode()).hexdigest()
        created = digest not in self.stored
        face = EnrolledFace(
            digest,
            person.collection,
            person.id,
            Photo(digest, digest, 64, 48, 999),
            FACE.box,
            LANDMARKS,
            FACE.score,
            QUALITY,
            MODEL,
            NOW,
        )
        self.stored.setdefault(digest, face)
        return EnrolledPhoto(self.stored[digest], created)

    def verify(self, first: bytes, second: bytes, **options: Any) -> Verification:
        self.asked = {"first": first, "second": second, **options}
        kinds = [kind_of(one, enforce=options["enforce_detection"]) for one in (first, second)]
        first_of, second_of = (TWO if kind.endswith("two") else ALONE for kind in kinds)
        return self._verification(0.82, (FACE, FACE), (first_of, second_of), options)

    def verify_subject(self, photo: bytes, subject: str, *, collection: str, **options: Any) -> Verification:
        self.asked = {"photo": photo, "subject": subject, "collection": collection, **options}
        self.subject(collection, subject)
        kind_of(photo)
        return self._verification(0.82, (FACE, None), (ALONE, None), options)

    def _verification(self, similarity: float, faces: Any, choices: Any, options: Mapping[str, Any]) -> Verification:
        model = self._model(options["model_name"])
        self._detector(options["detector"])
        rule = ThresholdRule("target_fmr", 0.68, options["target_fmr"] or 1e-4, model)
        decision = "match" if similarity >= 0.68 else "no_match"
        return Verification(
            decision, "as it stands", similarity, similarity, rule, options["metric"], model, "yunet", faces, choices
        )

    def find(self, photo: bytes, *, collection: str, **options: Any) -> FindResult:
        self.asked = {"photo": photo, "collection": collection, **options}
        found = self.collection(collection)
        if options["model_name"] == "Facenet":
            raise ModelMismatch("the collection is bound to model tiny; leave model_name out")
        kind_of(photo)
        rule = ThresholdRule("target_fpir", 0.7, 0.01, MODEL, templates=3)
        match = Match(Candidate("anna-1", "f1", 0.9, name="Anna", metadata={"team": "lab"}), True, 0.7)
        face = Identification(FACE, QUALITY, "match", "0.900 is at or above 0.700", rule, (match,))
        return FindResult(found, "yunet", (face,), 1, ALONE)

    def represent(self, photo: bytes, **options: Any) -> PhotoFaces[Template]:
        self.asked = {"photo": photo, **options}
        kind_of(photo, enforce=options["enforce_detection"])
        template = Template(np.array([0.6, 0.8], np.float32), self._model(options["model_name"]), FACE, QUALITY)
        return PhotoFaces((template,), 1)

    def compare(self, source: bytes | list[float], targets: list[list[float]], **options: Any) -> Comparison:
        rule = ThresholdRule("explicit", 0.7, None, self._model(options["model_name"]))
        alike = tuple(0.9 for _ in targets)
        return Comparison(alike, alike, rule, options["metric"], rule.model_id)

    def start(self, collection: str, **options: Any) -> Job:
        """A re-embedding that waits for its turn."""
        self.collection(collection)
        return Job("j1", 1, "reembed", collection, options, "queued", 0, 0, NOW)

    def detect(self, photo: bytes, *, detector: str | None = None) -> PhotoFaces[tuple[Face, Quality]]:
        self._detector(detector)
        blind = replace(FACE, landmarks=np.full((5, 2), np.nan, np.float32))
        each = ((FACE, QUALITY), (blind, QUALITY)) if not kind_of(photo, enforce=False).endswith("none") else ()
        return PhotoFaces(each, len(each))

    def collections(self) -> tuple[Collection, ...]:
        return tuple(self.known_collections.values())

    def collection(self, name: str) -> Collection:
        if name not in self.known_collections:
            raise CollectionNotFound("there is no such collection; GET /collections lists those there are")
        return self.known_collections[name]

    def search_state(self, name: str) -> SearchState:
        return SearchState("pq", Recall(1.0, 0.998), 4, 2)

    def create_collection(
        self, name: str, *, model_name: str | None = None, policies: CollectionPolicies | None = None
    ) -> tuple[Collection, bool]:
        created = name not in self.known_collections
        model = self._model(model_name)
        return self.known_collections.setdefault(
            name, Collection(name, model, 1, 2, 0, NOW, subjects=1, faces=1, policies=policies or CollectionPolicies())
        ), created

    def change_policies(self, name: str, changes: Mapping[str, Any]) -> Collection:
        old = self.collection(name)
        self.known_collections[name] = replace(old, policies=replace(old.policies, **changes))
        return self.known_collections[name]

    def delete_collection(self, name: str) -> Deleted:
        del self.known_collections[self.collection(name).name]
        return Deleted(1, 2, 2)

    def subjects(
        self, collection: str, *, cursor: str | None, limit: int, query: str | None = None
    ) -> tuple[tuple[Subject, ...], str | None]:
        ids = sorted(id for where, id in self.people if where == collection and id > (cursor or ""))
        page = tuple(self.people[collection, id] for id in ids[:limit])
        return page, page[-1].id if len(ids) > limit else None

    def subject_page(
        self, collection: str, *, order: SubjectOrder, after: SubjectPlace | None, limit: int, query: str | None
    ) -> tuple[tuple[Subject, ...], SubjectPlace | None]:
        page, last = self.subjects(collection, cursor=after and after.id, limit=limit)
        return page, None if last is None else SubjectPlace(order, last, last)

    def subject(self, collection: str, subject: str) -> Subject:
        if (collection, subject) not in self.people:
            raise SubjectNotFound("the collection has no such subject; list its subjects")
        return self.people[collection, subject]

    def update_subject(
        self, collection: str, subject: str, *, name: str | None, metadata: Any, **expiry: Any
    ) -> Subject:
        old = self.subject(collection, subject)
        new = replace(old, name=old.name if name is None else name, metadata=metadata or old.metadata)
        self.people[collection, subject] = new
        return new

    def forget(self, collection: str, subject: str) -> Deleted:
        del self.people[collection, self.subject(collection, subject).id]
        return Deleted(1, 2, 1)

    def subject_faces(self, collection: str, subject: str) -> tuple[EnrolledFace, ...]:
        self.subject(collection, subject)
        return tuple(face for face in self.stored.values() if face.subject == subject)

    def face(self, face_id: str) -> EnrolledFace:
        if face_id not in self.stored:
            raise FaceNotFound("there is no such face; list the faces of the subject")
        return self.stored[face_id]

    def collection_of(self, undo_id: str) -> str:
        raise NotFound("there is nothing to undo under this id")

    def delete_face(self, face_id: str) -> Deleted:
        del self.stored[self.face(face_id).id]
        return Deleted(0, 1, 1)

    def face_photo(self, face_id: str) -> bytes:
        self.face(face_id)
        return b"\xff\xd8jpeg"


@dataclass
class StandInKeys:
    """Keys by the secret that `create` returned."""

    by_secret: dict[str, ApiKey] = field(default_factory=dict)
    touched: list[str] = field(default_factory=list)
    count_request: None = None

    def acting_as(self, act: Act) -> Self:
        return self

    def create(self, name: str, scopes: Sequence[Scope], **limits: Any) -> tuple[ApiKey, str]:
        secret = f"secret-{len(self.by_secret)}"
        values = {"collections": None, "expires_at": None, "requests_per_minute": None, **limits}
        key = ApiKey(
            f"k{len(self.by_secret)}", name, tuple(scopes), created_at=NOW, last_used_at=None, revoked_at=None, **values
        )
        self.by_secret[secret] = key
        return key, secret

    def authenticate(self, secret: str, now: datetime) -> ApiKey:
        key = self.by_secret.get(secret)
        if key is None or key.revoked_at is not None:
            raise InvalidApiKey("the key is unknown or revoked; ask for a new one")
        return key

    def keys(self) -> tuple[ApiKey, ...]:
        return tuple(self.by_secret.values())

    def revoke(self, key_id: str) -> ApiKey:
        for secret, key in self.by_secret.items():
            if key.id == key_id:
                self.by_secret[secret] = replace(key, revoked_at=NOW)
                return self.by_secret[secret]
        raise NotFound("there is no such key; GET /keys lists those there are")

    def rotate(self, key_id: str, *, overlap: timedelta, admin_too: bool = True) -> KeyRotation:
        for key in self.by_secret.values():
            if key.id == key_id:
                secret = f"secret-{len(self.by_secret)}"
                self.by_secret[secret] = key
                return KeyRotation(key, secret, NOW + overlap)
        raise NotFound("there is no such key; GET /keys lists those there are")

    def touch(self, key_id: str, now: datetime) -> None:
        self.touched.append(key_id)


@dataclass
class StandInAuditSink:
    """Keeps the audit lines."""

    lines: list[AuditLine] = field(default_factory=list)
    waiting: int = 0
    lost: int = 0

    def add(self, line: AuditLine) -> None:
        self.lines.append(line)


@dataclass
class StandInSystem:
    settings: Settings
    audit: NoAudit = field(default_factory=NoAudit)
    service: Any = field(default_factory=StandInService)
    keys: StandInKeys = field(default_factory=StandInKeys)
    audit_sink: StandInAuditSink = field(default_factory=StandInAuditSink)
    ready: bool = True
    stuck_seconds: float = 0.0
    unavailable: Exception | None = None

    def require_database(self) -> None:
        if self.unavailable is not None:
            raise self.unavailable

    def sample(self) -> Sample:
        return SAMPLE

    def work(self) -> Work:
        return Work(ready=self.ready, slots=2, queue=2, indexes=(LoadedIndex("staff", "pq", 30, 4000, 0.998),))

    def capabilities(self) -> Mapping[str, Any]:
        return {"models": [{"id": MODEL}], "detectors": ["yunet"], "defaults": {"model_name": MODEL}}
