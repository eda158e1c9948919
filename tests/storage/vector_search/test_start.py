"""Search in the database is refused at the start where it cannot work, and leaves other databases as they are."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.postgres_server import PostgresServer
from vultus.config import Settings
from vultus.errors import SettingsInvalid
from vultus.storage.database import open_database
from vultus.wiring.open_system import open_system
from vultus.wiring.parts import Duties
from vultus.wiring.settings_check import check_settings

pytestmark = pytest.mark.postgres
LIGHT = Duties(warm=False)


@pytest.fixture
def settings(tmp_path, model_dir) -> Settings:
    return Settings(data_dir=tmp_path / "data", model_dir=model_dir, search="database", photos_shared=True)


def on(settings: Settings, url: str) -> Settings:
    return Settings(**{**settings.model_dump(), "database_url": url})


def tables(postgres: PostgresServer, name: str) -> set[str]:
    statement = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'search%'"
    return {name for (name,) in postgres.execute(statement, database=name)}


def test_sqlite_is_refused(settings):
    with pytest.raises(SettingsInvalid, match=r"needs PostgreSQL .* is SQLite; .* vultus move --to postgresql"):
        check_settings(settings)


def test_a_database_without_the_extension_is_refused_and_goes_on_with_memory(settings, postgres):
    name = postgres.create_database()
    here = on(settings, postgres.url(name))
    with pytest.raises(SettingsInvalid, match="an administrator runs in it: CREATE EXTENSION vector"):
        open_system(here, LIGHT).__enter__()
    with open_system(here.model_copy(update={"search": "memory"}), LIGHT):
        pass
    assert tables(postgres, name) == set()
    postgres.drop_database(name)


def test_an_older_extension_is_refused(settings, postgres):
    name = postgres.create_database()
    postgres.execute("CREATE EXTENSION vector", database=name)
    postgres.execute("UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'", database=name)
    with pytest.raises(SettingsInvalid, match=r"0\.8 or newer .* has 0\.7\.4; .* ALTER EXTENSION vector UPDATE"):
        open_system(on(settings, postgres.url(name)), LIGHT).__enter__()
    postgres.drop_database(name)


def test_an_extension_in_a_schema_that_is_not_searched_is_refused(settings, postgres):
    name = postgres.create_database()
    postgres.execute("CREATE SCHEMA elsewhere", database=name)
    postgres.execute("CREATE EXTENSION vector SCHEMA elsewhere", database=name)
    with pytest.raises(SettingsInvalid, match="ALTER EXTENSION vector SET SCHEMA public"):
        open_system(on(settings, postgres.url(name)), LIGHT).__enter__()
    postgres.drop_database(name)


def test_the_tables_are_made_when_it_is_turned_on_and_gone_with_the_faces(settings, postgres, url):
    with open_system(on(settings, url), LIGHT) as system:
        index = system.service.context.index
        index.prepare("people", None)
        assert index.state("people").kind == "exact"
    name = url.partition("?")[0].rpartition("/")[2]
    assert tables(postgres, name) == {"search_collections", "search_vectors", "search_terms"}
    with open_system(on(settings, url).model_copy(update={"search": "memory"}), LIGHT) as system:
        system.service.galleries.delete_collection("people")
    with closing(open_database(url)) as database, database.reading() as connection:
        for table in tables(postgres, name):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0
