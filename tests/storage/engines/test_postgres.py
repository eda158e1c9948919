"""PostgreSQL: what SQLite's single writer gives for nothing holds here too, and its refusals read as ours."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event, make_url

from tests.postgres_server import running_postgres
from tests.storage.synthetic import DIMENSION, MODEL, new_face, unit
from tests.waiting import patient, wait_until
from vultus.errors import SettingsInvalid, StorageFailed, StorageUnavailable
from vultus.jobs.job_runner import JobRunner
from vultus.records.stored import SCOPES
from vultus.storage import collections
from vultus.storage.database import Database, open_database, shown_url
from vultus.storage.engines import postgres as engine
from vultus.storage.engines.postgres import WRITERS
from vultus.storage.gallery import Gallery
from vultus.storage.jobs import JobStore
from vultus.storage.keys import KeyStore
from vultus.storage.migrations.runner import FIRST_ON_POSTGRES, migrate, newest_schema, ready_database, schema_version
from vultus.storage.photos import LocalPhotoStore
from vultus.storage.sealing.seals import seal_anew

pytestmark = pytest.mark.postgres
RACES = 10


@contextmanager
def replicas(url: str, count: int, *, migrated: bool = True) -> Iterator[list[Database]]:
    """Databases as so many servers have them."""
    with ExitStack() as stack:
        opened = [stack.enter_context(closing(open_database(url))) for _ in range(count)]
        if migrated:
            migrate(opened[0])
        yield opened


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """What the calls return when they begin together."""
    start = threading.Barrier(len(calls))

    def begun(call: Callable[[], Any]) -> Any:
        start.wait(patient())
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(begun, calls))


def bind(gallery: Gallery, name: str = "people") -> bool:
    return gallery.create_collection(name, model_id=MODEL, pipeline_version=1, dimension=DIMENSION)[1]


def without_lock(database: Database) -> None:
    """Take the lock of the writers away from this database: what is left is PostgreSQL's READ COMMITTED."""

    def unlocked(connection, cursor, statement, parameters, context, many):
        return (statement if f"({WRITERS})" not in statement else "SELECT 1"), parameters

    event.listen(database.engine, "before_cursor_execute", unlocked, retval=True)


def erase_both(first: Gallery, second: Gallery, number: int) -> list[str]:
    """Two people on one photo, in two collections, erased at once; the photos that one of the erasures names."""
    photo = f"photo {number}"
    for gallery, collection in ((first, "people"), (second, "others")):
        gallery.add_faces(collection, "anna", [new_face(number, photo=photo)])
    erased = at_once([lambda: first.delete_subject("people", "anna"), lambda: second.delete_subject("others", "anna")])
    return [key for _, orphans in erased for key in orphans]


# --- what rests on one writer at a time ---------------------------------------------------------------------------


def test_of_two_erasures_on_one_photo_one_names_it(url):
    with replicas(url, 2) as (ours, theirs):
        first, second = Gallery(ours), Gallery(theirs)
        bind(first), bind(first, "others")
        assert [len(erase_both(first, second, number)) for number in range(RACES)] == [1] * RACES


def test_without_the_lock_of_the_writers_a_photo_stays(url):
    """The test above would notice: PostgreSQL alone lets each erasure see the face of the other one."""
    with replicas(url, 2) as (ours, theirs):
        first, second = Gallery(ours), Gallery(theirs)
        bind(first), bind(first, "others")
        without_lock(ours), without_lock(theirs)
        both_have_read, lock = threading.Barrier(2), threading.local()

        def wait_for_the_other(connection, cursor, statement, parameters, context, many):
            if statement.startswith("SELECT DISTINCT faces.photo_sha256") and not hasattr(lock, "waited"):
                lock.waited = True
                both_have_read.wait(patient())

        for database in (ours, theirs):
            event.listen(database.engine, "after_cursor_execute", wait_for_the_other)
        assert erase_both(first, second, 1) == []


def test_a_sweep_waits_for_an_enrolment_that_relies_on_the_photo(url, tmp_path):
    photos = LocalPhotoStore(tmp_path / "photos")
    key = photos.put(b"photo 1")
    with replicas(url, 2) as (ours, theirs), ThreadPoolExecutor(1) as pool:
        gallery, other = Gallery(ours), Gallery(theirs)
        bind(gallery)
        sweeps: list[Future[int]] = []

        def sweep() -> None:
            sweeps.append(pool.submit(other.photos.remove_strays, [key], photos.delete))
            assert not wait(sweeps, timeout=0.2).done

        gallery.add_faces("people", "anna", [new_face(1)], before_commit=sweep)
        assert sweeps[0].result(patient()) == 0
    assert photos.exists(key)


