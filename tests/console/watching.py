"""Watches what the pages of a browser do that they must not, and what they must be."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe

from tests.waiting import wait_until

# A browser itself notes each call that is refused or fails. Pages expect those, and say so in words of their own.
REFUSED = re.compile(r"Failed to load resource: (the server responded with a status of (4\d\d|503)|net::ERR_)")
TELL_OF_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
  console.error("policy violated", event.violatedDirective, event.blockedURI, event.sourceFile, event.lineNumber))"""
WIDTHS = (320, 768, 1280)  # of a phone, a tablet, a desktop, pixels
SERIOUS = ("serious", "critical")
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")


class Watch:
    """faults: violations of the policy, errors in the console, uncaught exceptions, requests to other hosts."""

    def __init__(self, context: Any, url: str) -> None:
        self.faults: list[str] = []
        self._host = urlsplit(url).netloc
        context.add_init_script(TELL_OF_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", lambda fault: self.faults.append(f"uncaught: {fault.error}"))
        context.on("request", self._request)
        context.on("response", self._response)
        context.on("requestfailed", self._failed)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning") and not REFUSED.match(message.text):
            self.faults.append(f"{message.type}: {message.text}")

    def _request(self, request: Any) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("blob", "data") and address.netloc != self._host:
            self.faults.append(f"request to {address.netloc}")

    def _failed(self, request: Any) -> None:
        """A file of the console that does not come; a page that is closed gives up its requests."""
        if "/console/" in request.url and "ERR_ABORTED" not in (request.failure or ""):
            self.faults.append(f"{request.failure} for {request.url}")

    def _response(self, response: Any) -> None:
        if response.status >= 400 and "/console/" in response.url:
            self.faults.append(f"{response.status} for {response.url}")


def serious_findings(page: Any) -> list[str]:
    """What axe-core finds that keeps people from using the page, by the rules of WCAG 2.2 A and AA."""
    options = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": list(RULES)}}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{one['id']}: {node['target']} {node.get('failureSummary', '')}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


def scrolls_sideways(page: Any) -> bool:
    """Whether the page is wider than its window."""
    wide: bool = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return wide


def check_every_look(page: Any, keep: Callable[[Any, str], None], name: str) -> None:
    """Asserts that the page, as it is now, reads well at each width in both themes, and keeps a picture of each."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert not scrolls_sideways(page), (name, width)
            keep(page, f"{name}-{width}-{scheme}")
        assert serious_findings(page) == [], (name, scheme)


def wait_for(page: Any, expression: str, argument: object = None) -> None:
    """Wait until JavaScript is true.

    Playwright's own way evaluates text in the page each time that it looks, which the policy of the console forbids,
    except for the first time.
    """
    wait_until(lambda: page.evaluate(expression, argument), expression)
