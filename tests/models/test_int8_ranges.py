"""The [int8] table of a card, and the file that the store makes from it."""

import hashlib
import json
from dataclasses import replace

import pytest

from tests.models.test_card import CARD
from vultus.errors import ModelInvalid, ModelNotInstalled, StorageFailed
from vultus.models.card import ModelFile, PackageSource, find_card, in_box_cards, parse_card
from vultus.models.importers import Importer, Quantizer
from vultus.models.int8_ranges import Int8Ranges
from vultus.models.repository.store import ModelStore

TABLE = """
[int8]
output = "small-int8.onnx"
data = "a test"
crops = 3
percentile = 99.9
[int8.ranges]
"input" = [-1, 1.5]
"conv/relu" = [0.0, 2.0]
"""


def card_with(table):
    return CARD + table


def test_the_table_is_read():
    card = parse_card(card_with(TABLE), "small.toml")
    ranges = (("input", -1.0, 1.5), ("conv/relu", 0.0, 2.0))
    assert card.int8 == Int8Ranges("small-int8.onnx", "a test", 3, 99.9, ranges)
    assert card.int8.bounds() == {"input": (-1.0, 1.5), "conv/relu": (0.0, 2.0)}


def test_a_card_without_the_table_has_no_int8_form():
    assert parse_card(CARD, "small.toml").int8 is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('output = "small-int8.onnx"', 'output = "../x"', r"int8\.output is '\.\./x'"),
        ('output = "small-int8.onnx"', 'output = "small.onnx"', "files has two files with the same output"),
        ("crops = 3", "crops = 0", r"int8\.crops is 0"),
        ("crops = 3", "", r"int8\.crops is missing"),
        ("percentile = 99.9", "percentile = 101", r"int8\.percentile is 101\.0; write a number above 50"),
        ("[-1, 1.5]", "[1.5, -1]", r"int8\.ranges\.input is \[1\.5, -1\.0\]; write \[least, greatest value\]"),
        ("[-1, 1.5]", "[0, inf]", r"int8\.ranges\.input is \[0\.0, inf\]"),
        ("[-1, 1.5]", "[nan, 1]", r"int8\.ranges\.input is \[nan, 1\.0\]"),
        ("[-1, 1.5]", f"[0, 1{'0' * 400}]", r"int8\.ranges\.input holds a number that is too large; write"),
        ("[-1, 1.5]", "[1]", r"int8\.ranges\.input is \[1\]"),
        ("[-1, 1.5]", "[true, 2]", r"int8\.ranges\.input is \[True, 2\]"),
        ("[-1, 1.5]", '"wide"', r"int8\.ranges\.input is 'wide'"),
        ('"input" = [-1, 1.5]\n"conv/relu" = [0.0, 2.0]', "", r"int8\.ranges is empty"),
        ("crops = 3", "crops = 3\nextra = 1", r"int8\.extra is not a field"),
    ],
)
def test_wrong_field_is_named_with_what_to_write(old, new, said):
    assert old in TABLE
    with pytest.raises(ModelInvalid, match=f"model card small.toml: {said}"):
        parse_card(card_with(TABLE.replace(old, new)), "small.toml")


def test_the_digest_is_of_the_ranges_in_any_order():
    one = Int8Ranges("a", "b", 1, 99.0, (("x", 0.0, 1.0), ("y", 0.0, 2.0)))
    assert replace(one, ranges=one.ranges[::-1]).digest() == one.digest()
    assert replace(one, ranges=(("x", 0.0, 1.0), ("y", 0.0, 2.5))).digest() != one.digest()


# --- the file -----------------------------------------------------------------------------------------------------

SOURCE = b"weights"
INT8 = Int8Ranges("small-int8.onnx", "a test", 1, 99.9, (("input", -1.0, 1.0),))


