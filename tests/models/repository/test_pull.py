"""Pulling against a real HTTP server in a thread: broken off and resumed, tampered with, absent, unreachable."""

import hashlib
import multiprocessing
import resource
import signal
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests.waiting import patient, wait_until
from vultus.errors import ModelInvalid, ModelNotInstalled, StorageFailed
from vultus.models.card import FileSource, ModelFile, UrlSource, find_card, in_box_cards
from vultus.models.repository.pull import pull
from vultus.models.repository.store import ModelStore
from vultus.models.repository.trusted_digests import expected_digest

WEIGHTS = bytes(range(256)) * 8192  # 2 MiB
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()


class Behaviour:
    """What the server does: how much of a body it sends before it hangs up, and what it knows."""

    def __init__(self):
        self.body = WEIGHTS
        self.breaks_after = None
        self.tag = '"one"'
        self.ranges = True
        self.status = 200
        self.asked = []
        self.hold = None


class Handler(BaseHTTPRequestHandler):
    behaviour: Behaviour

    def do_GET(self):
        server = self.behaviour
        wanted, condition = self.headers.get("Range"), self.headers.get("If-Range")
        server.asked.append(wanted)
        if server.hold is not None:
            server.hold.wait(patient())
        if server.status != 200:
            self.send_error(server.status)
            return
        start = 0
        if wanted and server.ranges and condition == server.tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        rest = server.body[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.body) - 1}/{len(server.body)}")
        if server.tag:
            self.send_header("ETag", server.tag)
        self.end_headers()
        self.wfile.write(rest if server.breaks_after is None else rest[: server.breaks_after])
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def behaviour():
    return Behaviour()


@pytest.fixture
def url(behaviour):
    handler = type("Given", (Handler,), {"behaviour": behaviour})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/weights.bin"
    server.shutdown()
    thread.join()
    server.server_close()


def make_store(folder, url, sha256=DIGEST):
    file = ModelFile("net", "none", "net.onnx", sha256, (UrlSource(url, "weights.bin", "a test"),))
    card = replace(in_box_cards()[0], id="small", files=(file,), int8=None)
    return ModelStore(folder, [card], find_installed=lambda *_: None), card


@pytest.fixture
def store_and_card(tmp_path, url):
    return make_store(tmp_path / "models", url)


def content(store):
    """What lies in the model folder, without locks."""
    return sorted(path.name for path in store.folder.iterdir() if not path.name.endswith(".lock"))


@contextmanager
def direct_client():
    """Without a proxy of the environment."""
    with httpx.Client(trust_env=False, timeout=patient()) as client:
        yield client


def run(store, card, **given):
    return pull(store, card, client=direct_client, **given)


