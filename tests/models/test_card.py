import re
from importlib import resources

import pytest

from vultus.errors import ModelInvalid
from vultus.models.card import PackageSource, UrlSource, find_card, in_box_cards, parse_card, read_card

FILES = """
[[files]]
name = "embedding"
importer = "dequantize"
dynamic_axes = { 0 = "N" }
output = "small.onnx"
sha256 = "aa00000000000000000000000000000000000000000000000000000000000000"

[[files.sources]]
kind = "url"
url = "https://example.org/small.bin"
file = "small.bin"
origin = "a test"
"""

CARD = (
    """
id = "small"
title = "Small"
task = "recognition"
architecture = "one layer"
aliases = ["Tiny"]
pipeline_version = 2
output_dimension = 4

[licence]
weights = "MIT"
commercial_use = true
commercial_note = "as you like"
training_data = "none"
training_data_terms = "none"

[input]
width = 8
height = 8
channels = "RGB"
layout = "NCHW"
mean = 127.5
scale = 128

[crop]
template = [[1, 2], [3, 2], [2, 3], [1, 4], [3, 4]]
horizontal_stretch = 1.25

[accuracy]
published = "none"
measured = "none"

[calibration]
data = "none"
comparisons = 10
date = "2026-01-01"
pipeline_version = 2
metric = "cosine"
thresholds = [[1e-2, 0.4], [1e-3, 0.5]]
"""
    + FILES
)


def test_parse_reads_every_field():
    card = parse_card(CARD, "small.toml")
    assert (card.id, card.task, card.aliases, card.pipeline_version) == ("small", "recognition", ("Tiny",), 2)
    assert card.licence.commercial_use is True
    assert (card.input.width, card.input.mean, card.input.scale) == (8, 127.5, 128.0)
    assert card.crop is not None
    assert card.crop.template[1] == (3.0, 2.0)
    assert card.crop.horizontal_stretch == 1.25
    assert card.output_dimension == 4
    assert card.calibration is not None
    assert card.calibration.thresholds == ((1e-2, 0.4), (1e-3, 0.5))
    file = card.file("embedding")
    assert file.dynamic_axes == ((0, "N"),)
    assert file.sources == (UrlSource("https://example.org/small.bin", "small.bin", "a test"),)
    assert file.converted_sha256 is None


def test_unknown_digest_is_none():
    assert parse_card(re.sub('sha256 = ".*"', 'sha256 = "unknown"', CARD), "small.toml").files[0].sha256 is None


def test_unknown_digest_of_a_package_is_refused():
    text = re.sub('sha256 = ".*"', 'sha256 = "unknown"', CARD)
    text = text.replace('kind = "url"\nurl = "https://example.org/small.bin"', PACKAGE)
    with pytest.raises(ModelInvalid, match=r'files\[0\]\.sha256 is "unknown", but one source is a package'):
        parse_card(text, "small.toml")


PACKAGE = 'kind = "package"\npackage = "small"\npackage_version = "1"'
STANDARDISATION = "mean = 127.5\nscale = 128\n"


def test_per_image_standardisation_has_no_numbers():
    card = parse_card(CARD.replace(STANDARDISATION, "per_image = true\n"), "small.toml")
    assert (card.input.per_image, card.input.mean, card.input.scale) == (True, 0.0, 1.0)
    assert parse_card(CARD, "small.toml").input.per_image is False
    with pytest.raises(ModelInvalid, match=r"input\.mean is not a field of a model card"):
        parse_card(CARD.replace(STANDARDISATION, STANDARDISATION + "per_image = true\n"), "small.toml")


REQUIRED = sorted(set(re.findall(r"^(\w+) =", CARD, re.MULTILINE)) - {"dynamic_axes"})


@pytest.mark.parametrize("field", REQUIRED)
def test_missing_field_is_named(field):
    text = re.sub(rf"^{field} = .*\n", "", CARD, count=1, flags=re.MULTILINE)
    with pytest.raises(ModelInvalid, match=rf"small\.toml: [\w.\[\]]*{field} is missing; write "):
        parse_card(text, "small.toml")


