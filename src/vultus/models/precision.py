"""Chooses the arithmetic of the networks, fp32 or int8, by the processor's instructions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Precision = Literal["fp32", "int8"]
WeightBits = Literal[7, 8]
PrecisionSetting = Literal["auto", "fp32", "int8"]

CPUINFO = Path("/proc/cpuinfo")

# Linux's names: arch/x86/include/asm/cpufeatures.h and Documentation/arch/arm64/elf_hwcaps.rst.
_X86_DOT_PRODUCTS = ("avx512_vnni", "avx_vnni")
_ARM_DOT_PRODUCTS = ("asimddp", "i8mm")

_AVX2_REASON = "the processor has avx2 and no VNNI, so weights are stored in 7 bits"
UNKNOWN_SPEED = "this processor is not known to be fast at it; weights are stored in 7 bits"


@dataclass(frozen=True)
class PrecisionChoice:
    """The chosen arithmetic, and the reason in words, for logs and `vultus doctor`."""

    precision: Precision
    reason: str


def best_precision(setting: PrecisionSetting, cpu_flags: frozenset[str]) -> PrecisionChoice:
    """The arithmetic for models whose card has int8 ranges; the others always compute in fp32.

    int8 is chosen where the processor multiplies and adds 8-bit numbers fast: with instructions of its own, weights
    in 8 bits, or with AVX2, weights in 7 bits (`int8_weight_bits`). Unknown processors compute in fp32.
    """
    if setting == "fp32":
        return PrecisionChoice("fp32", "asked for by the settings")
    found = _dot_products(cpu_flags) or (_AVX2_REASON if "avx2" in cpu_flags else None)
    if setting == "int8":
        return PrecisionChoice("int8", f"asked for by the settings; {found or UNKNOWN_SPEED}")
    if found:
        return PrecisionChoice("int8", found)
    return PrecisionChoice(
        "fp32", "this processor has, or this system shows, no fast 8-bit arithmetic (AVX2 or VNNI; dotprod and i8mm)"
    )


def int8_weight_bits(cpu_flags: frozenset[str]) -> WeightBits:
    """The bits of an int8 network's weights that this processor multiplies without error.

    x86 without VNNI multiplies uint8 by int8 with VPMADDUBSW, which adds two products in a signed 16-bit number:
    2 x 255 x 127 = 64,770 saturates at 32,767, and embeddings are wrong without an error (cosine to fp32 down to 0.62);
    2 x 255 x 63 = 32,130 never does (Intel 64 and IA-32 Software Developer's Manual, volume 2, PMADDUBSW). 7 bits are
    right also where the processor's instructions are unknown.
    """
    return 8 if _dot_products(cpu_flags) else 7


def cpu_flags(path: Path = CPUINFO) -> frozenset[str]:
    """The features of the first processor, by Linux's names; empty on other systems."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()


def _dot_products(flags: frozenset[str]) -> str | None:
    """The instructions that make int8 fast, in words; None when the processor has none."""
    x86 = next((flag for flag in _X86_DOT_PRODUCTS if flag in flags), None)
    if x86:
        return f"the processor has {x86}"
    return "the processor has dotprod and i8mm" if flags.issuperset(_ARM_DOT_PRODUCTS) else None
