"""The audit: one line for each action, with its actor; lines are only ever added, and none holds a person's name.

    at | actor | action | collection | objects | object_count | outcome | request_id | decisions

actor: the id of an API key, or one of the names below. objects: ids that Vultus made itself, of faces and keys, the
first MAX_OBJECTS of `object_count`. A subject's id is chosen by the operator and may be a name, so a subject is
present only as the ids of its faces. Never in a line: subject ids, names, metadata, images, embeddings, keys, free
texts of callers. decisions: of a comparison or a search, see `records/decisions.py`.

The line about a change is written in the transaction of the change: there is never one without the other, and it costs
no sync of its own. Lines about reads and refusals go through `audit_writer.py`, a moment later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, func, insert, or_, select

from vultus.records.decisions import Decision
from vultus.records.stored import AuditLine, ChainPlace
from vultus.storage import tables as t
from vultus.storage.collections import collection_row
from vultus.storage.database import Database
from vultus.storage.sealing.audit_chains import chain_of
from vultus.storage.subjects import subject_row

COMMAND, SERVER, ANYONE = "command", "server", "anyone"  # the command line; the service itself; served without keys
OK = "ok"
PRUNE = "audit.prune"
CROP, UNKNOWN_PHOTO = "face.crop", "unknown.photo"  # small pictures; see `audit_writer.py`
OVERRIDE = "policy.override"  # a line beside that of the action itself
MAX_OBJECTS = 100
LINES_AT_ONCE = 20_000  # pruned in one transaction, which other writers wait for


@dataclass
class Act:
    """An action in progress, with its actor.

    action: its name in the audit, unless the part that makes the change names it. recorded: whether a line with
    outcome OK was written in the transaction of a change. may_override: whether the actor may loosen the policies of a
    collection; overridden: whether this action did. may_read, may_find: whether it may know other subjects of the
    collection, all or those that a face fits. decisions: what it decided.
    """

    actor: str
    request_id: str | None = None
    action: str | None = None
    collection: str | None = None
    objects: tuple[str, ...] = ()
    recorded: bool = False
    may_override: bool = False
    may_read: bool = True
    may_find: bool = True
    overridden: bool = False
    decisions: tuple[Decision, ...] = ()

    def line(self, action: str, outcome: str = OK) -> AuditLine:
        """The line about this act."""
        some, decisions = self.objects[:MAX_OBJECTS], self.decisions[:MAX_OBJECTS]
        return AuditLine(
            *(self.actor, action, self.collection, some, len(self.objects), outcome, self.request_id),
            decisions=decisions,
        )


def record(
    connection: Connection,
    act: Act | None,
    action: str,
    *,
    collection: str | None = None,
    objects: Sequence[str] = (),
    count: int | None = None,
    decisions: Sequence[Decision] = (),
) -> None:
    """Add a line, with outcome OK, to the transaction of a change. act: None adds no line, as in a test.

    count: how many objects there are, when only the first are given. decisions: that led to the change.
    """
    if act is None:
        return
    some, total = tuple(objects[:MAX_OBJECTS]), len(objects) if count is None else count
    line = AuditLine(act.actor, action, collection, some, total, OK, act.request_id)
    insert_lines(connection, [replace(line, decisions=tuple(decisions[:MAX_OBJECTS]))])
    act.recorded = True


def insert_lines(connection: Connection, lines: Sequence[AuditLine]) -> None:
    """Add lines, in their order, to the chain of a write transaction."""
    _insert(connection, *map(_values, lines))


def _insert(connection: Connection, *lines: dict[str, Any]) -> None:
    chain = chain_of(connection)
    connection.execute(insert(t.audit), [chain.append(line) for line in lines])


@dataclass(frozen=True)
class AuditFilter:
    """Which lines are wanted; None: any. since: their moment or later; until: before it.

    decision: of any of their decisions. face: an id among their objects, or among the faces of a decision. subject:
    the same of any face that a subject has now; its collection, and its id.
    """

    since: datetime | None = None
    until: datetime | None = None
    actor: str | None = None
    action: str | None = None
    collection: str | None = None
    outcome: str | None = None
    request_id: str | None = None
    decision: str | None = None
    face: str | None = None
    subject: tuple[str, str] | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """What the stored lines must meet."""
        c = t.audit.c
        for name in ("actor", "action", "collection", "outcome", "request_id"):
            if (value := getattr(self, name)) is not None:
                yield c[name] == value
        if self.since is not None:
            yield c.at >= self.since
        if self.until is not None:
            yield c.at < self.until
        if self.decision is not None:
            yield c.decisions.contains(f'"decision": {json.dumps(self.decision)}', autoescape=True)
        if self.face is not None:
            yield _names(json.dumps(self.face))


def _names(face_id: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a line names a face. face_id: in quotes, as JSON has it."""
    return or_(*(column.contains(face_id, autoescape=isinstance(face_id, str)) for column in _NAMING))


