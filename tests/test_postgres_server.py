"""The PostgreSQL that the tests start: it answers, keeps what is committed over a crash, and ends."""

from __future__ import annotations

import signal

import psycopg
import pytest

from tests.postgres_server import running_postgres


def test_it_answers_keeps_what_is_committed_over_a_crash_and_ends():
    with running_postgres() as server:
        name = server.create_database()
        server.execute("CREATE TABLE numbers AS SELECT 7 AS n", database=name)
        copy = server.create_database(name)
        server.stop(signal.SIGQUIT)
        with pytest.raises(psycopg.OperationalError):
            server.execute("SELECT 1")
        server.start()
        assert server.execute("SELECT n FROM numbers", database=copy) == [(7,)]
        server.drop_database(copy)
    with pytest.raises(psycopg.OperationalError):
        server.execute("SELECT 1")
