from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests import pictures
from tests.heic import heic
from vultus.cli.command_table import app
from vultus.cli.context import CommandContext
from vultus.cli.import_report import ImportReport
from vultus.cli.opening import Openers
from vultus.errors import InvalidImage, SettingsInvalid, StorageFailed
from vultus.evaluation.labelled_folder import PhotoFile
from vultus.storage.adding.batch_additions import BatchAdditions
from vultus.storage.audit import Audit, AuditFilter
from vultus.vision.detected_photo import DetectedPhoto


@pytest.fixture
def people(tmp_path) -> Path:
    """anna with two photos, ben with one."""
    folder = tmp_path / "people"
    for name, person, photo in (("anna/1.png", 1, 0), ("anna/deeper/2.PNG", 1, 1), ("ben/1.png", 2, 0)):
        write(folder / name, pictures.drawn_photo(person, noise=1.0, photo=photo))
    return folder


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def imported(run, *arguments: object, code: int = 0) -> dict:
    answer = run("import", *arguments, "--json")
    assert answer.exit_code == code, answer.output
    return json.loads(answer.stdout)


def test_each_sub_folder_becomes_a_subject(run, small, people):
    answer = imported(run, people, "--collection", "staff")
    assert (answer["collection"], answer["photos"], answer["enrolled"]) == ("staff", 3, 3)
    assert {subject.id: subject.faces for subject in small.gallery.subjects("staff", limit=9)} == {"anna": 2, "ben": 1}


def test_a_second_import_skips_everything_without_inference(run, small, people):
    imported(run, people)
    looked = small.detector.calls
    answer = imported(run, people)
    assert (answer["enrolled"], answer["already_there"]) == (0, 3)
    assert small.detector.calls == looked


def test_the_same_photo_twice_is_enrolled_once(run, people):
    write(people / "ben" / "copy.png", (people / "ben" / "1.png").read_bytes())
    answer = imported(run, people)
    assert (answer["enrolled"], answer["already_there"]) == (3, 1)


def test_refusals_are_counted_by_reason_and_shown_relative_to_the_folder(run, people):
    write(people / "ben" / "empty.png", pictures.drawn_photo())
    write(people / "ben" / "broken.jpg", b"no picture")
    write(people / " odd" / "1.png", pictures.drawn_photo(3))
    (people / "ben" / "gone.png").symlink_to(people / "nothing")
    answer = imported(run, people, code=3)
    assert {refusal["error"]: refusal["examples"] for refusal in answer["refused"]} == {
        "no_face_detected": ["ben/empty.png"],
        "invalid_image": ["ben/broken.jpg"],
        "invalid_request": [" odd/1.png"],
        "file_failed": ["ben/gone.png"],
    }
    assert answer["enrolled"] == 3


def test_what_is_no_photo_is_counted(run, people):
    write(people / "ben" / "notes.txt", b"")
    write(people / "stray.png", b"")
    write(people / "ben" / "Thumbs.db", b"")
    (people / "carl").symlink_to(people / "ben")
    for name in ("ben/drawing.svg", "ben/raw.CR2", "ben/._1.png", ".cache/1.png", "__MACOSX/ben/1.png"):
        write(people / name, pictures.drawn_photo(4))
    answer = imported(run, people)
    assert answer["photos"] == 3
    assert answer["ignored"] == {
        ".txt": 1,
        ".svg": 1,
        ".cr2": 1,
        "made by an operating system": 2,
        "not in a sub-folder": 1,
        "linked folder": 1,
        "hidden": 2,
    }


def test_the_largest_face_is_taken_unless_only_one_is_allowed(run, people):
    write(people / "anna" / "3.png", pictures.drawn_photo(1, 2))
    assert [refusal["error"] for refusal in imported(run, people, "--face", "only", code=3)["refused"]] == [
        "multiple_faces"
    ]
    assert imported(run, people)["enrolled"] == 1


def test_a_limit_stops_after_that_many_photos(run, people):
    answer = imported(run, people, "--limit", 2)
    assert (answer["photos"], answer["left_out"]) == (2, 1)
    assert "left out 1 photos beyond --limit" in run("import", people, "--limit", 2).stdout
    assert "left out" not in run("import", people).stdout


def test_the_summary_for_people(run, people):
    write(people / "ben" / "empty.png", pictures.drawn_photo())
    answer = run("import", people)
    assert answer.stdout.startswith("4 photos into collection default: 3 enrolled, 0 already there, 1 refused; ")
    assert "refused 1 with no_face_detected:\n  ben/empty.png: no face found in the photo (320x240 px)" in answer.stdout
    assert answer.stderr == ""


