"""What the commands work with: the settings, and the openers, which a test replaces by its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from pydantic import ValidationError

from vultus.cli.output import say
from vultus.config import Settings
from vultus.errors import RequestTooLarge, SettingsInvalid

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from vultus.cli.vision import Vision
    from vultus.wiring import System


@contextmanager
def open_installed(settings: Settings, *, serving: bool = False) -> Iterator[System]:
    """The system of these settings; says so when models must be converted first, which takes a while."""
    from vultus.wiring import open_system

    if needs_preparing(settings):
        say("Preparing models (first start only) ...")
    with open_system(settings, serving=serving) as system:
        yield system


def open_to_serve(settings: Settings) -> AbstractContextManager[System]:
    """The system of these settings for the server: it makes the first admin key."""
    return open_installed(settings, serving=True)


def open_networks(settings: Settings) -> Vision:
    """The networks alone, without a database."""
    from vultus.cli.vision import open_vision

    if needs_preparing(settings):
        say("Preparing models (first start only) ...")
    return open_vision(settings)


def needs_preparing(settings: Settings) -> bool:
    """Whether opening the system will convert models."""
    from vultus.cli.catalogue import needed_statuses

    return any(status.state in ("available", "broken") for status in needed_statuses(settings))


def run_self_test(settings: Settings) -> float:
    """Run every network of the default pipeline once; how many seconds the second round took."""
    from vultus.cli.selftest import timed_inference

    return timed_inference(settings)


@dataclass
class Tools:
    """Kept in the typer context. as_json: whether the command was asked for JSON, which shapes its failure too."""

    open_system: Callable[[Settings], AbstractContextManager[System]] = open_installed
    open_server: Callable[[Settings], AbstractContextManager[System]] = open_to_serve
    open_vision: Callable[[Settings], Vision] = open_networks
    run_self_test: Callable[[Settings], float] = run_self_test
    as_json: bool = False


def tools_of(ctx: typer.Context) -> Tools:
    """The tools of this run."""
    tools: Tools = ctx.find_root().obj
    return tools


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


@contextmanager
def open_database(settings: Settings) -> Iterator[Engine]:
    """The database of these settings alone, brought to this Vultus' schema."""
    from vultus.storage.database import open_engine
    from vultus.storage.migrations import migrate

    engine = open_engine(settings.sqlalchemy_url)
    try:
        migrate(engine)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def opened(ctx: typer.Context, settings: Settings) -> Iterator[System]:
    """The open system, for a command that ends by itself; the audit will say that a command made the changes."""
    from vultus.storage.audit import COMMAND, Act

    with tools_of(ctx).open_system(settings) as system:
        yield replace(system, service=system.service.by(Act(COMMAND)))


def note_look(system: System, action: str, collection: str | None = None, objects: tuple[str, ...] = ()) -> None:
    """Tell the audit that a command compared faces. objects: ids of the faces that matched."""
    from vultus.storage.audit import COMMAND, Act

    system.trail.add(Act(COMMAND, collection=collection, objects=objects).line(action))


def read_photo(path: Path, max_bytes: int) -> bytes:
    """The bytes of a photo. Raises OSError, RequestTooLarge."""
    with path.open("rb") as file:
        photo = file.read(max_bytes + 1)
    if len(photo) > max_bytes:
        raise RequestTooLarge(f"{path.name} has more than {max_bytes} bytes, the limit; save it smaller")
    return photo
