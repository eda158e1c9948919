"""What a layer sees of the answer that passes through it."""

from __future__ import annotations

from starlette.types import Message, Send


class WatchedAnswer:
    """Passes an answer on. status: its code, 0 while nothing of it was sent."""

    def __init__(self, send: Send) -> None:
        self.status = 0
        self._send = send

    async def send(self, message: Message) -> None:
        """Takes the place of the server's own function."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)
