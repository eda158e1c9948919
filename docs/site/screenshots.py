"""Puts screenshots into pages: `<!-- screenshot: door -->` becomes the picture build/screenshots/door.png.

The browser tests make them; none is committed. Where one is missing, the page is without it.
"""

import re
from pathlib import Path

PLACE = re.compile(r"^<!-- screenshot: ([a-z0-9-]+) -->$", re.MULTILINE)


def with_screenshots(text: str, folder: Path, above: str) -> str:
    """A page with its pictures. above: the way from the page to the folder that `docs` is in, like "../../"."""

    def picture(place: re.Match[str]) -> str:
        name = place[1]
        found = (folder / f"{name}.png").is_file()
        return f"![Screenshot: {name}]({above}build/screenshots/{name}.png)" if found else ""

    return PLACE.sub(picture, text)
