"""vultus health: asks the running server whether it is ready; for supervisors and container images."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from typing import Annotated

import typer

from vultus.cli.exit_codes import REFUSED
from vultus.cli.options import AsJson
from vultus.cli.output import print_json, print_lines, say
from vultus.cli.settings import load_settings
from vultus.errors import SettingsInvalid

ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # listened on -> asked
READY = 200


def health(
    host: Annotated[str | None, typer.Option("--host", help="Address of the server.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port of the server.")] = None,
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, help="Longest wait for the answer.")] = 5.0,
    as_json: AsJson = False,
) -> None:
    """Ask the running server whether it is ready: exit code 0, or 1 with the reason."""
    settings = load_settings(host=host, port=port)
    if settings.port == 0:
        raise SettingsInvalid("VULTUS_PORT is 0, any free port; say with --port which one the server took")
    address = ANY_ADDRESS.get(settings.host, settings.host)
    problem = readiness_problem(address, settings.port, seconds)
    if as_json:
        print_json({"ready": problem is None, "detail": problem})
    elif problem is None:
        print_lines([f"the server at {address}:{settings.port} is ready"])
    if problem is not None:
        say(problem)
        raise typer.Exit(REFUSED)


def readiness_problem(address: str, port: int, seconds: float) -> str | None:
    """Why the server is not ready, in words; None when it is. seconds: the longest wait for the network."""
    connection = HTTPConnection(address, port, timeout=seconds)
    place = f"the server at {address}:{port}"
    try:
        connection.request("GET", "/readiness")
        status = connection.getresponse().status
    except TimeoutError:
        return f"{place} has not answered within {seconds:g} s"
    except (OSError, HTTPException) as exc:
        return f"{place} cannot be asked: {getattr(exc, 'strerror', None) or type(exc).__name__}"
    finally:
        connection.close()
    return None if status == READY else f"{place} is not ready: it answered {status}"
