"""The layers of Inception-ResNet-v1, as data.

They are those of Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning"
(arXiv:1602.07261, figures 10-15) in the smaller form that David Sandberg's facenet trains for 160x160 crops
(facenet/src/models/inception_resnet_v1.py, MIT), residual scales .17, .10, .20 and 1.0 included.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Convolution:
    """One convolution: kernel (height, width); `same` pads so that stride 1 keeps the size; ReLU follows if `relu`."""

    name: str
    inputs: int
    outputs: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    same: bool = True
    relu: bool = True

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return self.outputs, self.inputs, *self.kernel


@dataclass(frozen=True)
class Pool:
    """A 3x3 maximum with stride 2, unpadded."""

    name: str


Step = Convolution | Pool
Branch = tuple[Step, ...]


@dataclass(frozen=True)
class Block:
    """Parallel branches, concatenated; with `up` they are a residual: input + scale x up(concatenation)."""

    name: str
    branches: tuple[Branch, ...]
    up: Convolution | None = None
    scale: float = 1.0
    relu: bool = True


def _chain(prefix: str, inputs: int, *steps: tuple[str, int]) -> Branch:
    """Convolutions one after another, each (name, outputs); the name gives kernel ("3x3") and stride ("1a": 2)."""
    chain: list[Step] = []
    for name, outputs in steps:
        height, width = (int(side) for side in name.rsplit("_", 1)[1].split("x"))
        strided = "_1a_" in name
        stride = 2 if strided else 1
        chain.append(Convolution(f"{prefix}/{name}", inputs, outputs, (height, width), stride=stride, same=not strided))
        inputs = outputs
    return tuple(chain)


def _residual(name: str, branches: tuple[Branch, ...], channels: int, scale: float, *, relu: bool = True) -> Block:
    width = sum(branch[-1].outputs for branch in branches if isinstance(branch[-1], Convolution))
    up = Convolution(f"{name}/Conv2d_1x1", width, channels, relu=False)
    return Block(name, branches, up, scale, relu)


def _block35(name: str) -> Block:
    branches = (
        _chain(f"{name}/Branch_0", 256, ("Conv2d_1x1", 32)),
        _chain(f"{name}/Branch_1", 256, ("Conv2d_0a_1x1", 32), ("Conv2d_0b_3x3", 32)),
        _chain(f"{name}/Branch_2", 256, ("Conv2d_0a_1x1", 32), ("Conv2d_0b_3x3", 32), ("Conv2d_0c_3x3", 32)),
    )
    return _residual(name, branches, 256, 0.17)


def _block17(name: str) -> Block:
    branches = (
        _chain(f"{name}/Branch_0", 896, ("Conv2d_1x1", 128)),
        _chain(f"{name}/Branch_1", 896, ("Conv2d_0a_1x1", 128), ("Conv2d_0b_1x7", 128), ("Conv2d_0c_7x1", 128)),
    )
    return _residual(name, branches, 896, 0.10)


def _block8(name: str, *, scale: float = 0.20, relu: bool = True) -> Block:
    branches = (
        _chain(f"{name}/Branch_0", 1792, ("Conv2d_1x1", 192)),
        _chain(f"{name}/Branch_1", 1792, ("Conv2d_0a_1x1", 192), ("Conv2d_0b_1x3", 192), ("Conv2d_0c_3x1", 192)),
    )
    return _residual(name, branches, 1792, scale, relu=relu)


STEM: Branch = (
    Convolution("Conv2d_1a_3x3", 3, 32, (3, 3), stride=2, same=False),
    Convolution("Conv2d_2a_3x3", 32, 32, (3, 3), same=False),
    Convolution("Conv2d_2b_3x3", 32, 64, (3, 3)),
    Pool("MaxPool_3a_3x3"),
    Convolution("Conv2d_3b_1x1", 64, 80),
    Convolution("Conv2d_4a_3x3", 80, 192, (3, 3), same=False),
    Convolution("Conv2d_4b_3x3", 192, 256, (3, 3), stride=2, same=False),
)

_MIXED_6A = Block(
    "Mixed_6a",
    (
        _chain("Mixed_6a/Branch_0", 256, ("Conv2d_1a_3x3", 384)),
        _chain("Mixed_6a/Branch_1", 256, ("Conv2d_0a_1x1", 192), ("Conv2d_0b_3x3", 192), ("Conv2d_1a_3x3", 256)),
        (Pool("Mixed_6a/Branch_2/MaxPool_1a_3x3"),),
    ),
)

_MIXED_7A = Block(
    "Mixed_7a",
    (
        _chain("Mixed_7a/Branch_0", 896, ("Conv2d_0a_1x1", 256), ("Conv2d_1a_3x3", 384)),
        _chain("Mixed_7a/Branch_1", 896, ("Conv2d_0a_1x1", 256), ("Conv2d_1a_3x3", 256)),
        _chain("Mixed_7a/Branch_2", 896, ("Conv2d_0a_1x1", 256), ("Conv2d_0b_3x3", 256), ("Conv2d_1a_3x3", 256)),
        (Pool("Mixed_7a/Branch_3/MaxPool_1a_3x3"),),
    ),
)

BLOCKS: tuple[Block, ...] = (
    *(_block35(f"block35_{i}") for i in range(1, 6)),
    _MIXED_6A,
    *(_block17(f"block17_{i}") for i in range(1, 11)),
    _MIXED_7A,
    *(_block8(f"block8_{i}") for i in range(1, 6)),
    _block8("block8_6", scale=1.0, relu=False),
)


def convolutions() -> Iterator[Convolution]:
    """Every convolution of the network, 132 of them, in the order in which it runs."""
    branches = (STEM, *(branch for block in BLOCKS for branch in (*block.branches, (block.up,) if block.up else ())))
    return (step for branch in branches for step in branch if isinstance(step, Convolution))
