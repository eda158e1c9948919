"""Two servers on one data folder: the second refuses by name. And a key that ends in one process ends in the other."""

from __future__ import annotations

import time

import pytest

from tests.attack.process import command, serving, start
from tests.waiting import patient
from vultus.storage.database import open_database
from vultus.storage.keys import KeyStore

pytestmark = pytest.mark.real


def test_a_second_server_is_refused_while_commands_and_the_first_go_on(tmp_path, model_dir):
    folder = tmp_path / "data"
    with serving(folder, model_dir) as server:
        second = start(folder, model_dir)
        _, sentence = second.communicate(timeout=patient(180))
        assert second.returncode == 1
        assert f"the data folder {folder} is served already, by process {server.process.pid}" in sentence
        assert "--data-dir" in sentence
        assert "Traceback" not in sentence
        backup = ("backup", str(tmp_path / "saved"), "--allow-empty")
        for arguments in (("keys", "list"), ("check",), ("audit",), backup):
            done = command(folder, model_dir, *arguments)
            assert done.returncode == 0, done.stdout + done.stderr
        restored = command(folder, model_dir, "restore", str(tmp_path / "saved"))
        assert "is served already" in restored.stderr
        with server.client() as client:
            assert client.get("/collections").status_code == 200


def test_a_revocation_by_another_process_holds_from_the_next_request_on(tmp_path, model_dir):
    folder = tmp_path / "data"
    with serving(folder, model_dir) as server, server.client() as client:
        keys = KeyStore(open_database(f"sqlite:///{folder / 'vultus.db'}"))
        milliseconds = []
        for _ in range(50):
            made, secret = keys.create("door", ["read"])
            headers = {"x-api-key": secret}
            assert client.get("/collections", headers=headers).status_code == 200
            keys.revoke(made.id)
            begun = time.perf_counter()
            assert client.get("/collections", headers=headers).status_code == 401
            milliseconds.append((time.perf_counter() - begun) * 1000)
    print(f"refused by the first request after the revocation, 50 of 50; median {sorted(milliseconds)[25]:.1f} ms")