_NAMING = (t.audit.c.objects, t.audit.c.decisions)


class NoAudit:
    """An audit without lines: for a part of the system without a database."""

    def page(self, wanted: AuditFilter, *, before: int | None, limit: int) -> tuple[AuditLine, ...]:
        """Nothing."""
        return ()


class Audit:
    """The stored lines. Every method is one transaction and may raise StorageFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, line: AuditLine) -> None:
        """Store one line now."""
        with self._database.adding() as connection:
            insert_lines(connection, [line])

    def lines(self, wanted: AuditFilter | None = None, *, limit: int = 100) -> tuple[AuditLine, ...]:
        """The last `limit` lines that are wanted (None: any), oldest first."""
        return self.page(wanted or AuditFilter(), before=None, limit=limit)[::-1]

    def page(self, wanted: AuditFilter, *, before: int | None, limit: int) -> tuple[AuditLine, ...]:
        """At most `limit` lines, newest first; before: only lines of a lower number.

        Raises: CollectionNotFound, SubjectNotFound, when lines about a subject are wanted.
        """
        c = t.audit.c
        statement = select(t.audit).where(*wanted.conditions()).order_by(c.pk.desc()).limit(limit)
        if before is not None:
            statement = statement.where(c.pk < before)
        with self._database.reading() as connection:
            if wanted.subject is not None:
                name, subject_id = wanted.subject
                subject = subject_row(connection, collection_row(connection, name), subject_id)
                its_face = t.faces.c.subject_pk == subject.pk
                statement = statement.where(exists().where(its_face, _names('"' + t.faces.c.id + '"')))
            return tuple(_line(row) for row in connection.execute(statement))

    def prune(self, before: datetime, act: Act) -> int:
        """Erase the lines up to the first that is not older than `before`; how many went.

        A new line records the actor and the count; of very many lines several, as they go LINES_AT_ONCE a transaction.
        """
        last = count = self._prune_some(before, act)
        while last == LINES_AT_ONCE:
            last = self._prune_some(before, act) if self.has_older(before) else 0
            count += last
        return count

    def prune_step(self, before: datetime, act: Act) -> bool:
        """As `prune`, but one transaction, and none where there is nothing to erase; whether there may be more."""
        return self.has_older(before) and self._prune_some(before, act) == LINES_AT_ONCE

    def has_older(self, before: datetime) -> bool:
        """Whether the oldest line is older than `before`."""
        with self._database.reading() as connection:
            oldest = connection.execute(select(t.audit.c.at).order_by(t.audit.c.pk).limit(1)).scalar_one_or_none()
        return oldest is not None and oldest < before

    def _prune_some(self, before: datetime, act: Act) -> int:
        """The trigger on DELETE requires the new line: without it nothing can be deleted."""
        c = t.audit.c
        with self._database.writing() as connection:
            kept_from = connection.execute(select(func.min(c.pk)).where(c.at >= before)).scalar_one()
            if kept_from is None:  # all lines are older: keep none of them
                kept_from = connection.execute(select(func.coalesce(func.max(c.pk), 0) + 1)).scalar_one()
            oldest = connection.execute(select(func.coalesce(func.min(c.pk), 1))).scalar_one()
            kept_from = min(kept_from, oldest + LINES_AT_ONCE)
            older = c.pk < kept_from
            count = int(connection.execute(select(func.count()).where(older)).scalar_one())
            line = AuditLine(act.actor, PRUNE, object_count=count, request_id=act.request_id)
            # Before the DELETE: its trigger looks for this line.
            _insert(connection, _values(line) | {"kept_from": kept_from})
            connection.execute(delete(t.audit).where(older))
        return count


def _values(line: AuditLine) -> dict[str, Any]:
    return {
        "at": line.at,
        "actor": line.actor,
        "action": line.action,
        "collection": line.collection,
        "objects": json.dumps(line.objects),
        "object_count": line.object_count,
        "outcome": line.outcome,
        "request_id": line.request_id,
        "decisions": json.dumps([asdict(decision) for decision in line.decisions]) if line.decisions else None,
    }


def _place(row: Row[Any]) -> ChainPlace | None:
    if row.writer is None or row.digest is None:
        return None
    return ChainPlace(row.writer, row.number, (row.previous or b"").hex(), row.digest.hex())


def _line(row: Row[Any]) -> AuditLine:
    objects = tuple(json.loads(row.objects))
    decisions = tuple(map(Decision.from_json, json.loads(row.decisions or "[]")))
    return AuditLine(
        *(row.actor, row.action, row.collection, objects, row.object_count, row.outcome, row.request_id),
        *(row.at, row.pk, decisions, _place(row)),
    )
