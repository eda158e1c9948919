"""Signing in and out, what a key may see, languages and themes; and that the rules for pages are watched."""

from __future__ import annotations

import pytest

from tests import pictures
from tests.api.standin import StandInSystem
from tests.console.conftest import photo_file
from tests.console.watching import Watch, scrolls_sideways, serious_findings
from tests.served import serving
from vultus.config import Settings

pytestmark = pytest.mark.real


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """A system without models, for pages that ask none."""
    monkeypatch.chdir(tmp_path)
    return StandInSystem(Settings())


def test_a_key_signs_in_for_this_tab_only_and_out_again(open_console, served, keep):
    page = open_console(key=None)
    assert serious_findings(page) == []
    keep(page, "sign-in")
    page.get_by_label("Key").fill(f"  {served.key} ")
    page.keyboard.press("Enter")
    page.locator(".bar").wait_for()
    assert page.locator(".key-name").inner_text() == "Front desk"
    assert page.context.cookies() == []
    assert page.evaluate("Object.values(localStorage).join()") == ""
    page.reload()
    page.locator(".bar").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Key").wait_for()
    assert served.key not in page.evaluate("Object.values(sessionStorage).join()")


def test_a_link_signs_in_and_its_key_is_gone_from_the_address_at_once(open_console, served):
    page = open_console()
    assert page.url == f"{served.url}/console"
    assert page.evaluate("history.length") <= 2
    page.goto(f"{served.url}/console#key={served.new_key('verify')}")
    page.wait_for_url(f"{served.url}/console")  # it loads itself again, without the key in its address
    page.get_by_role("heading", name="Same person?").wait_for()
    assert page.get_by_role("link", name="Who is this?").count() == 0


def test_a_wrong_key_is_refused_in_words(open_console):
    page = open_console(key=None)
    page.get_by_label("Key").fill("vk_wrong")
    page.get_by_role("button", name="Sign in").click()
    assert "The server does not take this key" in page.get_by_role("alert").inner_text()


def test_a_key_that_is_revoked_while_the_page_is_open_leads_back_to_the_sign_in(open_console, served):
    secret = served.new_key("find", "read")
    page = open_console("who", key=secret)
    own = served.http.get("/keys/self", headers={"x-api-key": secret}).json()
    served.http.delete(f"/keys/{own['id']}").raise_for_status()
    page.locator(".drop input[type=file]").set_input_files(photo_file(pictures.portrait()))
    page.get_by_label("Key").wait_for()
    assert "was revoked" in page.get_by_role("alert").inner_text()


def test_pages_and_actions_without_the_scope_are_not_shown(open_console, served):
    page = open_console(key=served.new_key("find", collections=["default"]))
    pages = page.locator(".pages").inner_text()
    assert "Who is this?" in pages
    assert "Same person?" not in pages
    page.locator(".drop input[type=file]").set_input_files(photo_file(pictures.portrait()))
    page.locator(".verdict").wait_for()
    assert page.get_by_role("button", name="Enroll this face as").count() == 0
    assert page.locator(".candidate .pair").first.locator("> *").count() == 1  # the enrolled photo needs `read`
    page.evaluate("location.hash = '#/same'")
    page.get_by_role("heading", name="There is no such page").wait_for()


def test_a_server_without_keys_asks_for_none(open_console, stand_in):
    stand_in.settings = stand_in.settings.model_copy(update={"without_keys": True})
    with serving(stand_in) as port:
        page = open_console(key=None, url=f"http://127.0.0.1:{port}")
        page.get_by_role("link", name="Same person?").wait_for()
        assert page.get_by_role("button", name="Sign out").count() == 0
        page.context.close()


def test_a_server_that_starts_is_waited_for(open_console, stand_in):
    stand_in.ready = False
    with serving(stand_in) as port:
        page = open_console(key=None, url=f"http://127.0.0.1:{port}")
        page.get_by_role("status").filter(has_text="The server is starting.").wait_for()
        stand_in.ready = True
        page.get_by_label("Key").wait_for()
        page.context.close()


@pytest.mark.parametrize(
    ("locale", "heading", "direction"),
    [
        ("de-AT", "Wer ist das?", "ltr"),
        ("ar", "من هذا؟", "rtl"),
        ("ja", "この人は誰\N{FULLWIDTH QUESTION MARK}", "ltr"),
        ("fr", "Who is this?", "ltr"),
    ],
)
def test_it_speaks_the_language_of_the_browser(open_console, keep, locale, heading, direction):
    page = open_console("who", locale=locale, width=320)
    assert page.locator("h1").inner_text() == heading
    assert page.evaluate("document.documentElement.dir") == direction
    page.locator(".drop input[type=file]").set_input_files(photo_file(pictures.astronaut()))
    page.locator(".candidate .pair img").nth(1).wait_for()
    assert serious_findings(page) == []
    assert not scrolls_sideways(page)
    keep(page, f"who-{locale}")


def test_language_and_theme_are_chosen_and_kept_and_the_photo_stays(open_console):
    page = open_console("who")
    page.locator(".drop input[type=file]").set_input_files(photo_file(pictures.astronaut()))
    page.locator(".verdict h2", has_text="This is Anna").wait_for()
    page.get_by_label("Language").select_option("de")
    page.locator(".verdict h2", has_text="Das ist Anna").wait_for()
    page.get_by_label("Farben").select_option("dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 21, 25)"
    page.reload()
    page.get_by_role("heading", name="Wer ist das?").wait_for()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 21, 25)"


def test_the_code_of_an_action_holds_no_key(open_console, served):
    page = open_console("who")
    page.get_by_text("As curl and Python").click()
    shown = page.locator(".as-code").inner_text()
    assert '-H "x-api-key: $KEY" -F img=@photo.jpg' in shown
    assert f"{served.url}/find" in shown
    assert served.key not in page.content()


def test_a_page_that_breaks_a_rule_is_noticed(browser, served):
    """The watch itself: inline script, a request elsewhere, an error, markup from text."""
    context = browser.new_context()
    watch = Watch(context, served.url)
    page = context.new_page()
    page.goto(f"{served.url}/console")
    page.evaluate("document.head.appendChild(document.createElement('style')).textContent = 'p { color: red }'")
    page.evaluate("fetch('http://faces.example:1/').catch(() => {})")
    page.evaluate("try { document.body.innerHTML = '<p>' } catch {}")
    page.evaluate("console.error('broken')")
    page.evaluate("setTimeout(() => { throw new Error('uncaught') })")
    page.wait_for_timeout(200)
    context.close()
    said = "\n".join(watch.faults)
    for fault in ("style-src", "connect-src", "require-trusted-types-for", "error: broken", "uncaught"):
        assert fault in said, (fault, said)
