"""Vultus: self-hosted face recognition."""

import os

__version__ = "0.1.0"

# ONNX Runtime (1.31) sends events home and keeps a device id in the cache folder unless this is set before its import;
# its disable_telemetry_events() comes too late. Every process of ours imports this file first, so it is set here.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
