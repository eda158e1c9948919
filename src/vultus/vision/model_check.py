"""Checks that a network is what its card says, when it is loaded and not only when a photo fails."""

from __future__ import annotations

from vultus.errors import ModelInvalid
from vultus.records.seen import InputRule
from vultus.vision.session import Dimension, Session

FLOAT32 = "tensor(float)"  # ONNX Runtime's name of the type


def check_recogniser(session: Session, *, input_rule: InputRule, dimension: int) -> None:
    """Check that a network takes float32 (N, 3, H, W) or (N, H, W, 3) and returns only float32 (N, dimension).

    Raises ModelInvalid, with what the file has and what to change.
    """
    _check_input(session, input_rule)
    if len(session.output_names) != 1:
        raise ModelInvalid(
            f"{session.name} has {len(session.output_names)} outputs ({', '.join(session.output_names)}); "
            "a recognition model of Vultus has exactly one: export the embedding alone"
        )
    shape, kind = session.output_shapes[0], session.output_types[0]
    if kind != FLOAT32:
        raise ModelInvalid(f"{session.name} answers {kind}; export it with a float32 output")
    if len(shape) != 2 or not _fits(shape[1], dimension):
        raise ModelInvalid(
            f"{session.name} answers {_words(shape)}, but its card says (N, {dimension}); mend output_dimension in the "
            "card, or export the embedding as (N, D)"
        )


def _check_input(session: Session, rule: InputRule) -> None:
    sides = (rule.height, rule.width)
    wanted = (3, *sides) if rule.layout == "NCHW" else (*sides, 3)
    shape = session.input_shape
    if session.input_type != FLOAT32:
        raise ModelInvalid(f"{session.name} takes {session.input_type}; export it with a float32 input")
    if len(shape) != 4 or not all(map(_fits, shape[1:], wanted)):
        raise ModelInvalid(
            f"{session.name} takes {_words(shape)}, but its card says (N, {', '.join(map(str, wanted))}), "
            f"{rule.layout}; mend width, height or layout in the card"
        )
    if isinstance(shape[0], int) and shape[0] != 1:
        raise ModelInvalid(f"{session.name} takes batches of exactly {shape[0]}; export it with any batch size, or 1")


def _fits(found: Dimension, wanted: int) -> bool:
    """Whether a dimension is the wanted one; a name, or none, in place of a number means any size."""
    return not isinstance(found, int) or found == wanted


def _words(shape: tuple[Dimension, ...]) -> str:
    return f"({', '.join('any' if size is None else str(size) for size in shape)})"
