"""Both clients make every call of the service, with every option of it, against a real server."""

from __future__ import annotations

import asyncio
import csv
import inspect
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vultus_client
from tests.api.standin import StandInSystem
from tests.heic import heic
from tests.pictures import drawn_photo, opened
from tests.standins import TINY
from vultus.api.app import create_app
from vultus.config import Settings
from vultus.schemas import requests as asked
from vultus.schemas.comparison import CompareFields
from vultus_client import AsyncClient, Client
from vultus_client.calls import recognition
from vultus_client.methods import Listing, Method
from vultus_client.parts import Calls
from vultus_client.request import Call, Defaults

ANNA, ANNA_AGAIN, BEN = drawn_photo(1), drawn_photo(1, noise=6, photo=1), drawn_photo(2)
BYTES = dict.fromkeys(("archive", "image", "first", "images"), b"x")
DUMMIES = BYTES | {"targets": [[1.0]], "policies": {}, "scopes": []}


def builders(kind: type = Calls) -> Iterator[Callable[..., Call[Any]]]:
    """The functions behind all methods of a client and its parts."""
    for name, member in vars(kind).items():
        if isinstance(member, Method | Listing):
            yield member._build
        elif isinstance(member, property):
            part = re.match(r"\w+", str(member.fget.__annotations__["return"]))[0]
            yield from builders(getattr(inspect.getmodule(kind), part))
        assert name


def built(build: Callable[..., Call[Any]]) -> Call[Any]:
    parameters = list(inspect.signature(build).parameters.values())[1:]
    needed = [one for one in parameters if one.default is one.empty or one.name in ("subject", "image", "archive")]
    positional = [DUMMIES.get(one.name, "x") for one in needed if one.kind is not one.KEYWORD_ONLY]
    named = {one.name: DUMMIES.get(one.name, "x") for one in needed if one.kind is one.KEYWORD_ONLY}
    return build(Defaults("http://x", "x"), *positional, **named)


def test_every_call_of_the_service_has_a_method():
    paths = create_app(StandInSystem(Settings())).openapi()["paths"]
    there = {(method.upper(), re.sub(r"\{[^}]*\}", "x", path)) for path, methods in paths.items() for method in methods}
    calls = [built(build) for build in builders()]
    assert {(call.method, call.path) for call in calls} == there


