"""Review in a real browser: a stranger who was seen gets a name, another is ignored; two entries of one person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests import pictures
from tests.console.conftest import OpenConsole, Served
from tests.console.watching import check_every_look
from vultus.wiring.background import job_runner

pytestmark = pytest.mark.real

LOBBY = "lobby"
MARKUP = "<svg onload=alert(1)> عدى Ада "


@pytest.fixture
def lobby(served: Served) -> Iterator[Served]:
    """A collection that keeps unknown faces, in which nobody is enrolled; the astronaut was seen."""
    served.http.put(f"/collections/{LOBBY}", json={"policies": {"keep_unknown_days": 7}}).raise_for_status()
    seen(served, pictures.astronaut())
    yield served
    served.http.delete(f"/collections/{LOBBY}").raise_for_status()


def seen(served: Served, photo: bytes) -> None:
    served.http.post("/find", files={"img": photo}, data={"collection": LOBBY}).raise_for_status()


def opened(open_console: OpenConsole, **options: Any) -> Any:
    page = open_console("review", **options)
    page.get_by_label("Collection").select_option(LOBBY)
    return page


def test_an_unknown_face_gets_a_name_and_another_is_ignored(open_console, lobby, keep):
    seen(lobby, pictures.portrait())
    page = opened(open_console)
    page.get_by_text("2 faces of nobody known").wait_for()
    page.locator(".thumbs img").nth(1).wait_for()
    check_every_look(page, keep, "review")
    code = " ".join(page.locator(".as-code").all_text_contents())
    assert "unknown/ignore" in code
    assert "keep_unknown_days" in code
    page.get_by_role("button", name="This is …").first.click()
    page.get_by_label("Name").fill("Ada")
    page.get_by_role("button", name="New person: Ada").click()
    page.get_by_text("1 face belongs to Ada now.").wait_for()
    page.get_by_text("1 face of nobody known").wait_for()
    page.get_by_role("button", name="Ignore").click()
    page.get_by_text("1 face is ignored. Until its days are over").wait_for()
    assert lobby.http.get(f"/collections/{LOBBY}/unknown").json()["ignored_faces"] == 1
    page.get_by_role("button", name="Show those ignored").click()
    page.get_by_role("button", name="Ignore no longer").click()
    page.get_by_role("button", name="Back to the others").click()
    page.get_by_role("button", name="Erase", exact=True).click()
    page.get_by_role("button", name="Erase for good").click()
    page.get_by_text("1 face was erased.").wait_for()
    assert lobby.http.get(f"/collections/{LOBBY}/unknown").json()["faces"] == 0
    assert [one["name"] for one in lobby.http.get(f"/collections/{LOBBY}/subjects").json()["subjects"]] == ["Ada"]


def test_two_entries_of_one_person_are_found_and_told_apart(open_console, lobby):
    for subject, photo in (("ada", pictures.astronaut()), ("eva", pictures.variants(pictures.astronaut())["mirror"])):
        lobby.enroll(photo, subject=subject, name=MARKUP + subject, collection=LOBBY)
    page = opened(open_console)
    page.get_by_role("tab", name="Same person twice?").click()
    page.get_by_role("button", name="Search now").click()
    page.get_by_text("Searching …").first.wait_for()
    with closing(job_runner(lobby.system.service)) as runner:
        assert runner.run_next()
    page.locator(".two-people img").nth(1).wait_for()
    shown = page.locator(".two-people").inner_text()
    assert {f"{MARKUP}ada", f"{MARKUP}eva"} <= set(shown.splitlines())
    page.get_by_role("button", name="Different people").click()
    page.get_by_text("Noted: different people. The pair is not shown again.").wait_for()
    assert lobby.http.get(f"/collections/{LOBBY}/duplicates").json()["pairs"] == []
