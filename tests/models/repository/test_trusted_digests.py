"""Weights whose digest is not published: used only with a digest that the operator trusts."""

import hashlib
from dataclasses import replace

import pytest

from vultus.errors import ModelInvalid, ModelNotInstalled, StorageFailed
from vultus.models.card import ModelFile, UrlSource, in_box_cards
from vultus.models.importers import Importer
from vultus.models.repository.store import ModelStore
from vultus.models.repository.trusted_digests import expected_digest, trust_digest, trusted_digest_path

SOURCE = b"weights of which nobody publishes the digest"
DIGEST = hashlib.sha256(SOURCE).hexdigest()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "net.h5").write_bytes(SOURCE)
    return tmp_path


def make_file(importer="keras_hdf5", sha256=None):
    sources = (UrlSource("https://example.org/net.h5", "net.h5", "a test"),)
    return ModelFile("net", importer, "net.onnx", sha256, sources)


def make_store(folder, file):
    card = replace(in_box_cards()[0], id="small", files=(file,))
    importers = {"keras_hdf5": Importer(1, lambda data, axes: b"converted: " + data)}
    return ModelStore(folder, [card], find_installed=lambda *_: None, importers=importers), card


@pytest.mark.parametrize("importer", ["keras_hdf5", "none"])
def test_without_a_pin_the_file_is_not_used_and_the_way_is_named(folder, importer):
    store, card = make_store(folder, make_file(importer))
    with pytest.raises(
        ModelNotInstalled, match=rf"nobody publishes the SHA-256 of net\.h5.*to {folder}/net\.h5\.sha256"
    ):
        store.prepare(card)
    status = store.status(card)
    assert (status.state, "nobody publishes" in status.detail) == ("missing", True)


@pytest.mark.parametrize("importer", ["keras_hdf5", "none"])
def test_with_a_pin_the_file_is_used(folder, importer):
    file = make_file(importer)
    trust_digest(folder, file, DIGEST.upper())
    store, card = make_store(folder, file)
    expected = SOURCE if importer == "none" else b"converted: " + SOURCE
    assert store.prepare(card)["net"].read_bytes() == expected
    assert store.path(card, "net").read_bytes() == expected
    assert store.status(card).state == "prepared"


@pytest.mark.parametrize("importer", ["keras_hdf5", "none"])
def test_another_file_than_the_pinned_one_is_refused(folder, importer):
    file = make_file(importer)
    trust_digest(folder, file, DIGEST)
    (folder / "net.h5").write_bytes(b"something else")
    store, card = make_store(folder, file)
    with pytest.raises(ModelInvalid, match=f"not {DIGEST}"):
        store.prepare(card)
    assert store.status(card).state == "broken"


@pytest.mark.parametrize("taken_back", [True, False])
def test_a_pin_that_is_taken_back_or_changed_makes_the_converted_file_stale(folder, taken_back):
    file = make_file()
    trust_digest(folder, file, DIGEST)
    store, card = make_store(folder, file)
    store.prepare(card)
    if taken_back:
        trusted_digest_path(folder, file).unlink()
    else:
        trust_digest(folder, file, "0" * 64)
    with pytest.raises(ModelNotInstalled):
        store.path(card, "net")
    with pytest.raises((ModelNotInstalled, ModelInvalid)):
        store.prepare(card)


@pytest.mark.parametrize("line", ["{}", "{}\n", "{}  net.h5\n", "{} *net.h5\n"])
def test_pins_are_what_sha256sum_writes(folder, line):
    trusted_digest_path(folder, make_file()).write_text(line.format(DIGEST))
    assert expected_digest(folder, make_file()) == DIGEST


def test_pin_writes_what_sha256sum_reads(folder):
    trust_digest(folder, make_file(), DIGEST)
    assert (folder / "net.h5.sha256").read_text() == f"{DIGEST}  net.h5\n"


@pytest.mark.parametrize(
    "text", [b"", b"trust me", DIGEST[:-1].encode(), f"{DIGEST}\n{DIGEST}\n".encode(), b"\xff" * 64]
)
def test_pin_that_is_no_digest_is_refused(folder, text):
    store, card = make_store(folder, make_file())
    trusted_digest_path(folder, make_file()).write_bytes(text)
    with pytest.raises(ModelInvalid, match=r"net\.h5\.sha256 holds no SHA-256"):
        store.prepare(card)
    assert store.status(card).state == "broken"


@pytest.mark.parametrize("digest", ["", "unknown", DIGEST[1:], f"{DIGEST}\n"])
def test_only_a_digest_can_be_pinned(folder, digest):
    with pytest.raises(ModelInvalid, match="is no SHA-256"):
        trust_digest(folder, make_file(), digest)
    assert not trusted_digest_path(folder, make_file()).exists()


def test_a_pin_never_overrules_the_card(folder):
    file = make_file(sha256="1" * 64)
    trusted_digest_path(folder, file).write_text(DIGEST)
    assert expected_digest(folder, file) == "1" * 64
    with pytest.raises(ModelInvalid, match="the card says"):
        trust_digest(folder, file, DIGEST)


def test_pin_into_no_folder_says_so(tmp_path):
    with pytest.raises(StorageFailed, match="cannot be written"):
        trust_digest(tmp_path / "absent", make_file(), DIGEST)
