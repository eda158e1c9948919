"""Whether requests will be served, and why not."""

from __future__ import annotations

from vultus.api.state import AppState
from vultus.errors import NotReady

DECODINGS = 3  # that no slot comes free for longer than so many of the longest is a fault or an attack


def require_ready(state: AppState) -> None:
    """Raises NotReady while the system is not open, or no compute slot comes free."""
    stuck, most = state.system().stuck_seconds, DECODINGS * state.settings.decode_seconds
    if stuck > most:
        raise NotReady(
            f"no compute slot has come free for {stuck:.0f} s, longer than the {most:g} s that is expected at most; "
            "start the service again if that lasts"
        )


def not_ready_reason(state: AppState) -> str | None:
    """Why requests are not served, as a sentence; None when they are."""
    try:
        require_ready(state)
    except NotReady as exc:
        return str(exc)
    return None
