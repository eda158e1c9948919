"""A page that no rules are watched of: a server that is away is an error in the console of any browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.waiting import patient

MOST_SECONDS = 240.0  # for one wait: on a busy machine `patient` alone let two failures take half an hour


def browser_limit() -> float:
    """How long Playwright waits for something, in milliseconds."""
    return 1000 * min(patient(), MOST_SECONDS)


@contextmanager
def signed_in_at(name: str, browser: Any, system: Any, port: int, *scopes: str) -> Iterator[Any]:
    """The page of that name, for a new key with these scopes. system: a stand-in that answers at the port."""
    _, secret = system.keys.create("Front desk", scopes)
    context = browser.new_context(locale="en-US", permissions=["camera"])
    context.set_default_timeout(browser_limit())
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/console#key={secret}")
    page.locator(".bar").wait_for()
    page.evaluate("(name) => { location.hash = `#/${name}` }", name)
    page.locator(f'.page-link[href="#/{name}"][aria-current]').wait_for()
    yield page
    context.close()
