"""The open archive: there and back, and what is not one."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sqlite3
import tarfile
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
import pytest

from tests import pictures


@pytest.fixture
def archive(run, small, surroundings):
    """An archive of two subjects: anna with name, metadata, an expiry and two photos, berta with one."""
    for photo in (1, 2):
        small.service.enrolment.enroll([pictures.drawn_photo(1, noise=8, photo=photo)], subject="anna", name="Anna Ä.")
    until = datetime(2099, 5, 6, 7, 8, 9, tzinfo=UTC)
    small.service.galleries.update_subject("default", "anna", metadata={"badge": 7}, expires_at=until)
    small.gallery.change_policies("default", {"retention_days": 400})
    small.service.enrolment.enroll([pictures.drawn_photo(2)], subject="berta")
    answer = run("export", "out.tar", "--json")
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout) == {"file": "out.tar", "collections": 1, "subjects": 2, "faces": 3, "left_out": 0}
    return surroundings / "out.tar"


@pytest.fixture
def known(monkeypatch, small):
    """The model of the small system has no card: it is known all the same."""
    monkeypatch.setattr("vultus.cli.commands.exchange._require_model", lambda *_: None)


def contents(path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def write(path, held, *, kinds=None, cut=None) -> None:
    """An archive of these members with right checksums. kinds: tar types by name; cut: bytes that are kept."""
    held = {name: data for name, data in held.items() if name != "SHA256SUMS"}
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in held.items())
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in (held | {"SHA256SUMS": sums.encode()}).items():
            member = tarfile.TarInfo(name)
            member.size, member.type = len(data), (kinds or {}).get(name, tarfile.REGTYPE)
            tar.addfile(member, io.BytesIO(data))
    path.write_bytes(out.getvalue()[:cut])


def part_of(held) -> str:
    return next(name for name in held if "/part-" in name)


def test_an_import_into_postgresql_is_exported_the_same(run, archive, known, postgres, monkeypatch):
    monkeypatch.setenv("VULTUS_DATABASE_URL", postgres.url(postgres.create_database()))
    for new_faces in (3, 0):  # the second time all are there
        answer = run("import", "--archive", archive, "--data-dir", "new", "--json")
        assert answer.exit_code == 0, answer.output
        assert json.loads(answer.stdout)["new_faces"] == new_faces
    assert run("check", "--data-dir", "new").stdout.startswith("sound: all that is stored agrees\n")
    run("export", "again.tar", "--data-dir", "new")
    assert people(contents(archive)) == people(contents(archive.with_name("again.tar")))


def test_there_and_back_finds_the_same(run, small, archive, known):
    answer = run("import", "--archive", archive, "--data-dir", "new", "--json")
    assert answer.exit_code == 0, answer.output
    assert {name: json.loads(answer.stdout)[name] for name in ("subjects", "faces", "new_faces")} == {
        "subjects": 2,
        "faces": 3,
        "new_faces": 3,
    }
    assert run("check", "--data-dir", "new").stdout == "sound: all that is stored agrees\n"
    run("export", "again.tar", "--data-dir", "new")
    before, after = contents(archive), contents(archive.with_name("again.tar"))
    assert people(before) == people(after)
    assert [line["expires_at"] for line in people(after) if line["type"] == "subject"] == ["2099-05-06T07:08:09Z", None]
    assert before["collections/default/collection.json"] == after["collections/default/collection.json"]
    assert json.loads(after["collections/default/collection.json"])["policies"]["retention_days"] == 400
    assert {name: data for name, data in before.items() if name.startswith("photos/")} == {
        name: data for name, data in after.items() if name.startswith("photos/")
    }


def people(held) -> list[dict]:
    """The lines without what an import makes itself: ids of faces and times."""
    lines = [json.loads(line) for line in held[part_of(held)].splitlines()]
    return [
        {key: value for key, value in line.items() if key != "created_at" and (key, line["type"]) != ("id", "face")}
        for line in lines
    ]


def test_what_is_there_is_not_imported_twice(run, archive, known):
    run("import", "--archive", archive, "--data-dir", "new")
    answer = run("import", "--archive", archive, "--data-dir", "new")
    assert "3 faces, 0 of them new here" in answer.stdout
    assert run("check", "--data-dir", "new").exit_code == 0


def test_an_archive_reads_as_the_page_says(archive, small):
    """With nothing of Vultus: the embedding is base64 of little-endian float32, of unit length."""
    held = contents(archive)
    assert next(iter(held)) == "format.json"
    assert [*held][-2:] == ["manifest.json", "SHA256SUMS"]
    lines = [json.loads(line) for line in held[part_of(held)].splitlines()]
    assert [line["type"] for line in lines] == ["subject", "face", "face", "subject", "face"]
    assert (lines[0]["name"], lines[0]["metadata"]) == ("Anna Ä.", {"badge": 7})
    vector = np.frombuffer(base64.b64decode(lines[1]["embedding"]), "<f4")
    stored, _ = small.gallery.embeddings("default", "anna")
    assert np.array_equal(vector, small.gallery.embeddings("default", "anna")[1][0])
    assert lines[1]["id"] == stored[0]
    assert f"photos/{lines[1]['photo']['sha256']}.jpg" in held
    for line in held["SHA256SUMS"].decode().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256(held[name]).hexdigest() == digest


def test_an_archive_holds_neither_keys_nor_the_audit(archive, small):
    assert not any(word in archive.read_bytes() for word in (b"vlt_", b"api_key", b"audit", b"installation"))


def refused(run, path) -> str:
    """The sentence by which an archive is refused; nothing of it is there afterwards."""
    answer = run("import", "--archive", path, "--data-dir", "new")
    assert answer.exit_code == 1, answer.output
    with closing(sqlite3.connect(path.parent / "new" / "vultus.db")) as database:
        assert database.execute("SELECT count(*) FROM collections").fetchone() == (0,)
    assert not (path.parent / "new" / "photos").exists()
    return answer.stderr.strip()


def test_a_cut_archive_is_refused(run, archive, known):
    data = archive.read_bytes()
    for kept in (0, 100, 700, len(data) // 2, data.rindex(b"SHA256SUMS"), len(data) - 1100):
        archive.write_bytes(data[:kept])
        assert "cannot be imported" in refused(run, archive)


def test_an_altered_archive_is_refused(run, archive, known):
    data = bytearray(archive.read_bytes())
    data[data.index(b'"badge":7') + 8] = ord("8")
    archive.write_bytes(data)
    assert "its content is not what its SHA256SUMS says" in refused(run, archive)


@pytest.mark.parametrize("name", ["../evil.json", "/etc/evil.json", "photos/../../evil.jpg", "collections/a/../b.json"])
def test_a_path_that_leads_out_is_refused(run, archive, known, name):
    write(archive, contents(archive) | {name: b"{}"})
    assert "which does not belong there" in refused(run, archive)
    assert not (archive.parent.parent / "evil.json").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.GNUTYPE_LONGNAME])
def test_what_is_no_plain_file_is_refused(run, archive, known, kind):
    held = contents(archive)
    write(archive, held, kinds={part_of(held): kind})
    assert "does not belong there" in refused(run, archive)


def test_a_member_that_says_it_is_huge_is_refused_before_it_is_read(run, archive, known):
    held = contents(archive)
    data = bytearray(archive.read_bytes())
    place = data.index(part_of(held).encode())
    header = tarfile.TarInfo(part_of(held))
    header.size = 7 << 30
    data[place : place + 512] = header.tobuf(tarfile.USTAR_FORMAT)
    archive.write_bytes(data)
    assert f"has {7 << 30} bytes, the limit is" in refused(run, archive)


def changed(archive, change) -> None:
    """The archive with its lines changed, and right checksums."""
    held = contents(archive)
    lines = [json.loads(line) for line in held[part_of(held)].splitlines()]
    change(lines)
    held[part_of(held)] = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    write(archive, held)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda lines: lines[1].update(embedding="!"), "line 2 of collections/default/part-000001.jsonl"),
        (lambda lines: lines[1].update(embedding="AAAA"), "its embedding has 3 bytes"),
        (lambda lines: lines[1].update(surprise=1), "surprise is unknown"),
        (lambda lines: lines[1].update(quality=None), "must be there together"),
        (lambda lines: lines[1]["photo"].update(sha256="0" * 64), "which does not come before it"),
        (lambda lines: lines[0].update(id="a\nb"), "line 1 of"),
        (lambda lines: lines[0].update(type="person"), "neither of a subject nor of a face"),
        (lambda lines: lines.pop(), "comes before"),
    ],
)
def test_a_wrong_line_is_named(run, archive, known, change, sentence):
    changed(archive, change)
    assert sentence in refused(run, archive)


def test_a_manifest_that_counts_otherwise_is_refused(run, archive, known):
    held = contents(archive)
    held["manifest.json"] = json.dumps({"collections": 1, "subjects": 9, "faces": 3}).encode()
    write(archive, held)
    assert "says otherwise" in refused(run, archive)


def test_a_newer_format_is_refused(run, archive, known):
    held = contents(archive)
    held["format.json"] = b'{"format": "vultus-archive", "version": 2}'
    write(archive, held)
    assert "of version 2, and this Vultus reads 1" in refused(run, archive)


def test_another_model_is_refused(run, archive):
    assert "of which there is no card here" in refused(run, archive)


def test_a_collection_of_another_model_is_refused(run, archive, known, small):
    held = contents(archive)
    name = "collections/default/collection.json"
    held[name] = json.dumps(json.loads(held[name]) | {"preprocessing_version": 77}).encode()
    write(archive, held)
    answer = run("import", "--archive", archive)
    assert answer.exit_code == 1
    assert "(preprocessing 77) in the archive" in answer.stderr


def test_a_file_that_is_there_is_not_overwritten(run, archive):
    before = archive.read_bytes()
    answer = run("export", archive)
    assert answer.exit_code == 1
    assert "is there already" in answer.stderr
    assert archive.read_bytes() == before


def test_who_is_erased_before_is_not_in_it(run, small, archive):
    small.service.galleries.forget("default", "anna")
    run("export", "later.tar")
    held = contents(archive.with_name("later.tar"))
    assert [line.get("id") for line in people(held) if line["type"] == "subject"] == ["berta"]
    assert sum(name.startswith("photos/") for name in held) == 1


def test_a_folder_and_an_archive_together_are_refused(run, archive):
    assert run("import", "photos", "--archive", archive).exit_code == 2
    assert run("import").exit_code == 2


def test_what_callers_call_their_images_comes_along(run, small, surroundings, known):
    small.service.galleries.create_collection("default")
    indexed = small.service.indexing.index(
        pictures.drawn_photo(1), collection="default", external_id="badge-17", most=1, floor=0.0
    )
    label = indexed.faces[0].stored.label
    small.service.enrolment.enroll([pictures.drawn_photo(2)], subject="berta")
    assert run("export", "out.tar").exit_code == 0
    held = contents(surroundings / "out.tar")
    lines = [json.loads(line) for line in held[part_of(held)].splitlines()]
    assert [line.get("image") for line in lines if line["type"] == "face" and line["subject"] != "berta"] == [
        {"id": label.image_id, "external_id": "badge-17"}
    ]
    assert all("image" not in line for line in lines if line["subject" if line["type"] == "face" else "id"] == "berta")
    assert run("import", "--archive", "out.tar", "--data-dir", "new").exit_code == 0
    with closing(sqlite3.connect(surroundings / "new" / "vultus.db")) as database:
        assert database.execute("SELECT image_id, external_id FROM image_labels").fetchall() == [
            (label.image_id, "badge-17")
        ]


def test_an_image_that_is_none_is_refused(run, archive, known):
    held = contents(archive)
    lines = [json.loads(line) for line in held[part_of(held)].splitlines()]
    next(line for line in lines if line["type"] == "face")["image"] = {"id": "../x", "external_id": None}
    held[part_of(held)] = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    write(archive, held)
    assert "image" in refused(run, archive)
