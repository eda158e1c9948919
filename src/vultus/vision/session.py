"""Sessions of ONNX Runtime, one for each network: the only importer of onnxruntime."""

from __future__ import annotations

import io
import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from vultus.cores import available_cores
from vultus.errors import ModelInvalid
from vultus.records.seen import Float32
from vultus.vision.compute_slots import ComputeSlots, Helpers
from vultus.vision.device import CPU_PROVIDER, CUDA_PROVIDER, Device

# True fp32, as TF32 keeps 10 bits of 23; and no trial of all convolutions for each new shape: inputs have many.
CUDA_OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
PROVIDERS: Mapping[Device, Sequence[Any]] = {
    "cpu": (CPU_PROVIDER,),
    "cuda": ((CUDA_PROVIDER, CUDA_OPTIONS), CPU_PROVIDER),
}
# A network of one node, y = |x|, as an ONNX file: what a GPU must compute before it counts as one.
PROBE = (
    b'\x08\x08:2\n\x0b\n\x01x\x12\x01y"\x03Abs\x12\x01pZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01'
    b"b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\r"
)
MOST_THREADS = 4  # of one run: small networks gain nothing from more
AWAKE_SECONDS = 0.25  # more than the time between the detections of two requests that follow each other at once
NETWORK_THREADS = 2  # of a recognition network alone
ERRORS_ONLY, FATAL_ONLY, WARNINGS = 3, 4, 2  # onnxruntime's log severities; the last is its default
NEXT_POWER_OF_TWO = 0  # how onnxruntime extends its memory by default

_log = logging.getLogger(__name__)

Dimension = int | str | None  # a size; a name or None stands for any size


