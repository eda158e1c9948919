"""The settings of a command, and the photos of this machine that it names."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vultus.cli.output import say
from vultus.config import Settings, unknown_variables, variable
from vultus.errors import RequestTooLarge, SettingsInvalid
from vultus.files import open_regular
from vultus.findings import Steps, Wording, sentence_of

MAX_NAME_CHARACTERS = 60


def load_settings(**flags: Any) -> Settings:
    """The settings of the environment, overridden by the flags that are not None. Raises SettingsInvalid."""
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        _refuse_misspelt()
        return Settings(**given)
    except ValidationError as exc:
        raise SettingsInvalid(sentence_of(exc.errors(), _wording(given))) from None
    except UnicodeDecodeError:
        raise SettingsInvalid("the .env file is not UTF-8 text; save it as UTF-8") from None


def _refuse_misspelt() -> None:
    """Refuses names that are nearly those of settings, and warns of other names with our prefix."""
    for name, meant in unknown_variables().items():
        if meant is not None:
            raise SettingsInvalid(f"there is no setting {name[:MAX_NAME_CHARACTERS]}; write {meant}, or leave it out")
        say(f"there is no setting {name[:MAX_NAME_CHARACTERS]}; it has no effect")


def _wording(flags: Collection[str]) -> Wording:
    """Findings by the name of the flag or the variable; never the value, which may be a key."""

    def place(steps: Steps) -> str:
        field = str(steps[0]) if steps else "settings"
        return f"--{field.replace('_', '-')}" if field in flags else variable(field)

    sentence = "{place} is not usable: {message}"
    return Wording(place=place, missing=sentence, unknown=sentence, wrong=sentence, said=sentence)


def read_photo(path: Path, max_bytes: int) -> bytes:
    """The bytes of a photo. Raises OSError, RequestTooLarge."""
    with open_regular(path) as file:
        photo = file.read(max_bytes + 1)
    if len(photo) > max_bytes:
        raise RequestTooLarge(f"{path.name} has more than {max_bytes} bytes, the limit; save it smaller")
    return photo
