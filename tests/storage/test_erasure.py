"""Deleted data is in no file any more."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.storage.synthetic import new_face, unit
from vultus.search.int8_codes import quantise, to_blobs
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import migrate

pytestmark = pytest.mark.sqlite

BIG = 512
PIECE = 32  # bytes looked for at a time: half an embedding left behind is still found


@pytest.fixture
def big(url) -> Gallery:
    database = open_database(url)
    migrate(database)
    gallery = Gallery(database)
    gallery.create_collection("people", model_id="model-a", pipeline_version=1, dimension=BIG)
    return gallery


def raw(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def pieces(seed: int) -> list[bytes]:
    """Of the embedding, and of its codes."""
    floats, (codes,) = unit(seed, BIG).tobytes(), to_blobs(quantise(unit(seed, BIG)[None, :]))
    return [whole[start : start + PIECE] for whole in (floats, codes) for start in range(0, len(whole), PIECE)]


def enroll(gallery: Gallery, seed: int) -> str:
    subject = f"subject number {seed:06d}"
    gallery.add_faces("people", subject, [new_face(seed, embedding=unit(seed, BIG))], name=f"name of {seed:06d}")
    return subject


def traces(content: bytes, seed: int) -> list[bytes]:
    written = [f"subject number {seed:06d}".encode(), f"name of {seed:06d}".encode()]
    source = new_face(seed).photo.source_sha256.encode()
    return [trace for trace in [*pieces(seed), *written, source] if trace in content]


def test_the_search_for_traces_finds_them(tmp_path, big):
    enroll(big, 1)
    assert len(traces(raw(tmp_path / "data"), 1)) == len(pieces(1)) + 3


@pytest.mark.parametrize("erase", ["subject", "collection"])
def test_an_erased_person_is_in_no_file(tmp_path, big, erase):
    subject = enroll(big, 1)
    if erase == "subject":
        big.delete_subject("people", subject)
    else:
        big.delete_collection("people")
    assert traces(raw(tmp_path / "data"), 1) == []


def test_a_deleted_face_is_in_no_file(tmp_path, big):
    subject = enroll(big, 1)
    big.delete_face(big.faces("people", subject)[0].id)
    content = raw(tmp_path / "data")
    assert not any(piece in content for piece in pieces(1))


def test_no_trace_is_left_among_many_that_stay(tmp_path, big):
    """Rows move between pages as others come and go; what they leave behind must go as well."""
    rng = np.random.default_rng(7)
    subjects = {seed: enroll(big, seed) for seed in range(120)}
    erased = sorted(rng.permutation(120)[:90].tolist())
    for seed in erased:
        big.delete_subject("people", subjects.pop(seed))
    content = raw(tmp_path / "data")
    assert [seed for seed in erased if traces(content, seed)] == []
    assert all(big.subject("people", subject).faces == 1 for subject in subjects.values())


@pytest.mark.parametrize("kind", ["rename", "merge", "move"])
def test_an_erased_person_is_in_no_file_although_a_change_could_still_be_undone(tmp_path, big, kind):
    """The undo log holds the id, and of a merge the name, until the erasure."""
    subject, day = enroll(big, 1), timedelta(hours=24)
    big.add_faces("people", "other", [new_face(2, embedding=unit(2, BIG))])
    if kind == "rename":
        big.corrections.rename("people", subject, "new", undo_for=day)
        assert traces(raw(tmp_path / "data"), 1)
        big.delete_subject("people", "new")
    elif kind == "merge":
        big.corrections.merge("people", subject, "other", undo_for=day)
        assert len(traces(raw(tmp_path / "data"), 1)) == len(pieces(1)) + 3
        big.delete_subject("people", "other")
    else:
        (face,) = big.faces("people", subject)
        big.corrections.move(face.id, "other", undo_for=day)
        big.delete_subject("people", subject)
        big.delete_face(face.id)
    assert traces(raw(tmp_path / "data"), 1) == []


def test_an_old_id_is_in_no_file_when_the_time_to_undo_is_over(tmp_path, big):
    subject = enroll(big, 1)
    big.corrections.rename("people", subject, "new", undo_for=timedelta(0))
    assert subject.encode() in raw(tmp_path / "data")
    big.corrections.sweep()
    assert subject.encode() not in raw(tmp_path / "data")


def test_an_undone_change_leaves_no_new_id(tmp_path, big):
    subject = enroll(big, 1)
    undo = big.corrections.rename("people", subject, "a quite different id", undo_for=timedelta(hours=24)).undo
    big.corrections.undo(undo.id)
    assert b"a quite different id" not in raw(tmp_path / "data")