def test_enrolments_of_several_collections_go_on_side_by_side(url):
    with replicas(url, 2) as (ours, theirs):
        gallery, other = Gallery(ours), Gallery(theirs)
        bind(gallery), bind(gallery, "others")

        def meanwhile() -> None:
            other.add_faces("others", "berta", [new_face(2)])

        gallery.add_faces("people", "anna", [new_face(1)], before_commit=meanwhile)
        assert [one.faces for one in gallery.collections()] == [1, 1]


def test_of_four_first_starts_at_once_one_makes_the_admin_key(url):
    for _ in range(RACES):
        with replicas(url, 4) as databases:
            made = at_once([lambda one=one: KeyStore(one).create_first("admin", SCOPES) for one in databases])
            assert sum(secret is not None for secret in made) == len(KeyStore(databases[0]).keys()) == 1
            with databases[0].writing() as connection:
                connection.exec_driver_sql("DELETE FROM api_keys")


def test_four_servers_may_make_the_tables_and_a_collection_at_once(url):
    with replicas(url, 4, migrated=False) as databases:
        assert at_once([lambda one=one: migrate(one) for one in databases]) == [newest_schema()] * 4
        for number in range(RACES):
            made = at_once([lambda one=one, n=number: bind(Gallery(one), f"c{n}") for one in databases])
            assert sorted(made) == [False, False, False, True]


# --- what a snapshot is -------------------------------------------------------------------------------------------


def test_a_read_sees_one_moment_and_writes_nothing(url):
    with replicas(url, 2) as (ours, theirs):
        gallery = Gallery(ours)
        bind(gallery)
        for read in (theirs.reading, theirs.cursor):
            with read() as connection:
                run = connection.execute if hasattr(connection, "fetchall") else connection.exec_driver_sql
                before = run("SELECT count(*) FROM faces").fetchall()
                gallery.add_faces("people", "anna", [new_face(before[0][0])])
                assert run("SELECT count(*) FROM faces").fetchall() == before
            with pytest.raises(StorageUnavailable, match="read-only"):
                delete_all(read)


def delete_all(read: Any) -> None:
    with read() as connection:
        run = connection.execute if hasattr(connection, "fetchall") else connection.exec_driver_sql
        run("DELETE FROM faces")


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"database": "nowhere"}, "there is no such database"),
        ({"username": "nobody"}, "knows no such user"),
        ({"username": "careful"}, "refused the password"),
        ({"query": {"host": "/nowhere"}}, "does not answer"),
        ({"host": "no.such.host.invalid", "query": {}}, "the host of the database is unknown"),
        ({"host": "127.0.0.1", "port": 9, "query": {}}, "does not answer"),
    ],
)
def test_a_wrong_address_is_refused_in_words_without_the_password(url, change, sentence):
    wrong = make_url(url).set(password="secret-of-the-database", **change).render_as_string(hide_password=False)
    with closing(open_database(wrong)) as database, pytest.raises((StorageFailed, SettingsInvalid)) as caught:
        migrate(database)
    assert sentence in str(caught.value)
    assert "secret-of-the-database" not in f"{caught.value} {caught.value.__cause__} {shown_url(wrong)}"


def test_a_host_that_is_away_for_now_is_no_mistake_beside_one_that_is_unknown(url):
    """As where the name of a server that died is gone, and the other one is not promoted yet."""
    several = make_url(url).set(query={"host": ("no.such.host.invalid:5432", "/nowhere:5432")})
    away = pytest.raises(StorageUnavailable, match="does not answer")
    with closing(open_database(several.render_as_string(hide_password=False))) as database, away:
        migrate(database)


@pytest.mark.parametrize("other", ["postgresql+psycopg://u:hush@h:port/x", "postgresql+psycopg2://u:hush@h/x", "hush@"])
def test_a_malformed_url_or_another_driver_is_refused_without_the_password(other):
    with pytest.raises(StorageFailed) as caught:
        open_database(other)
    assert "hush@" not in f"{caught.value} {caught.value.__cause__}"


def test_a_password_in_the_query_is_not_shown_either():
    assert "hush" not in shown_url("postgresql://u@h/x?password=hush&sslpassword=hush")


def test_a_database_in_another_encoding_is_refused(postgres):
    postgres.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")
    with closing(open_database(postgres.url("latin"))) as database, pytest.raises(SettingsInvalid, match="LATIN1"):
        migrate(database)
    postgres.drop_database("latin")


def test_a_database_that_only_reads_as_a_standby_is_refused_in_words(postgres, url):
    postgres.execute(f"ALTER DATABASE {make_url(url).database} SET default_transaction_read_only = on")
    sentence = "read-only, as a standby is: nothing was stored; name the primary, or promote this one"
    with closing(open_database(url)) as database, pytest.raises(StorageUnavailable, match=sentence):
        migrate(database)


