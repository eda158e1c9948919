"""The first admin key: the one that the operator gives, or one that is made and shown once."""

from __future__ import annotations

import logging
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os import fstat
from pathlib import Path

from vultus.errors import SettingsInvalid, VultusError
from vultus.files import open_regular
from vultus.identifiers import MIN_ADMIN_KEY_CHARACTERS
from vultus.records.stored import SCOPES
from vultus.storage.audit import SERVER, Act
from vultus.storage.keys import KeyStore

log = logging.getLogger(__name__)
MOST_BYTES = 4096
KEY_NAME = "admin"


@dataclass(frozen=True)
class GivenKey:
    """The key that the operator gives. setting: its name, for sentences. file: that holds it, unless secret does."""

    setting: str
    secret: str | None = field(default=None, repr=False)
    file: Path | None = None

    def read(self) -> str:
        """The key. Raises SettingsInvalid, when the file holds none."""
        return self.secret if self.secret is not None else _read(self.setting, self.file or Path())


def store_given_key(keys: KeyStore, given: GivenKey) -> None:
    """Store the key where there is none yet; later it has no effect, and the log says so where it does not work.

    Raises SettingsInvalid, when there is no key yet and the file holds none; StorageFailed.
    """
    if not keys.any() and keys.acting_as(Act(SERVER)).create_first(KEY_NAME, SCOPES, secret=given.read()):
        return
    try:
        keys.authenticate(given.read(), datetime.now(UTC))
    except VultusError as exc:
        log.warning(
            "the key in %s does not work: %s. It is for the first start only; now keys are changed by `vultus keys`",
            *(given.setting, exc),
        )


def make_first_key(keys: KeyStore) -> str | None:
    """Make the first admin key where there is none yet; its secret, which is not stored and cannot be had again.

    To be called by the process that shows it, at the moment that it does: a key that is made earlier is lost when a
    process ends in between. Raises StorageFailed.
    """
    return keys.acting_as(Act(SERVER)).create_first(KEY_NAME, SCOPES)


def _read(setting: str, path: Path) -> str:
    """The key in a file of one line, as secrets are handed to containers. Raises SettingsInvalid."""
    try:
        with open_regular(path) as file:
            open_to_all = fstat(file.fileno()).st_mode & stat.S_IWOTH
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        problem = "it is not there; mount the secret, or leave the setting out"
    except OSError as exc:
        problem = f"it cannot be read: {exc.strerror or exc}; let this user read it"
    else:
        problem = "any user of this machine may write to it; run: chmod o-w" if open_to_all else _fault(content)
    if problem:
        raise SettingsInvalid(f"the file {path} of {setting} is not usable: {problem}")
    return _line(content)


def _line(content: bytes) -> str:
    return content.decode("ascii", "replace").removesuffix("\n").removesuffix("\r")


def _fault(content: bytes) -> str:
    """What is wrong with the content of the file; empty: nothing."""
    key = _line(content)
    if not key:
        return "it is empty; write the key into it"
    if len(content) > MOST_BYTES or not all("!" <= character <= "~" for character in key):
        return "it is not one line of letters, digits and signs; write the key into it, and nothing else"
    if len(key) < MIN_ADMIN_KEY_CHARACTERS:
        least = MIN_ADMIN_KEY_CHARACTERS
        return f"the key in it has {len(key)} characters; use {least} or more: openssl rand -hex 32"
    return ""
