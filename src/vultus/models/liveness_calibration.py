"""The threshold of a liveness model: in its card, or the operator's own in the data folder, which takes precedence.

Rates are those of ISO/IEC 30107-3: BPCER, the share of live faces that are taken for attacks, and for each kind of
attack APCER, the share of attacks that are taken for live.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator
from pydantic.dataclasses import dataclass

from vultus.errors import ModelInvalid
from vultus.files import read_regular
from vultus.models.card_fields import CARD_CONFIG, Count, Number, Rate, Size, Text
from vultus.models.toml import parse_toml, write_calibration_text


def _score(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"is {value}; write a number from 0 to 1")
    return value


@dataclass(frozen=True, config=CARD_CONFIG)
class MeasuredAttacks:
    """Attacks of one kind: how many were presented, how many of them were taken for live, at which threshold."""

    kind: Text
    presented: Count
    accepted: Size
    threshold: Annotated[Number, AfterValidator(_score)]
    data: Text


@dataclass(frozen=True, config=CARD_CONFIG)
class LivenessCalibration:
    """threshold: the score at or above which a face counts as live. bpcer: the share of live faces that was asked for.

    live: how many live faces were presented; refused: how many of them fall below the threshold. data: what they were,
    in words. pipeline_version: the preprocessing it was measured with. attacks: by kind; of others nothing is known.
    """

    threshold: Annotated[Number, AfterValidator(_score)]
    bpcer: Rate
    live: Count
    refused: Size
    data: Text
    date: Text
    pipeline_version: Count
    attacks: tuple[MeasuredAttacks, ...] = ()


@dataclass(frozen=True, config=CARD_CONFIG)
class _LivenessFile:
    model: Text
    liveness: LivenessCalibration


def liveness_calibration_path(folder: Path, model_id: str) -> Path:
    """The path of the operator's threshold of a liveness model in a data folder."""
    return folder / f"{model_id}.liveness.toml"


def read_liveness_calibration(folder: Path, model_id: str, pipeline_version: int) -> LivenessCalibration | None:
    """The operator's threshold of a liveness model; None without one.

    Raises: ModelInvalid when it cannot be read, is malformed, or was measured with another model or preprocessing.
    """
    path = liveness_calibration_path(folder, model_id)
    try:
        text = read_regular(path).decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as exc:
        raise ModelInvalid(f"the calibration {path} cannot be read: {exc}; check the file or remove it") from exc
    found = parse_toml(text, path.name, _LivenessFile)
    if (found.model, found.liveness.pipeline_version) != (model_id, pipeline_version):
        raise ModelInvalid(
            f"the calibration {path} was measured with {found.model}, pipeline version "
            f"{found.liveness.pipeline_version}, but {model_id}, version {pipeline_version}, is used; remove the file, "
            "or put it aside and run: vultus calibrate --liveness FOLDER"
        )
    return found.liveness


def write_liveness_calibration(path: Path, model_id: str, found: LivenessCalibration) -> None:
    """Write the file, whole or not at all. Raises: StorageFailed."""
    write_calibration_text(path, liveness_text(model_id, found))


def liveness_text(model_id: str, found: LivenessCalibration) -> str:
    """The file as TOML; its tables can be copied into a model card."""
    lines = [f"model = {json.dumps(model_id)}", "", "[liveness]", f"threshold = {found.threshold:.6f}"]
    lines += [f"bpcer = {float(found.bpcer)!r}", f"live = {found.live}", f"refused = {found.refused}"]
    lines += [f"data = {json.dumps(found.data, ensure_ascii=False)}", f"date = {json.dumps(found.date)}"]
    lines += [f"pipeline_version = {found.pipeline_version}", *_attack_lines(found.attacks)]
    return "\n".join(lines) + "\n"


def _attack_lines(attacks: Iterable[MeasuredAttacks]) -> list[str]:
    lines: list[str] = []
    for one in attacks:
        lines += ["", "[[liveness.attacks]]", f"kind = {json.dumps(one.kind, ensure_ascii=False)}"]
        lines += [f"presented = {one.presented}", f"accepted = {one.accepted}", f"threshold = {one.threshold:.6f}"]
        lines += [f"data = {json.dumps(one.data, ensure_ascii=False)}"]
    return lines
