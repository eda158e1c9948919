"""Images that could take long are decoded in processes of their own."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import pictures
from tests.heic import heic
from tests.vision.decoding.test_jpeg_header import with_scans
from tests.waiting import patient
from vultus.caller import CallerGone, waiting
from vultus.errors import InvalidImage, RequestTooLarge
from vultus.vision.decoding.decode import decode
from vultus.vision.decoding.isolated import IsolatedDecoder, is_quick
from vultus.vision.decoding.limits import DEFAULT_LIMITS, MIB, DecodeLimits

PIXELS = np.random.default_rng(1).integers(0, 256, (3, 4, 3)).astype(np.uint8).repeat(16, 0).repeat(16, 1)
BMP = pictures.encoded(Image.fromarray(PIXELS), "BMP")

on_linux = pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="processes are read from /proc")


@pytest.fixture
def decoder():
    with IsolatedDecoder(DEFAULT_LIMITS) as decoder:
        yield decoder


def same(first, second) -> bool:
    return bool(np.array_equal(first.pixels, second.pixels)) and (first.width, first.height, first.reduction) == (
        second.width,
        second.height,
        second.reduction,
    )


@pytest.mark.parametrize(
    "data",
    [
        BMP,
        heic(PIXELS, quarter_turns=1),
        pictures.encoded(Image.fromarray(PIXELS), "TIFF"),
        pictures.encoded(Image.new("RGB", (5000, 3000), (9, 99, 9)), "JPEG", progressive=True),
        pictures.encoded(Image.new("RGBA", (2100, 2000), (9, 9, 9, 128))),
    ],
    ids=["bmp", "heic", "tiff", "large progressive jpeg", "large png"],
)
def test_a_process_of_its_own_gives_the_same_pixels(decoder, data):
    assert not is_quick(data, DEFAULT_LIMITS)
    assert same(decoder(data), decode(data))


def test_the_reduced_side_is_observed(decoder):
    data = pictures.encoded(Image.new("RGB", (5000, 3000)), "JPEG", progressive=True)
    assert decoder(data, reduced_side=2000).pixels.shape == (1500, 2500, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_ordinary_photos_are_decoded_in_the_calling_thread(decoder, kind):
    data = pictures.encoded(Image.fromarray(PIXELS), kind)
    assert same(decoder(data), decode(data))
    assert decoder.idle_processes == ()


def test_refusals_are_those_of_the_decoder(decoder):
    with pytest.raises(InvalidImage, match="damaged or cut short"):
        decoder(BMP[:200])
    with IsolatedDecoder(DecodeLimits(memory_bytes=20_000)) as small, pytest.raises(RequestTooLarge, match="64x48"):
        small(BMP)


def test_a_process_is_used_again(decoder):
    decoder(BMP)
    first = decoder.idle_processes
    with pytest.raises(InvalidImage):
        decoder(BMP[:200])
    decoder(BMP)
    assert len(first) == 1
    assert decoder.idle_processes == first


def test_a_decoding_that_is_too_long_is_ended_and_the_next_one_is_not():
    slow = with_scans(33, size=(6000, 6000))
    with IsolatedDecoder(DecodeLimits(seconds=0.05)) as hasty:
        with pytest.raises(InvalidImage, match=r"not decoded within 0\.05 s; send it as an ordinary JPEG"):
            hasty(slow)
        assert hasty.idle_processes == ()


def test_a_process_that_dies_costs_one_image(decoder):
    decoder(BMP)
    (process,) = decoder.idle_processes
    os.kill(process, signal.SIGKILL)
    with pytest.raises(InvalidImage, match="the decoder failed on this image"):
        decoder(BMP)
    assert same(decoder(BMP), decode(BMP))


def test_several_threads_decode_at_once(decoder):
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(decoder, [BMP] * 8):
            assert same(found, decode(BMP))


def test_nothing_is_left_after_closing(decoder):
    decoder(BMP)
    (process,) = decoder.idle_processes
    decoder.close()
    assert decoder.idle_processes == ()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


@on_linux
def test_the_process_gets_no_setting_and_no_key(decoder, monkeypatch):
    monkeypatch.setenv("VULTUS_ADMIN_KEY", "k" * 40)
    decoder(BMP)
    (process,) = decoder.idle_processes
    assert "VULTUS" not in Path(f"/proc/{process}/environ").read_text("utf-8")


@on_linux
def test_its_memory_is_limited(decoder):
    decoder(BMP)
    (process,) = decoder.idle_processes
    limits = Path(f"/proc/{process}/limits").read_text("ascii").splitlines()
    (line,) = [line for line in limits if line.startswith("Max address space")]
    assert int(line.split()[3]) == 2 * DEFAULT_LIMITS.memory_bytes + 512 * MIB


def test_a_decoding_for_a_caller_who_has_left_is_ended(decoder):
    slow = with_scans(33, size=(6000, 6000))
    with waiting() as caller, ThreadPoolExecutor(1) as pool:
        running = pool.submit(copy_context().run, decoder, slow)
        caller.leave()
        with pytest.raises(CallerGone):
            running.result(timeout=patient())
    assert decoder.idle_processes == ()
