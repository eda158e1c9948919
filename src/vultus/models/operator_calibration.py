"""The operator's own calibration of a model: a file in the data folder that takes precedence over the card.

It names the model and the version of the preprocessing it was measured with, and is refused where the card does not
make that version: thresholds of other embeddings would give wrong decisions without any error. One of an older version
that the card still makes holds for the newer one too: versions 1 and 2 differ only where a crop reaches outside the
picture, which few do. For the same reason the cards' own calibrations, measured with version 1, hold for both.

Earlier releases wrote it into the model folder, which data folders share: such a file still holds for every data folder
that has none of its own, and is named in the log.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from pathlib import Path

from pydantic.dataclasses import dataclass

from vultus.errors import ModelInvalid
from vultus.files import read_regular
from vultus.models.calibration import Calibration, CalibrationTable, SearchCalibration
from vultus.models.card import ModelCard
from vultus.models.card_fields import CARD_CONFIG, Text
from vultus.models.relative_toml import pairs_text, relative_lines, short_rate
from vultus.models.toml import parse_toml, write_calibration_text

log = logging.getLogger(__name__)


@dataclass(frozen=True, config=CARD_CONFIG)
class _CalibrationFile:
    """The content of the file: the model's id and its calibration."""

    model: Text
    calibration: CalibrationTable


def operator_calibration_path(folder: Path, model_id: str) -> Path:
    """The path of a model's calibration in a data folder, or in the model folder of an earlier release."""
    return folder / f"{model_id}.calibration.toml"


def calibration_in_use(folders: Iterable[Path], card: ModelCard) -> tuple[Path, Calibration] | None:
    """The operator's calibration of a model in the first folder that has one, with its path; None without one.

    Raises: ModelInvalid when it cannot be read, is malformed, or was measured with another model or preprocessing.
    """
    for folder in folders:
        calibration = read_operator_calibration(folder, card)
        if calibration is not None:
            return operator_calibration_path(folder, card.id), calibration
    return None


def read_operator_calibration(folder: Path, card: ModelCard) -> Calibration | None:
    """The operator's calibration of a model in this folder; None without one. Raises: as `calibration_in_use`."""
    path = operator_calibration_path(folder, card.id)
    try:
        text = read_regular(path).decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as exc:
        raise ModelInvalid(f"the calibration {path} cannot be read: {exc}; check the file or remove it") from exc
    content = parse_toml(text, path.name, _CalibrationFile)
    model_id, calibration = content.model, content.calibration
    if model_id != card.id or calibration.pipeline_version not in (card.pipeline_version, *card.older_versions):
        raise ModelInvalid(
            f"the calibration {path} was measured with {model_id}, pipeline version {calibration.pipeline_version}, "
            f"but {card.id}, version {card.pipeline_version}, is used; remove the file, "
            f"or put it aside and run: vultus calibrate FOLDER --model {card.id}"
        )
    if calibration.pipeline_version != card.pipeline_version:
        log.info(
            "the calibration of %s was measured with pipeline version %d; it is used with version %d as well, which "
            "differs only for faces cut by the edge of the picture",
            card.id,
            calibration.pipeline_version,
            card.pipeline_version,
        )
    return calibration


def read_operator_calibrations(data_dir: Path, model_dir: Path, cards: Iterable[ModelCard]) -> dict[str, Calibration]:
    """The operator's calibrations by model id, of the data folder before the model folder.

    Raises: ModelInvalid when one does not fit its model.
    """
    found: dict[str, Calibration] = {}
    for card in cards:
        in_use = calibration_in_use((data_dir, model_dir), card)
        if in_use is not None:
            path, calibration = in_use
            found[card.id] = calibration
            if path.parent == model_dir:
                log.warning("%s", why_shared(path, data_dir))
            if (why := why_by_cosine(card, calibration)) is not None:
                log.warning("%s", why)
    return found


def why_shared(path: Path, data_dir: Path) -> str:
    """That a calibration holds for all data folders, and the way out."""
    return (
        f"the calibration {path} is of an earlier release and holds for every data folder that has none of its own; "
        f"move it to {data_dir} if it was measured for that one"
    )


def why_by_cosine(card: ModelCard, calibration: Calibration) -> str | None:
    """That the operator's calibration makes cosines decide although the card has relative scores, and the way out."""
    if calibration.relative is not None or card.calibration is None or card.calibration.relative is None:
        return None
    return (
        f"your calibration of {card.id} is of cosines alone, so cosines decide and not the scores relative to other "
        f"faces that its card has; for those, calibrate again: vultus calibrate FOLDER --model {card.id}"
    )


def write_operator_calibration(path: Path, model_id: str, calibration: Calibration) -> None:
    """Write a calibration file, whole or not at all. Raises: StorageFailed."""
    write_calibration_text(path, calibration_text(model_id, calibration))


def calibration_text(model_id: str, calibration: Calibration) -> str:
    """The calibration file as TOML; its tables can be copied into a model card."""
    return "\n".join([f"model = {json.dumps(model_id)}", "", *calibration_lines(calibration)]) + "\n"


def calibration_lines(calibration: Calibration) -> list[str]:
    """The table [calibration] and, where there are any, those of searches and of relative scores."""
    lines = [
        "[calibration]",
        f"data = {json.dumps(calibration.data, ensure_ascii=False)}",
        f"comparisons = {calibration.comparisons:_}",
        f"date = {json.dumps(calibration.date)}",
        f"pipeline_version = {calibration.pipeline_version}",
        'metric = "cosine"',
        *([f"precision = {json.dumps(calibration.precision)}"] if calibration.precision else []),
        *([f"weighting = {json.dumps(calibration.weighting)}"] if calibration.weighting else []),
        *([f"smallest_fmr = {short_rate(calibration.smallest_fmr)}"] if calibration.smallest_fmr else []),
        f"thresholds = {pairs_text(calibration.thresholds)}",
    ]
    if calibration.search is not None:
        lines += ["", *_search_lines(calibration.search)]
    if calibration.relative is not None:
        lines += ["", *relative_lines(calibration.relative)]
    return lines


def _search_lines(search: SearchCalibration) -> list[str]:
    return [
        "[calibration.search]",
        f"shape = {search.shape:.4g}",
        f"exponent = {search.exponent:.4g}",
        f"smallest_fmr = {short_rate(search.smallest_fmr)}",
        f"smallest_fpir = {short_rate(search.smallest_fpir)}",
        f"largest_gallery = {search.largest_gallery}",
        f"thresholds = {pairs_text(search.thresholds)}",
    ]