def test_the_file_arrives_whole_and_can_be_loaded(store_and_card):
    store, card = store_and_card
    seen = []
    (path,) = run(store, card, progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == WEIGHTS
    assert content(store) == ["weights.bin"]
    assert store.path(card, "net") == path
    assert seen[0] == (0, len(WEIGHTS))
    assert seen[-1] == (len(WEIGHTS), len(WEIGHTS))


def test_auraface_is_pulled_by_its_digest(tmp_path, url):
    """Its card, from a server here: with the card's digest these bytes are refused, with their own they are taken."""
    card = find_card(in_box_cards(), "AuraFace")
    (file,) = card.files
    assert file.sources[0].url.endswith("/af6d057c9b0ec4071d4c49c80e3539258798b609/glintr100.onnx")
    here = replace(file, sources=(replace(file.sources[0], url=url),))
    card = replace(card, files=(here,))
    with pytest.raises(ModelInvalid, match=f"not {file.sha256}; nothing of it was kept"):
        run(ModelStore(tmp_path, [card]), card)
    card = replace(card, files=(replace(here, sha256=DIGEST),))
    (path,) = run(ModelStore(tmp_path, [card]), card)
    assert path.name == "glintr100.onnx"
    assert ModelStore(tmp_path, [card]).status(card).state == "prepared"


def test_a_file_that_is_not_served_is_not_even_asked_for(tmp_path, url, behaviour):
    excluded = "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91"
    store, card = make_store(tmp_path, url, sha256=None)
    with pytest.raises(ModelInvalid, match=r"is InsightFace's det_10g\.onnx .* not served"):
        run(store, card, sha256=excluded)
    assert behaviour.asked == []
    (tmp_path / "weights.bin.sha256").write_text(f"{excluded}  weights.bin\n")
    (tmp_path / "weights.bin").write_bytes(WEIGHTS)
    with pytest.raises(ModelInvalid, match="not served"):
        store.path(card, "net")


def test_what_is_there_is_not_fetched_again(store_and_card, behaviour):
    store, card = store_and_card
    run(store, card)
    run(store, card)
    assert behaviour.asked == [None]


def test_a_wrong_file_in_its_place_is_replaced(store_and_card):
    store, card = store_and_card
    store.folder.mkdir()
    (store.folder / "weights.bin").write_bytes(b"another")
    run(store, card)
    assert store.status(card).state == "prepared"


def test_a_broken_transfer_is_resumed(store_and_card, behaviour):
    store, card = store_and_card
    behaviour.breaks_after = 1_500_000
    with pytest.raises(ModelNotInstalled, match="could not be fetched"):
        run(store, card)
    assert content(store) == ["weights.bin.part", "weights.bin.part.json"]
    arrived = (store.folder / "weights.bin.part").stat().st_size
    assert 0 < arrived <= 1_500_000
    behaviour.breaks_after = None
    seen = []
    run(store, card, progress=lambda done, total: seen.append((done, total)))
    assert behaviour.asked == [None, f"bytes={arrived}-"]
    assert seen[0] == (arrived, len(WEIGHTS))
    assert content(store) == ["weights.bin"]


@pytest.mark.parametrize("change", [{"ranges": False}, {"tag": '"two"'}, {"tag": None}, {"tag": 'W/"weak"'}])
def test_a_server_that_cannot_resume_sends_all_again(store_and_card, behaviour, change):
    store, card = store_and_card
    behaviour.breaks_after = 1_500_000
    with pytest.raises(ModelNotInstalled):
        run(store, card)
    behaviour.breaks_after = None
    vars(behaviour).update(change)
    (path,) = run(store, card)
    assert path.read_bytes() == WEIGHTS
    assert content(store) == ["weights.bin"]


@pytest.mark.parametrize("tag", [None, 'W/"weak"'])
def test_without_a_strong_validator_nothing_is_resumed(store_and_card, behaviour, tag):
    store, card = store_and_card
    behaviour.tag, behaviour.breaks_after = tag, 1_500_000
    with pytest.raises(ModelNotInstalled):
        run(store, card)
    behaviour.breaks_after = None
    run(store, card)
    assert behaviour.asked == [None, None]


def test_a_part_that_is_longer_than_the_file_starts_at_0(store_and_card, behaviour):
    store, card = store_and_card
    behaviour.breaks_after = 1_500_000
    with pytest.raises(ModelNotInstalled):
        run(store, card)
    behaviour.breaks_after, behaviour.status = None, 416
    with pytest.raises(ModelNotInstalled, match="answered 416"):
        run(store, card)
    behaviour.status = 200
    run(store, card)
    assert behaviour.asked[-1] is None


@pytest.mark.parametrize("tampered", [b"X" + WEIGHTS[1:], WEIGHTS + b"X", WEIGHTS[:-1], b""])
def test_a_tampered_file_leaves_nothing(store_and_card, behaviour, tampered):
    store, card = store_and_card
    behaviour.body = tampered
    with pytest.raises(ModelInvalid) as caught:
        run(store, card)
    for expected in (hashlib.sha256(tampered).hexdigest(), DIGEST, "nothing of it was kept", "--from weights.bin"):
        assert expected in str(caught.value)
    assert content(store) == []


def test_an_absent_file_is_one_sentence_with_the_other_way(store_and_card, behaviour, url):
    store, card = store_and_card
    behaviour.status = 404
    with pytest.raises(ModelNotInstalled) as caught:
        run(store, card)
    for expected in (url, DIGEST, "answered 404 Not Found", "vultus models pull small --from weights.bin"):
        assert expected in str(caught.value)
    assert content(store) == []


def test_an_unreachable_port_fails_fast(tmp_path):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, but nobody listens
        store, card = make_store(tmp_path, f"http://127.0.0.1:{held.getsockname()[1]}/weights.bin")
        started = time.monotonic()
        with pytest.raises(ModelNotInstalled, match=f"SHA-256 {DIGEST}.*--from"):
            run(store, card)
    assert time.monotonic() - started < patient(5)


@pytest.mark.parametrize("address", ["ftp://example.org/weights.bin", "no address", "http://[::1"])
def test_an_address_that_is_none_is_named(tmp_path, address):
    store, card = make_store(tmp_path, address)
    with pytest.raises(ModelNotInstalled, match="could not be fetched"):
        run(store, card)


def test_two_at_once_fetch_once(store_and_card, behaviour):
    store, card = store_and_card
    behaviour.hold = threading.Event()
    found = []
    threads = [threading.Thread(target=lambda: found.extend(run(store, card))) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: behaviour.asked, "the first request")
    behaviour.hold.set()
    for thread in threads:
        thread.join(patient())
    assert found == [store.folder / "weights.bin"] * 3
    assert behaviour.asked == [None]


def _pull_with_little_room(store, card, source, answers):
    """The system refuses to write more than 64 KiB of a file, as a full disk would."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, limits[1]))
    try:
        run(store, card, from_file=source)
        answer = "pulled"
    except StorageFailed as exc:
        answer = str(exc)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    answers.put(answer)


@pytest.mark.parametrize("from_file", [False, True])
def test_a_full_disk_leaves_nothing(store_and_card, tmp_path, from_file):
    store, card = store_and_card
    (tmp_path / "fetched.bin").write_bytes(WEIGHTS)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    given = (store, card, tmp_path / "fetched.bin" if from_file else None, answers)
    process = context.Process(target=_pull_with_little_room, args=given)
    process.start()
    assert "make room" in answers.get(timeout=patient())
    process.join()
    assert content(store) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path, url):
    (tmp_path / "models").write_text("a file stands here")
    store, card = make_store(tmp_path / "models", url)
    with pytest.raises(StorageFailed, match="cannot be kept in the model folder"):
        run(store, card)


# --- from a file --------------------------------------------------------------------------------------------------


def test_a_file_at_hand_needs_no_server(tmp_path):
    (tmp_path / "anything.bin").write_bytes(WEIGHTS)
    store, card = make_store(tmp_path / "models", "http://127.0.0.1:9/weights.bin")
    (path,) = run(store, card, from_file=tmp_path / "anything.bin")
    assert (path.name, path.read_bytes()) == ("weights.bin", WEIGHTS)
    assert run(store, card, from_file=tmp_path / "anything.bin") == (path,)
    assert content(store) == ["weights.bin"]


def test_another_file_is_refused_with_both_digests(tmp_path):
    (tmp_path / "other.bin").write_bytes(b"another")
    store, card = make_store(tmp_path / "models", "http://127.0.0.1:9/weights.bin")
    with pytest.raises(ModelInvalid, match=f"{hashlib.sha256(b'another').hexdigest()}, not {DIGEST}"):
        run(store, card, from_file=tmp_path / "other.bin")
    assert content(store) == []


def test_an_absent_file_at_hand_is_named(tmp_path):
    store, card = make_store(tmp_path / "models", "http://127.0.0.1:9/weights.bin")
    with pytest.raises(ModelInvalid, match=r"absent\.bin cannot be read: No such file"):
        run(store, card, from_file=tmp_path / "absent.bin")


def test_the_digest_tells_which_of_the_files_it_is(tmp_path):
    (tmp_path / "second.bin").write_bytes(WEIGHTS)
    files = [
        ModelFile(name, "none", f"{name}.onnx", sha256, (FileSource(f"{name}.bin", "a test"),))
        for name, sha256 in (("one", "1" * 64), ("two", DIGEST))
    ]
    card = replace(in_box_cards()[0], id="small", files=tuple(files), int8=None)
    store = ModelStore(tmp_path / "models", [card], find_installed=lambda *_: None)
    assert run(store, card, from_file=tmp_path / "second.bin") == (store.folder / "two.bin",)


def test_a_folder_has_all_files_of_a_model(tmp_path):
    contents = {"one.bin": b"one", "two.bin": b"two"}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    files = [
        ModelFile(name[:3], "none", f"{name[:3]}.onnx", digests[name], (FileSource(name, "a test"),))
        for name in contents
    ]
    card = replace(in_box_cards()[0], id="small", files=tuple(files), int8=None)
    store = ModelStore(tmp_path / "models", [card], find_installed=lambda *_: None)
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    with pytest.raises(ModelInvalid, match=r"fetched has no file of small; put one\.bin and two\.bin there"):
        run(store, card, from_file=fetched)
    for name, content in contents.items():
        (fetched / name).write_bytes(content)
    assert run(store, card, from_file=fetched) == (store.folder / "one.bin", store.folder / "two.bin")
    (fetched / "two.bin").write_bytes(b"tw")
    (store.folder / "two.bin").unlink()
    with pytest.raises(ModelInvalid, match=r"two\.bin is not the expected file"):
        run(store, card, from_file=fetched)


def test_a_model_without_an_address_says_how_to_get_it(tmp_path):
    file = ModelFile("net", "none", "net.onnx", DIGEST, (FileSource("net.bin", "a test"),))
    card = replace(in_box_cards()[0], id="small", files=(file,), int8=None)
    store = ModelStore(tmp_path, [card], find_installed=lambda *_: None)
    with pytest.raises(ModelNotInstalled, match=rf"has no address to be pulled from; put net\.bin into {tmp_path}"):
        run(store, card)


# --- weights whose digest nobody publishes ------------------------------------------------------------------------


def test_without_a_digest_nothing_is_fetched(tmp_path, url, behaviour):
    store, card = make_store(tmp_path, url, sha256=None)
    with pytest.raises(ModelNotInstalled, match="nobody publishes"):
        run(store, card)
    assert behaviour.asked == []


def test_the_operators_digest_is_remembered_once_the_file_has_it(tmp_path, url, behaviour):
    store, card = make_store(tmp_path, url, sha256=None)
    behaviour.body = b"another"
    with pytest.raises(ModelInvalid):
        run(store, card, sha256=DIGEST)
    assert expected_digest(store.folder, card.files[0]) is None
    behaviour.body = WEIGHTS
    run(store, card, sha256=DIGEST.upper())
    assert expected_digest(store.folder, card.files[0]) == DIGEST
    assert store.status(card).state == "prepared"


def test_the_operators_digest_does_not_overrule_the_card(store_and_card):
    store, card = store_and_card
    with pytest.raises(ModelInvalid, match=f"has the SHA-256 {DIGEST}, not {'0' * 64}"):
        run(store, card, sha256="0" * 64)
