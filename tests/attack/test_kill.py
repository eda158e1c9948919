"""kill -9 at random moments of concurrent enrolment: what was acknowledged is there and found, nothing half there."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import httpx
import pytest

from tests.attack.budget import KILL, rounds
from tests.attack.process import Server, photos_of_one_face, serving
from vultus.backup.integrity import faults
from vultus.storage.audit import Audit
from vultus.storage.database import open_database
from vultus.storage.photos import LocalPhotoStore

pytestmark = pytest.mark.real

CLIENTS = 4
PHOTOS = 96  # in a round: /find shows at most 100 subjects
LONGEST_SECONDS = 4.0  # that a server lives under load


@dataclass(frozen=True)
class Acknowledged:
    """An enrolment to which the server had answered."""

    collection: str
    subject: str
    face_id: str
    request_id: str


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_a_killed_server_loses_nothing_and_leaves_nothing_half_done(tmp_path, model_dir, kills):
    folder, seeds, photos = tmp_path / "data", random.Random(6), photos_of_one_face(PHOTOS)
    acknowledged: list[Acknowledged] = []
    done = 0
    for turn in rounds(kills, KILL):
        with serving(folder, model_dir) as server:  # after a kill: nobody repaired anything
            assert_whole(server, folder, acknowledged, photos)
            lives = seeds.uniform(0.1, LONGEST_SECONDS)
            acknowledged += enroll_until_killed(server, f"round-{turn}", photos, lives)
        assert_sound(folder)
        done += 1
    with serving(folder, model_dir) as server:
        assert_whole(server, folder, acknowledged, photos)
    assert_sound(folder)
    print(f"\nkills {done} of {kills}, acknowledged {len(acknowledged)}, lost 0")
    assert len(acknowledged) >= done


def assert_sound(folder: Path) -> None:
    assert [fault for fault in found_faults(folder) if not fault.repairable] == []


def enroll_until_killed(server: Server, collection: str, photos: Sequence[bytes], lives: float) -> list[Acknowledged]:
    """What some clients at once got acknowledged before the server was killed; it lives so many seconds under load."""
    done: list[Acknowledged] = []
    begun = threading.Event()

    def enroll(place: int) -> None:
        with server.client() as client:
            for number in range(place, PHOTOS, CLIENTS):
                begun.set()
                answer = server.enroll(client, photos[number], f"{collection}-{number}", collection)
                assert answer.status_code == 201, answer.text
                face = answer.json()["faces"][0]
                subject = answer.json()["subject"]
                done.append(Acknowledged(collection, subject, face["face_id"], answer.headers["x-request-id"]))

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(enroll, place) for place in range(CLIENTS)]
        begun.wait()
        kill = Timer(lives, server.process.kill)
        kill.start()
        endings = [client.exception() for client in clients]
        kill.join()
    assert all(ending is None or isinstance(ending, httpx.TransportError) for ending in endings), endings
    return done


def assert_whole(server: Server, folder: Path, acknowledged: Sequence[Acknowledged], photos: Sequence[bytes]) -> None:
    """Everything acknowledged is there, found and audited, with its photo; what is there is whole; all agrees."""
    assert found_faults(folder) == []
    with server.client() as client:
        for one in acknowledged:
            face = client.get(f"/faces/{one.face_id}")
            assert (face.status_code, face.json()["subject"]) == (200, one.subject)
            assert client.get(f"/faces/{one.face_id}/photo").content.startswith(b"\xff\xd8")
        for collection in {one.collection for one in acknowledged}:
            searched = client.post("/find", files={"img": photos[0]}, data={"collection": collection, "top_k": "100"})
            found = {match["subject"] for match in searched.json()["faces"][0]["matches"]}
            assert found >= {one.subject for one in acknowledged if one.collection == collection}
            there = client.get(f"/collections/{collection}/subjects?limit=1000").json()["subjects"]
            assert {subject["subject"] for subject in there} == found
            assert {subject["faces"] for subject in there} == {1}
    audited = {(line.request_id, line.objects) for line in audit_of(folder) if line.action == "enroll"}
    assert audited >= {(one.request_id, (one.face_id,)) for one in acknowledged}


def found_faults(folder: Path) -> list[object]:
    database = open_database(f"sqlite:///{folder / 'vultus.db'}")
    try:
        return list(faults(database, LocalPhotoStore(folder / "photos")))
    finally:
        database.close()


def audit_of(folder: Path) -> Sequence[object]:
    database = open_database(f"sqlite:///{folder / 'vultus.db'}")
    try:
        return Audit(database).lines(limit=1_000_000)
    finally:
        database.close()
