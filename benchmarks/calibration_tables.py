"""Tables of what `calibration.py` measured; `table.py` puts them into the pages."""

from __future__ import annotations

import math
from typing import Any

from blemish.calibration.conformal import exceedances

Record = dict[str, Any]


def promised(record: Record) -> str:
    """False alarms promised and seen over random splits, of images and of regions."""
    splits, new = record["splits"], record["new"]
    lines = ["| promised | rejected, mean of the splits | lowest to highest | show a region | "
             "lowest to highest | either, expected | either, seen |", "|---" * 7 + "|"]  # fmt: skip
    for rate in splits[0]["above"]:
        rows = [split["above"][rate] for split in splits]
        cells = []
        for level in ("image", "regions"):
            shares = [row[level] / new for row in rows]
            ends = f"{percent(min(shares))} to {percent(max(shares))}"
            cells += [f"**{percent(mean(shares))}**", ends]
        expected = percent(mean([row["either_expected"] for row in rows]))
        cells += [expected, percent(mean([row["either"] / new for row in rows]))]
        lines.append(f"| {100 * float(rate):g} % | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"{len(splits)} splits, {made(record)}"])


def alarms(record: Record) -> str:
    """False alarms promised and seen where good images are hardly ordinary."""
    heads = ("good images", "to learn from", "draws", "promised", "rejected, mean of the draws",
             "most", "above the bound", "of exact promises")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for case, images in dict.fromkeys((row["case"], row["images"]) for row in record["rows"]):
        every = of(record["rows"], case=case, images=images)
        rows = [row for row in every if not row["refused"]]
        refused = f", {len(every) - len(rows)} of them refused" if len(rows) < len(every) else ""
        cells = [case, str(images), f"{len(every)}{refused}", f"{100 * every[0]['rate']:g} %"]
        if rows:
            shares = [row["above"] / row["fresh"] for row in rows]
            bounds = [row["bound"] for row in rows]
            beyond = mean([share > bound for share, bound in zip(shares, bounds, strict=True)])
            cells += [f"**{percent(mean(shares))}**", percent(max(shares)), percent(beyond)]
            cells.append(percent(mean([above_by_chance(row) for row in rows])))
        else:
            cells += ["-"] * 4
        lines.append(f"| {' | '.join(cells)} |")
    machine = record["machine"]
    seeds = f"{machine['cores']} cores ({machine['processor']}); the draw's number is the seed."
    return "\n".join([*lines, "", seeds])


def above_by_chance(row: Record) -> float:
    """How often an exact promise would be seen above its 95 % bound among so few fresh images.

    The rate behind it is then Beta distributed, and how many are rejected beta-binomial.
    """
    left_out, fresh = row["left_out"], row["fresh"]
    allowed = exceedances(left_out, row["rate"])
    a, b = allowed + 1, left_out - allowed

    def log_beta(a: int, b: int) -> float:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    below = (
        math.comb(fresh, i) * math.exp(log_beta(a + i, b + fresh - i) - log_beta(a, b))
        for i in range(math.floor(row["bound"] * fresh) + 1)
    )
    return 1 - math.fsum(below)


def regions(record: Record) -> str:
    """Pixels and regions that good images show, expected and seen."""
    lines = ["| images that may show a region | false regions in a thousand, expected | seen | "
             "false-alarm pixels an image, expected | seen |", "|---" * 5 + "|"]  # fmt: skip
    for number, first in enumerate(record["splits"][0]["regions"]):
        rows = [split["regions"][number] for split in record["splits"]]
        expected_regions, pixels = (
            mean([row["expected"][name] for row in rows])
            for name in ("regions_per_thousand", "pixels_per_image")
        )
        seen_pixels, seen_regions = (
            mean([row["seen"][place] / record["new"] for row in rows]) for place in (0, 1)
        )
        lines.append(
            f"| {100 * first['rate']:g} % | {expected_regions:.1f} | {1000 * seen_regions:.1f} | "
            f"{pixels:.1f} | {seen_pixels:.1f} |"
        )
    return "\n".join(lines)


def standing(record: Record) -> str:
    """How many clean training images stand out."""
    counts = [split["stand_out"] for split in record["splits"]]
    spread = f"{mean(counts):.1f} of {record['trained']} ({min(counts)} to {max(counts)})"
    return f"In the {len(counts)} splits of mtd, whose images are all good, {spread} stand out."


def tails(record: Record) -> str:
    """Rates by a fitted tail, and what was seen."""
    rows = record["tails"]
    lines = ["| asked for, model-based | seen, mean | lowest to highest split | tails refused |",
             "|---|---|---|---|"]  # fmt: skip
    for rate in dict.fromkeys(row["rate"] for row in rows):
        own = of(rows, rate=rate)
        shares = [row["hits"] / row["of"] for row in own if row["of"]]
        refused = sum(row["refused"] for row in own)
        lines.append(
            f"| {100 * rate:g} % | {percent(mean(shares))} | {percent(min(shares))} to "
            f"{percent(max(shares))} | {refused} |"
        )
    return "\n".join(lines)


def simulated(record: Record) -> str:
    """True rates of fitted tails where the distribution is known."""
    rows = record["rows"]
    names = {"gumbel_r": "Gumbel", "gamma": "gamma (shape 2)", "norm": "normal"}
    belows = list(dict.fromkeys(row["below"] for row in rows))
    heads = ["scores", "how many", *(f"{below} times below" for below in belows), "under the bound",
             "refused"]  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for law, count in dict.fromkeys((row["law"], row["scores"]) for row in rows):
        own = of(rows, law=law, scores=count)
        means = " | ".join(f"{row['mean']:.2f}" for row in own)
        covered = percent(mean([row["covered"] for row in own]))
        refused = percent(mean([row["refused"] / row["of"] for row in own]))
        lines.append(f"| {names[law]} | {count} | {means} | {covered} | {refused} |")
    return "\n".join(lines)


def hidden(record: Record) -> str:
    """What defects among the good training images do to the ranking, and which are listed."""
    heads = ("hidden", "of them listed", "good ones listed", "image AUROC, clean",
             "it falls by (mean, most)", "without what was listed")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for share, rows in by_share(record).items():
        count, listed, good = (
            sum(row[key] for row in rows) for key in ("hidden", "listed_hidden", "listed_good")
        )
        falls = [
            [row["clean"]["image_auroc"] - row[case]["image_auroc"] for row in rows]
            for case in ("polluted", "dropped")
        ]
        spelled_falls = " | ".join(f"{mean(fall):.4f}, {max(fall):.4f}" for fall in falls)
        clean = mean([row["clean"]["image_auroc"] for row in rows])
        first = f"{100 * share:g} %, {len(rows)} draws | {listed} of {count}"
        lines.append(f"| {first} | {good / len(rows):.1f} a fit | {clean:.4f} | {spelled_falls} |")
    return "\n".join([*lines, "", made(record)])


def missed(record: Record) -> str:
    """What defects among the good training images do at the calibrated threshold."""
    lines = ["| hidden | defects missed, clean | with the hidden | without what was listed | "
             "false alarms, clean | with the hidden | without what was listed |",
             "|---" * 7 + "|"]  # fmt: skip
    for share, rows in by_share(record).items():
        cells = [
            percent(mean([row[case][kind][0] / row[case][kind][1] for row in rows]))
            for kind in ("misses", "false_alarms")
            for case in ("clean", "polluted", "dropped")
        ]
        lines.append(f"| {100 * share:g} % | {' | '.join(cells)} |")
    return "\n".join(lines)


def by_share(record: dict[str, Any]) -> dict[float, list[dict[str, Any]]]:
    """Rows by the share of hidden defects."""
    shares = dict.fromkeys(row["share"] for row in record["rows"])
    return {share: of(record["rows"], share=share) for share in shares}


def mean(values: list[float]) -> float:
    """The mean of some values."""
    return sum(values) / len(values)


def percent(share: float) -> str:
    """Percent with two digits."""
    return f"{100 * share:.2g} %" if share < 0.995 else "100 %"


def made(record: dict[str, Any]) -> str:
    """On what a record was made."""
    machine = record["machine"]
    return f"{machine['cores']} cores ({machine['processor']}), blemish's defaults, seed 0."


def of(rows: list[Record], **wanted: Any) -> list[Record]:
    """Rows with those values."""
    return [row for row in rows if wanted.items() <= row.items()]
