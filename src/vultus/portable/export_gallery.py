"""Export: the collections of a gallery as an archive, made while a server goes on writing.

Each subject is read as of one moment. Who is erased before that is left out; who is erased afterwards stays in the
file, from which Vultus cannot erase.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from vultus import __version__
from vultus.errors import FaceNotFound, NotFound, StorageFailed, SubjectNotFound
from vultus.files import sync_folder
from vultus.portable.archive_writer import ArchiveWriter
from vultus.portable.layout import FORMAT, MANIFEST, PART_LINES, collection_name, part_name
from vultus.portable.lines import (
    CollectionFile,
    FaceLine,
    FormatFile,
    ImageValue,
    ManifestFile,
    PhotoValue,
    PoliciesValue,
    QualityValue,
    SubjectLine,
    encoded,
)
from vultus.records.seen import Float32
from vultus.records.stored import Collection, EnrolledFace, Subject
from vultus.storage.gallery_reader import GalleryReader
from vultus.storage.photos import PhotoStore

SUBJECTS_AT_ONCE = 500


def export_gallery(
    gallery: GalleryReader,
    photos: PhotoStore,
    target: Path,
    names: Sequence[str],
    *,
    advance: Callable[[], None] = lambda: None,
) -> ManifestFile:
    """Write these collections to a new file, which gets its name once it is complete. Returns what is in it.

    advance: called after each face.

    Raises: StorageFailed, when the file is there already, or a photo is missing or damaged; CollectionNotFound,
    SpaceChanged; OSError, when the target cannot be written.
    """
    if target.exists():
        raise StorageFailed(f"{target} is there already; choose another name, or remove it first")
    with TemporaryDirectory(prefix=".vultus-export-", dir=target.parent) as folder:  # readable by this user only
        path = Path(folder) / "archive"
        with ArchiveWriter(path) as writer:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            writer.add_value(FORMAT, FormatFile(created_at=now, vultus=__version__))
            exports = [_Export(gallery, photos, writer, gallery.binding(name), advance) for name in names]
            for export in exports:
                export.run()
            manifest = ManifestFile(
                collections=len(exports),
                subjects=sum(export.subjects for export in exports),
                faces=sum(export.faces for export in exports),
                left_out=sum(export.left_out for export in exports),
            )
            writer.add_value(MANIFEST, manifest)
        os.rename(path, target)
    sync_folder(target.parent)
    return manifest


@dataclass
class _Export:
    """The export of one collection."""

    gallery: GalleryReader
    photos: PhotoStore
    writer: ArchiveWriter
    collection: Collection
    advance: Callable[[], None]
    subjects: int = 0
    faces: int = 0
    left_out: int = 0

    def run(self) -> None:
        """Write its model and policies, and then its people, in parts."""
        self.writer.add_value(collection_name(self.collection.name), _collection_file(self.collection))
        part, number = _Part(), 1
        for line, photo in self._lines():
            part.add(line, photo)
            if len(part.lines) == PART_LINES:
                self._write(part, number)
                part, number = _Part(), number + 1
        if part.lines:
            self._write(part, number)

    def _write(self, part: _Part, number: int) -> None:
        for key, data in part.photos.items():
            self.writer.add_photo(key, data)
        self.writer.add(part_name(self.collection.name, number), b"".join(part.lines))

    def _lines(self) -> Iterator[tuple[SubjectLine | FaceLine, bytes | None]]:
        """The lines of all subjects, those of faces with their photo."""
        for subject_id in self._subject_ids():
            try:
                subject, faces = self.gallery.whole_subject(
                    self.collection.name, subject_id, space=self.collection.space
                )
            except SubjectNotFound:  # erased, or renamed to an id that comes later, or was passed
                continue
            self.subjects += 1
            yield _subject_line(subject), None
            for face, source, embedding in faces:
                photo = self._photo(face)
                self.advance()
                if embedding is None or (face.photo is not None and photo is None):
                    self.left_out += 1
                    continue
                self.faces += 1
                yield _face_line(face, source, embedding), photo

    def _subject_ids(self) -> Iterator[str]:
        after: str | None = None
        while some := self.gallery.subjects(self.collection.name, after=after, limit=SUBJECTS_AT_ONCE):
            yield from (subject.id for subject in some)
            after = some[-1].id

    def _photo(self, face: EnrolledFace) -> bytes | None:
        """The stored photo; None where none is kept, or the face was erased by now. Raises: StorageFailed."""
        if face.photo is None:
            return None
        try:
            return self.photos.get(face.photo.sha256)
        except NotFound:
            self._require_erased(face.id)
            return None

    def _require_erased(self, face_id: str) -> None:
        try:
            self.gallery.face(face_id)
        except FaceNotFound:
            return
        raise StorageFailed(f"the photo of face {face_id} is missing, so nothing was exported; run: vultus check")


class _Part:
    """Lines, and the photos that they name, each once."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.photos: dict[str, bytes] = {}

    def add(self, line: SubjectLine | FaceLine, photo: bytes | None) -> None:
        without = {"image"} if isinstance(line, FaceLine) and line.image is None else None
        self.lines.append(line.model_dump_json(exclude=without).encode("utf-8") + b"\n")
        if isinstance(line, FaceLine) and line.photo is not None and photo is not None:
            self.photos[line.photo.sha256] = photo


def _collection_file(collection: Collection) -> CollectionFile:
    held = collection.policies
    policies = PoliciesValue(
        min_quality=held.min_quality,
        target_fmr=held.target_fmr,
        target_fpir=held.target_fpir,
        store_photos=held.store_photos,
        retention_days=held.retention_days,
        liveness=held.liveness,
        keep_unknown_days=held.keep_unknown_days,
    )
    return CollectionFile(
        model_id=collection.model_id,
        preprocessing_version=collection.pipeline_version,
        dimension=collection.dimension,
        policies=policies,
    )


def _subject_line(subject: Subject) -> SubjectLine:
    return SubjectLine(
        type="subject",
        id=subject.id,
        name=subject.name,
        metadata=dict(subject.metadata),
        expires_at=subject.expires_at,
        created_at=subject.created_at.isoformat(),
    )


def _face_line(face: EnrolledFace, source: str, embedding: Float32) -> FaceLine:
    quality, photo = face.quality, face.photo
    return FaceLine(
        type="face",
        id=face.id,
        subject=face.subject,
        embedding=encoded(embedding),
        source_sha256=source,
        photo=PhotoValue(sha256=photo.sha256, width=photo.width, height=photo.height) if photo else None,
        box=list(face.box) if face.box is not None else None,
        landmarks=[list(point) for point in face.landmarks] or None,
        detector_score=face.detector_score,
        quality=QualityValue(score=quality.score, parts=dict(quality.parts), version=quality.version)
        if quality
        else None,
        source_size=list(face.source_size) if face.source_size is not None else None,
        created_at=face.created_at.isoformat(),
        image=None if face.label is None else ImageValue(id=face.label.image_id, external_id=face.label.external_id),
    )
