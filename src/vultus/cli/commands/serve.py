"""vultus serve: the options, and what is printed when the service is ready."""

from __future__ import annotations

import logging
import warnings
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from vultus import __version__
from vultus.cli.opening import Openers, openers_of
from vultus.cli.options import DataDir, ModelDir, OnDevice
from vultus.cli.settings import load_settings
from vultus.config import Settings
from vultus.errors import SettingsInvalid
from vultus.files import make_folders
from vultus.malloc import limit_kept_memory
from vultus.server.address import server_url
from vultus.server.log_lines import BoundedHandler, LogFormat
from vultus.server.process import run_server
from vultus.server.signals import handling, leave
from vultus.server.worker_pool import run_workers
from vultus.storage.server_lock import serving_alone
from vultus.wiring.open_system import first_admin_key, shared_index


def serve(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to listen on; 0 takes any free one.")] = None,
    data_dir: DataDir = None,
    model_dir: ModelDir = None,
    database_url: Annotated[str | None, typer.Option("--database-url", help="SQLAlchemy URL of the database.")] = None,
    default_model: Annotated[
        str | None, typer.Option("--default-model", help="Recognition model of new collections.")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Processes that serve.")] = None,
    device: OnDevice = None,
    compute_slots: Annotated[int | None, typer.Option("--compute-slots", help="Photos analysed at once.")] = None,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Ask for no API keys; only on a loopback address.")
    ] = False,
) -> None:
    """Serve over HTTP until Ctrl-C or SIGTERM. Every setting can also be given as VULTUS_... in the environment."""
    settings = load_settings(
        host=host,
        port=port,
        data_dir=data_dir,
        model_dir=model_dir,
        database_url=database_url,
        default_model=default_model,
        workers=workers,
        device=device,
        compute_slots=compute_slots,
        without_keys=without_keys or None,
    )
    _make_data_folder(settings.data_dir)
    quiet_logs(settings.log_level, settings.log_format)
    with handling(leave):
        _run(settings, openers_of(ctx))


def _run(settings: Settings, tools: Openers) -> None:
    def print_banner(port: int) -> None:
        print("\n".join(banner(settings, first_admin_key(settings), port)), flush=True)

    if settings.workers > 1:
        with serving_alone(settings.data_dir) as lock, shared_index(settings):
            set_up = partial(quiet_logs, settings.log_level, settings.log_format)
            run_workers(settings, tools.open_worker, lock=lock, set_up=set_up, on_ready=print_banner)
        return
    limit_kept_memory(settings.compute_slots)
    run_server(settings, tools.open_server, on_ready=print_banner)


def banner(settings: Settings, new_admin_key: str | None, port: int) -> list[str]:
    """The lines that are printed once requests are served."""
    url = server_url(settings.host, port)
    lines = [
        f"Vultus {__version__} is ready on {url}",
        f"  Open:    {url}/console (programs: {url}/docs)",
        f"  Data:    {settings.data_dir.absolute()}",
    ]
    if settings.without_keys:
        lines.append("  Keys:    none are asked for")
    if new_admin_key is not None:
        lines.append(f"  Admin key (shown this once; keep it safe): {new_admin_key}")
    return [*lines, "  Stop it with Ctrl-C."]


def _make_data_folder(folder: Path) -> None:
    try:
        make_folders(folder)
    except OSError as exc:
        raise SettingsInvalid(
            f"the data folder {folder} cannot be made ({exc.strerror}); "
            "choose another with --data-dir or VULTUS_DATA_DIR"
        ) from exc


def quiet_logs(level: str = "info", log_format: LogFormat = "text") -> None:
    """Set up the log of a process that serves. level: of our own lines; other libraries' are warnings at least."""
    logging.basicConfig(level=logging.WARNING, handlers=[BoundedHandler(log_format=log_format)])
    warnings.filterwarnings("ignore", module="PIL")  # odd metadata in a caller's photo is no news for the operator
    for name in ("uvicorn.error", "python_multipart"):
        logging.getLogger(name).setLevel(logging.ERROR)  # their warnings are about odd bytes that anyone may send
    logging.getLogger("vultus").setLevel(level.upper())
