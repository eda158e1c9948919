"""Image URLs: off by default; when on, only public hosts are fetched from."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.standin import StandInService, StandInSystem, photo
from tests.waiting import patient, wait_until
from vultus.api.app import create_app
from vultus.api.state import AppState
from vultus.config import Settings
from vultus.errors import BadInput, InvalidImage, InvalidRequest, QueueFull, RequestTooLarge, VultusError
from vultus.outgoing.image_fetch import FETCHES_AT_ONCE, Fetcher

PUBLIC = "93.184.216.34"
Answer = Callable[[bytes], bytes]


def ok(body: bytes, *headers: str) -> bytes:
    lines = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body


def redirect(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


@dataclass
class Internet:
    """A resolver and a connector: names with their addresses, one answer per connection, all on a socket pair."""

    answers: list[bytes | Answer] = field(default_factory=list)
    names: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    looked_up: list[str] = field(default_factory=list)
    connected: list[tuple[str, int]] = field(default_factory=list)
    asked: list[bytes] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)

    def resolve(self, host: str, port: int) -> Sequence[str]:
        """The next addresses of the name; a literal address as the system's own resolver reads it, octal and all."""
        self.looked_up.append(host)
        if host in self.names:
            known = self.names[host]
            return known.pop(0) if len(known) > 1 else known[0]
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [str(entry[4][0]) for entry in entries]

    def connect(self, address: str, port: int, seconds: float) -> socket.socket:
        self.connected.append((address, port))
        ours, theirs = socket.socketpair()
        answer = self.answers.pop(0)
        threading.Thread(target=self._serve, args=(theirs, answer), daemon=True).start()
        return ours

    def _serve(self, connection: socket.socket, answer: bytes | Answer) -> None:
        with connection:
            request = connection.recv(65536)
            self.asked.append(request)
            try:
                connection.sendall(answer(request) if callable(answer) else answer)
                if b"hold" in request:
                    self.hold.wait(patient())
            except OSError:
                pass


def fetcher(internet: Internet, **limits: Any) -> Fetcher:
    values: dict[str, Any] = {"max_image_bytes": 5000, "max_request_bytes": 20_000, "seconds": 10.0, **limits}
    return Fetcher(resolve=internet.resolve, connect=internet.connect, **values)


def internet_of(*answers: bytes | Answer, **names: Sequence[str]) -> Internet:
    known: dict[str, list[Sequence[str]]] = {"images.example": [[PUBLIC]]}
    known.update({name.replace("_", "."): [addresses] for name, addresses in names.items()})
    return Internet(list(answers), known)


# --- the table of attacks -----------------------------------------------------------------------------------------

ATTACKS = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",  # decimal
    "http://0x7f000001/",  # hexadecimal
    "http://0x7f.0.0.1/",
    "http://0x7f.1/",
    "http://017700000001/",  # octal
    "http://0177.0.0.1/",
    "http://0177.1/",
    "http://00000177.0.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:7f00:1::1]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25lo]/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[ff02::1]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/latest/meta-data/",  # the same, decimal
    "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/",
    "http://100.100.100.200/",
    "http://192.0.0.192/",
    "http://168.63.129.16/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://240.0.0.1/",
    "http://localhost/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://localhost.localdomain/",
    "http://ip6-localhost/",
    "http://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3/",  # circled letters
    "http://127\u30020\u30020\u30021/",  # ideographic full stops
    "http://%31%32%37.0.0.1/",
    "http://127.0.0.1%00.images.example/",
    "http://127.0.0.1%2f@images.example/",
    "http://images.example@127.0.0.1/",
    "http://images.example:80@127.0.0.1/",
    "http://images.example\\@127.0.0.1/",
    "http://127.0.0.1#@images.example/",
    "http://127.0.0.1?@images.example/",
    "http://user@images.example/",
    "http://user:password@images.example/",
    "http://images.example:22/",
    "http://images.example:8000/",
    "http://images.example:0/",
    "http://images.example:65536/",
    "http://images.example:-1/",
    "http://inside.example/",
    "http://half.example/",
    "http://six.example/",
    "http://unknown.example/",
    "http:///etc/passwd",
    "http:/images.example/",
    "http://",
    "http://[",
    "http://[::1/",
    "http://images .example/",
    "http://images.example/\r\nHost: inside",
    "http://images.example/\x00",
    "http://images.example/" + "a" * 2048,
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://user@images.example/",
]
NAMES: dict[str, Sequence[str]] = {
    "inside_example": ["10.1.2.3"],
    "half_example": [PUBLIC, "127.0.0.1"],  # every address counts, not the first
    "six_example": ["2606:4700::1111", "::ffff:127.0.0.1"],
    "localhost": ["127.0.0.1"],
}


