"""What figures are called wherever they are shown, and the reasons of those that are undefined."""

from __future__ import annotations

from collections.abc import Mapping

SHARES = {
    "auroc": "AUROC",
    "ap": "AP",
    "f1_max": "F1-max",
    "au_pro_30": "AU-PRO (0.3)",
    "au_pro_5": "AU-PRO (0.05)",
    "aupimo": "AUPIMO",
    "f1": "F1",
}
RATES = {
    "recall_at_0": "Recall at 0%",
    "recall_at_1": "Recall at 1%",
    "recall_at_5": "Recall at 5%",
    "false_alarm_rate": "False alarms",
    "miss_rate": "Misses",
    "region_recall": "Regions found",
}


def undefined_told(reasons: Mapping[str, object]) -> list[str]:
    """A sentence for each reason why figures are undefined.

    Args:
        reasons: by figure, as `pixel.aupimo`; others than those that are shown are passed over.
    """
    titles = SHARES | RATES
    gathered: dict[tuple[str, str], list[str]] = {}
    for figure, reason in reasons.items():
        level, _, name = figure.partition(".")
        if name in titles:
            gathered.setdefault((level, str(reason)), []).append(titles[name])
    return [
        f"Undefined for {level}s, as {reason}: {', '.join(names)}."
        for (level, reason), names in gathered.items()
    ]
