"""Where the paths of the dialect begin."""

from __future__ import annotations

PREFIX = "/api/v1"
