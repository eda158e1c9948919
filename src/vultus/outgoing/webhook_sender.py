"""Posts a webhook to an address that the operator allows: once, without following redirects, within some seconds.

The host is looked up once, and the connection goes to the address that was checked, while TLS and the Host header keep
the name. Private addresses are fine, as the operator lists the hosts; only those that no server of anybody has by name
are refused, so that whoever answers for a listed name cannot point it at this machine or at a cloud's metadata service.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address

import httpcore
import httpx

from vultus.outgoing.image_fetch import PORTS, Connect, Resolve, connect, resolve
from vultus.outgoing.pinned_connection import PinnedBackend, look_up_in_time

SECONDS = 10.0  # for one attempt as a whole
LOCAL_NAMES = ("localhost", "ip6-localhost")


@dataclass(frozen=True)
class Answer:
    """What came back. status: None: no answer. problem: None: it was taken."""

    status: int | None
    problem: str | None = None


class WebhookSender:
    """Posts JSON. Raises nothing: whatever goes wrong is the problem of the answer, without the address."""

    def __init__(self, *, seconds: float = SECONDS, resolve: Resolve = resolve, connect: Connect = connect) -> None:
        """seconds: for one attempt. resolve, connect: replaced by tests."""
        self._seconds, self._resolve, self._connect = seconds, resolve, connect

    def post(self, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The answer to one attempt."""
        deadline = time.monotonic() + self._seconds
        left = partial(_left, deadline)
        try:
            status = self._status(httpx.URL(address), body, headers, left)
        except (TimeoutError, httpcore.TimeoutException):
            return Answer(None, f"no answer within {self._seconds:g} s")
        except (OSError, UnicodeError, httpcore.NetworkError) as exc:
            return Answer(None, f"it could not be reached ({type(exc).__name__})")
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol, httpx.InvalidURL, ValueError):
            return Answer(None, "what answers there does not speak HTTP as it should")
        if 200 <= status < 300:
            return Answer(status)
        moved = "; redirects are not followed" if 300 <= status < 400 else ""
        return Answer(status, f"it answered with status {status}{moved}")

    def _status(self, url: httpx.URL, body: bytes, headers: Mapping[str, str], left: Callable[[], float]) -> int:
        sent = {"host": url.netloc.decode("ascii"), "user-agent": "vultus", "connection": "close"}
        sent |= {"content-type": "application/json", "content-length": str(len(body)), **headers}
        port = url.port if url.port is not None else PORTS[url.scheme]
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=port, target=url.raw_path)
        context = ssl.create_default_context() if url.scheme == "https" else None
        backend = PinnedBackend(lambda host, port: self._open(host, port, left), left)
        raw = [(name.encode("ascii"), value.encode("ascii")) for name, value in sent.items()]
        with (
            httpcore.ConnectionPool(context, network_backend=backend) as pool,
            pool.stream("POST", target, headers=raw, content=body) as answer,  # its content is not read
        ):
            return int(answer.status)

    def _open(self, host: str, port: int, left: Callable[[], float]) -> socket.socket:
        failure: OSError = OSError("no address")
        for address in self._addresses(host, port, left):
            try:
                return self._connect(address, port, left())
            except OSError as exc:
                failure = exc
        raise failure

    def _addresses(self, host: str, port: int, left: Callable[[], float]) -> Sequence[str]:
        """Raises OSError, when one of them is not for a name."""
        addresses = look_up_in_time(lambda: self._resolve(host, port), left())
        if not all(_may_have(host.strip("[]").lower(), address) for address in addresses):
            raise PermissionError("the name leads to this machine, or to an address that no server has")
        return addresses


def _may_have(host: str, address: str) -> bool:
    """Whether a host of the operator's list may have an address: its own, where it is one, else one of a server."""
    known = ip_address(address.partition("%")[0])
    known = getattr(known, "ipv4_mapped", None) or known
    if host in (address, str(known)) or (host in LOCAL_NAMES and known.is_loopback):
        return True
    return not (known.is_loopback or known.is_link_local or known.is_unspecified or known.is_multicast)


def _left(deadline: float) -> float:
    """Seconds. Raises TimeoutError, when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
