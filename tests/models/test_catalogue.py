import pytest

from tests.models.test_card import CARD
from vultus.errors import ModelInvalid
from vultus.models.card import FileSource, in_box_cards
from vultus.models.catalogue import folder_cards, known_cards
from vultus.models.repository.store import ModelStore

OWN = CARD.replace('importer = "dequantize"\ndynamic_axes = { 0 = "N" }', 'importer = "none"').replace(
    'kind = "url"\nurl = "https://example.org/small.bin"', 'kind = "file"'
)
W600K_R50 = "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43"


@pytest.fixture
def put(tmp_path):
    def write(text, name="small.toml"):
        (tmp_path / name).write_text(text)
        return tmp_path

    return write


def test_own_cards_come_after_those_in_the_box(put):
    cards = known_cards(put(OWN))
    assert cards[:-1] == in_box_cards()
    assert cards[-1].id == "small"
    assert cards[-1].files[0].sources == (FileSource("small.bin", "a test"),)


def test_no_folder_has_no_cards(tmp_path):
    assert folder_cards(tmp_path / "absent") == ()


def test_a_calibration_is_no_card(put):
    assert folder_cards(put("model = 1", "small.calibration.toml")) == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('id = "small"', 'id = "yunet"', "yunet and yunet both claim 'yunet'; rename one"),
        ('aliases = ["Tiny"]', 'aliases = ["YuNet"]', "yunet and small both claim 'yunet'"),
        ('output = "small.onnx"', 'output = "yunet-2023mar.onnx"', "both claim 'the file yunet-2023mar.onnx'"),
        ('aliases = ["Tiny"]', 'aliases = ["VGG-Face"]', "small may not be called 'VGG-Face'"),
        (
            "aa" + "0" * 62,
            "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
            "InsightFace's w600k_r50",
        ),
        ('title = "Small"\n', "", r"small\.toml: title is missing"),
    ],
)
def test_a_card_that_cannot_be_served_is_refused(put, old, new, said):
    assert old in OWN
    with pytest.raises(ModelInvalid, match=said):
        known_cards(put(OWN.replace(old, new)))


def test_own_file_that_is_absent_says_where_to_put_it(put):
    folder = put(OWN)
    (card,) = folder_cards(folder)
    assert ModelStore(folder, [card]).status(card).detail.endswith(f"put small.bin into {folder}")


def test_own_file_of_another_digest_is_refused(put):
    folder = put(OWN)
    (folder / "small.bin").write_bytes(b"another")
    (card,) = folder_cards(folder)
    status = ModelStore(folder, [card]).status(card)
    assert (status.state, "is not the expected file" in status.detail) == ("broken", True)