class Session:
    """One loaded network. `run` is safe from several threads at once."""

    def __init__(self, path: Path, *, threads: int = 1, device: Device = "cpu") -> None:
        """Load the network. threads: of one run; they spin while it lasts, and sleep between two.

        Raises ModelInvalid when the file is not a network, or the device does not take it.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = ERRORS_ONLY
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if threads > 1 else "0")
        options.add_session_config_entry("session.force_spinning_stop", "1")
        options.add_session_config_entry("session.use_env_allocators", "1")  # see `share_memory`
        # Weights do not lie among what a run needs, so that the memory of a network that is let go is free again.
        options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
        try:
            self._session = _open(str(path), options, device)
        except Exception as exc:  # ONNX Runtime's exceptions have no public base class
            raise ModelInvalid(f"{path.name} is not a network that ONNX Runtime can load; prepare it again") from exc
        if not _runs_on(self._session, device):  # ONNX Runtime itself would go on with the processor
            raise ModelInvalid(f"ONNX Runtime does not load {path.name} on the GPU; set VULTUS_DEVICE=cpu")
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ModelInvalid(f"{path.name} has {len(inputs)} inputs; a model of Vultus has exactly one")
        self._input = inputs[0].name
        self.name = path.name
        self.input_shape: tuple[Dimension, ...] = tuple(inputs[0].shape)
        self.input_type = str(inputs[0].type)
        outputs = self._session.get_outputs()
        self.output_names: tuple[str, ...] = tuple(output.name for output in outputs)
        self.output_shapes: tuple[tuple[Dimension, ...], ...] = tuple(tuple(output.shape) for output in outputs)
        self.output_types: tuple[str, ...] = tuple(str(output.type) for output in outputs)

    def run(self, batch: NDArray[np.generic], outputs: Sequence[str] | None = None) -> list[Float32]:
        """The network's outputs for one input array, in the order of `outputs` (default: the network's own)."""
        return list(self._session.run(None if outputs is None else list(outputs), {self._input: batch}))

    def run_with(self, helpers: Helpers, batch: NDArray[np.generic]) -> list[Float32]:
        """All outputs, as `run`. helpers: cores that may be free; this network uses none."""
        return self.run(batch)


def share_memory() -> None:
    """Let the networks that are loaded from now on compute in the same memory; before, each keeps what it once needed.

    With the default model: 50 MiB less, in the same time. Called again, later networks share other memory.
    """
    memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(memory, ort.OrtArenaCfg({"arena_extend_strategy": NEXT_POWER_OF_TWO}))


def working_providers(listed: Sequence[str] | None = None) -> tuple[str, ...]:
    """The providers that ONNX Runtime lists, without CUDA where no GPU computes: it is listed wherever it is installed.

    listed: None: those of the installed ONNX Runtime. Loads CUDA only where it is listed.
    """
    found = tuple(ort.get_available_providers() if listed is None else listed)
    return tuple(name for name in found if name != CUDA_PROVIDER or _gpu_computes())


def _gpu_computes() -> bool:
    options = ort.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    ort.set_default_logger_severity(FATAL_ONLY)  # what is missing, the caller says in a sentence
    try:
        _load_cuda_packages()
        session = _open(PROBE, options, "cuda")
        return _runs_on(session, "cuda") and session.run(None, {"x": np.array([-1], np.float32)})[0][0] == 1
    except Exception:  # ONNX Runtime's exceptions have no public base class
        return False
    finally:
        ort.set_default_logger_severity(WARNINGS)


def _load_cuda_packages() -> None:
    """Load CUDA and cuDNN from pip's packages (onnxruntime-gpu[cuda,cudnn]), which ONNX Runtime does not by itself.

    Elsewhere the system knows where they are. It prints what it misses, also where nothing is amiss.
    """
    with redirect_stdout(io.StringIO()):
        getattr(ort, "preload_dlls", lambda **_: None)(msvc=False)  # since ONNX Runtime 1.21


def _open(network: str | bytes, options: ort.SessionOptions, device: Device) -> ort.InferenceSession:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a provider that is missing: see `_runs_on`
        return ort.InferenceSession(network, options, providers=list(PROVIDERS[device]))


def _runs_on(session: ort.InferenceSession, device: Device) -> bool:
    return device == "cpu" or CUDA_PROVIDER in session.get_providers()


class TwinSession(Session):
    """A network that runs in two threads where a request has a core to spare; loaded again for that, at the first such.

    On two idle cores with AVX2 and no VNNI, ms alone and in two threads: FaceNet-512 25 to 33 and 15 to 19, SFace 16 to
    18 and 9 to 11, for a tenth to a third more processor time. With VNNI 8-bit networks gain next to nothing.
    """

    def __init__(self, path: Path) -> None:
        """On the processor. Raises ModelInvalid as Session."""
        super().__init__(path)
        self._path = path
        self._wide: Session | None = None
        self._refused = False
        self._loading = Lock()

    def run_with(self, helpers: Helpers, batch: NDArray[np.generic]) -> list[Float32]:
        """All outputs, as `run`, in two threads where helpers have a core. The first such run loads the network."""
        if available_cores() < NETWORK_THREADS:
            return self.run(batch)
        with helpers.hold_spare(NETWORK_THREADS - 1) as free:
            wide = self._twin() if free else None
            return self.run(batch) if wide is None else wide.run(batch)

    def _twin(self) -> Session | None:
        """The network in two threads; None while another request loads it."""
        if self._wide is None and not self._refused and self._loading.acquire(blocking=False):
            try:
                self._wide = Session(self._path, threads=NETWORK_THREADS)
            except ModelInvalid as exc:  # memory is short, or the file was replaced: the loaded network goes on
                self._refused = True
                _log.warning("%s stays in one thread: %s", self.name, exc)
            finally:
                self._loading.release()
        return self._wide


class SpreadSession(Session):
    """A small network loaded twice: it runs in one thread, or in several where slots are free and the cores awake.

    YuNet at 640x480 on two cores: 7.0 ms in one thread, 4.3 ms in two. But on a virtual machine whose second core has
    been idle for a while two threads take 11 ms: they meet after every layer, and the second core wakes up slowly.
    """

    def __init__(
        self,
        path: Path,
        slots: ComputeSlots,
        *,
        device: Device = "cpu",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """slots: free ones are cores that no request uses. device: a GPU has the network once. clock: seconds.

        Raises ModelInvalid as Session.
        """
        super().__init__(path, device=device)
        self._slots, self._clock = slots, clock
        self._threads = min(slots.count, available_cores(), MOST_THREADS) if device == "cpu" else 1
        self._spread = Session(path, threads=self._threads) if self._threads > 1 else None
        self._ended = -float("inf")  # when it ran last

    def run(self, batch: NDArray[np.generic], outputs: Sequence[str] | None = None) -> list[Float32]:
        """As Session.run; the caller holds a slot."""
        if self._spread is None:
            return super().run(batch, outputs)
        awake = self._clock() - self._ended < AWAKE_SECONDS
        with self._slots.hold_spare(self._threads - 1) as free:
            found = self._spread.run(batch, outputs) if awake and free else super().run(batch, outputs)
        self._ended = self._clock()
        return found