@pytest.mark.parametrize("table", ["licence", "input", "crop", "accuracy"])
def test_missing_table_is_named(table):
    text = re.sub(rf"^\[{table}\]\n(.+\n)+", "", CARD, flags=re.MULTILINE)
    with pytest.raises(ModelInvalid, match=rf"small\.toml: {table} is missing; write a table \[{table}\]"):
        parse_card(text, "small.toml")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "Small"', "title = 3", "title is 3; write"),
        ('title = "Small"', 'title = " "', "title is empty"),
        ('id = "small"', 'id = "../small"', r"id is '\.\./small'; write letters"),
        ('task = "recognition"', 'task = "magic"', "task is 'magic'; write \"recognition\" or"),
        ('aliases = ["Tiny"]', "aliases = [1]", r"aliases\[0\] is 1; write a list of texts"),
        ("pipeline_version = 2", "pipeline_version = true", "pipeline_version is True; write a whole number"),
        ("output_dimension = 4", "output_dimension = 4\nolder_versions = [2]", "older_versions must be below .* 2"),
        ("output_dimension = 4", "output_dimension = 4\nolder_versions = 1", "older_versions is 1; write a list"),
        ("output_dimension = 4", "output_dimension = 0", "output_dimension is 0; write"),
        ("commercial_use = true", 'commercial_use = "yes"', "licence.commercial_use is 'yes'; write true or false"),
        ("mean = 127.5", 'mean = "127"', "input.mean is '127'; write a number"),
        ("scale = 128", "scale = 0", "input.scale is 0.0"),
        ("[3, 4]]", "[3, 4, 5]]", r"crop\.template\[4\] is \[3, 4, 5\]; write a list of pairs of numbers"),
        (", [3, 4]]", "]", "crop.template has 4 points; write 5"),
        ("horizontal_stretch = 1.25", "horizontal_stretch = -1", "crop.horizontal_stretch is -1.0"),
        ("[1e-3, 0.5]]", "[1e-3, 0.3]]", "calibration.thresholds must fall in rate and rise in cosine"),
        ('metric = "cosine"', 'metric = "l2"', "calibration.metric is 'l2'; write \"cosine\""),
        ("aa0000", "AA0000", r"files\[0\]\.sha256 is 'AA0000.*64 lower-case"),
        ('output = "small.onnx"', 'output = "a/b.onnx"', r"files\[0\]\.output is 'a/b\.onnx'; write letters"),
        ('output = "small.onnx"', 'output = "small.bin"', r"files\[0\]\.output is 'small.bin', the name of a source"),
        ('importer = "dequantize"', 'importer = "facenet_graphdef"', r"files\[0\]\.dynamic_axes does nothing"),
        ('{ 0 = "N" }', "{ 0 = 1 }", r"files\[0\]\.dynamic_axes\.0 is 1; write an axis and a name"),
        ('kind = "url"', 'kind = "ftp"', r"files\[0\]\.sources\[0\]\.kind is 'ftp'"),
        ('architecture = "one layer"', 'architecture = "one layer"\nextra = 1', "extra is not a field"),
        ('published = "none"', 'published = "none"\nextra = 1', "accuracy.extra is not a field"),
        ('origin = "a test"', 'origin = "a test"\nextra = 1', r"files\[0\]\.sources\[0\]\.extra is not a field"),
    ],
)
def test_wrong_field_is_named_with_what_to_write(old, new, said):
    assert old in CARD
    with pytest.raises(ModelInvalid, match=f"model card small.toml: {said}"):
        parse_card(CARD.replace(old, new), "small.toml")


def test_two_files_of_one_name_are_refused():
    with pytest.raises(ModelInvalid, match="files has two files with the same name"):
        parse_card(CARD + FILES, "small.toml")


def test_a_detector_has_no_dimension():
    text = CARD.replace('task = "recognition"', 'task = "detection"')
    with pytest.raises(ModelInvalid, match="is not a field of a model card"):
        parse_card(text, "small.toml")


def test_a_liveness_model_names_its_decoder_and_its_crop():
    table = CARD.replace('"recognition"', '"liveness"').replace("output_dimension = 4", 'decoder = "own"')
    table = table[: table.index("[crop]")] + table[table.index("[accuracy]") : table.index("[calibration]")] + FILES
    with pytest.raises(ModelInvalid, match="box_scales is missing; write one number for each file"):
        parse_card(table, "small.toml")
    scaled = table.replace('decoder = "own"', 'decoder = "own"\nbox_scales = [2.7]')
    assert parse_card(scaled, "small.toml").box_scales == (2.7,)
    with pytest.raises(ModelInvalid, match=r"box_scales\[0\] is 0\.0; write a number above 0"):
        parse_card(scaled.replace("2.7", "0.0"), "small.toml")
    with pytest.raises(ModelInvalid, match="box_scales has 2 numbers; write one for each of 1 files"):
        parse_card(scaled.replace("2.7", "2.7, 4.0"), "small.toml")
    with pytest.raises(ModelInvalid, match="fallback is not a field of a model card"):
        parse_card(scaled.replace("box_scales", 'fallback = "mtcnn"\nbox_scales'), "small.toml")


