"""The settings of a command, and the photos of this machine that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vultus.config import Settings
from vultus.errors import RequestTooLarge, SettingsInvalid


def load_settings(**flags: Any) -> Settings:
    """The settings of the environment, overridden by the flags that are not None. Raises SettingsInvalid."""
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as exc:
        raise SettingsInvalid("; ".join(_finding(error, given) for error in exc.errors())) from None
    except UnicodeDecodeError:
        raise SettingsInvalid("the .env file is not UTF-8 text; save it as UTF-8") from None


def _finding(error: Any, given: dict[str, Any]) -> str:
    """One finding of pydantic by the name of the variable; never its value, which may be a key."""
    field = str(error["loc"][0]) if error["loc"] else "settings"
    name = f"--{field.replace('_', '-')}" if field in given else f"VULTUS_{field.upper()}"
    message = str(error["msg"])
    return f"{name} is not usable: {message[:1].lower()}{message[1:]}"


def read_photo(path: Path, max_bytes: int) -> bytes:
    """The bytes of a photo. Raises OSError, RequestTooLarge."""
    with path.open("rb") as file:
        photo = file.read(max_bytes + 1)
    if len(photo) > max_bytes:
        raise RequestTooLarge(f"{path.name} has more than {max_bytes} bytes, the limit; save it smaller")
    return photo
