"""Text without its letter case, in SQL, as Python's `casefold` gives it or as near as the database can."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

FOLDS_SINCE = (18,)  # PostgreSQL; before, a sharp s is not two


class folded(FunctionElement[str]):  # noqa: N801 - a function of SQL, named as those of SQLAlchemy are
    """A text in which letters differ by more than their case."""

    type = Text()
    inherit_cache = True

    def __init__(self, text: ColumnElement[str]) -> None:
        super().__init__(text)


@compiles(folded)
def _casefold(element: folded, compiler: Any, **kw: Any) -> str:
    return f"lower({compiler.process(element.clauses, **kw)})"  # `engines/sqlite.py` has one that knows all letters


@compiles(folded, "postgresql")
def _postgresql(element: folded, compiler: Any, **kw: Any) -> str:
    text = compiler.process(element.clauses, **kw)
    if (compiler.dialect.server_version_info or ()) >= FOLDS_SINCE:
        return f"casefold({text} COLLATE pg_unicode_fast)"
    return f'lower({text} COLLATE "und-x-icu")'
