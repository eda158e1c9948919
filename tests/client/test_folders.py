"""enroll_folder: what is sent, what is reported, what stops it, and how it goes on."""

from __future__ import annotations

import asyncio
import json
import threading
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest

import vultus_client
from tests.client.conftest import KEY, Answer, serving
from tests.pictures import drawn_photo
from tests.waiting import patient
from vultus.evaluation.labelled_folder import SYSTEM_FILES, SYSTEM_FOLDERS
from vultus.vision.decoding.formats import PHOTO_SUFFIXES
from vultus_client import AsyncClient, Client
from vultus_client.folder.enrolling import enroll_by_threads
from vultus_client.folder.photos import OF_SYSTEMS, SUFFIXES
from vultus_client.folder.run import start
from vultus_client.request import Call, Defaults
from vultus_client.results.recognition import Enrolment

QUIET = {"progress": False}
ENROLLED = (
    '{"subject":"a","name":null,"expires_at":null,"collection":"c","model":"m","model_id":"m","faces":[],"rejected":[],'
    '"time":0}'
)


def photos(root: Path, people: int, *, each: int = 1, first: int = 100) -> Path:
    for person in range(people):
        folder = root / f"person {person}"
        folder.mkdir(parents=True)
        for number in range(each):
            (folder / f"{number}.png").write_bytes(drawn_photo(first + person, noise=3, photo=number))
    return root


def test_photos_are_what_the_import_command_takes():
    assert SUFFIXES == PHOTO_SUFFIXES
    assert OF_SYSTEMS == SYSTEM_FOLDERS
    assert {name for name in SYSTEM_FILES if Path(name).suffix in SUFFIXES} == set()


def test_a_folder_is_enrolled_and_reported(client, tmp_path, capsys):
    root = photos(tmp_path / "photos", 2, each=2)
    (root / "Änne Ünï 写真" / "deep").mkdir(parents=True)
    (root / "Änne Ünï 写真" / "deep" / "1.jpg").write_bytes(drawn_photo(110))
    (root / "person 0" / "wall.jpg").write_bytes(drawn_photo())
    (root / "person 0" / "broken.heic").write_bytes(b"no photo")
    (root / "person 0" / ".hidden.jpg").write_bytes(b"")
    (root / "person 0" / "notes.txt").write_bytes(b"")
    (root / "flat.jpg").write_bytes(drawn_photo(1))
    outcomes = []
    report = client.enroll_folder(root, collection="folder", on_result=outcomes.append)
    assert (report.total, report.done, report.counts["enrolled"]) == (7, 7, 5)
    assert {(one.photo, one.code) for one in report.refused} == {
        ("person 0/wall.jpg", "no_face_detected"),
        ("person 0/broken.heic", "invalid_image"),
    }
    assert dict(report.ignored) == {
        ".txt": 1,
        "not in a sub-folder": 1,
        "hidden, or made by an operating system": 1,
    }
    assert len(outcomes) == 7
    assert not report
    assert "7 of 7 photos: 5 enrolled, 0 already there, 0 done in an earlier run, 2 refused" in str(report)
    assert "no face found" in str(report)
    assert "7 of 7 photos" in capsys.readouterr().err
    names = [one.subject for one in client.subjects.list(collection="folder")]
    assert sorted(names) == sorted(["person 0", "person 1", "Änne Ünï 写真"])

    again = client.enroll_folder(root, collection="folder", **QUIET)
    assert (again.counts["already_there"], again.counts["refused"]) == (5, 2)


def test_a_journal_keeps_photos_from_being_sent_again(client, tmp_path):
    root, journal = photos(tmp_path / "photos", 3), tmp_path / "journal"
    run = client.with_options(collection="journal").enroll_folder
    assert run(root, journal=journal, **QUIET).counts["enrolled"] == 3
    with journal.open("a") as file:
        file.write('{"photo": "cut o')
    (root / "person 1" / "0.png").write_bytes(drawn_photo(131))
    report = run(root, journal=journal, **QUIET)
    assert (report.counts["skipped"], report.counts["enrolled"]) == (2, 1)
    assert run(root, journal=journal, **QUIET).counts["skipped"] == 3
    assert run(root, journal=journal, collection="other", **QUIET).counts["enrolled"] == 3


def test_a_server_that_starts_again_in_the_middle_loses_nothing(tmp_path, free_port):
    root = photos(tmp_path / "photos", 12)
    data = tmp_path / "data"
    data.mkdir()
    with ExitStack() as servers, ThreadPoolExecutor(1) as restarting:
        first = servers.enter_context(serving(data, VULTUS_PORT=str(free_port)))
        restarted = []

        def restart() -> None:
            first.process.wait()
            servers.enter_context(serving(data, VULTUS_PORT=str(free_port)))

        def kill_after_five(_: vultus_client.Outcome) -> None:
            seen.append(1)
            if len(seen) == 5:
                first.process.kill()
                restarted.append(restarting.submit(restart))

        seen: list[int] = []
        with Client(first.url, KEY) as client:
            report = client.enroll_folder(root, on_result=kill_after_five, patience=patient(120), **QUIET)
            restarted[0].result()
            assert (report.done, report.refused) == (12, [])
            assert client.collections.get().faces == 12


