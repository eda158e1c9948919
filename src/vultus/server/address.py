"""The address of the server as a person opens it, from the settings."""

from __future__ import annotations

from urllib.parse import quote

EVERY_ADDRESS = ("0.0.0.0", "::", "")  # listened on, and no address to open


def server_url(host: str, port: int) -> str:
    """Like `http://127.0.0.1:8000`; of a server that listens on every address, by the name of this machine."""
    if host in EVERY_ADDRESS:
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def console_link(url: str, secret: str) -> str:
    """Signs in to the console when it is opened. The key is in the fragment, which no browser sends to a server."""
    return f"{url.rstrip('/')}/console#key={quote(secret, safe='')}"