def test_a_stopped_import_says_so_and_goes_on_where_it_was(run, small, people, monkeypatch):
    monkeypatch.setenv("VULTUS_COMPUTE_SLOTS", "1")
    detect = small.detector.detect

    def interrupted(pixels):
        if small.detector.calls == 1:
            raise KeyboardInterrupt
        return detect(pixels)

    small.detector.detect = interrupted
    stopped = run("import", people)
    small.detector.detect = detect
    assert stopped.exit_code == 130
    assert stopped.stdout.startswith("1 photos")
    assert "run the same command again" in stopped.stderr
    answer = imported(run, people)
    assert (answer["enrolled"], answer["already_there"]) == (2, 1)


def test_what_concerns_all_photos_ends_the_import(run, small, people):
    small.gallery.create_collection("default", model_id="tiny-32", pipeline_version=99, dimension=32)
    answer = run("import", people, "--json")
    assert answer.exit_code == 1
    assert json.loads(answer.stdout)["error"] == "model_mismatch"


def test_a_folder_without_sub_folders_is_refused(run, tmp_path):
    folder = tmp_path / "flat"
    write(folder / "1.png", b"")
    answer = run("import", folder)
    assert answer.exit_code == 1
    assert "make one sub-folder per person" in answer.stderr
    assert "do not say who is on them: 1.png" in answer.stderr


def test_a_folder_that_is_not_there_is_named(run):
    answer = run("import", "nowhere")
    assert answer.exit_code == 1
    assert answer.stderr.startswith("nowhere: No such file")


def test_ten_examples_are_kept_and_all_are_counted():
    report = ImportReport("default")
    for number in range(12):
        report.add(PhotoFile("anna", Path("x"), f"anna/{number}.png"), "invalid_image")
    assert report.refused == {"invalid_image": 12}
    assert len(report.examples["invalid_image"]) == 10
    assert report.lines()[-1] == "  and 2 more"


def test_the_sentence_stands_beside_each_refused_photo(run, people):
    write(people / "ben" / "paper.jpg", b"%PDF-1.7 ...")
    sentence = (
        "the file is a PDF document, which is not read; save the page or the picture in it as a JPEG and send that"
    )
    (refusal,) = imported(run, people, code=3)["refused"]
    assert (refusal["error"], refusal["detail"]) == ("invalid_image", sentence)
    shown = run("import", people)
    assert f"  ben/paper.jpg: {sentence}" in shown.stdout


def test_photos_of_a_phone_are_enrolled(run, people):
    drawn = np.asarray(pictures.opened(pictures.drawn_photo(5)))
    write(people / "cleo" / "IMG_0001.HEIC", heic(drawn))
    assert imported(run, people)["enrolled"] == 4


def test_photos_that_fit_another_subject_are_named_or_by_strict_refused(run, small, people):
    imported(run, people)
    write(people / "Anna" / "again.png", pictures.drawn_photo(1, noise=1.0, photo=2))
    answer = imported(run, people, "--strict", code=3)
    assert [(one["error"], one["examples"]) for one in answer["refused"]] == [
        ("looks_like_another_subject", ["Anna/again.png"])
    ]
    assert [subject.id for subject in small.gallery.subjects("default", limit=9)] == ["anna", "ben"]
    answer = imported(run, people)
    assert {one["code"]: one["examples"] for one in answer["cautions"]} == {
        "looks_like_another_subject": ["Anna/again.png"],
        "looks_like_another_id": ["Anna/again.png"],
    }
    write(people / "BEN" / "again.png", pictures.drawn_photo(2, noise=1.0, photo=2))
    assert "enrolled 1 with the caution looks_like_another_id:\n  BEN/again.png" in run("import", people).stdout


def test_a_folder_of_a_mac_is_the_subject_of_the_composed_id(run, small, tmp_path):
    write(tmp_path / "people" / "Jose\u0301" / "1.png", pictures.drawn_photo(1))
    write(tmp_path / "people" / "Jos\u00e9" / "2.png", pictures.drawn_photo(1, noise=1.0, photo=1))
    assert imported(run, tmp_path / "people")["enrolled"] == 2
    assert imported(run, tmp_path / "people")["already_there"] == 2
    assert {one.id: one.faces for one in small.gallery.subjects("default", limit=9)} == {"Jos\u00e9": 2}


