from __future__ import annotations

import onnx
import pytest

from tests.standins import write_tiny_network
from vultus.errors import ModelInvalid, SettingsInvalid
from vultus.vision.device import CPU_PROVIDER, CUDA_PROVIDER, best_device
from vultus.vision.session import PROBE, Session, working_providers

WITH_GPU, WITHOUT = (CUDA_PROVIDER, CPU_PROVIDER), (CPU_PROVIDER, "AzureExecutionProvider")


@pytest.mark.parametrize(
    ("setting", "int8", "providers", "device", "reason"),
    [
        ("cpu", False, WITH_GPU, "cpu", "asked for by the settings, or by none"),
        ("cuda", False, WITH_GPU, "cuda", "computes on a GPU here"),
        ("auto", False, WITH_GPU, "cuda", "computes on a GPU here"),
        ("auto", False, WITHOUT, "cpu", "no GPU here, only AzureExecutionProvider, CPUExecutionProvider"),
        ("auto", True, WITH_GPU, "cpu", "VULTUS_PRECISION=int8 is arithmetic of the processor"),
        ("cpu", True, WITH_GPU, "cpu", "asked for by the settings, or by none"),
    ],
)
def test_the_device_follows_from_the_settings_and_what_works(setting, int8, providers, device, reason):
    choice = best_device(setting, int8=int8, providers=providers)
    assert choice.device == device
    assert reason in choice.reason


def test_a_gpu_that_is_not_there_is_refused_with_the_way_out():
    with pytest.raises(SettingsInvalid, match=r"only AzureExe.*see .A GPU. in docs/operations.md.*cpu or auto"):
        best_device("cuda", int8=False, providers=WITHOUT)


def test_int8_on_a_gpu_is_refused():
    with pytest.raises(SettingsInvalid, match="VULTUS_PRECISION is int8; set the latter to auto or fp32"):
        best_device("cuda", int8=True, providers=WITH_GPU)


def no_gpu_here() -> bool:
    return CUDA_PROVIDER not in working_providers()


needs_no_gpu = pytest.mark.skipif(not no_gpu_here(), reason="this machine has a GPU that ONNX Runtime can use")


@needs_no_gpu
def test_cuda_that_is_listed_but_does_not_compute_is_no_provider():
    assert working_providers((CUDA_PROVIDER, CPU_PROVIDER)) == (CPU_PROVIDER,)


@needs_no_gpu
def test_a_network_never_runs_on_the_processor_where_a_gpu_was_meant(tmp_path):
    with pytest.raises(ModelInvalid, match=r"does not load tiny\.onnx on the GPU; set VULTUS_DEVICE=cpu"):
        Session(write_tiny_network(tmp_path / "tiny.onnx"), device="cuda")


def test_the_probe_is_a_sound_network():
    model = onnx.load_from_string(PROBE)
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == ["Abs"]
