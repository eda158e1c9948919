"""A model folder with the int8 form of a model alone, as a container image has it."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace

import pytest

from tests.models.repository.test_store import CONVERTED, CountingImporter, make_card
from vultus.errors import ModelNotInstalled
from vultus.installation_key import InstallationKey
from vultus.models.card import Int8Ranges
from vultus.models.importers import IMPORTERS, Importer, Quantizer
from vultus.models.repository.installed_files import verify
from vultus.models.repository.proven_files import FILE_NAME, ProvenFiles
from vultus.models.repository.store import ModelStore

QUANTISED = b"int8: " + CONVERTED
RANGES = Int8Ranges(
    "small-int8.onnx", "a test", 1, 100.0, (("input", -1.0, 1.0),), sha256=hashlib.sha256(QUANTISED).hexdigest()
)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights as published")
    return path


@pytest.fixture
def store_of(tmp_path, source):
    def store_of(int8: Int8Ranges, **file: str) -> ModelStore:
        key = InstallationKey(tmp_path / "installation.key")
        key.make()
        return ModelStore(
            tmp_path / "models",
            [replace(make_card(**file), int8=int8)],
            find_installed=lambda *_: source if source.is_file() else None,
            importers={"dequantize": Importer(1, CountingImporter())},
            quantizer=Quantizer(1, lambda data, _: b"int8: " + data),
            proven=ProvenFiles(tmp_path / FILE_NAME, key),
        )

    return store_of


@pytest.fixture
def left_alone(tmp_path, source, store_of):
    """The store after its float file, its source and what this installation knows of them are gone."""

    def left_alone(int8: Int8Ranges = RANGES) -> ModelStore:
        store_of(int8).prepare(store_of(int8).cards[0])
        for path in (source, tmp_path / FILE_NAME, *(tmp_path / "models").glob("small.onnx*")):
            path.unlink()
        return store_of(int8)

    return left_alone


def test_a_file_with_the_digest_of_the_card_is_ready(left_alone):
    store = left_alone()
    (card,) = store.cards
    store.prepare(card)
    assert store.path(card, "net", "int8").read_bytes() == QUANTISED
    assert (store.status(card).state, store.status(card).bytes) == ("prepared", len(QUANTISED))
    assert [check.ok for check in verify(store, card)] == [True]


def test_a_file_that_the_card_does_not_know_needs_its_source(left_alone):
    store = left_alone(replace(RANGES, sha256=None))
    (card,) = store.cards
    with pytest.raises(ModelNotInstalled):
        store.prepare(card)
    with pytest.raises(ModelNotInstalled):
        store.path(card, "net", "int8")


def test_the_float_network_is_refused_with_the_ways_out(left_alone):
    store = left_alone()
    (card,) = store.cards
    with pytest.raises(ModelNotInstalled, match=r"was prepared for int8 alone; set VULTUS_PRECISION=int8, or build"):
        store.path(card, "net")


def test_a_missing_library_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "vultus.models.importers.dlib_dat", None)
    with pytest.raises(ModelNotInstalled, match="cannot be converted without the Python package"):
        IMPORTERS["dlib_dat"].convert(b"", {})


def test_a_converted_file_with_the_digest_of_the_card_needs_no_source(tmp_path, source, store_of):
    """The data folder is new: it did not make the file itself."""
    known = hashlib.sha256(CONVERTED).hexdigest()
    store = store_of(RANGES, known_sha256=known)
    store.prepare(store.cards[0])
    for path in (source, tmp_path / FILE_NAME):
        path.unlink()
    store = store_of(RANGES, known_sha256=known)
    assert store.prepare(store.cards[0])["net"].read_bytes() == CONVERTED