def test_a_folder_whose_name_is_not_utf_8_is_refused_with_a_sentence(run, tmp_path):
    write(tmp_path / "people" / "a\udcff" / "1.png", pictures.drawn_photo(1))
    answer = imported(run, tmp_path / "people", code=3)
    assert [(one["error"], one["count"]) for one in answer["refused"]] == [("invalid_request", 1)]
    assert run("import", tmp_path / "people").exit_code == 3


def test_the_device_reaches_the_settings(surroundings, people):
    asked = []

    def refusing(settings):
        asked.append(settings.device)
        raise SettingsInvalid("no GPU")

    obj = CommandContext(Openers(open_system=refusing))
    CliRunner().invoke(app, ["import", str(people), "--device", "cuda"], obj=obj)
    assert asked == ["cuda"]


def test_a_photo_of_which_one_of_several_faces_was_taken_is_counted(run, people):
    write(people / "anna" / "3.png", pictures.drawn_photo(1, 2))
    cautions = {one["code"]: one["examples"] for one in imported(run, people)["cautions"]}
    assert cautions["several_faces"] == ["anna/3.png"]
    write(people / "ben" / "2.png", pictures.drawn_photo(2, 3))
    assert "enrolled 1 with the caution several_faces:\n  ben/2.png: 2 faces" in run("import", people).stdout


# --- a folder of DeepFace -----------------------------------------------------------------------------------------


@pytest.fixture
def of_deepface(people) -> Path:
    """The folder of people as DeepFace has it: a photo beside the sub-folders, and its caches, which are no pickles."""
    write(people / "carl.png", pictures.drawn_photo(3))
    for name in ("representations_vgg_face.pkl", "ds_model_facenet_detector_opencv.pkl", "ds_model_facenet.npz"):
        write(people / name, b"cos\nsystem\n(S'false'\ntR.")
    write(people / "notes.txt", b"notes")
    return people


def test_the_folder_of_deepface_is_imported_and_its_caches_are_not_opened(run, small, of_deepface):
    answer = imported(run, "--from", "deepface", of_deepface)
    assert (answer["photos"], answer["enrolled"]) == (4, 4)
    faces = {subject.id: subject.faces for subject in small.gallery.subjects("default", limit=9)}
    assert faces == {"anna": 2, "ben": 1, "carl": 1}
    (cache,) = (reason for reason in answer["ignored"] if reason.startswith("cache of DeepFace, never opened"))
    assert answer["ignored"] == {cache: 3, ".txt": 1}


def test_an_import_from_deepface_goes_on_where_it_was(run, of_deepface):
    assert imported(run, "--from", "deepface", of_deepface, "--limit", 2)["left_out"] == 2
    answer = imported(run, "--from", "deepface", of_deepface)
    assert (answer["enrolled"], answer["already_there"]) == (2, 2)
    shown = run("import", "--from", "deepface", of_deepface).stdout
    assert "ignored 3 of: cache of DeepFace, never opened" in shown


def test_a_folder_that_holds_caches_only_says_so(run, tmp_path):
    write(tmp_path / "db" / "ds_model_facenet.pkl", b"pickle")
    answer = run("import", "--from", "deepface", tmp_path / "db")
    assert answer.exit_code == 1
    assert "1 of: cache of DeepFace" in answer.stderr


def test_from_names_a_service_and_excludes_an_archive(run, people, tmp_path):
    assert run("import", "--from", "nobody", people).exit_code == 2
    assert run("import", "--from", "deepface", "--archive", tmp_path / "a.zip").exit_code == 2


# --- batches ------------------------------------------------------------------------------------------------------


def test_two_photos_of_one_person_under_two_names_in_one_batch_are_both_told_of(run, people):
    write(people / "zoe" / "1.png", pictures.drawn_photo(2, noise=1.0, photo=3))
    cautions = {one["code"]: sorted(one["examples"]) for one in imported(run, people)["cautions"]}
    assert cautions["looks_like_another_subject"] == ["ben/1.png", "zoe/1.png"]


def test_a_batch_is_one_line_of_the_audit(run, small, people):
    imported(run, people)
    lines = Audit(small.gallery._database).lines(AuditFilter(action="enroll"), limit=9)
    assert [line.object_count for line in lines] == [3]


