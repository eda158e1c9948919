"""Four real servers start at once on an empty PostgreSQL database: one makes the tables, the key, the collection."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from tests import pictures
from tests.server_process import banner_of, serving, wait_until_ready
from tests.waiting import patient

SERVERS = 4


@pytest.mark.soak
def test_of_four_first_starts_at_once_one_makes_the_admin_key_and_one_the_collection(postgres, tmp_path, model_dir):
    database = postgres.create_database()
    (tmp_path / "photos").mkdir()
    variables = {
        "VULTUS_DATABASE_URL": postgres.url(database),
        "VULTUS_PHOTOS_SHARED": "true",
        "VULTUS_PHOTO_URL": f"file://{tmp_path / 'photos'}",
        "VULTUS_COMPUTE_SLOTS": "2",
    }
    with ExitStack() as stack, ThreadPoolExecutor(SERVERS) as pool:
        started = []
        for number in range(SERVERS):
            (folder := tmp_path / str(number)).mkdir()
            workers = {"VULTUS_WORKERS": "2" if number == 0 else "1"}
            started.append(stack.enter_context(serving(folder, model_dir, **variables, **workers)))
        banners = list(pool.map(banner_of, started))
        urls = [next(line for line in lines if " is ready on " in line).split()[-1] for lines in banners]
        shown = [line.split()[-1] for lines in banners for line in lines if "Admin key" in line]
        assert len(shown) == 1
        for url in urls:
            wait_until_ready(url)
        headers, photo = {"authorization": f"Bearer {shown[0]}"}, pictures.astronaut()

        def enroll(number: int) -> int:
            sent = {"files": {"img": photo}, "data": {"subject": f"p{number}"}, "timeout": patient()}
            return httpx.post(f"{urls[number]}/enroll", headers=headers, **sent).status_code

        assert set(pool.map(enroll, range(SERVERS))) == {201}
        for url in urls:
            found = httpx.post(f"{url}/find", headers=headers, files={"img": photo}, timeout=patient()).json()
            assert {one["subject"] for one in found["faces"][0]["matches"]} == {f"p{n}" for n in range(SERVERS)}
    for table in ("api_keys", "collections"):
        assert postgres.execute(f"SELECT count(*) FROM {table}", database=database) == [(1,)]
