"""The models that a process serves: names, licences, precisions, loading within a budget."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests import pictures
from tests.standins import SIDE, TEMPLATE, write_tiny_network
from tests.waiting import patient
from vultus.config import Settings
from vultus.errors import InvalidRequest, ModelInvalid, ModelMismatch, ModelNameNotAllowed, ModelNotInstalled
from vultus.model_loading import MEMORY_FACTOR
from vultus.model_registry import ModelRegistry
from vultus.models.card import FileSource, Int8Ranges, ModelFile, find_card, in_box_cards
from vultus.models.importers import Quantizer
from vultus.models.repository.store import ModelStore
from vultus.records.seen import CropRule, Face, InputRule
from vultus.vision.compute_slots import ComputeSlots
from vultus.vision.session import Session
from vultus.wiring.networks import open_models

INT8 = Int8Ranges("a-int8.onnx", "a test", 1, 99.9, (("input", -1.0, 1.0),))


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def make_card(folder, name, *, dimension=32, commercial=True, **changes):
    """A card of a tiny network that lies in the model folder."""
    path = write_tiny_network(folder / f"{name}.bin", seed=len(name))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    file = ModelFile("net", "none", f"{name}.onnx", sha256, (FileSource(path.name, "a test"),))
    card = next(card for card in in_box_cards() if card.task == "recognition" and card.calibration is not None)
    given = {
        "id": name,
        "aliases": (f"alias-of-{name}",),
        "files": (file,),
        "input": InputRule(SIDE, SIDE, "RGB", "NCHW", 127.5, 128.0),
        "crop": CropRule(TEMPLATE),
        "output_dimension": dimension,
        "licence": replace(card.licence, weights="a licence", commercial_use=commercial),
        "int8": None,
    }
    return replace(card, **(given | changes))


def nearly(model, share=0.02):
    """The tiny network with weights that are this share too large or too small."""
    network = onnx.load_model_from_string(model)
    weights = numpy_helper.to_array(network.graph.initializer[0])
    error = np.where(np.arange(weights.size).reshape(weights.shape) % 2, share, -share)
    network.graph.initializer[0].CopyFrom(numpy_helper.from_array((weights * (1 + error)).astype(np.float32), "matrix"))
    return network.SerializeToString()


def serve(folder, *cards, **given):
    quantizer = Quantizer(1, lambda data, ranges: nearly(data))
    store = ModelStore(folder, cards, quantizer=quantizer)
    for card in cards:
        store.prepare(card)
    return ModelRegistry(store, cards, default=cards[0].id, **given)


def embedded(models, name):
    embedder = models.served(name).embedder()
    return embedder.embed([embedder.blank() + np.uint8(7)])


def test_names_and_aliases_resolve_to_ids(folder):
    models = serve(folder, make_card(folder, "a"), make_card(folder, "b"))
    assert [models.resolve(name).id for name in (None, "B", "alias-of-b")] == ["a", "b", "b"]


def test_a_name_is_resolved_once_to_a_model_that_is_passed_down(folder):
    models = serve(folder, make_card(folder, "a", calibration=None), make_card(folder, "b"))
    model = models.resolve("alias-of-b")
    assert (model.id, model.dimension, model.pipeline_version, model.precision) == ("b", 32, 2, "fp32")
    assert models.resolve("b") is model
    assert model.thresholds() is model.thresholds()
    assert model.embedder() is models.served("b").embedder()


def test_an_older_version_shares_the_network_and_one_that_cannot_be_made_is_refused(folder):
    model = serve(folder, make_card(folder, "a")).resolve("a")
    older = model.at_version(1)
    assert (older.id, older.pipeline_version, older.thresholds()) == ("a", 1, model.thresholds())
    assert model.at_version(2) is model
    picture, face = np.full((90, 90, 3), 200, np.uint8), Face((-20, -20, 30, 30), np.zeros((5, 2), np.float32), 0.9)
    assert [one.embedder().crop(picture, face, align=False).min() for one in (older, model)] == [200, 127]
    with pytest.raises(ModelMismatch, match="version 3 of a cannot be made, only 1, 2"):
        model.at_version(3)


def test_a_model_without_a_calibration_says_how_to_make_one(folder):
    model = serve(folder, make_card(folder, "a", calibration=None)).resolve("a")
    assert model.calibration is None
    with pytest.raises(InvalidRequest, match="vultus calibrate FOLDER --model a"):
        model.thresholds()


def test_unknown_and_refused_names_say_why(folder):
    models = serve(folder, make_card(folder, "a"))
    with pytest.raises(ModelNameNotAllowed, match="use one of: a, alias-of-a"):
        models.resolve("other")
    with pytest.raises(ModelNameNotAllowed, match="VGG-Face is not served: its weights are licensed"):
        models.resolve("vgg-face")


def test_a_model_is_warm_after_its_first_use(folder):
    models = serve(folder, make_card(folder, "a"), make_card(folder, "b"))
    embedded(models, "b")
    assert {each["model_id"]: each["warm"] for each in models.capabilities()} == {"a": False, "b": True}


def test_parallel_first_uses_load_one_network(folder):
    models = serve(folder, make_card(folder, "a"))
    barrier, found = threading.Barrier(4), []

    def use():
        barrier.wait(patient())
        found.append(models.served("a").embedder())

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patient())
    assert len(found) == 4
    assert len(set(map(id, found))) == 1


def test_models_beyond_the_budget_are_unloaded_and_loaded_again(folder):
    cards = [make_card(folder, name) for name in ("a", "b", "c")]
    size = 2 * MEMORY_FACTOR * (folder / "a.bin").stat().st_size  # a request alone loads it twice
    models = serve(folder, *cards, memory_bytes=2 * size)
    first = models.served("a").embedder()
    for name in ("b", "c"):
        embedded(models, name)
    assert [each["warm"] for each in models.capabilities()] == [False, True, True]
    assert first.embed([first.blank() + np.uint8(7)]).shape == (1, 32)  # in use: it goes on working
    assert models.served("a").embedder() is not first


# --- licences -----------------------------------------------------------------------------------------------------


def test_weights_not_for_commerce_are_refused_by_name(folder):
    models = serve(folder, make_card(folder, "a"), make_card(folder, "b", commercial=False))
    for call in (models.resolve, models.served):
        with pytest.raises(
            ModelNameNotAllowed, match=r"b is not served: its weights \(a licence\) may not.*VULTUS_ALLOW_NONCOMMERCIAL"
        ):
            call("b")
    with pytest.raises(ModelNameNotAllowed, match=r"use one of: a, alias-of-a$"):
        models.resolve("other")
    assert [(each["commercial_use"], each["allowed"]) for each in models.capabilities()] == [
        (True, True),
        (False, False),
    ]


def test_weights_not_for_commerce_are_served_where_the_operator_says_so(folder):
    models = serve(folder, make_card(folder, "a"), make_card(folder, "b", commercial=False), allow_noncommercial=True)
    assert models.resolve("b").id == "b"
    assert embedded(models, "b").shape == (1, 32)
    assert [each["allowed"] for each in models.capabilities()] == [True, True]


def test_the_default_may_not_be_one_that_is_not_allowed(folder):
    with pytest.raises(ModelNameNotAllowed, match="a is not served"):
        serve(folder, make_card(folder, "a", commercial=False))


# --- files --------------------------------------------------------------------------------------------------------


def test_a_file_that_is_not_what_its_card_says_is_refused(folder):
    models = serve(folder, make_card(folder, "a"), make_card(folder, "b", dimension=16))
    with pytest.raises(ModelInvalid, match=r"b\.bin answers \(N, 32\), but its card says \(N, 16\)"):
        models.served("b").embedder()


def test_a_file_of_another_digest_is_never_loaded(folder):
    models = serve(folder, make_card(folder, "a"))
    write_tiny_network(folder / "a.bin", seed=99)
    for call in (models.resolve, lambda name: models.served(name).embedder()):
        with pytest.raises(ModelInvalid, match="is not the expected file"):
            call("a")


def test_a_missing_file_says_how_to_get_it(folder):
    card = make_card(folder, "a")
    models = serve(folder, card)
    (folder / "a.bin").unlink()
    with pytest.raises(ModelNotInstalled, match=r"put a\.bin into"):
        models.resolve("a")


# --- precision ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "used"), [("fp32", "fp32"), ("int8", "int8")])
def test_the_file_of_the_precision_is_loaded(folder, asked, used):
    card = make_card(folder, "aaa", int8=INT8)
    fp32 = embedded(serve(folder, card), "aaa")
    models = serve(folder, card, precision=asked)
    assert models.served("aaa").precision == used
    assert models.capabilities()[0]["precision"] == used
    assert bool(np.allclose(embedded(models, "aaa"), fp32)) is (used == "fp32")  # the stand-in rounds


def test_a_model_without_ranges_computes_in_fp32(folder):
    models = serve(folder, make_card(folder, "a"), precision="int8")
    assert models.served("a").precision == "fp32"
    assert embedded(models, "a").shape == (1, 32)


@pytest.mark.real
@pytest.mark.parametrize("name", ["facenet512-casia-webface", "sface"])
def test_int8_embeddings_are_nearly_those_of_fp32(name, real, model_dir):
    card = find_card(in_box_cards(), name)
    assert card is not None
    store = ModelStore(model_dir, in_box_cards())
    store.prepare(card)
    exact, fast = (
        open_models(Settings(default_model=name, model_dir=model_dir, precision=precision), store)
        .served(name)
        .embedder()
        for precision in ("fp32", "int8")
    )
    photos = [pictures.astronaut(), pictures.portrait(), *pictures.variants(pictures.astronaut()).values()]
    crops = []
    for photo in photos:
        with real.pipeline.slot():
            detected = real.pipeline.detect(photo)
        crops.append(exact.crop(detected.photograph.pixels, detected.faces[0]))
    assert (exact.embed(crops) * fast.embed(crops)).sum(1).min() > 0.99


@pytest.mark.real
def test_the_int8_file_is_a_quarter_of_the_float_one(real, model_dir):
    card = find_card(in_box_cards(), "facenet512-casia-webface")
    assert card is not None
    store = ModelStore(model_dir, in_box_cards())
    store.prepare(card)
    exact, fast = store.path(card, "embedding"), store.path(card, "embedding", "int8")
    assert fast.stat().st_size < 0.27 * exact.stat().st_size
    assert Session(fast).output_shapes == (("N", 512),)


def fused_card(folder, *, dimension=64, **members):
    return make_card(
        folder, "both", files=(), input=None, crop=None, output_dimension=dimension, fused=tuple(members.items())
    )


def test_a_fused_model_is_its_members_joined(folder):
    cards = make_card(folder, "a"), make_card(folder, "bb"), fused_card(folder, a=0.5, bb=0.5)
    models = serve(folder, *cards)
    joined = embedded_pair(models, "both")
    each = [embedded_pair(models, name) for name in ("a", "bb")]
    assert pictures.cosine(*joined) == pytest.approx(np.mean([pictures.cosine(*pair) for pair in each]), abs=1e-5)
    assert models.resolve("both").id == "both"


def embedded_pair(models, name):
    """The embeddings of two faces by a model."""
    model = models.served(name).embedder()
    face = Face((4, 4, 60, 60), np.array(TEMPLATE, np.float32) * 2, 0.9)
    photos = [np.random.default_rng(i).integers(0, 256, (64, 64, 3)).astype(np.uint8) for i in range(2)]
    return model.embed([model.crop(photo, face) for photo in photos])


def test_a_fused_model_stands_where_its_worst_member_stands(folder):
    cards = make_card(folder, "a"), make_card(folder, "bb"), fused_card(folder, a=0.5, bb=0.5)
    models = serve(folder, *cards)
    (folder / "bb.bin").unlink()
    assert {each["model_id"]: each["state"] for each in models.capabilities()}["both"] == "missing"
    with pytest.raises(ModelNotInstalled):
        models.resolve("both")


def test_a_fused_card_that_names_nobody_or_the_wrong_dimension_is_refused(folder):
    with pytest.raises(ModelInvalid, match="made up of 'nobody'"):
        serve(folder, make_card(folder, "a"), fused_card(folder, a=0.5, nobody=0.5))
    models = serve(
        folder, make_card(folder, "a"), make_card(folder, "bb"), fused_card(folder, dimension=5, a=0.5, bb=0.5)
    )
    with pytest.raises(ModelInvalid, match="64 numbers"):
        models.served("both").embedder()


def test_an_alias_means_the_stand_in_only_while_the_weights_are_missing_and_only_if_the_operator_says_so(folder):
    cards = make_card(folder, "a"), make_card(folder, "bb", stand_in="a")
    store = ModelStore(folder, cards)
    models = ModelRegistry(store, cards, default="a", use_stand_ins=True)
    assert models.resolve("alias-of-bb").id == "bb"
    (folder / "bb.bin").unlink()
    assert models.resolve("alias-of-bb").id == "a"
    for name, served in (("bb", models), ("alias-of-bb", ModelRegistry(store, cards, default="a"))):
        with pytest.raises(ModelNotInstalled):
            served.resolve(name)


def test_a_new_kind_of_model_is_a_card_and_a_decoder(folder):
    """A made-up liveness card is found by its task, its network loaded by a made-up decoder, and handed out."""
    kind = {"task": "liveness", "decoder": "made_up", "crop": None, "output_dimension": None, "box_scales": (2.7,)}
    live = make_card(folder, "live", **kind)
    decoders = {"liveness": {"made_up": lambda card, networks: (card.box_scales, networks.session(card.id, "net"))}}
    models = serve(folder, make_card(folder, "a"), live, decoders=decoders)
    slots = ComputeSlots(1, queue=0, wait_seconds=1)
    ((name, (box_scales, session)),) = models.open_task("liveness", slots).items()
    assert (name, box_scales) == ("live", (2.7,))
    assert isinstance(session, Session)
    assert [model["model_id"] for model in models.capabilities()] == ["a"]


def test_a_network_that_no_card_has_is_refused(folder):
    own = make_card(folder, "own", task="detection", decoder="refined", crop=None, refiner="nobody")
    decoders = {"detection": {"refined": lambda card, networks: networks.session(card.refiner, "onet")}}
    models = serve(folder, make_card(folder, "a"), own, decoders=decoders)
    with pytest.raises(ModelInvalid, match="no model card 'nobody'; known: a, own"):
        models.open_task("detection", ComputeSlots(1, queue=0, wait_seconds=1))


def test_a_name_of_deepface_that_has_no_card_cannot_be_installed_and_says_why(folder):
    models = serve(folder, make_card(folder, "a"))
    with pytest.raises(ModelNotInstalled, match="OpenFace cannot be installed, as it is published as Torch and Keras"):
        models.resolve("openface")