def test_a_person_erased_while_a_batch_was_computed_costs_the_others_nothing(run, small, people, monkeypatch):
    write(people / "carl" / "1.png", pictures.drawn_photo(3, noise=1.0))
    imported(run, people)
    write(people / "carl" / "new.png", pictures.drawn_photo(3, noise=1.0, photo=5))
    write(people / "anna" / "new.png", pictures.drawn_photo(1, noise=1.0, photo=5))
    write(people / "ben" / "new.png", pictures.drawn_photo(2, noise=1.0, photo=5))
    begin = BatchAdditions.begin

    def overtaken(self, collection, photos):
        found = begin(self, collection, photos)
        small.gallery.delete_subject(collection, "carl")
        return found

    monkeypatch.setattr(BatchAdditions, "begin", overtaken)
    answer = imported(run, people, code=3)
    assert (answer["enrolled"], answer["already_there"]) == (2, 3)
    (refused,) = answer["refused"]
    assert (refused["error"], sorted(refused["examples"])) == ("subject_erased", ["carl/1.png", "carl/new.png"])
    assert [subject.id for subject in small.gallery.subjects("default", limit=9)] == ["anna", "ben"]


def test_photos_that_are_large_are_held_a_few_at_a_time(run, small, people, monkeypatch):
    monkeypatch.setattr("vultus.cli.import_lists.photo_importer.BATCH_BYTES", 1)
    assert imported(run, people)["enrolled"] == 3
    lines = Audit(small.gallery._database).lines(AuditFilter(action="enroll"), limit=9)
    assert [line.object_count for line in lines] == [1, 1, 1]


def test_what_was_computed_before_an_error_that_concerns_all_is_stored(run, small, people, monkeypatch):
    monkeypatch.setenv("VULTUS_COMPUTE_SLOTS", "1")
    detect = small.detector.detect

    def failing(pixels):
        if small.detector.calls == 2:
            raise RuntimeError("a defect")
        return detect(pixels)

    small.detector.detect = failing
    assert run("import", people).exit_code != 0
    assert sum(subject.faces for subject in small.gallery.subjects("default", limit=9)) == 2


def test_the_second_of_two_equal_photos_has_the_outcome_of_the_first(run, people):
    for name in ("1.png", "2.png"):
        write(people / "carl" / name, pictures.drawn_photo())
    write(people / "ben" / "copy.png", (people / "ben" / "1.png").read_bytes())
    answer = imported(run, people, code=3)
    assert (answer["enrolled"], answer["already_there"]) == (3, 1)
    assert [(one["error"], one["count"]) for one in answer["refused"]] == [("no_face_detected", 2)]


def test_somebody_renamed_while_a_batch_was_computed_gets_no_second_self(run, small, people, monkeypatch):
    imported(run, people)
    write(people / "anna" / "new.png", pictures.drawn_photo(1, noise=1.0, photo=5))
    begin = BatchAdditions.begin

    def overtaken(self, collection, photos):
        found = begin(self, collection, photos)
        small.gallery.corrections.rename(collection, "anna", "zoe", undo_for=timedelta(hours=1))
        monkeypatch.setattr(BatchAdditions, "begin", begin)
        return found

    monkeypatch.setattr(BatchAdditions, "begin", overtaken)
    answer = imported(run, people, code=3)
    assert {one["error"] for one in answer["refused"]} == {"subject_erased"}
    assert [subject.id for subject in small.gallery.subjects("default", limit=9)] == ["ben", "zoe"]


def test_a_photo_whose_small_face_cannot_be_decoded_again_costs_the_others_nothing(run, people, monkeypatch):
    closer = DetectedPhoto.closer

    def failing(self, face):
        if self.photograph.width == 333:
            raise InvalidImage("it takes too long to decode")
        return closer(self, face)

    monkeypatch.setattr(DetectedPhoto, "closer", failing)
    write(people / "ben" / "slow.png", pictures.drawn_photo(2, size=(333, 240), noise=1.0, photo=5))
    answer = imported(run, people, code=3)
    assert answer["enrolled"] == 3
    assert [(one["error"], one["examples"]) for one in answer["refused"]] == [("invalid_image", ["ben/slow.png"])]


def test_faces_that_are_stored_are_told_of_though_comparing_them_fails(run, small, people, monkeypatch):
    def failing(*_: object) -> None:
        raise StorageFailed("the disk is away")

    monkeypatch.setattr("vultus.service.bulk.batch_enrolment.face_cautions", failing)
    answer = run("import", people, "--json")
    assert answer.exit_code == 1
    assert sum(subject.faces for subject in small.gallery.subjects("default", limit=9)) == 3
