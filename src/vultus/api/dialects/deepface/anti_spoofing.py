"""anti_spoofing: what it asks of the use cases."""

from __future__ import annotations

from typing import Any


def liveness_options(anti_spoofing: bool) -> dict[str, Any]:
    """The options of a use case: every face has to be live, or one that cannot be judged is refused too."""
    return {"liveness": "require"} if anti_spoofing else {}
