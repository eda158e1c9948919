"""Puts screenshots into pages: `<!-- screenshot: door-match | A name in large letters. -->` becomes the picture
build/console/door-match.png, with these words for those who do not see it.

The browser tests make them (`make screenshots`); none is committed. Where one is missing, the page is without it.
"""

import re
from pathlib import Path

PLACE = re.compile(r"^<!-- screenshot: ([a-z0-9-]+) \| ([^\n]+?) -->$", re.MULTILINE)


def with_screenshots(text: str, folder: Path, above: str) -> str:
    """A page with its pictures. above: the way from the page to the folder that `docs` is in, like "../../"."""

    def picture(place: re.Match[str]) -> str:
        name, words = place.groups()
        return f"![{words}]({above}build/console/{name}.png)" if (folder / f"{name}.png").is_file() else ""

    return PLACE.sub(picture, text)