@pytest.mark.parametrize("url", ATTACKS)
def test_an_attack_is_refused_before_anything_is_connected(url: str) -> None:
    internet = internet_of(**NAMES)
    with pytest.raises(InvalidRequest) as refusal:
        fetcher(internet).budget().fetch(url)
    assert internet.connected == []
    assert "example" not in str(refusal.value)


@pytest.mark.parametrize("url", ATTACKS)
def test_an_attack_by_redirect_is_refused_too(url: str) -> None:
    location = url.replace("\r\n", "%0d%0a").replace("\x00", "").encode("utf-8").decode("latin-1")
    internet = internet_of(redirect(location), ok(photo()), **NAMES)
    with suppress(VultusError):  # what means a path on the same host, as "http:/a" does, is followed
        fetcher(internet).budget().fetch("http://images.example/start")
    assert set(internet.connected) == {(PUBLIC, 80)}


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://images.example/", "ftp://images.example/", "//[", "data:,x"])  # fmt: skip # noqa: E501
def test_a_redirect_leads_to_http_only(location: str) -> None:
    internet = internet_of(redirect(location))
    with pytest.raises(InvalidRequest):
        fetcher(internet).budget().fetch("http://images.example/")


def test_a_name_that_is_rebound_is_looked_up_once_and_the_checked_address_used() -> None:
    internet = internet_of(ok(photo()))
    internet.names["rebound.example"] = [[PUBLIC], ["127.0.0.1"]]
    assert fetcher(internet).budget().fetch("http://rebound.example/") == photo()
    assert internet.looked_up == ["rebound.example"]
    assert internet.connected == [(PUBLIC, 80)]
    with pytest.raises(InvalidRequest):
        fetcher(internet).budget().fetch("http://rebound.example/")


def test_a_name_that_is_rebound_between_redirects_is_checked_again() -> None:
    internet = internet_of(redirect("/again"), ok(photo()))
    internet.names["rebound.example"] = [[PUBLIC], ["127.0.0.1"]]
    with pytest.raises(InvalidRequest):
        fetcher(internet).budget().fetch("http://rebound.example/")
    assert internet.connected == [(PUBLIC, 80)]


# --- what works ---------------------------------------------------------------------------------------------------


def test_the_host_header_keeps_the_name_and_no_cookie_or_key_is_sent() -> None:
    internet = internet_of(ok(photo()))
    assert fetcher(internet).budget().fetch("http://images.example:80/a/b.png?c=d#e") == photo()
    request = internet.asked[0].lower()
    assert request.startswith(b"get /a/b.png?c=d http/1.1\r\nhost: images.example")
    assert b"accept-encoding: identity" in request
    assert not [name for name in (b"authorization", b"cookie", b"x-api-key", b"referer") if name in request]


def test_tls_asks_for_the_name_and_checks_the_certificate() -> None:
    internet = internet_of(b"not a handshake")
    with pytest.raises(InvalidImage, match="SSLError"):
        fetcher(internet).budget().fetch("https://images.example/")
    assert internet.connected == [(PUBLIC, 443)]
    assert b"images.example" in internet.asked[0]  # the server name of the ClientHello (RFC 6066)


def test_three_redirects_are_followed_and_a_fourth_is_not() -> None:
    hops = [redirect("/b", 301), redirect("http://images.example/c", 307), redirect("//images.example/d", 308)]
    internet = internet_of(*hops, ok(photo()))
    assert fetcher(internet).budget().fetch("http://images.example/a") == photo()
    internet = internet_of(*hops, redirect("/e"), ok(photo()))
    with pytest.raises(InvalidRequest, match="more than 3 times"):
        fetcher(internet).budget().fetch("http://images.example/a")


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    internet = internet_of(ok(photo()), twins_example=["1.2.3.4", PUBLIC])

    def connect(address: str, port: int, seconds: float) -> socket.socket:
        if address == "1.2.3.4":
            raise ConnectionRefusedError
        return internet.connect(address, port, seconds)

    assert replace(fetcher(internet), connect=connect).budget().fetch("http://twins.example/") == photo()


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    internet = internet_of(ok(photo()))
    assert fetcher(internet).budget().fetch("http://images.example/") == photo()
    assert internet.connected == [(PUBLIC, 80)]


