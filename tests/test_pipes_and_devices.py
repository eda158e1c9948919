"""A pipe, device or socket of a name that is opened is refused in a sentence, and never waited for."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.waiting import patient
from vultus.backup.archive import ArchiveReader
from vultus.cli.embedding_file import read_embeddings
from vultus.cli.settings import read_photo
from vultus.errors import VultusError
from vultus.evaluation.csv_list import read_rows
from vultus.files import locked, open_regular, read_regular, sha256_of
from vultus.installation_key import InstallationKey
from vultus.models.card import known_card, read_card
from vultus.models.catalogue import known_cards
from vultus.models.operator_calibration import operator_calibration_path, read_operator_calibration
from vultus.models.repository.pull import pull
from vultus.models.repository.store import open_store
from vultus.storage.database import open_database
from vultus.storage.photos import LocalPhotoStore


def hold_lock(path: Path) -> None:
    with locked(path.parent, name=path.name):
        pass


def read_calibration(path: Path) -> None:
    card = known_card(known_cards(path.parent), "sface")
    path.rename(operator_calibration_path(path.parent, card.id))
    read_operator_calibration(path.parent, card)


def pull_from(path: Path) -> None:
    store = open_store(path.parent / "models")
    pull(store, known_card(store.cards, "sface"), from_file=path)


def get_photo(path: Path) -> None:
    key = "ab" * 32
    folder = path.parent / "photos" / "ab" / "ab"
    folder.mkdir(parents=True)
    path.rename(folder / key)
    LocalPhotoStore(path.parent / "photos").get(key)


READERS: dict[str, Callable[[Path], object]] = {
    "photo": lambda path: read_photo(path, 1000),
    "embedding": read_embeddings,
    "whole": read_regular,
    "digest": sha256_of,
    "list": lambda path: read_rows(path, {"subject"}),
    "key": lambda path: InstallationKey(path).key,
    "card": read_card,
    "calibration": read_calibration,
    "model": pull_from,
    "stored photo": get_photo,
    "backup": lambda path: list(ArchiveReader(path).photos(None)),
    "database": lambda path: open_database(f"sqlite:///{path}"),
    "lock": hold_lock,
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path, read):
    pipe, refusals = tmp_path / "photo.jpg", []
    os.mkfifo(pipe)

    def refuse() -> None:
        with pytest.raises((OSError, VultusError)) as caught:
            read(pipe)
        refusals.append(str(caught.value))

    thread = threading.Thread(target=refuse, daemon=True)
    thread.start()
    thread.join(patient())
    assert len(refusals) == 1


@pytest.mark.parametrize(("path", "words"), [("/dev/zero", "a device"), ("/", "a folder")])
def test_the_sentence_says_what_it_is(path, words):
    with pytest.raises(OSError, match=f"it is no file but {words}"):
        open_regular(Path(path))


def test_a_socket_is_refused_and_a_link_to_a_file_is_read(tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        with pytest.raises(OSError, match="No such device"):
            open_regular(tmp_path / "socket")
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_regular(tmp_path / "link") == b"content"
