"""A process of its own that decodes images, one after the other: it can be killed, and its memory is limited.

It reads requests from standard input and writes answers to standard output, each a line of JSON and then raw bytes, and
ends when its input does. What an image may do to a decoder stays in here: the other side trusts nothing but pixels.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from contextlib import suppress
from typing import Any, BinaryIO

import pi_heif
from PIL import AvifImagePlugin

from vultus.errors import InvalidImage, VultusError
from vultus.malloc import give_memory_back
from vultus.vision.decoding.decode import decode
from vultus.vision.decoding.limits import MIB, DecodeLimits

ADDRESS_SPACE_FACTOR = 2  # of the estimate, for what an allocator cannot use
ADDRESS_SPACE_SPARE_BYTES = 512 * MIB  # the interpreter, its libraries and the file itself
FIRST_TO_KILL = "1000"  # proc(5), oom_score_adj


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    while line := requests.readline():
        request = json.loads(line)
        data = requests.read(request["size"])
        answer, pixels = _answer(data, request)
        del data
        answers.write(json.dumps(answer).encode("utf-8") + b"\n")
        answers.write(pixels)
        answers.flush()
        del pixels
        give_memory_back()


def _answer(data: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], bytes | memoryview]:
    limits = DecodeLimits(request["pixels"], request["memory_bytes"])
    try:
        photograph = decode(data, limits=limits, reduced_side=request["reduced_side"])
    except VultusError as exc:
        return {"error": exc.code, "detail": str(exc)}, b""
    except MemoryError:
        too_much = "the image takes more memory to decode than its size says; save it as an ordinary JPEG"
        return {"error": InvalidImage.code, "detail": too_much}, b""
    shape = photograph.pixels.shape[:2]
    answer = {"shape": shape, "width": photograph.width, "height": photograph.height}
    return {**answer, "reduction": photograph.reduction}, photograph.pixels.data


def _limit_resources(memory_bytes: int) -> None:
    """Limits the memory of this process and makes it the first to be killed when the machine has none left."""
    space = memory_bytes * ADDRESS_SPACE_FACTOR + ADDRESS_SPACE_SPARE_BYTES
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (space, space))
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write(FIRST_TO_KILL)


def main() -> None:
    """Serve on standard input and output. The argument: the most memory that decoding may take, bytes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    _limit_resources(int(sys.argv[1]))
    pi_heif.options.DECODE_THREADS = AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # a decoding has one compute slot
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # what a library prints is no answer
        with suppress(BrokenPipeError):
            serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
