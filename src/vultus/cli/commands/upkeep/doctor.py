"""vultus doctor: checks everything that a healthy service needs. The checks only read."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import typer

from vultus.backup.last_backup import read_last_backup
from vultus.cli.exit_codes import REFUSED, sentence_of
from vultus.cli.opening import SelfTestRun, is_needed, openers_of
from vultus.cli.options import AsJson, DataDir, ModelDir
from vultus.cli.output import print_json, print_states
from vultus.cli.settings import load_settings
from vultus.cli.terminal.progress import working
from vultus.config import Settings
from vultus.errors import VultusError
from vultus.models.precision import CPUINFO, cpu_flags
from vultus.models.repository.store import open_store
from vultus.storage.database import existing_database, is_sqlite
from vultus.storage.erasure_ledger.catching_up import keeps_ledger, open_ledger
from vultus.storage.gallery import Gallery
from vultus.storage.gallery_reader import doubly_spelled_sentence
from vultus.storage.migrations.runner import newest_schema, schema_version
from vultus.storage.photo_stores.location import open_photos, photo_location
from vultus.storage.photo_stores.s3 import S3PhotoStore
from vultus.wiring.settings_check import check_settings

MIN_PYTHON = (3, 11)
LOW_BYTES, FULL_BYTES = 1 << 30, 64 << 20
# AVX2 for every network; AVX-512 and VNNI make int8 networks faster: onnxruntime.ai/docs, "Quantize ONNX models".
ARM_FLAGS = {"asimd", "neon"}
X86_FLAGS = {"AVX2": ("avx2",), "AVX512": ("avx512f",), "VNNI": ("avx512_vnni", "avx_vnni")}


@dataclass(frozen=True)
class Check:
    """The result of one check."""

    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str


def ok(name: str, detail: str) -> Check:
    return Check(name, "ok", detail)


def warn(name: str, detail: str) -> Check:
    return Check(name, "warn", detail)


def fail(name: str, detail: str) -> Check:
    return Check(name, "fail", detail)


def python_version() -> Check:
    """Python is new enough."""
    wanted = ".".join(map(str, MIN_PYTHON))
    if sys.version_info < MIN_PYTHON:
        return fail("python", f"{platform.python_version()}; Vultus needs {wanted} or newer")
    return ok("python", platform.python_version())


def processor(cpu_info: Path = CPUINFO) -> Check:
    """The instructions that make inference fast. cpu_info: a file like Linux's /proc/cpuinfo."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    flags = cpu_flags(cpu_info)
    if not flags or not ARM_FLAGS.isdisjoint(flags):  # nothing to say of processors without x86's instructions
        return ok("processor", machine)
    found = {name: any(flag in flags for flag in known) for name, known in X86_FLAGS.items()}
    detail = f"{machine}, " + ", ".join(f"{name} {'yes' if there else 'no'}" for name, there in found.items())
    return ok("processor", detail) if found["AVX2"] else warn("processor", f"{detail}; inference will be slow")


def settings_agree(settings: Settings) -> Check:
    """The settings do not contradict each other. Raises SettingsInvalid."""
    check_settings(settings)
    return ok("settings", "agree with each other")


