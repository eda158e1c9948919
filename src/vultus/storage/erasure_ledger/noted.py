"""Transactions that erase, whose lines are in the ledger before they commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection

from vultus.errors import StorageFailed
from vultus.storage.database import Database
from vultus.storage.erasure_ledger.ledger import Erasure, ErasureLedger


@contextmanager
def erasing(database: Database, ledger: ErasureLedger | None) -> Iterator[tuple[Connection, Callable[[Erasure], None]]]:
    """An erasing transaction, and a function to call last in it with what is erased.

    Where the line cannot be written, nothing is erased: whoever was told that somebody is erased could see them come
    back. Where the commit fails, the line is withdrawn. Raises StorageFailed.
    """
    if ledger is None:
        with database.erasing() as connection:
            yield connection, lambda erasure: None
        return
    lines: list[str] = []
    try:
        with database.erasing() as connection:
            yield connection, lambda erasure: lines.append(ledger.add(erasure))
    except BaseException:
        with suppress(StorageFailed):  # the reason of the failure matters more
            for line in lines:
                ledger.withdraw(line)
        raise
