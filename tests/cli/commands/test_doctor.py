from __future__ import annotations

import json
import sqlite3

import pytest

from tests import pictures
from vultus.cli.commands.upkeep.doctor import processor, self_test
from vultus.cli.opening import SelfTestRun, run_self_test
from vultus.config import Settings
from vultus.errors import ModelInvalid
from vultus.model_loading import SelfTest
from vultus.storage.migrations.runner import newest_schema


@pytest.fixture
def enrolled(small):
    """A gallery with one photo; its key."""
    result = small.service.enrolment.enroll([pictures.drawn_photo(1)], subject="anna")
    return result.faces[0].face.photo.sha256


def findings(run, *arguments: object, code: int = 0) -> dict[str, tuple[str, str]]:
    answer = run("doctor", *arguments, "--json")
    assert answer.exit_code == code, answer.output
    report = json.loads(answer.stdout)
    assert report["healthy"] is (code == 0)
    return {check["name"]: (check["state"], check["detail"]) for check in report["checks"]}


def test_a_healthy_gallery(run, enrolled):
    found = findings(run)
    assert found["database"] == ("ok", f"sound, schema {newest_schema()}")
    assert found["photos"] == ("ok", "1 in use, 0 missing, 0 without a face")
    assert {found[name][0] for name in ("python", "settings", "data folder")} == {"ok"}


def test_one_line_per_check(run):
    lines = run("doctor").stdout.splitlines()
    assert all(line.split()[0] in ("ok", "warn", "fail") for line in lines)
    assert lines[0].startswith("ok    python: 3.")


def test_before_the_first_start_nothing_is_made(run, surroundings):
    found = findings(run, "--data-dir", surroundings / "new")
    assert found["database"] == ("ok", "none yet")
    assert not (surroundings / "new").exists()


def test_models_that_are_not_prepared_are_no_failure(run):
    found = findings(run)
    assert found["model yunet"][0] == "warn"
    assert "vultus models prepare" in found["self-test"][1]


def test_a_damaged_model_is_a_failure(run, yunet_file):
    run("models", "prepare", "yunet")
    yunet_file.write_bytes(b"damage")
    assert findings(run, code=1)["model yunet"][0] == "fail"


def test_a_missing_photo_is_a_failure(run, small, enrolled):
    small.photos.delete(enrolled)
    state, detail = findings(run, code=1)["photos"]
    assert (state, detail.split(";")[0]) == ("fail", "1 in use, 1 missing, 0 without a face")


def test_a_photo_without_a_face_is_a_warning(run, small, enrolled):
    small.photos.put(b"left over")
    assert findings(run)["photos"][0] == "warn"


def test_a_file_that_is_no_database_is_a_failure(run, surroundings):
    data = surroundings / "other"
    data.mkdir()
    (data / "vultus.db").write_bytes(b"no database " * 1000)
    found = findings(run, "--data-dir", data, code=1)
    assert (found["database"][0], found["photos"][0]) == ("fail", "fail")


def test_a_database_of_a_newer_vultus_is_a_failure(run, surroundings):
    connection = sqlite3.connect(surroundings / "vultus.db")
    connection.execute("INSERT INTO schema_version (version) VALUES (99)")
    connection.commit()
    connection.close()
    sentence = f"has schema 99, this Vultus knows {newest_schema()}; install the newer Vultus"
    assert findings(run, code=1)["database"] == ("fail", sentence)


def test_a_data_folder_that_cannot_be_made_is_a_failure(run, surroundings):
    (surroundings / "file").write_bytes(b"")
    assert findings(run, "--data-dir", surroundings / "file" / "data", code=1)["data folder"][0] == "fail"


def test_settings_that_contradict_each_other_are_a_failure(run, monkeypatch):
    monkeypatch.setenv("VULTUS_WITHOUT_KEYS", "true")
    monkeypatch.setenv("VULTUS_HOST", "0.0.0.0")
    assert findings(run, code=1)["settings"][0] == "fail"


def test_the_processor_is_described_by_its_instructions(tmp_path):
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx512f\n")
    assert processor(info).state == "ok"
    assert processor(info).detail.endswith("AVX2 yes, AVX512 yes, VNNI no")
    info.write_text("flags : fpu sse2\n")
    assert processor(info).state == "warn"
    assert processor(tmp_path / "absent").state == "ok"


def test_nothing_is_said_of_x86_instructions_on_an_arm_processor(tmp_path):
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nFeatures\t: fp asimd evtstrm aes asimddp\n")
    assert processor(info) == processor(tmp_path / "absent")


def test_the_arithmetic_and_what_each_model_answered_are_shown():
    tests = SelfTest("a", "int8", False, "agrees by 0.85"), SelfTest("a", "fp32", True, "agrees by 1.00")
    run = SelfTestRun(0.012, "cpu: as the settings say", "int8: the processor has x", tests)
    found = list(self_test(Settings(), [], lambda settings: run))
    assert [(one.state, one.name, one.detail) for one in found] == [
        ("ok", "device", "cpu: as the settings say"),
        ("ok", "arithmetic", "int8: the processor has x"),
        ("warn", "self-test a", "int8: agrees by 0.85; it computes in fp32 instead"),
        ("ok", "self-test a", "fp32: agrees by 1.00"),
        ("ok", "self-test", "detectors and recognition answer, 12 ms together"),
    ]


def test_a_model_that_computes_wrong_is_a_failure():
    def wrong(settings):
        raise ModelInvalid("a computes wrong in fp32 on this machine")

    (found,) = self_test(Settings(), [], wrong)
    assert (found.state, found.detail) == ("fail", "a computes wrong in fp32 on this machine")


@pytest.mark.real
def test_every_model_of_the_default_pipeline_is_tested(real, model_dir):
    run = run_self_test(Settings(model_dir=model_dir))
    assert {test.model_id for test in run.tests} == {"yunet", "mtcnn", "sface", "facenet512-casia-webface"}
    assert all(test.passed and "is right" in test.finding for test in run.tests)