def data_folder(folder: Path) -> Check:
    """The data folder can be written and has room."""
    if not folder.exists():
        return _future_folder(folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        return fail("data folder", f"{folder} is closed to this user; let this user write to it")
    free = shutil.disk_usage(folder).free
    detail = f"{folder.absolute()}, {free / (1 << 30):.1f} GiB free"
    if free < FULL_BYTES:
        return fail("data folder", f"{detail}: the disk is full")
    return warn("data folder", f"{detail}: that is little") if free < LOW_BYTES else ok("data folder", detail)


def _future_folder(folder: Path) -> Check:
    parent = next(above for above in folder.absolute().parents if above.exists())
    if parent.is_dir() and os.access(parent, os.W_OK | os.X_OK):
        return ok("data folder", f"{folder.absolute()} will be made by the first start")
    return fail(
        "data folder",
        f"{folder.absolute()} cannot be made in {parent}; choose another with --data-dir or VULTUS_DATA_DIR",
    )


def database(settings: Settings) -> Check:
    """The database is sound and of this version's schema. Raises StorageFailed."""
    with existing_database(settings.sqlalchemy_url, settings.key_file) as found:
        if found is None:
            return ok("database", "none yet")
        with found.reading() as connection:
            undamaged = found.is_undamaged(connection)
        version, newest = schema_version(found), newest_schema()
        spelled = Gallery(found).doubly_spelled() if version == newest else ()
    if not undamaged:
        return fail("database", "damaged; stop the service and restore a backup")
    if not version:
        return ok("database", "without tables yet; the first start makes them")
    if version > newest:
        return fail("database", f"has schema {version}, this Vultus knows {newest}; install the newer Vultus")
    if version < newest:
        return warn("database", f"has schema {version}; the next start brings it to {newest}")
    if spelled:
        return warn("database", f"sound; {doubly_spelled_sentence(spelled)}")
    return ok("database", f"sound, schema {version}")


def photos(settings: Settings) -> Check:
    """Each face has its stored photo, and each stored photo a face. Raises StorageFailed."""
    with existing_database(settings.sqlalchemy_url, settings.key_file) as found:
        if found is None or not schema_version(found):
            return ok("photos", "none yet")
        store = open_photos(photo_location(settings.photo_url, settings.data_dir))
        if isinstance(store, S3PhotoStore):
            store.first_page()
            return ok("photos", f"{store.place} answers; to compare all photos with the faces: vultus check")
        stored, wanted = set(store.keys()), Gallery(found).photo_keys()
    detail = f"{len(wanted)} in use, {len(wanted - stored)} missing, {len(stored - wanted)} without a face"
    if wanted - stored:
        return fail("photos", f"{detail}; restore the photo folder from a backup")
    return warn("photos", f"{detail}; the next start removes these") if stored - wanted else ok("photos", detail)


def erasure_ledger(settings: Settings) -> Check:
    """The ledger is that of the data folder, and can be written. Raises StorageFailed."""
    file = settings.erasure_ledger
    if file is not None and not file.exists() and not keeps_ledger(settings.data_dir):
        return ok("erasure ledger", f"{file} will be made by the first start")
    ledger = open_ledger(file, settings.data_dir)
    if ledger is None:
        return ok("erasure ledger", "none is kept")
    return ok("erasure ledger", f"{ledger.path}, {ledger.bytes} bytes")


def last_backup(settings: Settings) -> Check:
    """When the last backup was verified."""
    if not is_sqlite(settings.sqlalchemy_url):
        return ok("last backup", "PostgreSQL is backed up by its own tools, which Vultus does not see")
    found = read_last_backup(settings.data_dir)
    if found is None:
        return ok("last backup", "none is known")
    return ok("last backup", f"{found.file} of {found.at:%Y-%m-%d %H:%M} UTC, {found.bytes} bytes, verified")


def models(settings: Settings) -> Iterator[Check]:
    """One finding per model, its files verified by their SHA-256."""
    for status in open_store(settings.model_dir).statuses():
        name = f"model {status.card.id}"
        if status.state == "prepared":
            yield ok(name, f"verified, {status.bytes / 1e6:.1f} MB, licence {status.card.licence.weights}")
        elif status.state == "available":
            yield warn(name, f"not prepared yet; {status.detail}")
        else:
            needed = status.state == "broken" or is_needed(status.card, settings)
            yield (fail if needed else ok)(name, f"{status.state}: {status.detail}")


def doctor(ctx: typer.Context, data_dir: DataDir = None, model_dir: ModelDir = None, as_json: AsJson = False) -> None:
    """Check Python, settings, data, models and processor, and run each network once. Changes nothing."""
    settings = load_settings(data_dir=data_dir, model_dir=model_dir)
    with working("checking", bar=not as_json):
        findings = list(_findings(settings, openers_of(ctx).run_self_test))
    if as_json:
        print_json({"healthy": not _any_failed(findings), "checks": [asdict(finding) for finding in findings]})
    else:
        print_states((f"{finding.state:<4}", f"  {finding.name}: {finding.detail}") for finding in findings)
    raise typer.Exit(REFUSED if _any_failed(findings) else 0)


def _any_failed(findings: list[Check]) -> bool:
    return any(finding.state == "fail" for finding in findings)


def _findings(settings: Settings, run_self_test: Callable[[Settings], SelfTestRun]) -> Iterator[Check]:
    yield python_version()
    yield processor()
    yield _guarded("settings", lambda: settings_agree(settings))
    yield _guarded("data folder", lambda: data_folder(settings.data_dir))
    yield _guarded("database", lambda: database(settings))
    yield _guarded("photos", lambda: photos(settings))
    yield _guarded("erasure ledger", lambda: erasure_ledger(settings))
    yield last_backup(settings)
    prepared = list(models(settings))
    yield from prepared
    yield from self_test(settings, prepared, run_self_test)


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    """The result of a check; one that raises has failed."""
    try:
        return check()
    except VultusError as exc:
        return fail(name, str(exc))
    except OSError as exc:
        return fail(name, sentence_of(exc))


def self_test(
    settings: Settings, models: list[Check], run_self_test: Callable[[Settings], SelfTestRun]
) -> Iterator[Check]:
    """The device and the arithmetic in use, what each model answered to drawn faces, and whether all answer."""
    if any(model.state != "ok" for model in models):
        yield warn("self-test", "not run, because models are not ready; run: vultus models prepare")
        return
    try:
        run = run_self_test(settings)
    except VultusError as exc:
        yield fail("self-test", str(exc))
        return
    yield ok("device", run.device)
    yield ok("arithmetic", run.arithmetic)
    for test in run.tests:
        done = f"{test.precision}: {test.finding}"
        wrong = f"{done}; it computes in fp32 instead"  # one that is wrong in fp32 raised
        yield ok(f"self-test {test.model_id}", done) if test.passed else warn(f"self-test {test.model_id}", wrong)
    yield ok("self-test", f"detectors and recognition answer, {run.seconds * 1000:.0f} ms together")
