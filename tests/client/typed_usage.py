"""What type checkers make of the client: `mypy` and `pyright` read this file, nothing runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import assert_type

import numpy as np
from PIL import Image

from vultus_client import AsyncClient, Client, Enrolment, Match, Report, Search, Subject, Verification

frame = np.zeros((4, 4, 3), np.uint8)


def blocking(client: Client) -> None:
    with client, Path("a.jpg").open("rb") as file:
        assert_type(client.enroll(Image.new("RGB", (4, 4)), file, frame, bgr=True, subject="anna"), Enrolment)
    assert_type(client.find(frame, bgr=True), Search)
    assert_type(client.find(Path("a.jpg")).best, Match | None)
    assert_type(client.verify("a.jpg", b"", target_fmr=1e-4), Verification)
    assert_type(client.subjects.list(query="a"), Iterator[Subject])
    assert_type(client.with_options(timeout=3).enroll_folder("photos"), Report)
    client.find("a.jpg", topk=3)  # type: ignore  # misspelt
    client.find(3)  # type: ignore  # no image


async def awaited(client: AsyncClient) -> None:
    assert_type(await client.find(frame, bgr=True), Search)
    assert_type(await client.subjects.get("a"), Subject)
    assert_type(client.subjects.list(), AsyncIterator[Subject])
    assert_type(await client.enroll_folder("photos", workers=3), Report)
    await client.find("a.jpg", topk=3)  # type: ignore  # misspelt
