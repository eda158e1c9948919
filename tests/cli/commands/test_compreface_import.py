"""vultus import --from compreface: reads another server, for which our own CompreFace dialect stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.conftest import Small, open_small
from tests.pictures import drawn_photo
from tests.served import serving
from vultus.config import Settings
from vultus.records.stored import NewFace, Photo
from vultus.wiring.parts import System

KEY = "00000000-0000-0000-0000-0000000000ab"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """The system of the server: anna with two photos, bert with one, an example without photo, carl without any."""
    with open_small(tmp_path_factory.mktemp("old")) as parts:
        parts.service.galleries.create_collection("people")
        for subject, photo in [("anna", drawn_photo(1)), ("anna", drawn_photo(4)), ("bert", drawn_photo(2))]:
            add_with_photo(parts, subject, photo)
        parts.service.enrolment.enroll(
            [drawn_photo(3)], collection="people", subject="without photo", store_photo=False
        )
        parts.service.galleries.create_subject("people", "carl")
        parts.keys.register("compreface-recognition", "old", KEY, ["read"], collections=["people"])
        yield parts


def add_with_photo(parts: Small, subject: str, photo: bytes) -> None:
    """With the photo as it is: in the JPEG that is kept otherwise, the stand-in detector would not see its frames."""
    (template,) = parts.service.recognition.represent(photo)
    key = parts.photos.put(photo)
    stored = Photo(key, sha256(photo).hexdigest(), 320, 240, len(photo))
    parts.gallery.add_faces("people", subject, [NewFace(template, stored)])


@pytest.fixture(scope="module")
def url(old: Small) -> Iterator[str]:
    parts: Any = old
    system = System(
        Settings(_env_file=None), parts.service, parts.keys, parts.gallery, parts.models, parts.service.context.pipeline
    )
    with serving(system) as port:
        yield f"http://127.0.0.1:{port}"


def imported(run: Any, url: str, *options: object, code: int = 0) -> dict[str, Any]:
    answer = run("import", "--from", "compreface", url, "--collection", "staff", *options, "--json", sent=f"{KEY}\n")
    assert answer.exit_code == code, answer.output
    assert KEY not in answer.output
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def test_people_and_photos_come_over_and_are_counted(run: Any, small: Small, url: str) -> None:
    answer = imported(run, url, code=3)
    assert (answer["photos"], answer["enrolled"], answer["left_out"]) == (4, 3, 0)
    assert [(one["error"], one["count"]) for one in answer["refused"]] == [("invalid_image", 1)]
    assert "keeps no photo" in answer["refused"][0]["detail"]
    counts = {subject.id: subject.faces for subject in small.gallery.subjects("staff", limit=9)}
    assert counts == {"anna": 2, "bert": 1, "carl": 0}


def test_an_import_goes_on_where_it_was(run: Any, small: Small, url: str) -> None:
    first = imported(run, url, "--limit", 2)
    assert (first["enrolled"], first["left_out"]) == (2, 2)
    looked = small.detector.calls
    second = imported(run, url, code=3)
    assert (second["enrolled"], second["already_there"]) == (1, 2)
    assert small.detector.calls == looked + 1


@pytest.mark.parametrize(
    ("address", "key", "says"),
    [
        ("{url}", str(UUID(int=7)), "404 and CompreFace's code 10; give the key of a recognition service"),
        ("{url}/elsewhere", KEY, "the server answers 404"),
        ("http://127.0.0.1:1", KEY, "does not answer (ConnectError)"),
        ("ftp://127.0.0.1", KEY, "begins with http:// or https://"),
    ],
)
def test_a_server_that_cannot_be_read_is_told_in_a_sentence(
    run: Any, url: str, small: Small, address: str, key: str, says: str
) -> None:
    answer = run("import", "--from", "compreface", address.format(url=url), "--collection", "staff", sent=f"{key}\n")
    assert answer.exit_code != 0
    assert says in answer.output
    assert "staff" not in [collection.name for collection in small.gallery.collections()]


def test_an_import_without_a_key_asks_for_it(run: Any, url: str) -> None:
    answer = run("import", "--from", "compreface", url, sent="")
    assert answer.exit_code == 2
    assert "standard input ended before the key" in answer.output


def test_a_folder_is_imported_as_before(run: Any, tmp_path: Path) -> None:
    (tmp_path / "people" / "anna").mkdir(parents=True)
    (tmp_path / "people" / "anna" / "1.png").write_bytes(drawn_photo(1))
    assert run("import", tmp_path / "people").exit_code == 0
