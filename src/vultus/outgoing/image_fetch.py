"""Fetches images from URLs that a caller sends, from public hosts only (no server-side request forgery).

Off unless the operator turns it on. The host is looked up once; every address that it has must be public; the
connection goes to an address that was checked, while TLS and the Host header keep the name. Redirects are not left to
the HTTP library: each is checked like a new URL. Proxies of the environment are not used, nothing is decompressed, and
the declared content type is ignored: the bytes go to the decoder like any upload.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import httpcore
import httpx

from vultus.errors import InvalidImage, InvalidRequest, QueueFull, RequestTooLarge
from vultus.outgoing.pinned_connection import PinnedBackend, look_up_in_time
from vultus.outgoing.public_addresses import is_public

PORTS = {"http": 80, "https": 443}
MAX_REDIRECTS = 3
MAX_URL_CHARACTERS = 2048
REDIRECTS = (301, 302, 303, 307, 308)
FETCHES_AT_ONCE = 8  # they wait for other servers, and must not hold all compute threads meanwhile
SEND_IT = "send the image itself"

Resolve = Callable[[str, int], Sequence[str]]
Connect = Callable[[str, int, float], socket.socket]


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host, by the resolver of this machine. Raises OSError."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def connect(address: str, port: int, seconds: float) -> socket.socket:
    """A TCP connection. Raises OSError."""
    return socket.create_connection((address, port), timeout=seconds)


@dataclass(frozen=True)
class Fetcher:
    """Fetches images. seconds: for all images of one request together. resolve, connect: replaced by tests."""

    max_image_bytes: int
    max_request_bytes: int
    seconds: float
    resolve: Resolve = resolve
    connect: Connect = connect
    _slots: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(FETCHES_AT_ONCE))

    def budget(self) -> FetchBudget:
        """A new budget for the fetches of one request; its time begins now."""
        return FetchBudget(self, time.monotonic() + self.seconds)


class FetchBudget:
    """The time and bytes that all fetches of one request share."""

    def __init__(self, fetcher: Fetcher, deadline: float) -> None:
        self._fetcher, self._deadline = fetcher, deadline
        self._bytes_left = fetcher.max_request_bytes

    def fetch(self, url: str) -> bytes:
        """The bytes at a URL, of whatever content type.

        Raises InvalidRequest (a URL that is not fetched), InvalidImage (no answer with bytes in time), RequestTooLarge,
        QueueFull.
        """
        if not self._fetcher._slots.acquire(blocking=False):
            raise QueueFull(f"{FETCHES_AT_ONCE} images are being fetched already; ask again, or {SEND_IT}")
        try:
            return self._follow(checked(url))
        except (OSError, httpcore.NetworkError, httpcore.TimeoutException) as exc:
            self.seconds_left()  # raises the sentence about the time, when that is the cause
            raise InvalidImage(
                f"the image at the address could not be fetched ({type(exc).__name__}); {SEND_IT}"
            ) from exc
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as exc:
            raise InvalidImage(f"the server at the address does not speak HTTP as it should; {SEND_IT}") from exc
        finally:
            self._fetcher._slots.release()

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def seconds_left(self) -> float:
        """Seconds until the budget ends. Raises InvalidImage when it has ended."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise InvalidImage(f"the image at the address did not arrive within {self._fetcher.seconds:g} s; {SEND_IT}")
        return left

    def _follow(self, url: httpx.URL) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._get(url)
            if isinstance(answer, bytes):
                return answer
            url = _redirected(url, answer)
        raise InvalidRequest(f"the address of the image redirects more than {MAX_REDIRECTS} times; {SEND_IT}")

    def _get(self, url: httpx.URL) -> bytes | str:
        """The content as bytes, or the location of a redirect as str."""
        headers = [(b"host", url.netloc), (b"accept", b"image/*"), (b"accept-encoding", b"identity")]
        headers += [(b"user-agent", b"vultus"), (b"connection", b"close")]
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=_port(url), target=url.raw_path)
        context = self._context if url.scheme == "https" else None
        with (
            httpcore.ConnectionPool(context, network_backend=PinnedBackend(self._open, self.seconds_left)) as pool,
            pool.stream("GET", target, headers=headers) as answer,
        ):
            location = _header(answer.headers, b"location")
            if answer.status in REDIRECTS and location:
                return location
            if answer.status != 200:
                raise InvalidImage(f"the server at the address answered with status {answer.status}; {SEND_IT}")
            self._refuse_large(int(_header(answer.headers, b"content-length") or 0))
            return self._content(answer.iter_stream())

    def _content(self, chunks: Iterable[bytes]) -> bytes:
        content = bytearray()
        for chunk in chunks:
            content += chunk
            self._refuse_large(len(content))
        self._bytes_left -= len(content)
        return bytes(content)

    def _refuse_large(self, size: int) -> None:
        limit = min(self._fetcher.max_image_bytes, self._bytes_left)
        if size > limit:
            raise RequestTooLarge(f"the image at the address has over {limit} bytes, the limit; send a smaller one")

    def _open(self, host: str, port: int) -> socket.socket:
        """A connection to the first address that answers, of a host all of whose addresses are public."""
        failure: OSError = OSError("no address")
        for address in self._public_addresses(host, port):
            try:
                return self._fetcher.connect(address, port, self.seconds_left())
            except OSError as exc:
                failure = exc
        raise failure

    def _public_addresses(self, host: str, port: int) -> Sequence[str]:
        """Raises the same sentence for an unknown name and an internal one, so that internal names cannot be probed."""
        try:
            addresses = look_up_in_time(lambda: self._fetcher.resolve(host, port), self.seconds_left())
        except (OSError, UnicodeError):
            addresses = ()
        if not addresses or not all(is_public(address) for address in addresses):
            raise InvalidRequest(f"the address of the image has no public host; {SEND_IT}")
        return addresses


def checked(url: str) -> httpx.URL:
    """The parsed URL, if it may be fetched. Raises InvalidRequest, without the URL: it may hold a secret."""
    try:
        parsed = httpx.URL(url) if len(url) <= MAX_URL_CHARACTERS else httpx.URL()
    except (httpx.InvalidURL, ValueError, UnicodeError):
        parsed = httpx.URL()
    if parsed.scheme not in PORTS or not parsed.raw_host or "%" in parsed.host:
        raise InvalidRequest(f"the address of the image is no usable http(s) URL; {SEND_IT}")
    if parsed.userinfo:
        raise InvalidRequest(f"the address of the image holds a user name or password, which is never used; {SEND_IT}")
    if _port(parsed) not in PORTS.values():
        raise InvalidRequest(f"the address of the image names port {_port(parsed)}, not 80 or 443; {SEND_IT}")
    return parsed


def _redirected(url: httpx.URL, location: str) -> httpx.URL:
    try:
        following = checked(str(url.join(location)))
    except (httpx.InvalidURL, ValueError) as exc:
        raise InvalidRequest(f"the address of the image redirects to one that is not usable; {SEND_IT}") from exc
    if url.scheme == "https" and following.scheme == "http":
        raise InvalidRequest(f"the address of the image redirects from https to http, which is not followed; {SEND_IT}")
    return following


def _port(url: httpx.URL) -> int:
    return url.port if url.port is not None else PORTS[url.scheme]


def _header(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), None)
