"""How a training went, where a detector had one and tells of it.

What is read of a detector's details: `losses` (`names`, of which the first is the step, and
`history`, a row each) and `unexplained` (`history` of step and share, and `converged`). Both may be
missing.
"""

from __future__ import annotations

from typing import Any

from blemish.records.record import Record
from blemish.report.charts import Trace


def course(record: Record) -> list[Trace]:
    """The loss by step, all its parts together, and what is left unexplained, where it is known."""
    losses, shares = (_told(record, name).get("history", []) for name in ("losses", "unexplained"))
    known = {
        ("Loss", "pixel"): [(step, sum(values)) for step, *values in losses],
        ("Unexplained", "image"): [(step, share) for step, share in shares],
    }
    return [
        Trace(name, style, tuple((step, value) for step, value in points if value > 0))
        for (name, style), points in known.items()
    ]


def not_converged(record: Record) -> list[str]:
    """A note where a training ended because its steps were over, or none."""
    unexplained = _told(record, "unexplained")
    if unexplained.get("converged") is not False or not unexplained.get("history"):
        return []
    share = unexplained["history"][-1][1]
    return [
        f"The training had not converged when its steps were over: {share:.0%} of the teacher's "
        "variance in good images was left unexplained."
    ]


def _told(record: Record, name: str) -> dict[str, Any]:
    """What a detector tells under a name; nothing where it means something else by it."""
    found = record.details.get(name)
    return found if isinstance(found, dict) else {}