@pytest.fixture
def package(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(SOURCE)
    return path


def make_card(importer="dequantize", **changes):
    sources = (PackageSource("weights", "1.0", "model.bin", "a test"),)
    file = ModelFile("net", importer, "small.onnx", hashlib.sha256(SOURCE).hexdigest(), sources)
    return replace(in_box_cards()[0], **{"id": "small", "files": (file,), "int8": INT8, **changes})


@pytest.fixture
def make_store(tmp_path, package):
    def make(card, *, importer_version=1, quantizer_version=1, weight_bits=8):
        def quantise(data, ranges):
            return b"int8 of " + data + json.dumps(dict(ranges)).encode()

        return ModelStore(
            tmp_path / "models",
            [card],
            find_installed=lambda name, file: package if package.is_file() else None,
            importers={"dequantize": Importer(importer_version, lambda data, axes: b"float " + data)},
            quantizer=Quantizer(quantizer_version, quantise, weight_bits),
        )

    return make


EXPECTED = b'int8 of float weights{"input": [-1.0, 1.0]}'


def test_prepare_makes_the_int8_file_from_the_float_one(make_store):
    card = make_card()
    store = make_store(card)
    assert store.prepare(card) == {"net": store.folder / "small.onnx"}
    path = store.path(card, "net", "int8")
    assert path.read_bytes() == EXPECTED
    record = json.loads(path.with_name("small-int8.onnx.json").read_text())
    assert record["source_sha256"] == hashlib.sha256(SOURCE).hexdigest()
    assert (record["importer_version"], record["quantizer_version"]) == (1, 1)
    assert record["ranges_sha256"] == INT8.digest()
    assert store.status(card).state == "prepared"


def test_a_source_that_needs_no_conversion_is_quantised_too(make_store):
    card = make_card("none")
    store = make_store(card)
    store.prepare(card)
    assert store.path(card, "net", "int8").read_bytes().startswith(b"int8 of weights")


@pytest.mark.parametrize(
    ("changes", "versions"),
    [
        ({"int8": replace(INT8, ranges=(("input", -2.0, 2.0),))}, {}),
        ({}, {"quantizer_version": 2}),
        ({}, {"importer_version": 2}),
    ],
)
def test_other_ranges_or_versions_make_it_again(make_store, changes, versions):
    make_store(make_card()).prepare(make_card())
    card = make_card(**changes)
    store = make_store(card, **versions)
    with pytest.raises(ModelNotInstalled, match="run: vultus models prepare small"):
        store.path(card, "net", "int8")
    assert store.status(card).state == "available"
    store.prepare(card)
    assert store.path(card, "net", "int8")


def test_new_ranges_need_no_source_where_the_float_file_is_ready(make_store, package):
    make_store(make_card()).prepare(make_card())
    package.unlink()
    card = make_card(int8=replace(INT8, ranges=(("input", -2.0, 2.0),)))
    make_store(card).prepare(card)
    assert make_store(card).status(card).state == "prepared"


def test_each_kind_of_processor_has_a_file_of_its_own(make_store):
    card = make_card()
    eight, seven = make_store(card), make_store(card, weight_bits=7)
    eight.prepare(card)
    with pytest.raises(ModelNotInstalled, match="run: vultus models prepare small"):
        seven.path(card, "net", "int8")
    seven.prepare(card)
    assert seven.path(card, "net", "int8").name == "small-int8-7bit.onnx"
    assert eight.path(card, "net", "int8").name == "small-int8.onnx"


@pytest.mark.parametrize(("prepared", "needed"), [(8, "small-int8-7bit.onnx"), (7, "small-int8.onnx")])
def test_a_folder_of_other_processors_that_cannot_be_written_is_named_as_such(make_store, prepared, needed):
    card = make_card()
    store = make_store(card, weight_bits=prepared)
    store.prepare(card)
    lock = store.folder / ".vultus.lock"
    lock.unlink()
    lock.mkdir()  # as on a read-only file system, nothing can be locked; root ignores permissions
    with pytest.raises(
        StorageFailed, match=rf"another kind of processor \(small-int8.*\), and this one needs {needed};"
    ):
        make_store(card, weight_bits=15 - prepared).prepare(card)
    store.prepare(card)  # where it was prepared it works


def test_a_folder_that_cannot_be_written_speaks_of_processors_only_where_they_are_the_reason(make_store):
    card = make_card()
    store = make_store(card)
    (store.folder / ".vultus.lock").mkdir(parents=True)
    with pytest.raises(StorageFailed, match="could not be prepared in the model folder") as refused:
        store.prepare(card)
    assert "processor" not in str(refused.value)


def test_an_8_bit_file_under_the_7_bit_name_is_refused_and_made_anew(make_store):
    card = make_card()
    eight, seven = make_store(card), make_store(card, weight_bits=7)
    eight.prepare(card)
    for end in ("", ".json"):
        path = eight.folder / f"small-int8.onnx{end}"
        path.rename(eight.folder / f"small-int8-7bit.onnx{end}")
    with pytest.raises(ModelNotInstalled, match="run: vultus models prepare small"):
        seven.path(card, "net", "int8")
    seven.prepare(card)
    record = json.loads((seven.folder / "small-int8-7bit.onnx.json").read_text())
    assert record["weight_bits"] == 7


def test_no_other_file_of_a_card_may_have_a_name_of_the_int8_form():
    clashing = CARD.replace('output = "small.onnx"', 'output = "small-int8-7bit.onnx"')
    assert clashing != CARD
    with pytest.raises(ModelInvalid, match="two files with the same output"):
        parse_card(clashing + TABLE, "small.toml")


def test_a_tampered_int8_file_is_refused_and_mended_by_prepare(make_store):
    card = make_card()
    store = make_store(card)
    store.prepare(card)
    store.path(card, "net", "int8").write_bytes(b"something else")
    with pytest.raises(ModelInvalid, match="has changed since it was prepared"):
        store.path(card, "net", "int8")
    assert store.status(card).state == "broken"
    assert store.path(card, "net").read_bytes() == b"float weights"
    store.prepare(card)
    assert store.path(card, "net", "int8").read_bytes() == EXPECTED


def test_a_card_without_ranges_has_no_int8_file(make_store):
    card = make_card(int8=None)
    store = make_store(card)
    store.prepare(card)
    with pytest.raises(ModelInvalid, match=r"small has no int8 form of net; its card would need the table \[int8\]"):
        store.path(card, "net", "int8")


def test_in_box_default_has_ranges():
    card = find_card(in_box_cards(), "facenet512-casia-webface")
    assert card is not None
    assert card.int8 is not None
    assert len(card.int8.ranges) == 126
