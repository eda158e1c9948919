import hashlib
from dataclasses import replace

import pytest

from vultus.models.card import Int8Ranges, ModelFile, PackageSource, UrlSource, in_box_cards
from vultus.models.importers import Importer, Quantizer
from vultus.models.repository.installed_files import remove, verify
from vultus.models.repository.store import ModelStore

SOURCE = b"weights"
INT8 = Int8Ranges("a-int8.onnx", "a test", 1, 99.9, (("input", -1.0, 1.0),))


def make_card(model_id, *, url=True, int8=INT8):
    source = UrlSource("https://example.org/w", "w.bin", "a") if url else PackageSource("p", "1", "w.bin", "a")
    file = ModelFile("net", "dequantize", f"{model_id}.onnx", hashlib.sha256(SOURCE).hexdigest(), (source,))
    return replace(in_box_cards()[0], id=model_id, files=(file,), int8=int8)


def make_store(folder, *cards, installed=None):
    return ModelStore(
        folder,
        cards,
        find_installed=lambda *_: installed,
        importers={"dequantize": Importer(1, lambda data, axes: b"float " + data)},
        quantizer=Quantizer(1, lambda data, ranges: b"int8 " + data),
    )


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "w.bin").write_bytes(SOURCE)
    return folder


def content(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_remove_takes_all_that_was_made_and_fetched(folder):
    card = make_card("a")
    store = make_store(folder, card)
    store.prepare(card)
    (folder / "w.bin.part").write_bytes(b"half")
    (folder / "a-int8-7bit.onnx").write_bytes(b"made on a machine with another processor")
    (folder / "other.onnx").write_bytes(b"of someone else")
    gone = remove(store, card)
    assert {path.name for path in gone} >= {"a.onnx", "a.onnx.json", "a-int8.onnx", "a-int8.onnx.json", "w.bin"}
    assert content(folder) == ["other.onnx"]
    assert store.status(card).state == "missing"
    assert remove(store, card) == ()


def test_remove_leaves_what_another_card_uses(folder):
    one, two = make_card("a"), make_card("b", int8=None)
    store = make_store(folder, one, two)
    store.prepare(one)
    store.prepare(two)
    remove(store, one)
    assert content(folder) == ["b.onnx", "b.onnx.json", "w.bin"]


def test_remove_leaves_installed_packages(tmp_path):
    installed = tmp_path / "site" / "w.bin"
    installed.parent.mkdir()
    installed.write_bytes(SOURCE)
    card = make_card("a", url=False)
    store = make_store(tmp_path / "models", card, installed=installed)
    assert remove(store, card) == ()
    store.prepare(card)
    remove(store, card)
    assert installed.read_bytes() == SOURCE
    assert store.status(card).state == "available"


def test_verify_says_that_all_is_right(folder):
    card = make_card("a")
    store = make_store(folder, card)
    store.prepare(card)
    checks = verify(store, card)
    assert [(check.name, check.ok) for check in checks] == [("net", True), ("a.onnx", True), ("a-int8.onnx", True)]
    assert hashlib.sha256(SOURCE).hexdigest() in checks[0].detail


def test_verify_needs_no_source_where_the_made_files_are_right(folder):
    card = make_card("a")
    store = make_store(folder, card)
    store.prepare(card)
    (folder / "w.bin").unlink()
    assert [check.name for check in verify(store, card)] == ["a.onnx", "a-int8.onnx"]


@pytest.mark.parametrize("name", ["w.bin", "a.onnx", "a-int8.onnx"])
def test_verify_names_what_was_changed(folder, name):
    card = make_card("a")
    store = make_store(folder, card)
    store.prepare(card)
    (folder / name).write_bytes(b"changed")
    wrong = [check for check in verify(store, card) if not check.ok]
    assert len(wrong) == 1
    assert name in wrong[0].detail


def test_verify_of_a_model_that_is_not_there_says_what_is_missing(tmp_path):
    card = make_card("a")
    checks = verify(make_store(tmp_path / "models", card), card)
    assert not any(check.ok for check in checks)
    assert "https://example.org/w" in checks[0].detail