def test_a_key_that_is_revoked_in_the_middle_stops_it_and_another_goes_on(served, client, tmp_path):
    root, kept = photos(tmp_path / "photos", 8), tmp_path / "journal"
    key = client.keys.create("import", scopes=["enroll"])

    def revoke_after_three(_: vultus_client.Outcome) -> None:
        seen.append(1)
        if len(seen) == 3:
            client.keys.revoke(key.id)

    seen: list[int] = []
    limited = Client(served.url, key.key, collection="revoked")
    with limited, pytest.raises(vultus_client.InvalidApiKey) as caught:
        limited.enroll_folder(root, journal=kept, on_result=revoke_after_three, **QUIET)
    done = caught.value.report.done
    assert 3 <= done < 8
    assert f"{done} of 8 photos were done before" in caught.value.__notes__[0]
    report = client.enroll_folder(root, journal=kept, collection="revoked", **QUIET)
    assert (report.done, report.counts["skipped"], report.refused) == (8, done, [])


def test_a_wrong_key_stops_it_at_the_first_photos(served, tmp_path):
    root = photos(tmp_path / "photos", 8)
    with Client(served.url, "wrong") as client, pytest.raises(vultus_client.InvalidApiKey) as caught:
        client.enroll_folder(root, **QUIET)
    assert caught.value.report.done == 0


def test_a_server_that_is_not_there_is_waited_for_in_bounds(tmp_path, free_port):
    root = photos(tmp_path / "photos", 2)
    with Client(f"http://127.0.0.1:{free_port}", max_retries=0) as client, pytest.raises(vultus_client.Unreachable):
        client.enroll_folder(root, patience=0, **QUIET)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(404, "<html>Apache</html>"), vultus_client.UnexpectedAnswer),
        (Answer(500, '{"error": "internal", "detail": "the disk is full"}'), vultus_client.ServerFault),
    ],
)
def test_what_every_photo_would_meet_stops_it(scripted, tmp_path, answer, error):
    server = scripted(answer)
    root = photos(tmp_path / "photos", 30)
    with Client(server.url) as client, pytest.raises(error):
        client.enroll_folder(root, **QUIET)
    assert len(server.asked) < 20


@pytest.mark.parametrize(("folder", "words"), [("nowhere", "cannot be read: No such"), (".", "no photo was found")])
def test_a_folder_that_is_none(client, tmp_path, monkeypatch, folder, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(vultus_client.InvalidRequest, match=words):
        client.enroll_folder(folder)
    with pytest.raises(vultus_client.InvalidRequest, match="workers is 0"):
        client.enroll_folder(folder, workers=0)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.jpg").write_bytes(b"")
    with pytest.raises(vultus_client.InvalidRequest, match="journal"):
        client.enroll_folder(tmp_path, journal=tmp_path)


@pytest.mark.parametrize("people", [10, pytest.param(100, marks=pytest.mark.soak)])
def test_the_memory_for_ten_thousand_photos_is_bounded(tmp_path, people):
    """A hundred photos a person; half a gigabyte of files in the long form, read as they are to be sent."""
    for person in range(people):
        (tmp_path / f"{person:03}").mkdir()
        for number in range(100):
            with (tmp_path / f"{person:03}" / f"{number}.jpg").open("wb") as file:
                file.truncate(50_000)
    sent = []

    class Counting:
        def send(self, build: Callable[[], Call[Enrolment]]) -> Enrolment:
            sent.append(sum(len(part[1][1]) for part in build().body["files"] if part[0] == "img"))
            return Enrolment.from_json(json.loads(ENROLLED))

    begin = partial(start, Defaults("http://x"), tmp_path, journal=tmp_path / "journal", **QUIET)
    tracemalloc.start()
    report = enroll_by_threads(Counting(), begin)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (report.total, report.done, sum(sent)) == (people * 100, people * 100, people * 5_000_000)
    assert peak < 12_000_000


def test_the_async_client_sends_as_many_at_once_as_it_is_told(tmp_path):
    root = photos(tmp_path / "photos", 10)
    working = most = 0

    async def count(request: httpx.Request) -> httpx.Response:
        nonlocal working, most
        working += 1
        most = max(most, working)
        await asyncio.sleep(0.01)
        working -= 1
        return httpx.Response(201, text=ENROLLED)

    async def run() -> vultus_client.Report:
        http = httpx.AsyncClient(transport=httpx.MockTransport(count))
        async with http, AsyncClient(key="k", http_client=http) as client:
            return await client.enroll_folder(root, workers=3, **QUIET)

    assert asyncio.run(run()).done == 10
    assert most == 3


def test_the_async_client_enrolls_reports_and_stops_as_the_other_one(served, client, tmp_path):
    root = photos(tmp_path / "photos", 3)
    (root / "person 0" / "wall.jpg").write_bytes(drawn_photo())

    async def run(key: str) -> vultus_client.Report:
        async with AsyncClient(served.url, key, collection="async folder".replace(" ", "-")) as one:
            return await one.enroll_folder(root, **QUIET)

    report = asyncio.run(run(client._sender.options.key))
    assert (report.counts["enrolled"], [one.code for one in report.refused]) == (3, ["no_face_detected"])
    with pytest.raises(vultus_client.InvalidApiKey) as caught:
        asyncio.run(run("wrong"))
    assert caught.value.report.done == 0


def test_threads_that_wait_for_a_server_end_with_the_run(tmp_path, free_port):
    """As with Ctrl-C: nothing goes on sending."""
    root = photos(tmp_path / "photos", 2)
    before = threading.active_count()

    def stop(_: vultus_client.Outcome) -> None:
        raise KeyboardInterrupt

    answers = iter([httpx.Response(201, text=ENROLLED)])

    def answer(request: httpx.Request) -> httpx.Response:
        found = next(answers, None)
        if found is None:
            raise httpx.ConnectError("gone", request=request)
        return found

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        client = Client(key="k", http_client=http, max_retries=0)
        with pytest.raises(KeyboardInterrupt):
            client.enroll_folder(root, patience=3600, on_result=stop, **QUIET)
    assert threading.active_count() == before
