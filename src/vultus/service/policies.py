"""Which value holds for a request: its own, within the policy of its collection, or else a default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vultus.errors import PolicyLoosened
from vultus.matching.decision import ThresholdTable
from vultus.records.answers import ThresholdRule
from vultus.records.liveness import LIVENESS_MODES, LivenessMode
from vultus.records.stored import CollectionPolicies

FMR_AMONG_ALIKE, FMR_OF_ALL_PAIRS = 1e-3, 1e-4  # about equally strict for adults
Limit = Literal["min_quality", "target_fmr", "target_fpir"]
NO_POLICIES = CollectionPolicies()
# Answers have six decimals: a threshold that a caller read in one and sends back is not looser than itself.
ROUNDING = 1e-6
USE_OVERRIDE = 'or use a key that has the scope "override"'


def default_fmr(table: ThresholdTable | None) -> float:
    """The false match rate where neither request, collection nor settings name one: by what the model's rates mean."""
    return FMR_OF_ALL_PAIRS if table is None or table.relative is None else FMR_AMONG_ALIKE


@dataclass(frozen=True)
class Effective:
    """The value that holds for a request. overridden: it is looser than the policy, by the scope `override`."""

    value: float
    overridden: bool = False


def effective_limit(
    limit: Limit, asked: float | None, *, policy: float | None, default: float, may_override: bool
) -> Effective:
    """What the request asks for, else the policy, else the default.

    A higher min_quality and a lower error rate are stricter. Raises PolicyLoosened, when the request asks for less than
    the policy and may not override it.
    """
    if asked is None:
        return Effective(default if policy is None else policy)
    if policy is None or _as_strict(limit, asked, policy):
        return Effective(asked)
    if not may_override:
        bound = "at least" if limit == "min_quality" else "at most"
        raise PolicyLoosened(
            f"the policy of the collection is a {limit} of {bound} {policy:g}, and {asked:g} is asked for; "
            f"leave {limit} out, {USE_OVERRIDE}"
        )
    return Effective(asked, overridden=True)


def effective_threshold(asked: float, *, policy: ThresholdRule | None, may_override: bool) -> Effective:
    """The cosine threshold that the request asks for; policy: the rule that holds without it, None where there is none.

    Raises PolicyLoosened, when it is below that of the policy and may not override it.
    """
    if policy is None or asked >= policy.similarity:
        return Effective(asked)
    if asked >= policy.similarity - ROUNDING:
        return Effective(policy.similarity)
    if not may_override:
        raise PolicyLoosened(
            f"the policy of the collection, a {policy.kind} of {policy.expected:g}, needs a similarity of at least "
            f"{policy.similarity:.6f}, and the threshold asked for is one of {asked:.6f}; "
            f"leave threshold out, {USE_OVERRIDE}"
        )
    return Effective(asked, overridden=True)


def effective_liveness(
    asked: LivenessMode | None, *, policy: LivenessMode | None, may_override: bool
) -> tuple[LivenessMode, bool]:
    """What the request asks for, else the policy, else "off"; and whether it is looser than the policy.

    Raises PolicyLoosened, when it is and may not be.
    """
    least: LivenessMode = policy or "off"
    mode = asked or least
    if LIVENESS_MODES.index(mode) >= LIVENESS_MODES.index(least):
        return mode, False
    if not may_override:
        raise PolicyLoosened(
            f"the policy of the collection is liveness={least}, and {mode} is asked for; leave liveness out, "
            f"{USE_OVERRIDE}"
        )
    return mode, True


def _as_strict(limit: Limit, asked: float, policy: float) -> bool:
    return asked >= policy if limit == "min_quality" else asked <= policy