def test_a_user_without_rights_is_refused_in_words(postgres, url):
    postgres.execute("CREATE ROLE stranger LOGIN")
    strange = make_url(url).set(username="stranger").render_as_string(hide_password=False)
    with closing(open_database(strange)) as database, pytest.raises(StorageFailed, match="let it own the schema"):
        migrate(database)
    postgres.execute("DROP ROLE stranger")


def test_more_connections_than_the_server_has_are_asked_for_again_later(postgres, url):
    with replicas(url, 1):
        name = make_url(url).database
        postgres.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
        postgres.execute("CREATE ROLE plain LOGIN")
        plain = make_url(url).set(username="plain").render_as_string(hide_password=False)
        with closing(open_database(plain)) as refused, pytest.raises(StorageUnavailable, match="no connection left"):
            migrate(refused)
        postgres.execute("DROP ROLE plain")


def test_when_all_connections_of_a_process_are_in_use_callers_are_told_to_come_again(url, monkeypatch):
    monkeypatch.setattr(engine, "POOL_WAIT_SECONDS", 0.05)
    for way, most in (
        ("reading", engine.POOL_CONNECTIONS + engine.POOL_OVERFLOW),
        ("cursor", engine.SEARCH_CONNECTIONS),
    ):
        with replicas(url, 1) as (database,):
            bind(Gallery(database))
            with ExitStack() as stack:
                for _ in range(most):
                    stack.enter_context(getattr(database, way)())
                with pytest.raises(StorageUnavailable, match="stayed in use"):
                    stack.enter_context(getattr(database, way)())
            assert Gallery(database).mark("people").revision == 0
            assert len(Gallery(database).collections()) == 1


def test_a_lock_that_others_keep_is_waited_for_only_so_long(url):
    short = make_url(url).update_query_dict({"options": "-c lock_timeout=50"}).render_as_string(hide_password=False)
    with replicas(url, 1) as (ours,), closing(open_database(short)) as theirs:
        bind(Gallery(ours))
        with ours.writing(), pytest.raises(StorageUnavailable, match="other writes took too long"):
            Gallery(theirs).add_faces("people", "anna", [new_face(1)])


def test_a_refusal_quotes_no_value_of_a_row(url):
    with replicas(url, 1) as (database,):
        bind(Gallery(database), "a name")
        with pytest.raises(StorageFailed) as caught, database.writing() as connection:
            connection.exec_driver_sql(
                "INSERT INTO collections (name, model_id, pipeline_version, dimension, revision, created_at) "
                "VALUES ('a name', 'm', 1, 4, 0, now())"
            )
        assert "a name" not in f"{caught.value} {caught.value.__cause__}"


def test_a_server_that_was_away_is_used_again_without_a_restart():
    with running_postgres() as server:
        url = server.url(server.create_database())
        with replicas(url, 1) as (database,):
            gallery = Gallery(database)
            bind(gallery)
            gallery.add_faces("people", "anna", [new_face(1)])
            gallery.mark("people")
            server.stop(signal.SIGQUIT)
            for call in (gallery.collections, lambda: gallery.mark("people"), lambda: bind(gallery, "more")):
                with pytest.raises(StorageUnavailable) as caught:
                    call()
                assert caught.value.retry_after_seconds >= 1
            server.start()
            assert gallery.mark("people").revision == 1
            assert [one.faces for one in gallery.collections()] == [1]
            gallery.add_faces("people", "berta", [new_face(2)])


# --- the schema ---------------------------------------------------------------------------------------------------


def test_an_older_and_a_newer_schema_are_known_by_their_numbers(url):
    with replicas(url, 1) as (database,):
        assert schema_version(database) == newest_schema() >= FIRST_ON_POSTGRES
        with database.writing() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0099'")
        with pytest.raises(StorageFailed, match="schema 99, this Vultus knows schemas up to"):
            migrate(database)


def test_a_command_makes_no_tables_in_a_database_without(url):
    with pytest.raises(StorageFailed, match="no tables of Vultus yet"), ready_database(url):
        pass
    with replicas(url, 1, migrated=False) as (database,):
        assert schema_version(database) == 0


def test_rows_have_no_seals_and_sealing_them_is_refused(url):
    with replicas(url, 1) as (database,):
        bind(Gallery(database))
        with database.reading() as connection:
            assert connection.exec_driver_sql("SELECT count(seal) FROM collections").scalar_one() == 0
        with pytest.raises(StorageFailed, match="have no seals"):
            seal_anew(database)


