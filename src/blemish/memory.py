"""How much memory this process may take: of the machine, or of the container it runs in."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

MEGABYTE = 10**6
UNKNOWN_MACHINE_BYTES = 8 * 10**9  # taken where a system does not say what it has


def allowed_bytes(root: Path = Path("/")) -> int:
    """Memory of the machine, or the limit of the process's control group where that is lower.

    Args:
        root: where `proc` and `sys` are, of Linux.
    """
    return min([_machine_bytes(), *_group_limits(root)])


def _machine_bytes() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return UNKNOWN_MACHINE_BYTES


def _group_limits(root: Path) -> list[int]:
    """Limits of the control group (version 1 or 2) and of those above it."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    limits = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            top, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        below = PurePosixPath(path.lstrip("/"))
        for group in (below, *below.parents):
            limits += _read_limit(top / group / name)
    return limits


def _read_limit(path: Path) -> list[int]:
    try:
        text = path.read_text().strip()
    except OSError:
        return []
    return [int(text)] if text.isdecimal() else []  # `max`: none
