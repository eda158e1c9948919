"""Samples of what is stored: how often they are taken, and what is in them."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.api.standin import NOW, SAMPLE
from tests.conftest import Small
from tests.pictures import drawn_photo
from tests.waiting import wait_until
from vultus.backup.last_backup import LastBackup, write_last_backup
from vultus.errors import StorageFailed
from vultus.records.samples import CollectionSize, LoadedIndex, Work, Workers
from vultus.records.stored import CollectionPolicies
from vultus.status.concerns import concerns, concerns_of_processes
from vultus.status.sampler import SAMPLE_SECONDS, SHARE, Sampler
from vultus.storage.replication.replicas import Identity, Replica


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class CountingGallery:
    """A gallery that counts how often it is asked, and takes a while, fails or waits."""

    def __init__(self, clock: Clock) -> None:
        self.asked, self.takes, self.fails, self.clock = 0, 0.0, False, clock
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def collections(self):
        self.asked += 1
        self.clock.now += self.takes
        self.may_go_on.wait()
        if self.fails:
            raise StorageFailed("the disk failed")
        return ()

    def photo_bytes(self) -> int:
        return 77

    def database_bytes(self) -> tuple[int, int]:
        return 88, 99

    def waiting_photos(self) -> tuple[int, None]:
        return 0, None

    def servers(self) -> tuple[()]:
        return ()


def sampler_of(tmp_path, clock: Clock) -> tuple[Sampler, CountingGallery]:
    gallery = CountingGallery(clock)
    return Sampler(gallery, None, data_dir=tmp_path, clock=clock), gallery


def test_a_sample_is_taken_at_most_every_15_seconds(tmp_path):
    clock = Clock()
    sampler, gallery = sampler_of(tmp_path, clock)
    for _ in range(10):
        sampler.sample()
    assert gallery.asked == 1
    clock.now += SAMPLE_SECONDS - 0.1
    sampler.sample()
    assert gallery.asked == 1
    clock.now += 0.1
    sampler.sample()
    assert gallery.asked == 2


def test_a_sample_that_takes_long_is_taken_more_rarely(tmp_path):
    clock = Clock()
    sampler, gallery = sampler_of(tmp_path, clock)
    gallery.takes = 2.0
    sampler.sample()
    clock.now += 2.0 * SHARE - 1
    sampler.sample()
    assert gallery.asked == 1
    clock.now += 1
    sampler.sample()
    assert gallery.asked == 2


def test_while_a_sample_is_taken_the_last_one_is_answered(tmp_path, monkeypatch):
    monkeypatch.setattr("vultus.status.sampler.WAIT_SECONDS", 0.01)
    clock = Clock()
    sampler, gallery = sampler_of(tmp_path, clock)
    first = sampler.sample()
    gallery.may_go_on.clear()
    clock.now += SAMPLE_SECONDS
    assert sampler.sample() is first
    assert sampler.sample() is first
    assert gallery.asked == 2  # one at a time
    gallery.may_go_on.set()
    sampler.close()
    assert sampler.sample() is not first


def test_a_database_that_does_not_answer_is_said_with_the_figures_of_before(tmp_path, small: Small):
    clock = Clock()
    sampler, gallery = sampler_of(tmp_path, clock)
    assert sampler.sample().photo_bytes == 77
    gallery.fails = True
    clock.now += SAMPLE_SECONDS
    sampler.sample()
    wait_until(lambda: not sampler.sample().database_up, "the sample without a database")
    assert sampler.sample().photo_bytes == 77


def test_what_is_stored(small: Small):
    photo = drawn_photo(1)
    small.service.enrolment.enroll([photo], subject="a")
    small.service.enrolment.enroll([photo], subject="b")  # the same photo is stored once
    small.service.enrolment.enroll([drawn_photo(2)], subject="a", collection="other")
    replica = Replica(small.gallery._database, Identity("0.2.0", "model-a", "a" * 64, 2, "b" * 64))
    replica.join()
    sampler = Sampler(small.gallery, small.models, data_dir=small.folder)
    sample = sampler.sample()
    assert [one.id for one in sample.servers] == [replica.id]
    assert sample.collections == (CollectionSize("default", 2, 2), CollectionSize("other", 1, 1))
    stored = [path.stat().st_size for path in (small.folder / "photos").rglob("*") if path.is_file()]
    assert sample.photo_bytes == sum(stored) > 0
    assert len(stored) == 2
    assert sample.database_bytes == (small.folder / "vultus.db").stat().st_size > 0
    assert sample.wal_bytes == (small.folder / "vultus.db-wal").stat().st_size > 0
    assert 0 < sample.disk_free_bytes < sample.disk_bytes
    assert sample.last_backup is None
    write_last_backup(small.folder, LastBackup(NOW, "a.backup", 5, "0" * 64))
    assert sampler.take().last_backup == NOW


def test_a_policy_that_nothing_can_keep_is_said(small: Small):
    small.service.galleries.create_collection("door", policies=CollectionPolicies(liveness="require"))
    sampler = Sampler(small.gallery, small.models, data_dir=small.folder)
    assert [one for one in concerns(sampler.take(), NOW) if "liveness" in one] == []
    small.models.liveness_model = None
    (said,) = [one for one in concerns(sampler.take(), NOW) if "liveness" in one]
    assert said.startswith("1 collections ask for liveness")
    assert said.endswith("run: vultus models pull minifasnet")


def test_a_data_folder_that_is_away_is_said(tmp_path):
    sampler = Sampler(CountingGallery(Clock()), None, data_dir=tmp_path / "gone")
    sample = sampler.sample()
    assert (sample.disk_free_bytes, sample.disk_bytes) == (0, 0)
    assert [one for one in concerns(sample, NOW) if one.startswith("the data folder is away")]


def test_a_healthy_service_has_no_warnings():
    assert list(concerns(SAMPLE, NOW + timedelta(hours=25))) == []
    assert list(concerns_of_processes(Workers(2, 2, 0, Work()))) == []


def test_what_an_operator_has_to_know_is_said():
    ill = replace(
        SAMPLE,
        database_up=False,
        disk_free_bytes=SAMPLE.disk_bytes // 20,
        wal_bytes=2 << 30,
        failed_self_tests=("sface in int8: 0.3 is wrong",),
    )
    said = "\n".join(concerns(ill, NOW + timedelta(hours=30)))
    for part in (
        "the database does not answer",
        "5.0 of 100.0 GiB are free (5 %)",
        "the last verified backup is 30 hours old",
        "2.0 GiB",
        "sface in int8: 0.3 is wrong",
    ):
        assert part in said
    work = Work(audit_lost=4, indexes=(LoadedIndex("staff", "exact", 10, 10, 1.0, refused=True),))
    said = "\n".join(concerns_of_processes(Workers(2, 1, 3, work)))
    for part in ("1 of 2 worker processes", "3 worker processes died", "4 audit lines", "staff"):
        assert part in said
    said = "\n".join(concerns_of_processes(Workers(2, 1, 3, work), lambda collection: collection == "guests"))
    assert "4 audit lines" in said
    assert "staff" not in said


def test_nobody_enrolled_needs_no_backup():
    now = datetime.now(UTC)
    assert [one for one in concerns(replace(SAMPLE, last_backup=None), now) if "backup" in one]
    empty = replace(SAMPLE, last_backup=None, collections=(CollectionSize("default", 0, 0),))
    assert [one for one in concerns(empty, now) if "backup" in one] == []


def test_a_database_with_tools_of_its_own_needs_no_backup_by_vultus(tmp_path):
    now, clock = NOW + timedelta(hours=1), Clock()
    assert (
        not Sampler(CountingGallery(clock), None, data_dir=tmp_path, own_backups=False, clock=clock).take().own_backups
    )
    elsewhere = replace(SAMPLE, last_backup=None, own_backups=False)
    assert [one for one in concerns(elsewhere, now) if "backup" in one] == []


def test_photos_of_erased_faces_that_wait_are_counted_since_when_they_do(small: Small, tmp_path):
    small.service.enrolment.enroll([drawn_photo(1)], subject="anna")
    small.gallery.delete_subject("default", "anna")  # without its second step, which removes the photo

    def fails(key: str) -> None:
        raise StorageFailed("the disk failed")

    sampler = Sampler(small.gallery, None, data_dir=tmp_path)
    before = sampler.take()
    assert before.photos_waiting == 1
    assert small.gallery.photos.step(fails).left == 1
    after = sampler.take()
    assert (after.photos_waiting, after.photos_waiting_since) == (1, before.photos_waiting_since)
    late = before.photos_waiting_since + timedelta(hours=2)
    assert any("1 photos of erased faces wait to be removed" in line for line in concerns(after, late))
    assert not any("wait to be removed" in line for line in concerns(after, before.photos_waiting_since))
    assert small.gallery.photos.step(lambda key: None).removed == 1
    assert (sampler.take().photos_waiting, sampler.take().photos_waiting_since) == (0, None)
