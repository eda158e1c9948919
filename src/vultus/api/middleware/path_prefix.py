"""Takes the path prefix of a reverse proxy off requests that still have it, for links to begin with. Pure ASGI."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class PathPrefixMiddleware:
    """Everything below sees `/verify`, whether the proxy passes `/faces/verify` on as it came or without the prefix."""

    def __init__(self, app: ASGIApp, *, prefix: str) -> None:
        """prefix: like "/faces", or "" for none."""
        self.app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._prefix and scope["type"] == "http":
            scope = {**scope, "path": without_prefix(scope["path"], self._prefix), "root_path": self._prefix}
            if raw := scope.get("raw_path"):
                scope["raw_path"] = without_prefix(raw.decode("latin-1"), self._prefix).encode("latin-1")
        await self.app(scope, receive, send)


def without_prefix(path: str, prefix: str) -> str:
    """The path without the prefix, or as it is where it has none."""
    if path == prefix:
        return "/"
    return path.removeprefix(prefix) if path.startswith(f"{prefix}/") else path
