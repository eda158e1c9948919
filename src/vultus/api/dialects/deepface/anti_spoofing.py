"""anti_spoofing: what it asks of the use cases."""

from __future__ import annotations

from typing import Any

from vultus.errors import ModelNotInstalled

NO_LIVENESS = (
    "anti_spoofing needs the liveness model, which is not installed here; install it by "
    "`vultus models pull minifasnet`, or leave anti_spoofing out"
)


def liveness_options(anti_spoofing: bool) -> dict[str, Any]:
    """The options of a use case. Raises ModelNotInstalled."""
    if anti_spoofing:
        raise ModelNotInstalled(NO_LIVENESS)
    return {}
