"""Tables of what `limits.py` and `stages.py` measured; `table.py` puts them into the pages.

What a record lacks reads `not measured`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Record = dict[str, Any]

MISSING = "not measured"
BATCHES = {"one": "one image", "eight": "eight images"}
STAGES = (
    "decode",
    "preprocess",
    "backbone",
    "patches",
    "search",
    "map and score",
    "verdict and regions",
)
FIT_STAGES = {
    "features": "decode and features",
    "coreset": "coreset",
    "leave out": "leave out: a bank without each of five parts, and the search in it",
    "rest": "rest: thresholds, start and end",
    "fit": "all",
    "decode alone": "for comparison: decoding all images, nothing else",
}


# --- the machine's limits -------------------------------------------------------------------------


def peaks(record: Record) -> str:
    """What the machine can do."""
    found = part(record, "peaks")
    rows = {
        "products of floats (float32)": ("float32_gflops", "GFLOP/s"),
        "products of bytes": ("int8_gops", "GOP/s"),
        "copying memory": ("copy_gigabytes_a_second", "GB/s, read and written"),
    }
    lines = ["| | |", "|---|---|"]
    for name, (key, unit) in rows.items():
        lines.append(f"| {name} | {f'{found[key]:.0f} {unit}' if key in found else MISSING} |")
    return "\n".join([*lines, *made(record)])


def search(record: Record) -> str:
    """Exact searches beside the product alone."""
    lines = table("patches of", "vectors", "dimensions", "the product alone", "search in floats",
                  "in two stages")  # fmt: skip
    for row in part(record, "search"):
        sizes = f"{row['of']} | {row['rows']:,} | {row['width']:,}"
        product = row["product_seconds"]["median"]
        ways = [row[way]["seconds"]["median"] for way in ("floats", "two_stages")]
        cells = " | ".join(f"{ms(taken)}, {product / taken:.2f} times as fast" for taken in ways)
        lines.append(f"| {sizes} | {ms(product)} | {cells} |")
    return finished(lines, record)


def coreset(record: Record) -> str:
    """Exact greedy picks."""
    lines = table("patches", "picked", "seconds", "memory at most", "of it the patches")
    lines += [
        f"| {row['points']:,} | {row['picks']:,} | {row['seconds']:.1f} | "
        f"{row['peak_megabytes']} MB | {row['points_megabytes']} MB |"
        for row in part(record, "coreset")
    ]
    return finished(lines, record)


def growth(record: Record) -> str:
    """Fits of more and more images."""
    lines = table("images", "fit", "an image", "memory at most")
    lines += [
        f"| {row['images']:,} | {row['seconds']:.1f} s | "
        f"{row['milliseconds_an_image']:.0f} ms | {row['peak_megabytes']} MB |"
        for row in part(record, "growth")
    ]
    return finished(lines, record)


# --- stages ---------------------------------------------------------------------------------------


def stages(record: Record) -> str:
    """Milliseconds an image of each stage, and how near it comes to its limit."""
    found = part(record, "stages")
    cases = [(backbone, batch) for backbone in found for batch in BATCHES]
    heads = [f"{backbone}, {BATCHES[batch]}" for backbone, batch in cases]
    lines = table("milliseconds an image", *heads)
    for stage in STAGES:
        cells = [of_its_limit(found[backbone][batch].get(stage)) for backbone, batch in cases]
        lines.append(f"| {stage} | {' | '.join(cells)} |")
    wholes = [of_its_limit(found[backbone][batch].get("graph")) for backbone, batch in cases]
    lines.append(f"| the graph: preprocess to score | {' | '.join(wholes)} |")
    if not found:
        return finished(lines[:2], record)
    told = [sentence for backbone in found for sentence in around(record, backbone)]
    return "\n".join([*lines, "", *told, *made(record)])


def of_its_limit(found: Record | None) -> str:
    """`9.6, 78 % of products`: the time, and the least time as a share of it."""
    if found is None:
        return MISSING
    shares = {limit: found.get(f"share_of_{limit}", 0) for limit in ("products", "copying")}
    limit = max(shares, key=lambda name: shares[name])
    beside = f", {percent(shares[limit])} of {limit}" if shares[limit] else ""
    return f"{found['milliseconds']['median']:.2f}{beside}"


def around(record: Record, backbone: str) -> Iterator[str]:
    """What is no stage of an image: a folder, a model's opening, the figures of `evaluate`."""
    folder, opened = (part(record, name).get(backbone) for name in ("folder", "open"))
    figures = part(record, "stages").get(backbone, {}).get("figures")
    if folder:
        rate, busy = (folder[name]["median"] for name in ("images_a_second", "share_of_cores"))
        yield (
            f"* {backbone}, a folder of {folder['images']} images: {rate:.0f} a second, with "
            f"{percent(busy)} of all cores busy."
        )
    if opened:
        first, again = (opened[name]["median"] for name in ("first", "again"))
        imported = opened["import_onnxruntime"]["median"]
        yield (
            f"* {backbone}, to open the model: {ms(imported)} to import ONNX Runtime, {ms(first)} "
            f"more for the first in a process, {ms(again)} for another."
        )
    if figures:
        taken = figures["milliseconds"]["median"]
        yield (
            f"* {backbone}, `evaluate`: {taken:.1f} ms an image for all figures and their "
            f"intervals, of {figures['images']} images."
        )


