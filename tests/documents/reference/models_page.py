"""The page of models, from their cards."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from tests.documents.pages import ROOT
from vultus.models.card import ModelCard, PackageSource, UrlSource, in_box_cards

BEGINNING = """\
# Model cards

Made from the cards by `python -m tests.documents.reference`. `vultus models show NAME` prints the same. Error rates
that you can expect are in [accuracy](../accuracy.md). The size is that of the fp32 weights on disk, in MB. Weights in
8 bits take a quarter of it, beside them.

| Model | Task | Numbers a face | MB | Licence of the weights | Commercial use | How it comes |
|---|---|---|---|---|---|---|
"""
# Of the weights once they are prepared; auraface-v1: of its download. Others were not at hand.
MEGABYTES = {
    "auraface-v1": 261,
    "facenet512-casia-webface": 93.9,
    "minifasnet": 3.5,
    "mtcnn": 2.0,
    "sface": 38.7,
    "sface-facenet512-fused": 132.7,
    "yunet": 0.2,
}


def models_page() -> str:
    """The whole page."""
    cards = sorted(in_box_cards(), key=lambda card: (card.task != "recognition", card.task, card.id))
    rows = "".join(map(_row, cards))
    return BEGINNING + rows + "".join(map(_section, cards))


def _row(card: ModelCard) -> str:
    numbers = card.output_dimension or ""
    allowed = "allowed" if card.licence.commercial_use else "not allowed"
    link = f"[`{card.id}`](#{card.id})"
    size = MEGABYTES.get(card.id, "not measured")
    return f"| {link} | {card.task} | {numbers} | {size} | {card.licence.weights} | {allowed} | {_origin(card)} |\n"


def _origin(card: ModelCard) -> str:
    if card.fused:
        return "with the installation"
    sources = [source for file in card.files for source in file.sources]
    installed = {re.split("[=<>]", requirement)[0] for requirement in _project()["dependencies"]}
    if any(isinstance(source, PackageSource) and source.package in installed for source in sources):
        return "with the installation"
    pulled = any(isinstance(source, UrlSource) for source in sources)
    return f"`vultus models pull {card.id}`" if pulled else "a file of yours"


def _project() -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def _section(card: ModelCard) -> str:
    lines = [
        ("Architecture", card.architecture),
        ("Other names", ", ".join(f"`{name}`" for name in card.aliases)),
        ("Made of", ", ".join(f"[`{name}`](#{name}), weight {weight:g}" for name, weight in card.fused)),
        ("Commercial use", card.licence.commercial_note),
        ("Training data", card.licence.training_data),
        ("Its terms", card.licence.training_data_terms),
        ("Accuracy, as published", card.accuracy.published),
        ("Accuracy, as measured here", card.accuracy.measured),
        ("Weights from", "; ".join(_sources(card))),
    ]
    rows = "".join(f"| {name} | {text.replace('|', '/')} |\n" for name, text in lines if text)
    return f"\n## {card.id}\n\n{card.title}.\n\n| | |\n|---|---|\n{rows}"


def _sources(card: ModelCard) -> list[str]:
    return list(dict.fromkeys(source.origin for file in card.files for source in file.sources))