def test_a_detector_may_name_its_decoder():
    text = re.sub(r"output_dimension = 4\n|\[crop\]\n(.+\n)+", "", CARD).replace("recognition", "detection")
    assert parse_card(text, "small.toml").decoder is None
    named = text.replace("pipeline_version = 2", 'pipeline_version = 2\ndecoder = "yunet"', 1)
    assert parse_card(named, "small.toml").decoder == "yunet"
    with pytest.raises(ModelInvalid, match="decoder is not a field of a model card"):
        parse_card(CARD.replace('id = "small"', 'id = "small"\ndecoder = "yunet"'), "small.toml")


def test_text_that_is_no_toml_is_refused():
    with pytest.raises(ModelInvalid, match=r"model card small\.toml is no TOML"):
        parse_card("id = ", "small.toml")


def test_brackets_nested_by_the_thousand_are_refused():
    with pytest.raises(ModelInvalid, match=r"model card small\.toml is no TOML"):
        parse_card("id = " + "[" * 10_000, "small.toml")


def test_a_field_has_its_name_in_toml_only():
    text = "\n[recognisability]\nnorm_low = 1\nnorm_high = 5\n"
    assert parse_card(CARD + text, "small.toml").norm_range == (1.0, 5.0)
    with pytest.raises(ModelInvalid, match="norm_range is not a field of a model card"):
        parse_card(f"norm_range = [1, 5]\n{CARD}", "small.toml")
    with pytest.raises(ModelInvalid, match=r"recognisability\.norm_high is missing; write a number"):
        parse_card(CARD + text.replace("norm_high = 5\n", ""), "small.toml")


def test_read_card_reads_a_file(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(CARD)
    assert read_card(path) == parse_card(CARD, "small.toml")


def test_read_card_says_which_file_is_missing(tmp_path):
    with pytest.raises(ModelInvalid, match=r"absent\.toml cannot be read"):
        read_card(tmp_path / "absent.toml")


def test_unknown_file_of_a_card_is_refused():
    with pytest.raises(ModelInvalid, match="model small has no file 'other'; it has embedding"):
        parse_card(CARD, "small.toml").file("other")


def test_find_card_knows_ids_and_aliases_in_any_case():
    card = parse_card(CARD, "small.toml")
    assert find_card([card], "SMALL") is card
    assert find_card([card], "tiny") is card
    assert find_card([card], "other") is None


def test_in_box_cards_are_complete():
    cards = {card.id: card for card in in_box_cards()}
    assert {"facenet128", "facenet512-casia-webface", "facenet512-vggface2", "mtcnn", "yunet"} <= set(cards)
    assert {"sface", "dlib-resnet"} <= set(cards)
    facenet = cards["facenet512-casia-webface"]
    assert facenet.output_dimension == 512
    assert facenet.crop is not None
    assert facenet.crop.template[0] == (52.7, 65.1)
    assert [file.name for file in cards["mtcnn"].files] == ["pnet", "rnet", "onet"]
    assert isinstance(facenet.files[0].sources[0], PackageSource)
    digest = cards["facenet128"].files[0].sha256
    assert digest == "90659cc97bfda5999120f95d8e122f4d262cca11715a21e59ba024bcce816d5c"  # of facenet_weights.h5
    assert (cards["facenet128"].input.per_image, cards["facenet128"].output_dimension) == (True, 128)


def test_in_box_cards_write_different_files():
    outputs = [file.output for card in in_box_cards() for file in card.files]
    assert len(set(outputs)) == len(outputs)


@pytest.mark.parametrize(
    ("name", "model_id"),
    [
        ("Facenet", "facenet128"),
        ("Facenet512", "facenet512-vggface2"),
        ("SFace", "sface"),
        ("Dlib", "dlib-resnet"),
    ],
)
def test_names_of_deepface_mean_the_weights_of_deepface(name, model_id):
    card = find_card(in_box_cards(), name)
    assert card is not None
    assert card.id == model_id


@pytest.mark.parametrize(
    ("members", "words"),
    [("a = 1.0", "two members"), ("a = 0.5\nb = 0.4", "sum to 0.9"), ("a = 1\nb = 0.5", "two members")],
)
def test_a_fused_card_needs_members_whose_weights_sum_to_one(members, words):
    fused = next(card for card in in_box_cards() if card.fused)
    assert dict(fused.fused) == {"sface": 0.7, "facenet512-casia-webface": 0.3}
    text = (resources.files("vultus.models") / "cards" / "sface-facenet512-fused.toml").read_text("utf-8")
    with pytest.raises(ModelInvalid, match=words):
        parse_card(text.partition("[fused]")[0] + f"[fused]\n{members}\n", "card.toml")
