"""Synthetic faces: a seed gives a photo and a random embedding of unit length; and a gallery in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from vultus.records.answers import Candidate
from vultus.records.review import KeptFace, SimilarFaces
from vultus.records.seen import Face, Float32, Quality, Template
from vultus.records.stored import NewFace, Photo
from vultus.search.int8_codes import quantise
from vultus.search.segments import Rows, empty_rows
from vultus.search.source import Allocate, ChangeSet, Fits, Mark, Owner, StoredEmbeddings, none_fits
from vultus.storage.gallery import Gallery

MODEL = "model-a"
DIMENSION = 16


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def unit(seed: int, dimension: int = DIMENSION) -> Float32:
    vector = np.random.default_rng(seed).standard_normal(dimension)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def new_face(
    seed: int, *, embedding: Float32 | None = None, photo: str | None = None, model_id: str = MODEL
) -> NewFace:
    """photo: text in place of the stored photo's bytes; each seed has its own source photo."""
    landmarks = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)
    seen = Face(box=(10.5, 20.0, 90.0, 110.25), landmarks=landmarks, score=0.97)
    template = Template(unit(seed) if embedding is None else embedding, model_id, seen, Quality(81.5, {"size": 90.0}))
    stored = sha256(f"photo {seed}" if photo is None else photo)
    return NewFace(template, Photo(stored, sha256(f"source {seed}"), width=640, height=480, size_bytes=12_345))


def fill_review(gallery: Gallery, first: str, second: str) -> None:
    """Something of all that people look at and decide, about two subjects of the collection "people"."""
    (face, *_), (other, *_) = (gallery.face_ids("people", one) for one in (first, second))
    gallery.update_subject("people", first, cover_face=face)
    gallery.similar_pairs.replace("people", [SimilarFaces((face, other), 0.75, 0.5, 0.625, True)])
    gallery.similar_pairs.dismiss("people", first, second, dismissed=True)
    gallery.change_policies("people", {"keep_unknown_days": 365})
    template = new_face(70).template
    assert isinstance(template, Template)
    space, seen_at = gallery.binding("people").space, datetime.now(UTC)
    gallery.unknown_faces.keep("people", KeptFace(template, b"jpeg", 64), space=space, seen_at=seen_at)


def rows_of(
    face_pks: Sequence[int], subject_pks: Sequence[int], embeddings: Float32, *, with_embeddings: bool = False
) -> Rows:
    """Rows as the gallery hands them to an index."""
    vectors = np.array(embeddings, np.float32)
    kept = vectors if with_embeddings else None
    return Rows(np.array(face_pks, np.int64), np.array(subject_pks, np.int64), quantise(vectors), kept)


@dataclass(frozen=True, eq=False)
class MadeFace:
    """One line of a made gallery. number: never given again, unlike pk."""

    number: int
    revision: int
    pk: int
    subject: str
    embedding: Float32

    @property
    def id(self) -> str:
        return f"face {self.number}"


class MadeGallery:
    """A gallery of one collection in memory, for what SQLite would make slow; gives numbers again as SQLite does."""

    def __init__(self, *, dimension: int = DIMENSION, collection_pk: int = 1) -> None:
        self.dimension, self.collection_pk, self.revision, self.made = dimension, collection_pk, 0, 0
        self.faces: list[MadeFace] = []
        self.removed: list[tuple[int, int]] = []
        self.subject_pks: dict[str, int] = {}
        self.looked_up = 0

    def add(self, subject: str, *embeddings: Float32) -> list[str]:
        """Enroll in one transaction; the ids of the faces."""
        self.revision += 1
        self.subject_pks.setdefault(subject, len(self.subject_pks) + 1)
        for embedding in embeddings:
            pk = max((face.pk for face in self.faces), default=0) + 1
            self.faces.append(MadeFace(self.made, self.revision, pk, subject, np.asarray(embedding, np.float32)))
            self.made += 1
        return [face.id for face in self.faces[len(self.faces) - len(embeddings) :]]

    def remove(self, *face_ids: str) -> None:
        """Erase in one transaction."""
        self.revision += 1
        self.removed += [(self.revision, face.pk) for face in self.faces if face.id in face_ids]
        self.faces = [face for face in self.faces if face.id not in face_ids]

    def move(self, subject: str, *face_ids: str) -> None:
        """Move faces to a subject in one transaction."""
        self.revision += 1
        self.subject_pks.setdefault(subject, len(self.subject_pks) + 1)
        moved = {"revision": self.revision, "subject": subject}
        self.faces = [replace(face, **moved) if face.id in face_ids else face for face in self.faces]

    def mark(self, collection: str) -> Mark:
        return Mark(self.collection_pk, self.revision)

    def changes_since(
        self, collection: str, since: Mark | None, fits: Fits = none_fits, allocate: Allocate = empty_rows
    ) -> ChangeSet:
        fresh = since is None or since.collection_pk != self.collection_pk
        start = 0 if fresh or since is None else since.revision
        new = [face for face in self.faces if face.revision > start]
        vectors = np.array([face.embedding for face in new], np.float32).reshape(len(new), self.dimension)
        owners = [self.subject_pks[face.subject] for face in new]
        with_embeddings = fits(len(new), self.dimension)
        added = allocate(len(new), self.dimension, embeddings=with_embeddings)
        added.put(slice(None), rows_of([face.pk for face in new], owners, vectors, with_embeddings=with_embeddings))
        gone = [] if fresh else [pk for revision, pk in self.removed if revision > start]
        mark = Mark(self.collection_pk, self.revision)
        return ChangeSet(mark, fresh, self.dimension, (added,) if new else (), np.array(gone, np.int64))

    def stored_embeddings(self, mark: Mark, face_pks: Sequence[int]) -> StoredEmbeddings:
        self.looked_up += len(face_pks)
        found = self.still_there(mark, face_pks)
        return StoredEmbeddings([face.pk for face in found], np.array([face.embedding for face in found], np.float32))

    def owners(self, mark: Mark, face_pks: Sequence[int]) -> dict[int, Owner]:
        return {face.pk: Owner(face.id, face.subject) for face in self.still_there(mark, face_pks)}

    def still_there(self, mark: Mark, face_pks: Sequence[int]) -> list[MadeFace]:
        """Those of the faces that were there at the mark."""
        wanted, same = set(face_pks), mark.collection_pk == self.collection_pk
        return [face for face in self.faces if face.pk in wanted and face.revision <= mark.revision and same]

    def brute_force(self, probe: Float32, k: int) -> list[Candidate]:
        """The result of an exact search: the best face of each subject, equal ones in the order of enrolment."""
        unit_probe = np.asarray(probe, np.float64) / np.linalg.norm(np.asarray(probe, np.float64))
        cosines = [float(np.vecdot(face.embedding.astype(np.float64), unit_probe)) for face in self.faces]
        best: dict[str, Candidate] = {}
        for place in sorted(range(len(cosines)), key=lambda place: (-cosines[place], place)):
            face, cosine = self.faces[place], min(1.0, max(-1.0, cosines[place]))
            best.setdefault(face.subject, Candidate(face.subject, face.id, cosine))
        return list(best.values())[: max(k, 0)]
