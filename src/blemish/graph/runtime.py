"""The one place that imports ONNX Runtime, so that its usage statistics are off everywhere.

From 1.29 on its builds for Linux write to the home and the temporary folder and send what they saw
over the network, and those for Windows hand events to the system. Only the environment, as it is
when the library is first loaded, keeps the former from starting.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

NO_STATISTICS = "ORT_DISABLE_TELEMETRY"


def onnxruntime() -> Any:
    """The module `onnxruntime`, without usage statistics.

    A user who has `ORT_DISABLE_TELEMETRY` in the environment decides; where a program imported
    the module before, it is left as that program wants it.
    """
    if "onnxruntime" in sys.modules:
        return sys.modules["onnxruntime"]
    chosen = os.environ.setdefault(NO_STATISTICS, "1")
    runtime = import_module("onnxruntime")
    if chosen == "1":
        runtime.disable_telemetry_events()  # all that Windows goes by
    return runtime


def quantization() -> Any:
    """The module `onnxruntime.quantization`, with its `shape_inference`."""
    runtime = onnxruntime()
    import_module("onnxruntime.quantization.shape_inference")
    return runtime.quantization
