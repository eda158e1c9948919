"""Import: the people of an archive into this gallery, as an enrolment of their embeddings and photos.

The whole archive is verified first, and nothing is written before that. Then each group of faces of a subject is one
transaction; what is there already is not stored again, so an import that was stopped goes on when it is run again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from vultus.errors import (
    CollectionNotFound,
    InvalidRequest,
    ModelMismatch,
    StorageFailed,
    SubjectErased,
    SubjectNotFound,
)
from vultus.portable.archive_reader import Member, members
from vultus.portable.layout import MANIFEST
from vultus.portable.lines import (
    CollectionFile,
    FaceLine,
    ManifestFile,
    SubjectLine,
    decoded,
    line_kind,
    read_value,
)
from vultus.records.seen import Face, ModelEmbedding, Quality, Template
from vultus.records.stored import CollectionPolicies, ImageLabel, NewFace, Photo
from vultus.storage.gallery import Gallery
from vultus.storage.photos import PhotoStore
from vultus.vectors import require_embedding

RequireModel = Callable[[str, int, int], None]
"""Called with the id, the preprocessing version and the dimension of a model; raises where it cannot serve them."""


@dataclass(frozen=True)
class Imported:
    """What an archive held. new_faces: those that were not here yet. erased: faces of subjects erased meanwhile."""

    collections: int
    subjects: int
    faces: int
    new_faces: int = 0
    erased: int = 0


def import_archive(
    path: Path,
    gallery: Gallery,
    photos: PhotoStore,
    require_model: RequireModel,
    *,
    report: Callable[[int, int | None], None] = lambda done, total: None,
) -> Imported:
    """Import all collections of an archive.

    report: called with how many faces were verified, and None; then with how many were imported, and of how many.

    Raises: InvalidRequest, ModelMismatch and what `require_model` raises, when the archive cannot be imported; then
    nothing was written. StorageFailed, OSError: run it again, and it goes on.
    """
    found = _verify(path, gallery, require_model, report)
    filling: _Filling | None = None
    new = erased = done = 0
    for member in members(path):
        if member.kind == "collection":
            collection = _Collection(member.owner, read_value(CollectionFile, member.data, member.name))
            filling = _Filling(gallery, photos, collection)
        elif filling is not None and member.kind == "photo":
            filling.keep(member.data)
        elif filling is not None and member.kind == "part":
            for subject, faces in _groups(filling.collection, member):
                try:
                    new += filling.add(subject, faces)
                except SubjectErased:
                    erased += len(faces)
                done += len(faces)
                report(done, found.faces)
    return replace(found, new_faces=new, erased=erased)


@dataclass(frozen=True)
class _Collection:
    name: str
    file: CollectionFile


def _verify(
    path: Path, gallery: Gallery, require_model: RequireModel, report: Callable[[int, int | None], None]
) -> Imported:
    """Read the whole archive, every line and every photo, and compare it with this gallery. Writes nothing."""
    collection: _Collection | None = None
    manifest: ManifestFile | None = None
    collections = subjects = faces = 0
    photos: dict[str, bool] = {}  # since the last part: whether the next one names them
    for member in members(path):
        if member.kind == "photo":
            photos[member.owner] = False
        elif member.kind == "collection":
            collection = _Collection(member.owner, read_value(CollectionFile, member.data, member.name))
            _require_fitting(gallery, collection, require_model)
            collections += 1
        elif member.kind == "part":
            if collection is None or collection.name != member.owner:
                raise InvalidRequest(f"{member.name} comes before the collection.json of its collection")
            for subject, of_subject in _groups(collection, member):
                subjects += subject.line is not None
                faces += len(of_subject)
                report(faces, None)
                _require_photos(member, of_subject, photos)
            _require_used(member.name, photos)
            photos = {}
        elif member.name == MANIFEST:
            manifest = read_value(ManifestFile, member.data, member.name)
    _require_used(MANIFEST, photos)
    if manifest is None or (manifest.collections, manifest.subjects, manifest.faces) != (collections, subjects, faces):
        raise InvalidRequest(
            f"the archive {path} holds {collections} collections, {subjects} subjects and {faces} faces, and its "
            f"{MANIFEST} says otherwise; export again"
        )
    return Imported(collections, subjects, faces)


def _require_fitting(gallery: Gallery, collection: _Collection, require_model: RequireModel) -> None:
    wanted = collection.file
    require_model(wanted.model_id, wanted.preprocessing_version, wanted.dimension)
    try:
        here = gallery.binding(collection.name)
    except CollectionNotFound:
        return
    if (here.model_id, here.pipeline_version) != (wanted.model_id, wanted.preprocessing_version):
        raise ModelMismatch(
            f"collection {collection.name} is bound to {here.model_id} (preprocessing {here.pipeline_version}) here, "
            f"and to {wanted.model_id} (preprocessing {wanted.preprocessing_version}) in the archive; "
            "import it into another data folder, or re-embed one of them first"
        )


def _require_photos(member: Member, faces: list[NewFace], photos: dict[str, bool]) -> None:
    """Each photo that is named is there, and is noted as used."""
    for face in faces:
        if face.photo is None:
            continue
        key = face.photo.sha256
        if key not in photos:
            raise InvalidRequest(f"{member.name} names photo {key[:12]}..., which does not come before it")
        photos[key] = True


def _require_used(name: str, photos: dict[str, bool]) -> None:
    unused = next((key for key, used in photos.items() if not used), None)
    if unused is not None:
        raise InvalidRequest(f"photo {unused[:12]}... comes before {name}, which does not name it; export again")


@dataclass(frozen=True)
class _Of:
    """Whose faces a group are. line: that of the subject, None where it stands in an earlier part."""

    id: str
    line: SubjectLine | None


def _groups(collection: _Collection, member: Member) -> Iterator[tuple[_Of, list[NewFace]]]:
    """The faces of a part by subject, in their order; a subject without a face has none."""
    for subject_id, group in groupby(_lines(member), key=_subject_of):
        subject: SubjectLine | None = None
        faces = []
        for place, line in group:
            if isinstance(line, SubjectLine):
                subject = line
            else:
                faces.append(_new_face(collection, line, place))
        yield _Of(subject_id, subject), faces


def _subject_of(line: tuple[str, SubjectLine | FaceLine]) -> str:
    return line[1].id if isinstance(line[1], SubjectLine) else line[1].subject


def _lines(member: Member) -> Iterator[tuple[str, SubjectLine | FaceLine]]:
    for number, data in enumerate(member.data.splitlines(), start=1):
        place = f"line {number} of {member.name}"
        yield place, read_value(line_kind(data, place), data, place)


def _new_face(collection: _Collection, line: FaceLine, place: str) -> NewFace:
    model = collection.file
    embedding = require_embedding(decoded(line.embedding, model.dimension, place), model.dimension, model.model_id)
    template: ModelEmbedding = ModelEmbedding(embedding, model.model_id)
    parts = (line.box, line.landmarks, line.detector_score, line.quality)
    if line.box is not None and line.landmarks is not None and line.detector_score is not None and line.quality:
        x_min, y_min, x_max, y_max = line.box
        face = Face((x_min, y_min, x_max, y_max), np.array(line.landmarks, np.float32), line.detector_score)
        quality = Quality(line.quality.score, line.quality.parts, line.quality.version)
        template = Template(embedding, model.model_id, face, quality)
    elif any(part is not None for part in parts):
        raise InvalidRequest(f"{place}: box, landmarks, detector_score and quality must be there together, or be null")
    photo = Photo(line.photo.sha256, line.source_sha256, line.photo.width, line.photo.height, 0) if line.photo else None
    size = None if line.source_size is None else (line.source_size[0], line.source_size[1])
    label = None if line.image is None else ImageLabel(line.image.id, line.image.external_id)
    return NewFace(template, photo, line.source_sha256, size, label)


class _Filling:
    """The import into one collection, made when it is not here; one that is here keeps its policies."""

    def __init__(self, gallery: Gallery, photos: PhotoStore, collection: _Collection) -> None:
        self._gallery, self._photos, self.collection = gallery, photos, collection
        held = collection.file
        created, _ = gallery.create_collection(
            collection.name,
            model_id=held.model_id,
            pipeline_version=held.preprocessing_version,
            dimension=held.dimension,
            policies=None if self._is_here() else CollectionPolicies(**held.policies.model_dump()),
        )
        self._keeps_photos = created.policies.store_photos
        self._begun = gallery.begin_enrolment(collection.name, [])

    def keep(self, photo: bytes) -> None:
        """Store a photo, if the collection keeps photos."""
        if self._keeps_photos:
            self._gallery.photos.announce({hashlib.sha256(photo).hexdigest(): len(photo)}, into=self._photos)
            self._photos.put(photo)

    def add(self, subject: _Of, faces: list[NewFace]) -> int:
        """Add the faces of a subject, in one transaction; how many are new. A subject that is here keeps its name.

        Raises: SubjectErased, when it was erased since the import began.
        """
        stored = [self._as_stored(face) for face in faces]
        line = None if self._has(subject.id) else subject.line
        _, added = self._gallery.add_faces(
            self.collection.name,
            subject.id,
            stored,
            name=None if line is None else line.name,
            metadata=None if line is None else line.metadata,
            expires_at=None if line is None else line.expires_at,
            begun=self._begun,
            before_commit=lambda: self._require_photos(stored),
        )
        return sum(face.created for face in added)

    def _as_stored(self, face: NewFace) -> NewFace:
        if face.photo is None:
            return face
        if not self._keeps_photos:
            return replace(face, photo=None, digest=face.photo.source_sha256)
        return replace(face, photo=replace(face.photo, size_bytes=len(self._photos.get(face.photo.sha256))))

    def _require_photos(self, faces: list[NewFace]) -> None:
        """Inside of the transaction: an erasure that removes the same photo comes wholly before or wholly after."""
        for face in faces:
            if face.photo is not None and not self._photos.exists(face.photo.sha256):
                raise StorageFailed("a photo was erased while it was imported; run the same command again")

    def _is_here(self) -> bool:
        try:
            self._gallery.binding(self.collection.name)
        except CollectionNotFound:
            return False
        return True

    def _has(self, subject_id: str) -> bool:
        try:
            self._gallery.subject(self.collection.name, subject_id)
        except SubjectNotFound:
            return False
        return True
