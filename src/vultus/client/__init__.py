"""The Python client, also as `vultus.client`. It is a package of its own, `vultus_client`, without the service."""

from __future__ import annotations

try:
    from vultus_client import *  # noqa: F403
    from vultus_client import __all__ as __all__
except ModuleNotFoundError as exc:
    raise ModuleNotFoundError(
        "the package vultus_client is not installed beside the service; install clients/python of the source",
        name=exc.name,
    ) from exc