@pytest.mark.parametrize(
    ("build", "fields", "other_names"),
    [
        (recognition.enroll, asked.EnrollFields, {"img"}),
        (recognition.verify, asked.VerifyFields, {"img", "img1", "img2", "normalization"}),
        (recognition.find, asked.FindFields, {"img"}),
        (recognition.represent, asked.RepresentFields, {"img", "normalization"}),
        (recognition.detect, asked.DetectFields, {"img"}),
        (
            recognition.compare,
            CompareFields,
            {"img", "normalization", "metric", "vector", "vectors", "vector_b", "target_vector", "target_vectors"},
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_call_has_all_options_of_the_service(build, fields, other_names):
    options = set(inspect.signature(build).parameters) - {"defaults", "images", "image", "first", "second", "bgr"}
    assert options - {"targets"} == set(fields.model_fields) - other_names


def test_enroll_verify_find_and_erase(client):
    staff = client.with_options(collection="staff")
    enrolled = staff.enroll(ANNA, ANNA_AGAIN, drawn_photo(), subject="anna", name="Änna 写真", metadata={"team": "lab"})
    assert (enrolled.subject, enrolled.name, enrolled.created) == ("anna", "Änna 写真", True)
    assert [(one.index, one.error) for one in enrolled.rejected] == [(2, "no_face_detected")]
    assert not staff.enroll(ANNA, subject="anna").created
    staff.enroll(BEN, subject="ben")

    assert staff.verify(ANNA_AGAIN, subject="anna")
    assert not staff.verify(BEN, subject="anna")
    assert staff.verify(ANNA, ANNA_AGAIN, target_fmr=1e-3).raw["verified"] is True

    best = staff.find(ANNA_AGAIN, top_k=1).best
    assert (best.subject, best.name, best.metadata) == ("anna", "Änna 写真", {"team": "lab"})
    stranger = staff.find(drawn_photo(9))
    assert stranger.best is None
    assert stranger.faces[0].matches
    assert staff.find(face_id=enrolled.faces[0].face_id).collection == "staff"

    receipt = staff.subjects.erase("anna")
    assert (receipt.subject, receipt.deleted.faces, receipt.deleted.photos) == ("anna", 2, 2)
    with pytest.raises(vultus_client.SubjectNotFound):
        staff.subjects.get("anna")


def test_embeddings(client):
    kept = client.with_options(collection="kept")
    (face,) = kept.represent(ANNA)
    assert (len(face.embedding), kept.represent(ANNA).faces_found) == (len(face.embedding), 1)
    vector = np.array(face.embedding)
    made = kept.enroll(embedding=vector, model_name=TINY, subject="anna")
    assert [caution.code for caution in made.cautions] == ["no_photo"]
    assert kept.find(embedding=face.embedding, model_name=TINY).best.subject == "anna"
    results = kept.compare(ANNA_AGAIN, targets={"a": vector, "b": list(-vector)}).results
    assert [(one.id, one.verified) for one in results] == [("a", True), ("b", False)]
    assert kept.compare(source_vector=vector, targets=[vector], model_name=TINY).results[0].similarity == 1


def test_arrays_and_pillow_images_show_the_same_face_as_their_file(client):
    picture = opened(drawn_photo(3))
    pixels = np.asarray(picture)
    assert client.verify(picture, pixels, bgr=False)
    assert client.verify(pixels[:, :, ::-1], drawn_photo(3), bgr=True)


def test_photos_as_phones_take_them(client):
    assert client.detect(heic(np.asarray(opened(drawn_photo(3))))).faces_found == 1
    large = io.BytesIO()
    Image.new("RGB", (8000, 5001)).save(large, "JPEG")
    with pytest.raises(vultus_client.RequestTooLarge, match="40"):
        client.detect(large.getvalue())


def test_a_body_that_the_server_does_not_read_whole_is_an_error_with_its_sentence(client):
    with pytest.raises(vultus_client.RequestTooLarge, match="limit"):
        client.detect(bytes(40 << 20))


def test_people_are_listed_page_by_page_and_corrected(client):
    team = client.with_options(collection="team")
    for number in range(5):
        team.enroll(drawn_photo(20 + number), subject=f"person/{number}")
    assert [one.subject for one in team.subjects.list(page_size=2)] == [f"person/{number}" for number in range(5)]
    assert [one.subject for one in team.subjects.list(query="person/3")] == ["person/3"]
    assert len(list(team.faces.list(page_size=2))) == 5

    until = datetime.now(UTC) + timedelta(days=1)
    assert team.subjects.update("person/0", name="Zoë", expires_at=until).expires_at == until
    assert team.subjects.update("person/0", never_expires=True).expires_at is None

    renamed = team.subjects.rename("person/0", "zoë")
    assert team.undo(renamed.undo.id).subject.subject == "person/0"
    assert team.subjects.merge("person/1", into="person/0").moved == 1
    face = team.subjects.faces("person/2")[0]
    assert team.faces.move(face.face_id, "new one").created
    assert team.faces.get(face.face_id).subject == "new one"
    assert opened(team.faces.crop(face.face_id, size=64)).size == (64, 64)
    assert team.faces.photo(face.face_id).startswith(b"\xff\xd8")
    assert "subject.json" in zipfile.ZipFile(io.BytesIO(team.subjects.export("new one"))).namelist()
    assert team.faces.erase(face.face_id).deleted.faces == 1
    assert team.collections.erase("team").deleted.subjects == 5


def test_collections_keys_audit_jobs_and_status(client):
    made = client.collections.create("visitors", policies={"min_quality": 10})
    assert (made.collection, made.policies.min_quality) == ("visitors", 10)
    visitors = client.with_options(collection="visitors")
    assert visitors.collections.set_policies({"min_quality": None, "target_fpir": 0.02}).policies.min_quality is None
    assert "visitors" in [one.collection for one in client.collections.list()]

    made_key = client.keys.create("door", scopes=["find"], collections=["visitors"], requests_per_minute=50)
    with Client(client._sender.options.defaults.url, made_key.key) as door:
        assert (door.keys.own().name, door.keys.own().scopes) == ("door", ("find",))
        with pytest.raises(vultus_client.ScopeNotAllowed):
            door.keys.list()
    assert client.keys.rotate(made_key.id, overlap_minutes=0).key != made_key.key
    assert client.keys.revoke(made_key.id).revoked_at is not None
    assert made_key.id in [key.id for key in client.keys.list()]

    lines = list(client.audit.lines(action="key.create", page_size=1, since=datetime.now(UTC) - timedelta(minutes=9)))
    assert {line.outcome for line in lines} == {"ok"}
    table = list(csv.DictReader(client.audit.csv(action="key.create", limit=1).splitlines()))
    assert [(line["number"], line["action"]) for line in table] == [(str(lines[0].number), "key.create")]
    assert [one.kind for one in client.jobs.list()] in ([], ["enroll"] * 3)
    assert client.duplicates.get(collection="visitors").pairs == ()
    assert client.unknown_faces.list(collection="visitors").groups == ()
    assert client.unknown_faces.list(ignored=True, collection="visitors").ignored_faces == 0
    assert client.unknown_faces.ignore(["f" * 32], collection="visitors").faces == 0
    assert client.unknown_faces.erase_all(collection="visitors").erased == 0
    assert client.reembeddings.get(collection="visitors").job is None
    assert list(client.reembeddings.missing(collection="visitors")) == []
    assert client.status()
    assert client.readiness().status == "ready"
    assert client.capabilities()["models"]


def archive_of(*people: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for person in people:
            archive.writestr(f"p{person}/1.jpg", drawn_photo(person) if person else b"no photo")
    return buffer.getvalue()


def test_an_archive_is_enrolled_in_the_background(client, tmp_path):
    tmp_path.joinpath("people.zip").write_bytes(archive_of(61, 0, 62))
    job = client.jobs.create(tmp_path / "people.zip", collection="bulk")
    assert (job.kind, job.total, job.collection) == ("enroll", 3, "bulk")
    ended = client.jobs.wait(job.job_id, poll_seconds=0.1)
    assert (ended.state, ended.done, ended.counts.enrolled, ended.counts.refused) == ("done", 3, 2, 1)
    assert [one.subject for one in client.jobs.items(job.job_id, page_size=1)] == ["p61", "p0", "p62"]
    (refused,) = client.jobs.items(job.job_id, outcome="refused")
    assert (refused.file, refused.error) == ("p0/1.jpg", "invalid_image")
    assert client.find(drawn_photo(62), collection="bulk").best.subject == "p62"
    again = client.jobs.create(archive_of(61), collection="bulk")
    assert client.jobs.wait(again.job_id, poll_seconds=0.1).counts.already_enrolled == 1
    assert client.jobs.cancel(again.job_id).state == "done"
    for wrong in ({}, {"archive": b"x", "images": []}, {"archive": tmp_path}):
        with pytest.raises(vultus_client.InvalidRequest):
            client.jobs.create(**wrong)
    with pytest.raises(vultus_client.InvalidRequest, match="image URLs are off"):
        client.jobs.create(images=[{"url": "https://example.com/a.jpg", "subject": "anna"}])

    async def run() -> None:
        async with AsyncClient(client._sender.options.defaults.url, client._sender.options.key) as waiting:
            made = await waiting.jobs.create(tmp_path / "people.zip", collection="bulk-2")
            assert (await waiting.jobs.wait(made.job_id, poll_seconds=0.1)).counts.enrolled == 2
            assert [one.number async for one in waiting.jobs.items(made.job_id)] == [0, 1, 2]

    asyncio.run(run())


def test_the_async_client_does_the_same(served):
    async def run() -> None:
        async with AsyncClient(served.url, served.client()._sender.options.key, collection="async") as client:
            await asyncio.gather(*(client.enroll(drawn_photo(40 + one), subject=f"p{one}") for one in range(4)))
            found = await asyncio.gather(*(client.find(drawn_photo(40 + one)) for one in range(4)))
            assert [one.best.subject for one in found] == ["p0", "p1", "p2", "p3"]
            assert [one.subject async for one in client.subjects.list(page_size=3)] == ["p0", "p1", "p2", "p3"]
            with pytest.raises(vultus_client.SubjectNotFound):
                await client.with_options(max_retries=0).subjects.get("nobody")

    asyncio.run(run())


def test_a_client_of_one_s_own_is_used_and_not_closed(served, client):
    import httpx

    with httpx.Client(headers={"user-agent": "door/1"}) as http:
        with Client(served.url, client._sender.options.key, http_client=http) as ours:
            ours.health()
        assert not http.is_closed


def test_methods_say_what_they_take():
    with Client("http://127.0.0.1") as client:
        signature = inspect.signature(client.verify)
        assert list(signature.parameters)[:3] == ["first", "second", "subject"]
        assert client.verify.__doc__.startswith("Compare two photos")