def test_embeddings_lie_with_the_other_values_of_their_rows(url):
    """Not in a side table, and not compressed: a search reads them."""
    with replicas(url, 1) as (database,):
        gallery = Gallery(database)
        gallery.create_collection("people", model_id=MODEL, pipeline_version=1, dimension=640)
        gallery.add_faces("people", "anna", [new_face(seed, embedding=unit(seed, 640)) for seed in range(50)])
        with database.reading() as connection:
            statement = "SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE relname = 'embeddings'"
            assert connection.exec_driver_sql(statement).scalar_one() == 0


# --- rates, and the order of revisions ----------------------------------------------------------------------------


def test_requests_are_counted_once_for_all_servers_in_windows_of_the_database(url):
    with replicas(url, 2) as databases:
        count, other = (KeyStore(one).count_request for one in databases)
        taken = at_once([lambda: count("k", 15, 60.0), lambda: other("k", 15, 60.0)] * 10)
        assert sorted(used for used, _ in taken) == [*range(1, 17), 16, 16, 16, 16]
        assert all(0 <= age < 60 for _, age in taken)
        assert other("another", 15, 60.0)[0] == 1
        for begun in ("- interval '60 s'", "+ interval '1 hour'"):
            with databases[0].writing() as connection:
                connection.exec_driver_sql(f"UPDATE request_counts SET begun = clock_timestamp() {begun}")
            assert other("k", 15, 60.0)[0] == 1


@pytest.mark.parametrize("naive", [False, True])
def test_a_reader_passes_no_revision_that_is_not_committed_yet(url, naive, monkeypatch):
    """naive: numbers from a sequence, as one might write it: a face that commits late is never seen."""
    with replicas(url, 3) as (ours, theirs, reading):
        first, second, reader = Gallery(ours), Gallery(theirs), Gallery(reading)
        bind(first)
        if naive:
            with ours.writing() as connection:
                connection.exec_driver_sql("CREATE SEQUENCE naive")
            monkeypatch.setattr(collections, "raise_revision", from_a_sequence)
            monkeypatch.setattr(collections, "_NAMED_LOCKED", collections._NAMED)
        pulled: list[int] = []
        marks = [None]

        def pull() -> None:
            changes = reader.changes_since("people", marks[-1])
            pulled.extend(pk for rows in changes.added for pk in rows.face_pks.tolist())
            marks.append(changes.mark)

        with ThreadPoolExecutor(1) as pool:
            later: list[Future[Any]] = []

            def meanwhile() -> None:
                later.append(pool.submit(second.add_faces, "people", "berta", [new_face(2)]))
                wait(later, timeout=patient() if naive else 0.2)
                pull()

            first.add_faces("people", "anna", [new_face(1)], before_commit=meanwhile)
            later[0].result(patient())
        pull()
        assert len(pulled) == len(set(pulled)) == (1 if naive else 2)


def from_a_sequence(connection: Connection, collection_pk: int) -> int:
    number = connection.exec_driver_sql("SELECT nextval('naive')").scalar_one()
    raised = f"UPDATE collections SET revision = greatest(revision, {number}) WHERE pk = {collection_pk}"
    # In a transaction of its own, as a sequence has no transaction either: the mark is not what holds writers up.
    with connection.engine.connect() as own, own.begin():
        own.exec_driver_sql(raised)
    return int(number)


# --- one server does the work in the background -------------------------------------------------------------------


def test_one_server_leads_and_the_next_one_when_it_is_gone(url, postgres):
    with replicas(url, 3) as (first, second, third):
        assert [one.leads() for one in (first, second, third, first)] == [True, False, False, True]
        first.close()  # whose session ends a moment later
        wait_until(third.leads, "the next one to lead")
        assert [one.leads() for one in (second, third)] == [False, True]
        postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        wait_until(second.leads, "another one to lead")
        assert not third.leads()


def test_asking_who_leads_each_second_takes_no_connection_more(url, postgres):
    with replicas(url, 2) as (leader, other):
        assert leader.leads()
        assert not other.leads()
        before = sessions(postgres, url)
        for _ in range(20):
            assert leader.leads()
            assert not other.leads()
        assert sessions(postgres, url) == before


def sessions(postgres, url):
    """How many sessions the database has."""
    database = make_url(url).database
    return postgres.execute(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'")[0][0]


def test_a_server_that_starts_leaves_the_jobs_alone_that_another_one_runs(url):
    with replicas(url, 2) as (ours, theirs):
        ours_jobs, their_jobs = JobStore(ours), JobStore(theirs)
        job = ours_jobs.add("reembed", {})
        assert ours_jobs.leads()
        assert ours_jobs.start_next().id == job.id
        runner = JobRunner(their_jobs, [], poll_seconds=0.01)
        runner.start()
        assert their_jobs.job(job.id).state == "running"
        ours.close()
        wait_until(lambda: their_jobs.job(job.id).state == "failed", "the other server to take the job over")
        runner.close()
