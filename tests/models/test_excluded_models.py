import pytest

from vultus.errors import ModelInvalid
from vultus.models.card import in_box_cards
from vultus.models.excluded_models import refusal, refuse_excluded


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("VGG-Face", "VGG-Face is not served: its weights are licensed for non-commercial research only; "),
        ("ArcFace", "ArcFace is not served: InsightFace releases its pretrained models for non-commercial"),
        ("Buffalo_L", "Buffalo_L is not served: InsightFace"),
        ("antelope", "AntelopeV2 is not served: InsightFace"),
        ("GhostFaceNet", "GhostFaceNet is not served: no licence of its weights is known"),
        ("DeepFace", "DeepFace is not served: its weights have not been cleared for commercial use"),
        ("DeepID", "DeepID is not served: its weights have not been cleared for commercial use"),
    ],
)
def test_refused_names_have_their_licence_reason(name, reason):
    assert str(refusal(name)).startswith(reason)


@pytest.mark.parametrize("name", ["vggface", "VGG-FACE", "vgg_face", "Vgg Face"])
def test_case_and_separators_do_not_count(name):
    assert refusal(name) == refusal("VGG-Face")


@pytest.mark.parametrize("name", ["", "Facenet", "VGG-Face2", "face", "-", "\u212a", "Buffalo"])
def test_other_names_are_not_refused(name):
    assert refusal(name) is None


def test_no_card_bears_a_refused_name():
    assert [name for card in in_box_cards() for name in (card.id, *card.aliases) if refusal(name)] == []


@pytest.mark.parametrize(
    ("sha256", "name"),
    [
        ("5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91", "det_10g"),
        ("4AB1D6435D639628A6F3E5008DD4F929EDF4C4124B1A7169E1048F9FEF534CDF", "glintr100"),
    ],
)
def test_a_file_is_refused_by_its_digest(sha256, name):
    with pytest.raises(ModelInvalid, match=f"is InsightFace's {name}.onnx .* non-commercial research only"):
        refuse_excluded(sha256)


def test_no_card_has_a_refused_file_and_auraface_is_another_file_of_the_same_name():
    for card in in_box_cards():
        for file in card.files:
            refuse_excluded(file.sha256)
    refuse_excluded(None)
