"""The ramp by which a measured value becomes a part of a quality."""

from __future__ import annotations


def ramp(value: float, low: float, high: float) -> float:
    """0 at or below `low`, 100 at or above `high`, linear between."""
    return 100 * min(max((float(value) - low) / (high - low), 0.0), 1.0)
