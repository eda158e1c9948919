"""The most expensive photos that are allowed, through the real models: 40 megapixels, and sixty faces."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests import pictures
from vultus.api.app import create_app
from vultus.records.stored import SCOPES

pytestmark = pytest.mark.real

WIDTH, HEIGHT = 7300, 5475  # 39.97 megapixels
COLUMNS, ROWS, SIDE = 10, 6, 250


@pytest.fixture(scope="module")
def client(real: Any) -> Iterator[TestClient]:
    secret = real.keys.create("large photos", SCOPES)[1]
    with TestClient(create_app(real), headers={"x-api-key": secret}) as http:
        yield http


def enlarged(way: Image.Resampling) -> Image.Image:
    return pictures.opened(pictures.group()).resize((WIDTH, HEIGHT), way)


def jpeg() -> bytes:
    return pictures.encoded(enlarged(Image.Resampling.BICUBIC), "JPEG", quality=85)


def png() -> bytes:
    """33 megapixels, all that its memory allows. By whole pixels, which compress well."""
    return pictures.encoded(enlarged(Image.Resampling.NEAREST).crop((0, 0, WIDTH, 4550)), "PNG", compress_level=1)


def timed(client: TestClient, real: Any, path: str, photo: bytes, **fields: str) -> Any:
    """The answer, which took less of the processor's time than a request may take; a loaded machine is none of ours."""
    begun, worked = time.monotonic(), time.process_time()
    answer = client.post(path, files={"img": photo}, data=fields)
    worked = time.process_time() - worked
    print(f"\n{path} {len(photo) / 1e6:.1f} MB: {time.monotonic() - begun:.2f} s, {worked:.2f} s of processor time")
    assert worked < real.settings.request_seconds
    return answer


@pytest.mark.parametrize("made", [jpeg, png])
def test_the_most_megapixels_are_answered_in_time(client: TestClient, real: Any, made: Callable[[], bytes]) -> None:
    answer = timed(client, real, "/represent", made())
    assert answer.status_code == 200, answer.text
    assert len(answer.json()) == 6


def test_a_forty_megapixel_png_of_too_many_bytes_is_refused_by_name(client: TestClient, real: Any) -> None:
    photo = pictures.encoded(enlarged(Image.Resampling.BICUBIC), "PNG", compress_level=1)
    assert len(photo) > real.settings.max_image_bytes
    answer = timed(client, real, "/represent", photo)
    assert (answer.status_code, answer.json()["error"]) == (413, "request_too_large")


def test_more_than_forty_megapixels_are_refused_by_name(client: TestClient, real: Any) -> None:
    photo = pictures.encoded(enlarged(Image.Resampling.NEAREST).crop((0, 0, WIDTH, HEIGHT + 10)), "JPEG", quality=30)
    answer = timed(client, real, "/represent", photo)
    assert (answer.status_code, answer.json()["error"]) == (413, "request_too_large")


@pytest.mark.lfw
@pytest.mark.parametrize("path", ["/detect", "/represent", "/find"])
def test_sixty_faces_are_answered_in_time(client: TestClient, real: Any, lfw: Path, path: str) -> None:
    photo = crowd(lfw)
    real.service.enrolment.enroll([pictures.astronaut()], subject="astronaut", collection="crowd")
    fields = {"collection": "crowd", "faces": "all"} if path == "/find" else {}
    answer = timed(client, real, path, photo, **fields)
    real.service.galleries.delete_collection("crowd")
    assert answer.status_code == 200, answer.text
    found = answer.json() if path == "/represent" else answer.json()["faces"]
    assert COLUMNS * ROWS - 5 <= len(found) <= real.settings.max_faces


def crowd(lfw: Path) -> bytes:
    """Sixty people in rows."""
    picture = Image.new("RGB", (COLUMNS * SIDE, ROWS * SIDE))
    for i, path in enumerate(sorted((lfw / "images").rglob("*.jpg"))[: COLUMNS * ROWS]):
        face = Image.open(path).convert("RGB").resize((SIDE, SIDE))
        picture.paste(face, (i % COLUMNS * SIDE, i // COLUMNS * SIDE))
    return pictures.encoded(picture, "JPEG", quality=90)
