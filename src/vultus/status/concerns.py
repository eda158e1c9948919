"""What an operator should look at, in sentences that say what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from vultus.records.samples import Sample, Workers

LEAST_FREE = 0.10  # of the disk
OLDEST_BACKUP = timedelta(hours=26)  # a daily one, and two hours to make it
LARGEST_WAL = 1 << 30  # bytes
LONGEST_REMOVAL = timedelta(hours=1)  # of a photo; a sweep tries every few seconds
COLLECTIONS_NAMED = 5  # in a sentence
GIB = 1 << 30


def concerns(sample: Sample, now: datetime) -> Iterator[str]:
    """About what is stored, and what computes."""
    if not sample.database_up:
        yield "the database does not answer; the server's log has the reason, and the counts are those of before"
    if not sample.disk_bytes:
        yield "the data folder is away: nothing can be stored; mount its disk again and restart the service"
    elif sample.disk_free_bytes < LEAST_FREE * sample.disk_bytes:
        share = 100 * sample.disk_free_bytes / sample.disk_bytes
        yield (
            f"the disk of the data folder is nearly full: {sample.disk_free_bytes / GIB:.1f} of "
            f"{sample.disk_bytes / GIB:.1f} GiB are free ({share:.0f} %); free some space"
        )
    yield from _about_backup(sample, now)
    if sample.wal_bytes > LARGEST_WAL:
        yield (
            f"the write-ahead log of the database is {sample.wal_bytes / GIB:.1f} GiB large: something has been "
            "reading the database for long; end commands that hang"
        )
    since = sample.photos_waiting_since
    if since is not None and now - since > LONGEST_REMOVAL:
        yield (
            f"{sample.photos_waiting} photos of erased faces wait to be removed, the oldest since "
            f"{since:%Y-%m-%d %H:%M} UTC; the server's log says what fails, and vultus check --repair removes them"
        )
    if sample.without_liveness:
        yield (
            f"{sample.without_liveness} collections ask for liveness by policy, and its model is not installed, so "
            "their requests are refused; run: vultus models pull minifasnet"
        )
    for finding in sample.failed_self_tests:
        yield f"a model failed its self-test, so another arithmetic answers for it: {finding}; run: vultus doctor"


def concerns_of_processes(workers: Workers, may_see: Callable[[str], bool] = lambda _: True) -> Iterator[str]:
    """About the processes that serve. may_see: whether a collection may be named and counted."""
    if workers.alive < workers.wanted:
        yield (
            f"{workers.alive} of {workers.wanted} worker processes serve; the server's log says why the others do not"
        )
    if workers.restarts:
        yield f"{workers.restarts} worker processes died since the start; the server's log has their exit codes"
    if workers.work.audit_lost:
        yield f"{workers.work.audit_lost} audit lines were given up: the database could not be written; free some space"
    refused = [one.collection for one in workers.work.indexes if one.refused and may_see(one.collection)]
    if refused:
        yield (
            f"the approximate index of {len(refused)} collections ({', '.join(refused[:COLLECTIONS_NAMED])}) finds too "
            "little or could not be made, so that every face is compared; the server's log says why"
        )


def _about_backup(sample: Sample, now: datetime) -> Iterator[str]:
    if not sample.own_backups or not any(one.subjects for one in sample.collections):
        return
    if sample.last_backup is None:
        yield "no verified backup of this data folder is known of; make one each day: vultus backup FILE"
        return
    age = now - sample.last_backup
    if age > OLDEST_BACKUP:
        yield f"the last verified backup is {age / timedelta(hours=1):.0f} hours old; run: vultus backup FILE"
