"""The whole system beside its erasure ledger: what it refuses, and what it erases when it starts."""

from __future__ import annotations

import pytest

from tests.storage.synthetic import DIMENSION, MODEL, new_face
from vultus.config import Settings
from vultus.errors import SettingsInvalid, StorageFailed
from vultus.storage.audit import AuditFilter
from vultus.storage.erasure_ledger.catching_up import MARK
from vultus.wiring.open_system import open_system
from vultus.wiring.parts import Duties, System
from vultus.wiring.settings_check import check_settings

FIRST_START = Duties(first_start=True, warm=False)
EVERYTHING = AuditFilter()


@pytest.fixture
def settings(tmp_path, model_dir) -> Settings:
    return Settings(data_dir=tmp_path / "data", model_dir=model_dir, erasure_ledger=tmp_path / "erasures.jsonl")


def enroll(system: System, *subjects: str) -> None:
    system.gallery.create_collection("people", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    for seed, subject in enumerate(subjects):
        photo = f"photo of {subject}"
        system.service.context.photos.put(photo.encode())
        system.gallery.add_faces("people", subject, [new_face(seed, photo=photo)])


def test_a_start_on_an_older_database_erases_again_whom_the_ledger_names(tmp_path, settings):
    older = tmp_path / "older.db"
    with open_system(settings, FIRST_START) as system:
        enroll(system, "anna", "berta")
        system.gallery._database.snapshot(older)
        system.service.galleries.forget("people", "anna")
    (tmp_path / "data" / "vultus.db").write_bytes(older.read_bytes())
    with open_system(settings, FIRST_START) as system:
        assert [one.id for one in system.gallery.subjects("people", limit=10)] == ["berta"]
        assert "erasure.replay" in [line.action for line in system.audit.page(EVERYTHING, before=None, limit=10)]


def test_a_start_without_the_ledger_that_is_kept_is_refused(settings):
    with open_system(settings, FIRST_START):
        pass
    assert (settings.data_dir / MARK).is_file()
    unset = settings.model_copy(update={"erasure_ledger": None})
    with pytest.raises(StorageFailed, match="keeps an erasure ledger; set VULTUS_ERASURE_LEDGER"), open_system(unset):
        pass


def test_a_ledger_in_the_data_folder_is_refused(tmp_path, settings):
    inside = settings.model_copy(update={"erasure_ledger": tmp_path / "data" / "kept" / ".." / "erasures"})
    with pytest.raises(SettingsInvalid, match="is in the data folder, which a restore replaces"):
        check_settings(inside)
