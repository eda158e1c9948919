"""Opens the parts that compute: the whole system or the networks alone. A test passes openers of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import typer

from vultus.cli.context import context_of
from vultus.cli.output import say
from vultus.cli.terminal.progress import working
from vultus.config import Settings
from vultus.errors import ModelInvalid
from vultus.model_loading import SelfTest
from vultus.model_registry import ModelRegistry
from vultus.models.card import ModelCard, find_card
from vultus.models.repository.digests import FileDigests
from vultus.models.repository.store import ModelStatus, ModelStore, open_store
from vultus.storage.audit import COMMAND, OVERRIDE, Act
from vultus.storage.database import database_file, is_sqlite, require_database
from vultus.vision.decoding.isolated import IsolatedDecoder
from vultus.vision.pipeline import Pipeline
from vultus.wiring.networks import chosen_arithmetic, decode_limits, open_models, open_pipeline, prepare, warm_up
from vultus.wiring.open_system import open_system
from vultus.wiring.parts import COMMAND_LINE, SERVER, WITHOUT_NETWORKS, Duties, System
from vultus.wiring.settings_check import check_settings


@dataclass(frozen=True)
class Vision:
    """Photos to templates, as the service makes them; for commands that need no database."""

    pipeline: Pipeline
    models: ModelRegistry


@contextmanager
def open_installed(settings: Settings, duties: Duties = COMMAND_LINE) -> Iterator[System]:
    """The system of these settings. Announces it if models must be converted first, which takes a while."""
    digests = FileDigests()
    _announce_preparation(settings, open_store(settings.model_dir, digests))
    with open_system(settings, duties, digests=digests) as system:
        yield system


def open_to_serve(settings: Settings) -> AbstractContextManager[System]:
    """The system of these settings for the server: it makes the first admin key."""
    return open_installed(settings, SERVER)


def open_vision(settings: Settings) -> Vision:
    """The pipeline of these settings, its default model and detectors prepared.

    Raises SettingsInvalid, ModelNameNotAllowed, ModelInvalid, ModelNotInstalled.
    """
    check_settings(settings)
    store = open_store(settings.model_dir)
    _announce_preparation(settings, store)
    prepare(store, store.cards, settings)
    return _vision(settings, store)


@contextmanager
def open_analysis(settings: Settings) -> Iterator[Vision]:
    """The pipeline of these settings in a process that computes for another one, which has prepared the models.

    As in the service, images that could take long are decoded apart. Raises ModelInvalid, ModelNotInstalled.
    """
    models = open_models(settings, open_store(settings.model_dir))
    with IsolatedDecoder(decode_limits(settings)) as decoder:
        yield Vision(open_pipeline(settings, models, decoder), models)


OpenVision = Callable[[Settings], AbstractContextManager[Vision]]


@dataclass(frozen=True)
class SelfTestRun:
    """seconds: of all networks of the default pipeline, warm. device, arithmetic: in words. tests: of loaded models."""

    seconds: float
    device: str
    arithmetic: str
    tests: tuple[SelfTest, ...]


def run_self_test(settings: Settings) -> SelfTestRun:
    """Load the default pipeline, which tests it, and run each network twice; the second round is timed.

    Without a database, and without a photo of anyone.
    Raises ModelNotInstalled or ModelInvalid when a network cannot be loaded or answers nonsense.
    """
    vision = _vision(settings, open_store(settings.model_dir))
    warm_up(vision.pipeline, vision.models)
    started = perf_counter()
    warm_up(vision.pipeline, vision.models)
    seconds = perf_counter() - started
    embedder = vision.models.served(vision.models.default).embedder()
    if not np.isclose(np.linalg.norm(embedder.embed([embedder.blank()])[0]), 1, atol=1e-3):
        raise ModelInvalid(f"{vision.models.default} answers no embedding of length 1; run: vultus models prepare")
    device, choice = chosen_arithmetic(settings)
    return SelfTestRun(
        seconds,
        f"{device.device}: {device.reason}",
        f"{choice.precision}: {choice.reason}",
        vision.models.self_tests,
    )


@dataclass(frozen=True)
class Openers:
    """The functions that open the parts."""

    open_system: Callable[[Settings], AbstractContextManager[System]] = open_installed
    open_server: Callable[[Settings], AbstractContextManager[System]] = open_to_serve
    open_worker: Callable[[Settings, Duties], AbstractContextManager[System]] = open_installed
    open_vision: Callable[[Settings], Vision] = open_vision
    open_analysis: OpenVision = open_analysis
    run_self_test: Callable[[Settings], SelfTestRun] = run_self_test


def openers_of(ctx: typer.Context) -> Openers:
    """The openers of this run."""
    openers: Openers | None = context_of(ctx).openers
    return openers or Openers()


@contextmanager
def opened(ctx: typer.Context, settings: Settings, *, may_create: bool = False, warm: bool = True) -> Iterator[System]:
    """The open system for a command; its changes are audited as made by a command.

    The operator of the machine may loosen the policies of a collection, as an admin key may.
    may_create: whether the command may make a new data folder. warm: whether the networks are to be loaded at once.
    Raises StorageFailed when it may not and there is none.
    """
    if not may_create:
        require_database(settings.sqlalchemy_url)
    act = Act(COMMAND, may_override=True)
    openers = openers_of(ctx)
    with ExitStack() as stack:
        with working("starting", bar=not context_of(ctx).as_json):
            system = stack.enter_context(
                openers.open_system(settings) if warm else openers.open_worker(settings, WITHOUT_NETWORKS)
            )
        yield replace(system, service=system.service.acting_as(act))
        if act.overridden:
            system.audit_sink.add(act.line(OVERRIDE))


@contextmanager
def settings_without_data(settings: Settings) -> Iterator[Settings]:
    """For a command that needs no data: the settings, with a temporary data folder where there is none."""
    if not is_sqlite(settings.sqlalchemy_url) or database_file(settings.sqlalchemy_url).is_file():
        yield settings
        return
    with TemporaryDirectory(prefix="vultus-") as folder:
        yield settings.model_copy(update={"data_dir": Path(folder), "database_url": None})


def record_comparison(
    system: System, action: str, collection: str | None = None, objects: tuple[str, ...] = ()
) -> None:
    """Audit that a command compared faces. objects: ids of the faces that matched."""
    system.audit_sink.add(Act(COMMAND, collection=collection, objects=objects).line(action))


def is_needed(card: ModelCard, settings: Settings) -> bool:
    """Whether a start with these settings loads the model."""
    served = card.task == "detection" and card.decoder is not None
    return served or find_card((card,), settings.default_model) is not None


def _needed_statuses(settings: Settings, store: ModelStore) -> tuple[ModelStatus, ...]:
    """The statuses of the models that a start loads; the start itself refuses a name that no card has."""
    return tuple(store.status(card) for card in store.cards if is_needed(card, settings))


def _announce_preparation(settings: Settings, store: ModelStore) -> None:
    if any(status.state in ("available", "broken") for status in _needed_statuses(settings, store)):
        say("Preparing models (first start only) ...")


def _vision(settings: Settings, store: ModelStore) -> Vision:
    models = open_models(settings, store)
    return Vision(open_pipeline(settings, models), models)
