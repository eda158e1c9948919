"""The pages for whoever runs the server, in a real browser: activity, system, keys, collections, help."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests import pictures
from tests.console.watching import scrolls_sideways, serious_findings, wait_for

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def searched(served):
    """The ids of the requests of a search that names Anna, and of one that was refused."""
    photo, none = pictures.astronaut(), pictures.no_face()
    answers = [served.http.post("/find", files={"img": each}) for each in (photo, none)]
    return [answer.headers["x-request-id"] for answer in answers]


def read_well(open_console, keep, name):
    """At 320 pixels in the dark in the script that runs the other way, and wide."""
    for width, scheme, locale in ((320, "dark", "ar"), (1280, "light", "en-US")):
        page = open_console(name, width=width, scheme=scheme, locale=locale)
        page.locator("main [aria-busy=false], main .page").first.wait_for()
        page.locator(".busy").wait_for(state="detached")
        assert serious_findings(page) == []
        assert not scrolls_sideways(page)
        keep(page, f"{name}-{width}-{scheme}")


def test_activity_says_who_did_what_and_what_was_decided(open_console, searched, keep):
    page = open_console(f"activity?request_id={searched[0]}")
    row = page.locator(".data tbody tr")
    row.wait_for()
    said = row.inner_text()
    assert "Front desk" in said
    assert "Search for a face" in said
    assert "named" in said
    assert "similarity 1.00, needed 0." in said
    assert "(for an error rate of 1 in 100)" in said
    keep(page, "activity-named")
    page.get_by_label("Request").fill(searched[1])
    page.get_by_role("button", name="Show", exact=True).click()
    page.locator(".data", has_text="No face was found").wait_for()
    page.go_back()
    page.locator(".data", has_text="named").wait_for()
    page.get_by_label("Until").fill("2000-01-01T00:00")
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_text("Nothing fits these filters.").wait_for()
    read_well(open_console, keep, "activity")


def test_activity_comes_as_csv_without_formulas(open_console, served):
    """The name of a key is what somebody typed."""
    secret = served.system.keys.create('=HYPERLINK("x";"y")', ("find",))[1]
    served.http.post("/find", files={"img": pictures.astronaut()}, headers={"x-api-key": secret})
    page = open_console("activity?action=find")
    page.locator(".data").wait_for()
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save as CSV").click()
    path = Path(saving.value.path())
    assert path.read_bytes().startswith(b"\xef\xbb\xbfnumber,at,")
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert rows[0]["key_name"] == '\'=HYPERLINK("x";"y")'
    assert rows[0]["decision"] == "match"
    assert {row["action"] for row in rows} == {"find"}


def test_system_says_first_what_to_look_at(open_console, served, keep):
    served.http.post("/find", files={"img": pictures.astronaut()}).raise_for_status()
    page = open_console("system")
    page.locator(".verdict").wait_for()
    assert page.locator(".verdict h2").inner_text() == "Ready"
    assert "no verified backup" in page.locator(".note.warn").inner_text()
    facts = page.locator(".facts").all_inner_texts()
    assert any("Faces of strangers, kept for review\n0" in part for part in facts)
    assert any("Photos of erased faces, still to be removed\n0" in part for part in facts)
    calls = page.locator("section", has=page.get_by_role("heading", name="How long calls take"))
    assert "POST /find" in calls.inner_text()
    models = page.locator("section", has=page.get_by_role("heading", name="Models", exact=True)).inner_text()
    assert "sface-facenet512-fused" in models
    assert "Apache-2.0" in models
    read_well(open_console, keep, "system")


def test_system_says_since_when_photos_of_erased_faces_wait(open_console):
    """As the server answers while the storage of photos is away."""
    page = open_console()

    def later(route):
        status = route.fetch().json()
        status["storage"] |= {"photos_waiting": 3, "photos_waiting_since": "2000-01-01T00:00:00Z"}
        route.fulfill(json=status)

    page.route("**/status", later)
    page.evaluate("location.hash = '#/system'")
    fact = page.locator(".facts div", has_text="Photos of erased faces, still to be removed")
    fact.wait_for()
    assert "3 (the first erased " in fact.inner_text()
    assert " days ago)" in fact.inner_text()


def test_system_asks_again_by_itself_but_not_while_it_is_paused_or_hidden(open_console):
    page = open_console()
    page.clock.install()
    page.evaluate("location.hash = '#/system'")
    page.locator(".verdict").wait_for()
    asked: list[str] = []
    page.on("request", lambda request: request.url.endswith("/status") and asked.append(request.url))
    page.clock.run_for(10_500)
    wait_for(page, "document.querySelector('.verdict')")
    assert len(asked) == 1
    page.get_by_role("button", name="Pause").click()
    page.wait_for_load_state("networkidle")
    before = len(asked)
    page.clock.run_for(60_000)
    page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true, configurable: true })")
    page.get_by_role("button", name="Go on by itself").click()
    page.wait_for_load_state("networkidle")
    page.clock.run_for(60_000)
    assert len(asked) == before + 1  # once, as it was told to go on


def test_a_key_for_searches_sees_the_system_but_no_times_of_calls(open_console, served):
    page = open_console("system", key=served.new_key("find", collections=["twins"]))
    page.locator(".verdict").wait_for()
    assert "is shown the times here" in page.locator("main").inner_text()
    assert page.get_by_role("link", name="Activity").count() == 0


def test_a_key_is_made_shown_once_and_signs_in_by_its_link(open_console, served, keep):
    page = open_console("keys")
    assert "you are signed in with it" in page.locator(".data tr", has_text="Front desk").first.inner_text()
    page.get_by_role("button", name="New key").click()
    dialog = page.get_by_role("dialog", name="New key")
    assert serious_findings(page) == []
    keep(page, "keys-new")
    dialog.get_by_label("What is it for?").fill("Gate <b>2</b>")
    dialog.get_by_label("See people").uncheck()
    dialog.get_by_label("In all collections").uncheck()
    dialog.get_by_label("twins").check()
    dialog.get_by_label("How long does it work?").select_option("7")
    dialog.get_by_role("button", name="Make the key").click()
    made = page.get_by_role("dialog", name="The key is made")
    secret, link = (made.locator(".snippet pre").nth(i).inner_text() for i in (0, 1))
    keep(page, "keys-made")
    own = served.http.get("/keys/self", headers={"x-api-key": secret}).json()
    assert (own["name"], own["scopes"], own["collections"]) == ("Gate <b>2</b>", ["find"], ["twins"])
    assert own["expires_at"] is not None
    assert link == f"{served.url}/console#key={secret}"
    page.get_by_role("button", name="I have kept it").click()
    made.wait_for(state="detached")
    assert secret not in page.content()
    other = open_console("who", key=secret)
    assert other.locator(".key-name").inner_text() == "Gate <b>2</b>"


def test_a_key_is_renewed_and_revoked(open_console, served, keep):
    secret = served.system.keys.create("Old door", ("find",))[1]
    page = open_console("keys")
    row = page.locator(".data tr", has_text="Old door")
    row.get_by_role("button", name="Renew").click()
    page.get_by_label("How long does the old secret work?").select_option("0")
    page.get_by_role("dialog").get_by_role("button", name="Renew", exact=True).click()
    new = page.get_by_role("dialog", name="The key is made").locator(".snippet pre").first.inner_text()
    assert served.http.get("/keys/self", headers={"x-api-key": secret}).status_code == 401
    page.get_by_role("button", name="I have kept it").click()
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke it").click()
    page.get_by_text("1 key that no longer works").wait_for()
    assert served.http.get("/keys/self", headers={"x-api-key": new}).status_code == 401
    read_well(open_console, keep, "keys")


def test_who_revokes_the_own_key_is_warned_and_signed_out(open_console, served):
    secret = served.system.keys.create("Second admin", ("admin",))[1]
    page = open_console("keys", key=secret)
    page.locator(".data tr", has_text="Second admin").get_by_role("button", name="Revoke").click()
    dialog = page.get_by_role("dialog")
    assert "You are signed in with this key." in dialog.inner_text()
    dialog.get_by_role("button", name="Revoke it").click()
    page.get_by_role("button", name="Sign in").wait_for()


def test_a_collection_is_made_with_rules_changed_and_deleted_by_its_name(open_console, served, keep):
    page = open_console("collections")
    page.get_by_role("button", name="New collection").click()
    page.get_by_label("Name", exact=True).fill("visitors")
    page.get_by_label("Keep the photos").uncheck()
    page.get_by_label("Days until a person is erased").fill("30")
    page.get_by_label("Days for which faces of strangers are kept").fill("7")
    page.get_by_text("These people agreed to nothing").wait_for()
    keep(page, "collections-new")
    page.get_by_role("button", name="Make the collection").click()
    row = page.locator(".data tr", has_text="visitors")
    row.get_by_text("No photos are kept.").wait_for()
    assert "People are erased 30 days after their last enrolment." in row.inner_text()
    assert "Faces of strangers are kept for review for 7 days." in row.inner_text()
    assert page.get_by_label("Collection", exact=True).input_value() == "visitors"
    row.get_by_role("button", name="Rules").click()
    page.get_by_label("How often may a search name a stranger?").select_option("0.001")
    page.get_by_label("Days until a person is erased").fill("")
    page.get_by_label("Days for which faces of strangers are kept").fill("")
    page.get_by_text("All faces of strangers that were kept are erased at once").wait_for()
    page.get_by_role("button", name="Change the rules").click()
    row.get_by_text("A stranger may be named in 1 of 1,000 searches.").wait_for()
    policies = served.http.get("/collections/visitors").json()["policies"]
    assert policies["keep_unknown_days"] is None
    assert (policies["target_fpir"], policies["retention_days"], policies["store_photos"]) == (0.001, None, False)
    served.enroll(pictures.portrait(), subject="guest", collection="visitors")
    chooser = page.get_by_label("Collection", exact=True)
    chooser.select_option("default")
    row.get_by_text("1 person").wait_for()
    row.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete this collection?")
    assert "1 person" in dialog.inner_text()
    assert serious_findings(page) == []
    keep(page, "collections-delete")
    delete = dialog.get_by_role("button", name="Delete for good")
    assert delete.is_disabled()
    dialog.get_by_label("To confirm, type visitors").fill("visitors")
    delete.click()
    assert "1 person" in page.get_by_role("dialog", name="Deleted").inner_text()
    assert served.http.get("/collections/visitors").status_code == 404
    page.get_by_role("dialog").get_by_role("button", name="Close").last.click()
    row.wait_for(state="detached")
    chooser.locator("option", has_text="visitors").wait_for(state="detached")
    served.http.put("/collections/made-by-a-program").raise_for_status()
    chooser.focus()
    chooser.locator("option", has_text="made-by-a-program").wait_for(state="attached")
    served.http.delete("/collections/made-by-a-program").raise_for_status()
    read_well(open_console, keep, "collections")


def test_what_a_key_may_not_do_with_collections_is_not_offered(open_console, served):
    page = open_console("collections", key=served.new_key("read", collections=["twins"]))
    row = page.locator(".data tbody tr")
    row.wait_for()
    assert "twins" in row.inner_text()
    assert page.get_by_role("button", name="New collection").count() == 0
    assert row.get_by_role("button", name="Delete").count() == row.get_by_role("button", name="Rules").count() == 0


def test_help_has_what_to_do_for_each_code_and_leads_to_a_section(open_console, keep):
    page = open_console("help/reverse-proxy")
    heading = page.get_by_role("heading", name="Webcam and https")
    heading.wait_for()
    wait_for(page, "document.activeElement.textContent === 'Webcam and https'")
    assert "reverse_proxy 127.0.0.1:8000" in page.locator("main").inner_text()
    page.get_by_role("navigation", name="On this page").get_by_role("link", name="Messages").click()
    row = page.get_by_role("row").filter(has=page.get_by_text("no_face_detected", exact=True)).first
    assert "Use one on which the face is larger" in row.inner_text()
    assert page.get_by_role("row").filter(has=page.get_by_text("1 in 10,000", exact=True)).count() == 1
    assert page.get_by_role("link", name="docs", exact=True).get_attribute("href") == "docs"
    read_well(open_console, keep, "help")