def fit_stages(record: Record) -> str:
    """Seconds of each stage of a fit, beside those of an earlier checkout where it was timed."""
    found = dict(part(record, "fit"))
    earlier = dict(part(record, "fit_before"))
    commit = earlier.pop("commit", None)
    for case in earlier.values():  # its shares are of the peaks of its own script
        for stage in FIT_STAGES.keys() & case.keys():
            case[stage].pop("share_of_products", None)
    found |= {f"{backbone}, at {commit}": case for backbone, case in earlier.items()}
    lines = table("", *found)
    for stage, name in FIT_STAGES.items():
        cells = [of_the_fit(case, stage) for case in found.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    if not found:
        return finished(lines[:2], record)
    images = next(iter(found.values()))["images"]
    return "\n".join([*lines, "", f"{images} images.", *made(record)])


def of_the_fit(case: Record, stage: str) -> str:
    """`1.31 s, 22 %; 62 % of products`."""
    if stage not in case:
        return MISSING
    seconds = case[stage]["seconds"]["median"]
    own = (
        ""
        if stage in ("fit", "decode alone")
        else f", {percent(seconds / case['fit']['seconds']['median'])}"
    )
    share = case[stage].get("share_of_products")
    return f"{seconds:.2f} s{own}{f'; {percent(share)} of products' if share else ''}"


# --- cells ----------------------------------------------------------------------------------------


def part(record: Record, name: str) -> Any:
    """A part of a record, empty where it lacks it."""
    return record.get("parts", {}).get(name, {})


def table(*heads: str) -> list[str]:
    """The first two lines of a table."""
    return [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]


def finished(lines: list[str], record: Record) -> str:
    """A table that is only heads says that nothing was measured."""
    return "\n".join([*lines, *made(record)]) if len(lines) > 2 else f"{MISSING}.".capitalize()


def made(record: Record) -> list[str]:
    """On what a record was made."""
    if "machine" not in record:
        return []
    machine, other = record["machine"], record.get("peer")
    beside = f" {other.replace('==', ' ')}." if other else ""
    return [
        "",
        f"{record['date'][:10]}, {machine['cores']} cores ({machine['processor']}).{beside}",
    ]


def ms(seconds: float) -> str:
    """Milliseconds of seconds."""
    return f"{1000 * seconds:.{0 if seconds >= 0.01 else 1}f} ms"


def percent(share: float) -> str:
    """A share in whole percent."""
    return f"{100 * share:.0f} %"
