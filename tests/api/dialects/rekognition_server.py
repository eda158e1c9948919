"""The small system behind a real socket, and boto3 clients of it that refuse what AWS's model does not have."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import uvicorn
from botocore.config import Config
from botocore.model import ListShape, Shape, StructureShape

from tests.conftest import open_small
from tests.waiting import wait_until
from vultus.api.app import create_app
from vultus.config import Settings
from vultus.records.stored import SCOPES
from vultus.wiring.parts import System

ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
ONCE = Config(retries={"total_max_attempts": 1}, read_timeout=60)


@contextmanager
def serving(folder: Path, **changes: Any) -> Iterator[tuple[System, str]]:
    """The system in a folder and the address of its server; the access key ID has every scope."""
    limits = {"max_body_bytes": 14_000_000, "compute_slots": 2, "queue_size": 8, "data_dir": folder}
    settings = Settings(**{**limits, **changes})
    with open_small(folder) as small:
        parts: Any = small
        system = System(
            settings, parts.service, parts.keys, parts.gallery, parts.models, parts.service.context.pipeline
        )
        system.keys.register("aws", "tests", SECRET, SCOPES, access_key_id=ID)
        with listening(system) as url:
            yield system, url


@contextmanager
def listening(system: System) -> Iterator[str]:
    """The address of a server of this system."""
    server = uvicorn.Server(uvicorn.Config(create_app(system), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started, "the server to start")
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def client_of(url: str, access_key_id: str = ID, secret: str = SECRET) -> Any:
    """A client without retries, every answer of which is checked against AWS's model."""
    client = boto3.client(
        "rekognition",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret,
        config=ONCE,
    )
    client.meta.events.register("before-parse.rekognition", _check_members)
    return client


def _check_members(operation_model: Any, response_dict: Mapping[str, Any], **_: Any) -> None:
    """botocore drops what it does not know; this fails instead."""
    body = response_dict["body"]
    if response_dict["status_code"] < 300:
        require_known(json.load(io.BytesIO(body)), operation_model.output_shape, operation_model.name)


def require_known(value: Any, shape: Shape | None, where: str) -> None:
    """Fails for a member, an enumerated value or a type that the model does not have, at any depth."""
    if isinstance(shape, StructureShape) or shape is None:
        assert isinstance(value, dict), where
        members = shape.members if shape is not None else {}
        for name, member in value.items():
            assert name in members, f"{where}.{name} is not in the model"
            require_known(member, members[name], f"{where}.{name}")
    elif isinstance(shape, ListShape):
        assert isinstance(value, list), where
        for one in value:
            require_known(one, shape.member, f"{where}[]")
    else:
        _require_scalar(value, shape, where)


def _require_scalar(value: Any, shape: Shape, where: str) -> None:
    kinds = {"string": str, "integer": int, "long": int, "float": (int, float), "double": (int, float)}
    kinds |= {"timestamp": (int, float), "boolean": bool}
    assert isinstance(value, kinds[shape.type_name]), f"{where} is {type(value)}"
    if getattr(shape, "enum", None):
        assert value in shape.enum, f"{where} has a value that the model does not have"
