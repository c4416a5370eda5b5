"""Tables of what `peer.py` measured; `table.py` puts them into the pages.

What a record lacks reads `not measured`; ratios are of parts that one run measured.
"""

from __future__ import annotations

from dataclasses import dataclass

from speed_tables import BATCHES, MISSING, Record, finished, made, part, table

SMALL, LARGE = 2048, 20480  # vectors of the banks that are compared: 1 % and 10 %


@dataclass(frozen=True)
class Pair:
    """The same job of both sides.

    Attributes:
        job: what was done.
        ours, theirs: seconds or milliseconds; `None` where not measured.
        unit: `s` or `ms`.
        one_run: whether one run of the script measured both.
        scaled: whether theirs is scaled up from fewer picks.
    """

    job: str
    ours: float | None
    theirs: float | None
    unit: str
    one_run: bool
    scaled: bool = False

    def row(self) -> str:
        """A row of the table."""
        ours, theirs = (spelled(value, self.unit) for value in (self.ours, self.theirs))
        about = "about " if self.scaled and self.theirs is not None else ""
        return f"| {self.job} | {ours} | {about}{theirs} | {self.ratio()} |"

    def ratio(self) -> str:
        """How many times as long the other side takes."""
        if self.ours is None or self.theirs is None:
            return "-"
        return f"{self.theirs / self.ours:.1f}" if self.one_run else "not of one run"


def peer(record: Record) -> str:
    """Everything that both sides were timed at."""
    pairs = []
    for backbone in ("resnet18", "wide_resnet50_2"):
        theirs = f"anomalib {backbone}"
        for bank in (SMALL, LARGE):
            both = f"{backbone}, {bank:,} vectors"
            if backbone == "resnet18":
                pairs += [
                    fit_pair(record, f"fit with thresholds from the one bank, {both}",
                             (backbone, bank, "0"), (theirs, bank)),
                    fit_pair(record, f"fit with thresholds from five parts, {both}",
                             (backbone, bank, "5"), (theirs, bank)),
                ]  # fmt: skip
            pairs += predictions(record, both, (backbone, bank), (theirs, bank))
    large = ("anomalib wide_resnet50_2", LARGE)
    pairs.append(fit_pair(record, "fit, each by default", ("default", SMALL, "5"), large))
    pairs += predictions(record, "each by default", ("default", SMALL), large)
    return versus(record, pairs)


def peer_short(record: Record) -> str:
    """What a user would ask first: one image by default, and with the same network and bank."""
    default = predictions(
        record, "default settings", ("default", SMALL), ("anomalib wide_resnet50_2", LARGE),
        ("float32",),
    )  # fmt: skip
    same = predictions(
        record, f"both with resnet18 and {SMALL:,} vectors", ("resnet18", SMALL),
        ("anomalib resnet18", SMALL), ("float32",),
    )  # fmt: skip
    return versus(record, [default[0], same[0]])


def fit_pair(record: Record, job: str, ours: tuple[str, int, str], theirs: tuple[str, int]) -> Pair:
    """Fits: ours from the shell to the file; theirs features and coreset alone, without start-up.

    Args:
        record: of `peer.py`.
        job: what to call it.
        ours: part, vectors of the bank and calibration folds.
        theirs: part and vectors of the bank.
    """
    name, bank, folds = ours
    own = part(record, name).get(f"fit_float32_{bank}_folds_{folds}", {}).get("seconds")
    other, picks = part(record, theirs[0]), theirs[1]
    timed = other.get("coreset")
    if timed is None:
        return Pair(job, own, None, "s", one_run=False)
    more = (picks - timed["picks"]) * timed["seconds_a_pick"]
    seconds = other["features_seconds"] + timed["seconds"] + more
    return Pair(job, own, seconds, "s", same_run(record, name, theirs[0]), timed["picks"] < picks)


def predictions(
    record: Record,
    job: str,
    ours: tuple[str, int],
    theirs: tuple[str, int],
    precisions: tuple[str, ...] = ("float32", "int8"),
) -> list[Pair]:
    """A warm image and eight, in each precision of ours; theirs are of floats."""
    pairs = []
    for precision in precisions:
        own = part(record, ours[0]).get(f"predict_{precision}_{ours[1]}", {})
        other = part(record, theirs[0]).get(f"predict_{theirs[1]}", {})
        for batch, name in BATCHES.items():
            times = (side.get(batch, {}).get("median") for side in (own, other))
            in_bytes = ", blemish in int8" if precision == "int8" else ""
            one_run = same_run(record, ours[0], theirs[0])
            pairs.append(Pair(f"{name}, {job}{in_bytes}", *times, "ms", one_run))
    return pairs


def same_run(record: Record, *names: str) -> bool:
    """Whether one run of the script measured these parts."""
    runs = {part(record, name).get("run") for name in names}
    return len(runs) == 1 and None not in runs


def versus(record: Record, pairs: list[Pair]) -> str:
    """Pairs as a table."""
    lines = table("", "blemish", "anomalib", "times as long") + [pair.row() for pair in pairs]
    return "\n".join([*lines, *made(record)])


def kinds(record: Record) -> str:
    """Figures of a small and a large set-up beside what they cost."""
    heads = ("data", "backbone", "vectors", "image AUROC", "pixel AUROC", "fit", "one image",
             "eight images")  # fmt: skip
    lines = table(*heads)
    for data, cases in part(record, "figures").items():
        if not isinstance(cases, dict):  # which run measured it
            continue
        for kind, row in cases.items():
            figures = " | ".join(
                within(row[f"{level}_auroc"], row["intervals"][level])
                for level in ("image", "pixel")
            )
            times = " | ".join(
                f"{row['milliseconds'][batch]['median']:.1f} ms" for batch in BATCHES
            )
            cost = f"{row['fit_seconds']:.0f} s | {times}"
            lines.append(f"| {data} | {kind} | {row['bank_vectors']:,} | {figures} | {cost} |")
    return finished(lines, record)


def spelled(value: float | None, unit: str) -> str:
    """A time with its unit."""
    if value is None:
        return MISSING
    if unit == "s" and value >= 120:
        return f"{value / 60:.0f} min"
    return f"{value:.{1 if value < 100 else 0}f} {unit}"


def within(value: float | None, ends: list[float] | None) -> str:
    """`0.984 [0.962, 0.997]`."""
    beside = "" if ends is None else f" [{ends[0]:.3f}, {ends[1]:.3f}]"
    return "-" if value is None else f"{value:.3f}{beside}"
