"""A prepared file that was changed along with its side-car is not loaded."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.models.repository.test_store import CONVERTED, SOURCE, CountingImporter, make_card
from vultus.errors import ModelInvalid
from vultus.installation_key import InstallationKey
from vultus.models.importers import Importer
from vultus.models.repository.proven_files import FILE_NAME, ProvenFiles
from vultus.models.repository.store import ModelStore

FORGED = b"a network of somebody else"


@pytest.fixture
def importer():
    return CountingImporter()


@pytest.fixture
def store_of(tmp_path, importer):
    """The store of an installation, by the name of its data folder; all share the model folder."""
    source = tmp_path / "site" / "model.bin"
    source.parent.mkdir()
    source.write_bytes(SOURCE)
    card = make_card()

    def store_of(name: str | None) -> ModelStore:
        proven = None
        if name is not None:
            (tmp_path / name).mkdir(exist_ok=True)
            key = InstallationKey(tmp_path / name / "installation.key")
            key.make()
            proven = ProvenFiles(tmp_path / name / FILE_NAME, key)
        find = {"find_installed": lambda *_: source, "importers": {"dequantize": Importer(1, importer)}}
        return ModelStore(tmp_path / "models", [card], proven=proven, **find)

    return store_of


def forge(folder) -> None:
    """Put another network in place, with the side-car that it would have."""
    side_car = folder / "small.onnx.json"
    record = json.loads(side_car.read_text())
    side_car.write_text(json.dumps({**record, "output_sha256": hashlib.sha256(FORGED).hexdigest()}))
    (folder / "small.onnx").write_bytes(FORGED)


def test_a_forged_file_with_its_side_car_is_made_again_by_a_start(tmp_path, store_of):
    store = store_of("data")
    (card,) = store.cards
    store.prepare(card)
    forge(tmp_path / "models")
    assert store_of("data").prepare(card)["net"].read_bytes() == CONVERTED


def test_a_forged_file_is_not_loaded(tmp_path, store_of):
    store = store_of("data")
    (card,) = store.cards
    store.prepare(card)
    forge(tmp_path / "models")
    with pytest.raises(
        ModelInvalid, match="is not what its source gives; remove it, and run: vultus models prepare small"
    ):
        store.path(card, "net")


def test_without_a_data_folder_the_side_car_is_believed(tmp_path, store_of):
    store = store_of(None)
    (card,) = store.cards
    store.prepare(card)
    forge(tmp_path / "models")
    assert store_of(None).path(card, "net").read_bytes() == FORGED


@pytest.mark.parametrize("first", [None, "other data"])
def test_a_file_of_others_is_compared_once_and_then_known(store_of, importer, first):
    (card,) = store_of(first).cards
    store_of(first).prepare(card)
    assert store_of("data").status(card).state == "prepared"
    for calls in (2, 2):
        store_of("data").prepare(card)
        assert importer.calls == calls
    assert store_of("data").path(card, "net").read_bytes() == CONVERTED


def test_a_file_of_others_is_known_also_where_the_model_folder_cannot_be_written(tmp_path, store_of):
    (card,) = store_of(None).cards
    store_of(None).prepare(card)
    (tmp_path / "models").chmod(0o500)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "models").iterdir()}
    assert store_of("data").path(card, "net").read_bytes() == CONVERTED
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "models").iterdir()} == before
    (tmp_path / "models").chmod(0o700)


def test_a_seal_by_another_key_is_worth_nothing(tmp_path, store_of, importer):
    (card,) = store_of("data").cards
    store_of("data").prepare(card)
    (tmp_path / "data" / "installation.key").unlink()
    store_of("data").prepare(card)
    assert importer.calls == 2
    assert (tmp_path / "data" / FILE_NAME).stat().st_mode & 0o777 == 0o600
