"""Photos of erased faces go: at once, later where their storage fails, and never under an enrolment of the same."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta

import pytest

from tests.storage.synthetic import DIMENSION, MODEL, new_face, sha256
from tests.waiting import patient
from vultus.errors import NotReady, StorageFailed, StorageUnavailable
from vultus.storage import tables as t
from vultus.storage.photo_records import photo_removal
from vultus.storage.photo_records.photo_removal import Removal
from vultus.storage.photos import LocalPhotoStore

KEY, OTHER = sha256("photo 1"), sha256("photo 2")


@pytest.fixture
def photos(tmp_path):
    return LocalPhotoStore(tmp_path / "photos")


def states(gallery):
    """What is known of the photos, by key."""
    with gallery._database.reading() as connection:
        return {row.sha256: row.state for row in connection.execute(t.photos.select())}


def enroll(gallery, subject, seed=1, *, photos=None):
    """A face whose photo is stored, as an enrolment does it."""
    data, face = f"photo {seed}".encode(), new_face(seed)
    gallery.photos.announce({face.photo.sha256: len(data)})
    if photos is not None:
        photos.put(data)
    kept = lambda: photos is None or photos.exists(face.photo.sha256) or photos.put(data)  # noqa: E731
    gallery.add_faces("people", subject, [face], before_commit=kept)


def away(_):
    raise NotReady("the storage does not answer")


def set_since(gallery, moment):
    with gallery._database.writing() as connection:
        connection.execute(t.photos.update().values(since=moment))


def test_a_photo_is_in_use_until_the_last_of_its_faces_goes(gallery, photos):
    for subject in ("anna", "berta"):
        gallery.add_faces("people", subject, [new_face(1)])
    photos.put(b"photo 1")
    assert gallery.delete_subject("people", "anna")[1] == ()
    assert states(gallery) == {KEY: "live"}
    assert gallery.photos.step(photos.delete) == Removal()
    orphans = gallery.delete_subject("people", "berta")[1]
    assert (orphans, states(gallery), gallery.photos.waiting()) == ((KEY,), {KEY: "doomed"}, 1)
    assert gallery.photos.remove(orphans, photos.delete) == Removal(1)
    assert (states(gallery), list(photos.keys())) == ({}, [])


@pytest.mark.parametrize("erase", ["face", "collection"])
def test_every_kind_of_erasure_says_which_photos_are_to_go(gallery, erase):
    enroll(gallery, "anna")
    if erase == "face":
        gallery.delete_face(gallery.faces("people", "anna")[0].id)
    else:
        gallery.delete_collection("people")
    assert states(gallery) == {KEY: "doomed"}


@pytest.mark.parametrize("failure", [StorageFailed, StorageUnavailable, NotReady])
def test_what_the_storage_refuses_is_removed_later(gallery, photos, failure):
    for seed in range(3):
        enroll(gallery, "anna", seed, photos=photos)

    def unlink(_):
        raise failure("the storage does not answer")

    orphans = gallery.delete_subject("people", "anna")[1]
    done = gallery.photos.remove(orphans, unlink)
    assert (done.removed, done.left, str(done.problem)) == (0, 3, "the storage does not answer")
    assert len(list(photos.keys())) == 3
    assert gallery.photos.step(photos.delete).removed == 3
    assert (states(gallery), list(photos.keys())) == ({}, [])


def test_one_that_cannot_be_removed_keeps_no_other(gallery, photos):
    for seed in range(5):
        enroll(gallery, "anna", seed, photos=photos)
    gallery.delete_subject("people", "anna")

    def unlink(key):
        if key == KEY:
            raise StorageFailed("this one is held")
        photos.delete(key)

    steps = [gallery.photos.step(unlink) for _ in range(2)]
    assert sum(step.removed for step in steps) == 4
    assert all(step.problem is not None for step in steps)
    assert list(photos.keys()) == [KEY]


def test_a_storage_that_is_slow_keeps_no_transaction_for_long(gallery, photos, monkeypatch):
    monkeypatch.setattr(photo_removal, "STEP_SECONDS", 0.0)
    for seed in range(3):
        enroll(gallery, "anna", seed, photos=photos)
    orphans = gallery.delete_subject("people", "anna")[1]
    step = gallery.photos.step(photos.delete)
    assert (step.removed, step.left, step.more, step.problem) == (1, 2, True, None)
    assert gallery.photos.remove(orphans, photos.delete) == Removal(2)


def test_a_crash_between_photo_and_faces_leaves_what_is_removed_a_day_later(gallery, photos):
    gallery.photos.announce({KEY: 7})
    photos.put(b"photo 1")
    assert gallery.photos.step(photos.delete) == Removal()
    assert gallery.photos.remove_strays([KEY], photos.delete) == 0  # an enrolment may be about to use it
    set_since(gallery, datetime.now(UTC) - timedelta(days=1, seconds=1))
    assert gallery.photos.step(photos.delete).removed == 1
    assert (states(gallery), list(photos.keys())) == ({}, [])


def test_a_crash_between_the_bytes_and_their_row_is_made_good(gallery, photos):
    enroll(gallery, "anna", photos=photos)
    gallery.delete_subject("people", "anna")

    def killed(key):
        photos.delete(key)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gallery.photos.step(killed)
    assert (states(gallery), list(photos.keys())) == ({KEY: "doomed"}, [])
    assert gallery.photos.step(photos.delete).removed == 1
    assert states(gallery) == {}


def test_who_is_enrolled_again_keeps_the_photo_that_could_not_be_removed(gallery, photos):
    enroll(gallery, "anna", photos=photos)
    orphans = gallery.delete_subject("people", "anna")[1]
    gallery.photos.remove(orphans, away)
    enroll(gallery, "anna", photos=photos)
    assert gallery.photos.step(photos.delete) == Removal()
    assert (states(gallery), photos.get(KEY)) == ({KEY: "live"}, b"photo 1")


def test_an_enrolment_of_the_same_picture_waits_for_its_removal_and_stores_it_again(gallery, other_gallery, photos):
    enroll(gallery, "anna", photos=photos)
    orphans = gallery.delete_subject("people", "anna")[1]
    enrolments: list[Future[None]] = []
    with ThreadPoolExecutor(1) as pool:

        def unlink(key):
            enrolments.append(pool.submit(enroll, other_gallery, "anna", photos=photos))
            assert not wait(enrolments, timeout=0.2).done
            photos.delete(key)

        assert gallery.photos.remove(orphans, unlink) == Removal(1)
        enrolments[0].result(patient())
    assert (states(gallery), photos.get(KEY)) == ({KEY: "live"}, b"photo 1")


def test_a_removal_leaves_a_picture_that_is_being_enrolled(gallery, other_gallery, photos):
    enroll(gallery, "anna", photos=photos)
    gallery.delete_subject("people", "anna")
    removals: list[Future[Removal]] = []
    with ThreadPoolExecutor(1) as pool:

        def before_commit():
            removals.append(pool.submit(other_gallery.photos.step, photos.delete))
            wait(removals, timeout=0.2)
            assert photos.exists(KEY)

        gallery.add_faces("people", "anna", [new_face(1)], before_commit=before_commit)
        assert removals[0].result(patient()).removed == 0
    assert states(gallery) == {KEY: "live"}


def test_of_two_servers_each_removes_what_the_other_does_not(gallery, other_gallery, photos):
    for seed in range(40):
        enroll(gallery, "anna", seed, photos=photos)
    gallery.delete_subject("people", "anna")
    unlinked: list[str] = []
    start = threading.Barrier(2)

    def sweep(one):
        start.wait(patient())
        return one.photos.step(unlinked.append).removed

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(sweep, (gallery, other_gallery))) == 40
    assert len(unlinked) == len(set(unlinked)) == 40
    assert states(gallery) == {}


def test_enrolments_of_the_same_pictures_in_other_orders_do_not_wait_in_a_circle(gallery, other_gallery):
    gallery.create_collection("staff", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    start = threading.Barrier(2)

    def enroll_both(one, collection, order):
        for turn in range(20):
            start.wait(patient())
            faces = [(f"subject {turn} {seed}", new_face(seed, photo=f"{turn} {seed}")) for seed in order]
            one.add_faces_of_several(collection, faces)

    for turn in range(20):
        gallery.photos.announce({sha256(f"{turn} {seed}"): 1 for seed in range(6)})
    with ThreadPoolExecutor(2) as pool:
        ways = [(gallery, "people", range(6)), (other_gallery, "staff", range(5, -1, -1))]
        for done in [pool.submit(enroll_both, *way) for way in ways]:
            done.result()
    assert set(states(gallery).values()) == {"live"}


def test_a_photo_in_use_is_not_removed_whatever_its_row_says(gallery, photos):
    enroll(gallery, "anna", photos=photos)
    with gallery._database.writing() as connection:
        connection.execute(t.photos.update().values(state="doomed"))
    assert gallery.photos.step(photos.delete).removed == 0
    assert (states(gallery), photos.get(KEY)) == ({KEY: "live"}, b"photo 1")


@pytest.mark.sqlite
def test_an_erasure_succeeds_where_the_row_of_its_photo_was_changed_from_outside(gallery, photos):
    enroll(gallery, "anna", photos=photos)
    with gallery._database.writing() as connection:
        connection.execute(t.photos.update().values(seal=b"forged"))
    orphans = gallery.delete_subject("people", "anna")[1]
    assert gallery.photos.remove(orphans, photos.delete) == Removal(1)