# --- limits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (ok(b"x" * 5001), RequestTooLarge),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n", RequestTooLarge),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 6000, RequestTooLarge),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"800\r\n" + b"x" * 2048 + b"\r\n0\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"800\r\n" + b"x" * 2048 + b"\r\n") * 3, RequestTooLarge),  # noqa: E501
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", InvalidImage),
        (b"HTTP/1.1 204 No Content\r\n\r\n", InvalidImage),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", InvalidImage),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", InvalidImage),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", InvalidImage),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000, InvalidImage),
        (b"220 ftp.example ready\r\n", InvalidImage),
        (b"", InvalidImage),
    ],
)  # fmt: skip
def test_an_answer_that_is_too_large_or_broken_is_refused_in_words(
    answer: bytes, kind: type[VultusError] | None
) -> None:
    budget = fetcher(internet_of(answer)).budget()
    if kind is None:
        assert len(budget.fetch("http://images.example/")) == 2048
        return
    with pytest.raises(kind):
        budget.fetch("http://images.example/")


def test_what_a_server_compressed_is_not_unpacked() -> None:
    internet = internet_of(ok(b"\x1f\x8bgzip", "Content-Encoding: gzip"))
    assert fetcher(internet).budget().fetch("http://images.example/") == b"\x1f\x8bgzip"


def test_the_images_of_one_request_share_its_bytes() -> None:
    budget = fetcher(internet_of(ok(b"x" * 4000), ok(b"x" * 4000)), max_request_bytes=6000).budget()
    budget.fetch("http://images.example/a")
    with pytest.raises(RequestTooLarge, match="over 2000 bytes"):
        budget.fetch("http://images.example/b")


def test_a_server_that_drips_or_hangs_is_left_when_the_time_is_up() -> None:
    internet = internet_of(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
    with pytest.raises(InvalidImage, match=r"within 0\.2 s"):
        fetcher(internet, seconds=0.2).budget().fetch("http://images.example/hold")
    internet.hold.set()


def test_a_look_up_that_hangs_is_left_when_the_time_is_up() -> None:
    internet, finish = internet_of(), threading.Event()

    def hang(host: str, port: int) -> Sequence[str]:
        finish.wait(patient())
        return [PUBLIC]

    with pytest.raises((InvalidImage, InvalidRequest)):
        replace(fetcher(internet, seconds=0.1), resolve=hang).budget().fetch("http://images.example/")
    finish.set()
    assert internet.connected == []


@contextmanager
def all_places_taken(known: Fetcher, internet: Internet) -> Iterator[None]:
    calls = [threading.Thread(target=_fetch_quietly, args=(known,)) for _ in range(FETCHES_AT_ONCE)]
    for call in calls:
        call.start()
    wait_until(lambda: len(internet.asked) >= FETCHES_AT_ONCE, "all fetches to begin")
    yield
    internet.hold.set()
    for call in calls:
        call.join(patient())


def _fetch_quietly(known: Fetcher) -> None:
    with suppress(BadInput):
        known.budget().fetch("http://images.example/hold")


def test_only_so_many_fetch_at_once_and_places_come_back() -> None:
    cut_off = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"
    internet = internet_of(*[cut_off] * FETCHES_AT_ONCE, ok(photo()))
    known = fetcher(internet)
    with all_places_taken(known, internet), pytest.raises(QueueFull):
        known.budget().fetch("http://images.example/")
    assert known.budget().fetch("http://images.example/") == photo()


# --- through the calls --------------------------------------------------------------------------------------------


def test_image_urls_are_off_unless_the_operator_turns_them_on(settings: Settings) -> None:
    assert not settings.image_urls
    assert AppState(settings).fetcher is None
    on = AppState(settings.model_copy(update={"image_urls": True})).fetcher
    assert on is not None
    assert (on.max_image_bytes, on.max_request_bytes, on.seconds) == (5_000, 20_000, 10.0)


def test_an_image_may_be_an_address_in_json_and_in_a_form(
    system: StandInSystem, service: StandInService, key: Callable[..., str]
) -> None:
    internet = internet_of(*[ok(photo())] * 4)
    with TestClient(create_app(system, fetcher=fetcher(internet)), headers={"x-api-key": key("admin")}) as client:
        address = "http://images.example/a.png"
        assert client.post("/represent", json={"img": address}).status_code == 200
        assert client.post("/represent", files={"img": (None, address)}).status_code == 200
        assert client.post("/verify", json={"img1": address, "img2": address}).status_code == 200
        assert (service.asked["first"], service.asked["second"]) == (photo(), photo())
        refused = client.post("/represent", json={"img": "http://127.0.0.1/secret-name.png"})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    assert "secret-name" not in refused.text
    assert "public host" in refused.json()["detail"]
