"""Chooses the device that the networks run on, the processor or a GPU, by what ONNX Runtime can use here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from vultus.errors import SettingsInvalid

Device = Literal["cpu", "cuda"]
DeviceSetting = Literal["cpu", "cuda", "auto"]

CPU_PROVIDER, CUDA_PROVIDER = "CPUExecutionProvider", "CUDAExecutionProvider"  # ONNX Runtime's names


@dataclass(frozen=True)
class DeviceChoice:
    """The chosen device, and the reason in words, for logs and `vultus doctor`."""

    device: Device
    reason: str


def best_device(setting: DeviceSetting, *, int8: bool, providers: Collection[str]) -> DeviceChoice:
    """The device of all networks. int8: asked for by the settings. providers: that work here, by ONNX Runtime's names.

    Raises SettingsInvalid when a GPU is asked for and there is none that ONNX Runtime can use, or for int8.
    """
    if setting == "cpu":
        return DeviceChoice("cpu", "asked for by the settings, or by none")
    if int8 and setting == "auto":
        return DeviceChoice("cpu", "VULTUS_PRECISION=int8 is arithmetic of the processor")
    if int8:
        raise SettingsInvalid(
            "VULTUS_DEVICE=cuda computes in fp32, and VULTUS_PRECISION is int8; set the latter to auto or fp32"
        )
    if CUDA_PROVIDER in providers:
        return DeviceChoice("cuda", "ONNX Runtime computes on a GPU here")
    missing = f"ONNX Runtime can use no GPU here, only {', '.join(sorted(providers))}"
    if setting == "auto":
        return DeviceChoice("cpu", missing)
    raise SettingsInvalid(
        f'VULTUS_DEVICE is cuda, but {missing}; see "A GPU" in docs/operations.md for what it takes, or set '
        "VULTUS_DEVICE to cpu or auto"
    )
