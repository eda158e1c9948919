"""What the server repeats for as long as it serves: old audit lines and subjects whose time is over go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.pictures import drawn_photo
from vultus.config import Settings
from vultus.errors import FaceNotFound, NotReady, SubjectNotFound, UndoNotPossible
from vultus.records.stored import AuditLine
from vultus.storage.audit import Act, Audit
from vultus.storage.photos import LocalPhotoStore
from vultus.wiring.background import sweeps

NOW = datetime.now(UTC)
SOON = NOW + timedelta(hours=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def audit(small):
    return Audit(small.gallery._database)


@pytest.fixture
def sweep(small, audit):
    """Does all that a server would have done by a moment; the lines of the audit that the server wrote."""

    def run(now, **settings):
        for sweep in sweeps(small.service, audit, Settings(**settings), now=lambda: now):
            while sweep.run():
                pass
        return [(line.action, line.objects) for line in audit.lines() if line.actor == "server"]

    return run


def enroll(small, subject, person, **given):
    result = small.service.enrolment.enroll([drawn_photo(person)], subject=subject, **given)
    return result.faces[0].face.id


def subjects(small, collection="default"):
    return [one.id for one in small.service.galleries.subjects(collection, cursor=None, limit=100)[0]]


def let_expire(small, subject):
    """Its time comes."""
    with small.gallery._database.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE subjects SET expires_at = '2020-01-01 00:00:00.000000' WHERE id = ?", (subject,)
        )


# --- the audit ----------------------------------------------------------------------------------------------------


def test_audit_lines_are_kept_for_ever_unless_a_setting_says_for_how_long(audit, sweep):
    for days in (31, 30, 1):
        audit.add(AuditLine("k", "find", at=NOW - timedelta(days=days)))
    numbers = lambda: [line.number for line in audit.lines()]  # noqa: E731
    assert (sweep(NOW), numbers()) == ([], [1, 2, 3])
    assert (sweep(NOW, audit_days=31), numbers()) == ([], [1, 2, 3])
    assert (sweep(NOW, audit_days=30), numbers()) == ([("audit.prune", ())], [2, 3, 4])
    assert (sweep(NOW, audit_days=30), numbers()) == ([("audit.prune", ())], [2, 3, 4])


# --- subjects that expire -----------------------------------------------------------------------------------------


def test_a_subject_is_erased_once_with_its_photo_when_its_time_has_come(small, sweep):
    face = enroll(small, "anna", 1, expires_at=SOON)
    enroll(small, "ben", 2)
    assert sweep(SOON - timedelta(seconds=1)) == []
    assert subjects(small) == ["anna", "ben"]
    assert sweep(SOON) == [("subject.expire", (face,))]
    assert subjects(small) == ["ben"]
    assert len(list(small.photos.keys())) == 1
    assert len(sweep(SOON + HOUR)) == 1


def test_of_two_processes_that_sweep_at_once_one_erases(small, audit):
    enroll(small, "anna", 1, expires_at=SOON)
    ours = small.gallery.acting_as(Act("server"))
    first, second = ours.expiry.erase_expired(SOON), ours.expiry.erase_expired(SOON)
    assert (first.subjects, second.subjects) == (1, 0)
    assert [line.action for line in audit.lines()] == ["subject.expire"]


def test_many_that_expire_at_once_go_a_few_in_a_transaction(small, sweep, monkeypatch):
    monkeypatch.setattr("vultus.storage.lifetimes.expiry.SUBJECTS_AT_ONCE", 2)
    for person in range(5):
        enroll(small, f"s{person}", person, expires_at=SOON)
    assert small.gallery.expiry.erase_expired(SOON).more
    assert len(subjects(small)) == 3
    sweep(SOON)
    assert subjects(small) == []


def test_who_has_expired_is_neither_found_nor_verified_before_the_sweep(small):
    face = enroll(small, "anna", 1)
    enroll(small, "ben", 2)
    find = small.service.identification.find
    assert find(drawn_photo(1)).faces[0].matches[0].candidate.subject == "anna"
    let_expire(small, "anna")
    assert "anna" not in str(find(drawn_photo(1)))
    with pytest.raises(SubjectNotFound):
        small.service.recognition.verify_subject(drawn_photo(1), "anna")
    with pytest.raises(FaceNotFound):
        small.service.identification.find_face(face)
    with pytest.raises(FaceNotFound):
        small.service.galleries.face_photo(face)
    with pytest.raises(SubjectNotFound):
        small.service.galleries.update_subject("default", "anna", never_expires=True)
    assert subjects(small) == ["ben"]


def test_who_has_expired_may_be_enrolled_anew_after_the_sweep(small, sweep):
    enroll(small, "anna", 1)
    let_expire(small, "anna")
    sweep(NOW + HOUR)
    enroll(small, "anna", 1)
    assert small.service.galleries.subject("default", "anna").expires_at is None


def test_an_expiry_is_changed_kept_and_taken_away(small, sweep):
    enroll(small, "anna", 1, expires_at=SOON)
    enroll(small, "anna", 2)
    galleries = small.service.galleries
    assert galleries.subject("default", "anna").expires_at == SOON
    assert galleries.update_subject("default", "anna", expires_at=SOON + HOUR).expires_at == SOON + HOUR
    assert galleries.update_subject("default", "anna", name="A").expires_at == SOON + HOUR
    assert galleries.update_subject("default", "anna", never_expires=True).expires_at is None
    sweep(NOW + timedelta(days=4000))
    assert subjects(small) == ["anna"]


# --- photos of erased faces ---------------------------------------------------------------------------------------


class Away(LocalPhotoStore):
    """A store that removes nothing for now."""

    def delete(self, key):
        raise NotReady("the storage does not answer; try again")


@pytest.mark.parametrize("erasure", ["subject", "face", "collection", "expiry"])
def test_photos_whose_storage_is_away_go_when_it_is_back(small, sweep, caplog, erasure):
    face = enroll(small, "anna", 1, expires_at=SOON)
    kept = small.service.context.photos
    object.__setattr__(small.service.context, "photos", Away(small.folder / "photos"))
    galleries = small.service.galleries
    if erasure == "expiry":
        galleries.erase_expired(SOON)
    else:
        erase = {"subject": lambda: galleries.forget("default", "anna"), "face": lambda: galleries.delete_face(face)}
        deleted = erase.get(erasure, lambda: galleries.delete_collection("default"))()
        assert (deleted.faces, deleted.photos, deleted.photos_left) == (1, 0, 1)
    assert "are removed later: the storage does not answer" in caplog.text
    with pytest.raises(NotReady):
        galleries.remove_erased_photos()
    assert len(list(kept.keys())) == small.gallery.photos.waiting() == 1
    object.__setattr__(small.service.context, "photos", kept)
    sweep(NOW)
    assert (list(kept.keys()), small.gallery.photos.waiting()) == ([], 0)


def test_what_an_enrolment_that_failed_at_its_end_had_stored_goes_a_day_later(small, sweep, monkeypatch):
    as_in_a_bucket = "vultus.storage.photo_records.photo_removal.LocalPhotoStore"
    monkeypatch.setattr(as_in_a_bucket, type(None))
    monkeypatch.setattr("vultus.service.enrolment.ensure_photos", lambda *_: pytest.fail("killed"))
    with pytest.raises(pytest.fail.Exception):
        enroll(small, "anna", 1)
    sweep(NOW)
    assert len(list(small.photos.keys())) == 1
    with small.gallery._database.writing() as connection:
        connection.exec_driver_sql("UPDATE photos SET since = '2020-01-01 00:00:00.000000'")
    sweep(NOW)
    assert list(small.photos.keys()) == []


# --- corrections and their undo -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "left"), [(1, None, 1), (None, 1, 1), (2, 1, 1), (1, 2, 1), (None, None, None)]
)
def test_of_two_merged_subjects_the_earlier_expiry_holds_and_an_undo_gives_both_back(small, first, second, left):
    at = {None: None, 1: SOON, 2: SOON + HOUR}
    enroll(small, "anna", 1, expires_at=at[first])
    enroll(small, "ann", 2, expires_at=at[second])
    merged = small.service.corrections.merge("default", "anna", "ann")
    assert merged.subject.expires_at == at[left]
    small.service.corrections.undo(merged.undo.id)
    expiries = [small.service.galleries.subject("default", one).expires_at for one in ("anna", "ann")]
    assert expiries == [at[first], at[second]]


def test_no_undo_brings_back_who_has_expired(small, sweep):
    enroll(small, "anna", 1, expires_at=SOON)
    enroll(small, "ann", 2)
    renamed = small.service.corrections.rename("default", "ann", "annie")
    merged = small.service.corrections.merge("default", "anna", "annie")
    sweep(SOON)
    for change in (merged, renamed):
        with pytest.raises(Exception, match="nothing to undo"):
            small.service.corrections.undo(change.undo.id)
    assert subjects(small) == []


def test_no_undo_of_a_merge_brings_back_a_subject_whose_own_time_is_over(small):
    enroll(small, "anna", 1, expires_at=SOON)
    enroll(small, "ann", 2)
    merged = small.service.corrections.merge("default", "anna", "ann")
    small.gallery.update_subject("default", "ann", never_expires=True)
    with small.gallery._database.writing() as connection:
        moments = {"soon": SOON.isoformat(), "past": (NOW - HOUR).isoformat()}
        connection.exec_driver_sql("UPDATE undo_log SET payload = replace(payload, :soon, :past)", moments)
    with pytest.raises(UndoNotPossible, match="has expired"):
        small.service.corrections.undo(merged.undo.id)
    assert subjects(small) == ["ann"]


# --- retention ----------------------------------------------------------------------------------------------------


def test_a_collection_keeps_its_subjects_so_many_days_after_their_last_enrolment(small, sweep):
    face = enroll(small, "anna", 1)
    enroll(small, "ben", 2, collection="visitors")
    small.service.galleries.change_policies("default", {"retention_days": 30})
    assert sweep(NOW + timedelta(days=29)) == []
    enrolled = enroll(small, "carl", 3)
    days = timedelta(days=31)
    assert sweep(NOW + days) == [("subject.retention", (face,)), ("subject.retention", (enrolled,))]
    assert (subjects(small), subjects(small, "visitors")) == ([], ["ben"])


def test_a_new_face_renews_the_time_and_a_subject_without_faces_counts_from_its_making(small, sweep):
    first = enroll(small, "anna", 1)
    with small.gallery._database.writing() as connection:
        for table in ("subjects", "faces"):
            connection.exec_driver_sql(f"UPDATE {table} SET created_at = '2020-01-01 00:00:00.000000'")
    enroll(small, "anna", 2)
    enroll(small, "ben", 3)
    small.service.galleries.delete_face(first)
    small.service.galleries.change_policies("default", {"retention_days": 30})
    assert sweep(NOW) == []
    small.service.galleries.delete_face(small.service.galleries.subject_faces("default", "anna")[0].id)
    assert sweep(NOW) == [("subject.retention", ())]
    assert subjects(small) == ["ben"]
