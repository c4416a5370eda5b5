"""The reasons of figures that are undefined, told in sentences."""

from __future__ import annotations

from collections.abc import Mapping

from blemish.metrics.catalogue import FIGURES


def undefined_told(reasons: Mapping[str, str]) -> list[str]:
    """A sentence for each reason why figures are undefined.

    Args:
        reasons: by figure, as `pixel.aupimo`; others than those of the catalogue are passed over.
    """
    figures = {figure.path: figure for figure in FIGURES}
    gathered: dict[tuple[str, str], list[str]] = {}
    for path, reason in reasons.items():
        if path in figures:
            figure = figures[path]
            gathered.setdefault((figure.level, reason), []).append(figure.title)
    return [
        f"Undefined for {level}s, as {reason}: {', '.join(titles)}."
        for (level, reason), titles in gathered.items()
    ]
