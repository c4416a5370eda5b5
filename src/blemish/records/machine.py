"""The machine that a job ran on, the versions that it ran with, the memory that it took."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from blemish.parallel import available_cores
from blemish.records.record import Machine

VERSIONS_OF = ("numpy", "onnx", "onnxruntime", "pillow")


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, memory in bytes and system; `None` if unknown."""
    return {
        "processor": _processor(),
        "cores": available_cores(),
        "memory_bytes": _memory_bytes(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Versions of what makes the numbers."""
    return {"python": platform.python_version()} | {n: metadata.version(n) for n in VERSIONS_OF}


def circumstances() -> dict[str, Any]:
    """When, where and with which versions a job ran: what every record holds of it, by name."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"blemish": metadata.version("blemish")} | versions(),
        "machine": Machine(**machine()),
    }


def peak_memory_bytes() -> int | None:
    """The most memory that this process has had resident so far; `None` where nobody counts it."""
    own = _field(Path("/proc/self/status"), "VmHWM")
    if own:  # getrusage would count in the memory of the process that started this one
        return 1024 * int(own.split()[0])
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _processor() -> str | None:
    return _field(Path("/proc/cpuinfo"), "model name") or platform.processor() or None


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return None


def _field(path: Path, name: str) -> str | None:
    """The value of the first line `name: value` of a file of the kernel."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in pairs if key.strip() == name), None)
