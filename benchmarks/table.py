"""Make the tables and charts of README and docs from the newest committed records.

python benchmarks/table.py
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import calibration_tables
import charts
import drift_tables
import efficientad_tables
import few_tables
import inspectable_tables
import peer_tables
import portability_tables
import position_tables
import scale
import scale_tables
import serve_tables
import sharp_tables
import speed_tables
import teach_tables
import tiles_tables
from efficientad_tables import drawn_last, named

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "benchmarks" / "records"
FOUR = (("image", "auroc"), ("image", "f1_max"), ("pixel", "auroc"), ("pixel", "f1_max"))
NOT_SHOWN = ("calibration_folds", "memory_megabytes")  # they do not move these figures


PAGES = (
    ROOT / "README.md",
    ROOT / "docs" / "explanation" / "results.md",
    ROOT / "docs" / "explanation" / "settings.md",
    ROOT / "docs" / "explanation" / "embedded.md",
    ROOT / "docs" / "explanation" / "position.md",
    ROOT / "docs" / "explanation" / "sharp-maps.md",
    ROOT / "docs" / "explanation" / "calibration.md",
    ROOT / "docs" / "explanation" / "efficientad.md",
    ROOT / "docs" / "explanation" / "speed.md",
    ROOT / "docs" / "explanation" / "scale.md",
    ROOT / "docs" / "explanation" / "drift.md",
    ROOT / "docs" / "explanation" / "decisions" / "0024-teaching.md",
    ROOT / "docs" / "how-to" / "align.md",
    ROOT / "docs" / "how-to" / "large-images.md",
    ROOT / "docs" / "how-to" / "not-inspectable.md",
    ROOT / "docs" / "how-to" / "serve.md",
    ROOT / "docs" / "how-to" / "docker.md",
    ROOT / "docs" / "reference" / "portability.md",
)
IMAGES = ROOT / "docs" / "images"
TEACHERS = ROOT / "src" / "blemish" / "detectors" / "efficientad" / "teachers"
EMBEDDED = ROOT / "src" / "blemish" / "backbones" / "embedded.onnx"
BACKBONES = {
    "embedded": "embedded",
    "mobilenetv2": "mobilenetv2 (ImageNet), its teacher",
    "resnet50v2": "resnet50v2 (ImageNet)",
    "filters": "hand-made filters",
    "random": "the embedded net, random weights",
}
NETS = {
    "before": "embedded, of 2026-11-23",
    "embedded": "embedded",
    "mobilenetv2": "mobilenetv2, its teacher",
    "small": "EfficientAd's teacher, small",
}
RECTIFIERS = {"the stem": 2, "stage s4": 5, "stage s8": 7, "stage s16": 17}  # the last is a level's


def main() -> None:
    """Write the tables into the pages, or say whether they are those of the records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only fail where they differ")
    arguments = parser.parse_args()
    for path in PAGES:
        before = path.read_text()
        after = filled(before)
        if arguments.check and before != after:
            raise SystemExit(f"{path} differs from the records; run: python benchmarks/table.py")
        path.write_text(after)
    if not arguments.check:
        charts.false_alarms(newest("false-alarms-*.json"), IMAGES / "false-alarms.svg")


def filled(text: str) -> str:
    """A text whose marked parts are tables of the newest records."""
    tables = {
        "quality": quality_table,
        "settings": settings_table,
        "speed": speed_table,
        "backbones": backbones_table,
        "choices": choices_table,
        "card": card_table,
        "norms": norms_table,
        "peaks-inside": peaks_inside_table,
        "promised": lambda: calibration_tables.promised(newest("calibration-promise-*.json")),
        "alarms": lambda: calibration_tables.alarms(newest("false-alarms-*.json")),
        "regions": lambda: calibration_tables.regions(newest("calibration-promise-*.json")),
        "standing": lambda: calibration_tables.standing(newest("calibration-promise-*.json")),
        "tails": lambda: calibration_tables.tails(newest("calibration-promise-*.json")),
        "simulated": lambda: calibration_tables.simulated(newest("calibration-simulate-*.json")),
        "hidden": lambda: calibration_tables.hidden(newest("calibration-hidden-*.json")),
        "missed": lambda: calibration_tables.missed(newest("calibration-hidden-*.json")),
        "presets": presets_table,
        "detectors": detectors_table,
        "mission": mission_table,
        "mission-patchcore": lambda: four_figures("patchcore"),
        "mission-efficientad": lambda: four_figures("efficientad"),
        "few-short": lambda: few_tables.ten_images(newest("few-*.json")),
        "few": lambda: few_tables.by_images(newest("few-*.json")),
        "efficientad-speed": efficientad_speed_table,
        "efficientad-seeds": lambda: efficientad_tables.seeds(
            newest("detectors-*.json"), newest("repeats-*.json")
        ),
        "efficientad-curve": lambda: efficientad_tables.curve(newest("detectors-*.json")),
        "ceilings": lambda: efficientad_tables.ceilings(newest("teachers-*.json")),
        "logical": lambda: efficientad_tables.logical(newest("logical-*.json")),
        "precision": precision_table,
        "teachers": teachers_table,
        "peer": lambda: peer_tables.peer(newest("peer-*.json")),
        "peer-short": lambda: peer_tables.peer_short(newest("peer-*.json")),
        "kinds": lambda: peer_tables.kinds(newest("peer-*.json")),
        "stages": lambda: speed_tables.stages(newest("stages-*.json")),
        "fit-stages": lambda: speed_tables.fit_stages(newest("stages-*.json")),
        "peaks": lambda: speed_tables.peaks(newest("limits-*.json")),
        "search": lambda: speed_tables.search(newest("limits-*.json")),
        "coreset": lambda: speed_tables.coreset(newest("limits-*.json")),
        "portability": lambda: portability_tables.runtimes(newest("portability-*.json")),
        "portability-models": lambda: portability_tables.models(newest("portability-*.json")),
        "position": lambda: position_tables.figures(newest("position-*.json")),
        "position-scores": lambda: position_tables.image_scores(newest("position-*.json")),
        "position-few": lambda: position_tables.few(newest("position-*.json")),
        "position-cost": lambda: position_tables.cost(newest("position-*.json")),
        "sharp": lambda: sharp_tables.figures(newest("sharp-*.json")),
        "sharp-costs": lambda: sharp_tables.costs(newest("sharp-*.json")),
        "taught-elsewhere": lambda: sharp_tables.taught_elsewhere(newest("residual-head-*.json")),
        "scores-of-heads": lambda: sharp_tables.image_scores(newest("residual-head-*.json")),
        "region-promise": lambda: sharp_tables.promises(newest("region-promise-*.json")),
        "archives": lambda: scale.archives(newest("archive-*.json")),
        "shard-fits": lambda: scale.fits(newest("shards-*.json")),
        "large-fit": lambda: scale_tables.large_fit(newest("shards-*.json")),
        "shards": lambda: scale_tables.figures(newest("shards-*.json")),
        "shard-promise": lambda: scale_tables.promises(newest("shards-*.json")),
        "drift-changes": lambda: drift_tables.changes(newest("drift-*.json")),
        "drift-quiet": lambda: drift_tables.quiet(newest("drift-*.json")),
        "teach-alarms": lambda: teach_tables.alarms(newest("teach-2*.json")),
        "teach-recall": lambda: teach_tables.found(newest("teach-2*.json")),
        "teach-defects": lambda: teach_tables.defects(newest("teach-defects-*.json")),
        "tiles-seams": lambda: tiles_tables.seams(newest("tiles-*.json")),
        "tiles-large": lambda: tiles_tables.large(newest("tiles-*.json")),
        "tiles-defects": lambda: tiles_tables.defects(newest("tiles-*.json")),
        "inspectable": lambda: inspectable_tables.found(newest("inspectable-*.json")),
        "inspectable-promise": lambda: inspectable_tables.halves(newest("inspectable-*.json")),
        "align-light": lambda: inspectable_tables.aligned(newest("align-light-*.json")),
        "serve": lambda: serve_tables.load(newest("serve-*.json")),
        "batches": lambda: serve_tables.batches(newest("serve-*.json")),
        "serve-size": lambda: serve_tables.size(newest("serve-*.json")),
        "growth": lambda: speed_tables.growth(newest("limits-*.json")),
    }
    for name, make in tables.items():
        pattern = rf"(<!-- {name}: from \w+ -->\n).*?(<!-- end -->)"
        if re.search(pattern, text, flags=re.DOTALL):
            table = make()
            fill = lambda found, table=table: f"{found[1]}{table}\n{found[2]}"  # noqa: E731
            text = re.sub(pattern, fill, text, flags=re.DOTALL)
    return text


def quality_table() -> str:
    """Figures without choosing anything."""
    record = newest("quality-*.json")
    heads = ("data", "backbone", "image AUROC", "image F1-max", "pixel AUROC", "pixel F1-max",
             "false alarms (1 % promised)")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    rows = [row for row in record["rows"] if not row["settings"]]
    for row in sorted(rows, key=lambda row: (row["data"], row["backbone"])):
        alarms, good = row["false_alarms"]
        figures = (row[k] for k in ("image_auroc", "image_f1_max", "pixel_auroc", "pixel_f1_max"))
        cells = " | ".join(f"{figure:.3f}" for figure in figures)
        lines.append(f"| {row['data']} | {row['backbone']} | {cells} | {alarms} of {good} |")
    return "\n".join(lines)


def settings_table() -> str:
    """Figures of mtd under many settings."""
    rows = [row for row in newest("quality-*.json")["rows"] if row["data"] == "mtd"]
    heads = ("backbone", "settings", "image AUROC", "pixel AUROC", "pixel AP", "bank vectors")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in rows:
        changed = {k: v for k, v in row["settings"].items() if k not in NOT_SHOWN}
        words = ", ".join(f"{name} {spelled(value)}" for name, value in changed.items())
        figures = (row[key] for key in ("image_auroc", "pixel_auroc", "pixel_ap"))
        cells = " | ".join(f"{figure:.3f}" for figure in figures)
        bank = f"{row['bank_vectors']:,}"
        lines.append(f"| {row['backbone']} | {words or 'as they are'} | {cells} | {bank} |")
    return "\n".join(lines)


def backbones_table() -> str:
    """Backbones at one bank size, a row each, three figures a data set."""
    rows = [row for row in newest("backbones-*.json")["rows"] if not row["settings"]]
    return compared("backbone", [(BACKBONES[name], of(rows, backbone=name)) for name in BACKBONES])


def choices_table() -> str:
    """The embedded backbone under several settings."""
    rows = of(newest("backbones-*.json")["rows"], backbone="embedded")
    cases: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        words = ", ".join(f"{name} {spelled(value)}" for name, value in row["settings"].items())
        cases.setdefault(words or "as they are", []).append(row)
    return compared("settings", list(cases.items()))


def compared(head: str, cases: list[tuple[str, list[dict[str, Any]]]]) -> str:
    """A table with a line a case, and its figures on each data set."""
    names = [row["data"] for row in cases[0][1]]
    lines = [f"| {head} | {' | '.join(names)} | dimensions | ms an image |",
             "|---" * (len(names) + 3) + "|"]  # fmt: skip
    for words, rows in cases:
        figures = [
            " / ".join(f"{row[key]:.3f}" for key in ("image_auroc", "pixel_auroc", "pixel_ap"))
            for row in rows
        ]
        cost = min(row["milliseconds_an_image"] for row in rows)
        lines.append(f"| {words} | {' | '.join(figures)} | {rows[0]['dimensions']} | {cost:.1f} |")
    return "\n".join(lines)


def of(rows: list[dict[str, Any]], **wanted: Any) -> list[dict[str, Any]]:
    """Rows with those values."""
    return [row for row in rows if wanted.items() <= row.items()]


def card_table() -> str:
    """What the embedded backbone's file says of itself."""
    import onnx

    model = onnx.load(EMBEDDED)
    known = {entry.key: entry.value for entry in model.metadata_props}
    facts = {
        "size": f"{EMBEDDED.stat().st_size / 1e6:.2f} MB",
        **{
            key: known[key]
            for key in ("licence", "date", "script", "commit", "data", "schedule", "machine")
            if key in known
        },
        "arguments": ", ".join(f"{k} {v}" for k, v in json.loads(known["arguments"]).items()),
        "versions": ", ".join(f"{k} {v}" for k, v in json.loads(known["versions"]).items()),
        "explained": ", ".join(f"{k} {v}" for k, v in json.loads(known["explained"]).items()),
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {k} | {v} |" for k, v in facts.items())])


def norms_table() -> str:
    """How far the features of networks go over many views."""
    heads = ("network", "level", "views", "median", "largest", "times the median", "which is")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    nets = newest("norms-*.json")["nets"]
    for name, words in NETS.items():
        for level, found in nets[name]["levels"].items() if name in nets else ():
            sizes = " | ".join(f"{found[key]:.1f}" for key in ("median", "largest", "ratio"))
            views = f"{nets[name]['views']:,}"
            lines.append(f"| {words} | {level} | {views} | {sizes} | {found['largest_is']} |")
    return "\n".join(lines)


def peaks_inside_table() -> str:
    """The largest numbers behind the rectifiers of the embedded net, before and now."""
    nets = newest("norms-*.json")["nets"]
    lines = ["| rectifiers of | before | now |", "|---|---|---|"]
    first = 0
    for part, count in RECTIFIERS.items():
        peaks = (nets[name]["peaks"][first : first + count] for name in ("before", "embedded"))
        before, now = (", ".join(f"{peak:.0f}" for peak in found) for found in peaks)
        lines.append(f"| {part} | {before} | {now} |")
        first += count
    return "\n".join(lines)


def teachers_table() -> str:
    """What the files of EfficientAd's teachers say of themselves."""
    import onnx

    files = sorted(TEACHERS.glob("*.onnx"))
    cards = [{entry.key: entry.value for entry in onnx.load(path).metadata_props} for path in files]
    lines = [f"| | {' | '.join(path.stem for path in files)} |", "|---" * (len(files) + 1) + "|"]
    sizes = " | ".join(f"{path.stat().st_size / 1e6:.2f} MB" for path in files)
    explained = " | ".join(
        f"{json.loads(card['explained'])[path.stem]}"
        for card, path in zip(cards, files, strict=True)
    )
    lines += [f"| size | {sizes} |", f"| explained | {explained} |"]
    for key in ("licence", "date", "script", "commit", "data", "schedule", "machine", "arguments"):
        if key in cards[0]:
            values = [_unpacked(card[key]) for card in cards]
            lines.append(f"| {key} | {' | '.join(values)} |")
    return "\n".join(lines)


def _unpacked(text: str) -> str:
    """A JSON mapping as words; other text as it is."""
    if not text.startswith("{"):
        return text
    return ", ".join(f"{k} {v}" for k, v in json.loads(text).items())


def presets_table() -> str:
    """What the presets of EfficientAd choose."""
    from dataclasses import asdict

    from blemish.detectors.efficientad.presets import PRESETS
    from blemish.detectors.efficientad.settings import EfficientAdSettings

    recipes = {
        name: {"image_size": EfficientAdSettings(preset=name).usual_side_px} | asdict(recipe)
        for name, recipe in PRESETS.items()
    }
    lines = [f"| setting | {' | '.join(recipes)} |", "|---" * (len(recipes) + 1) + "|"]
    for setting in next(iter(recipes.values())):
        values = " | ".join(_value(recipe[setting]) for recipe in recipes.values())
        lines.append(f"| `{setting}` | {values} |")
    return "\n".join(lines)


def _value(value: Any) -> str:
    if value is None:
        return "-"
    return ", ".join(value) if isinstance(value, tuple) else f"{value}"


def mission_table() -> str:
    """Category, detector, and the four figures that the comparison began with."""
    heads = ("category", "detector", "image AUROC", "image F1-max", "pixel AUROC", "pixel F1-max",
             "false alarms (promised)")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in _by_category(newest("detectors-*.json")["rows"]):
        preset = row["settings"].get("preset")
        if preset not in (None, "quick", "texture"):
            continue
        detector = row["detector"] + (", texture" if preset == "texture" else "")
        image, pixel = row["figures"]["image"], row["figures"]["pixel"]
        others = (image["f1_max"], pixel["auroc"], pixel["f1_max"])
        shown = [image["auroc"], *(one | {"interval": None} for one in others)]
        observed = row["figures"]["image"]["false_alarm_rate"]["value"]
        alarms = f"{100 * observed:.1f} % ({100 * row['calibration']['false_alarm_rate']:.1f} %)"
        cells = " | ".join([*map(_figure, shown), alarms])
        lines.append(f"| {named(row['category'])} | {detector} | {cells} |")
    return "\n".join(lines)


def four_figures(detector: str) -> str:
    """The four figures that the comparison began with, of one detector by default."""
    lines = ["| Category | Image AUROC | Image F1 | Pixel AUROC | Pixel F1 |", "|---" * 5 + "|"]
    for row in _by_category(newest("detectors-*.json")["rows"]):
        if row["detector"] != detector or row["settings"].get("preset") not in (None, "quick"):
            continue
        figures = row["figures"]
        values = [figures[level][name]["value"] for level, name in FOUR]
        cells = " | ".join(f"{value:.3f}" for value in values)
        lines.append(f"| {named(row['category'])} | {cells} |")
    return "\n".join(lines)


def _by_category(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of seed 0 by category, drawn ones last, PatchCore first; no short `paper`."""
    whole = (row for row in rows if row["settings"].get("preset") != "paper")
    return sorted(
        (row for row in whole if row["seed"] == 0),
        key=lambda row: (drawn_last(row["category"]), row["detector"] != "patchcore"),
    )


def detectors_table() -> str:
    """Both detectors on the same images: figures with intervals, and what they cost."""
    record = newest("detectors-*.json")
    heads = ("data", "detector", "image AUROC", "image F1-max", "pixel AUROC", "pixel F1-max",
             "AU-PRO", "fit", "an image", "model")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in _by_category(record["rows"]):
        preset = row["settings"].get("preset")
        name = row["detector"] + (f", {preset}" if preset else "")
        figures = " | ".join(
            _figure(row["figures"][level][figure])
            for level, figure in (("image", "auroc"), ("image", "f1_max"), ("pixel", "auroc"),
                                  ("pixel", "f1_max"), ("pixel", "au_pro_30"))
        )  # fmt: skip
        fit, one = row["seconds"]["fit"], 1000 * row["seconds"]["predict_per_image"]
        took = f"{fit:.0f} s" if fit < 120 else f"{fit / 60:.0f} min"
        size = f"{row['bytes']['model_file'] / 1e6:.1f} MB"
        lines.append(
            f"| {named(row['category'])} | {name} | {figures} | {took} | {one:.0f} ms | {size} |"
        )
    return "\n".join(lines)


def _figure(found: dict[str, Any]) -> str:
    """`0.984 [0.962, 0.997]`."""
    ends = found["interval"]
    beside = "" if ends is None else f" [{ends[0]:.3f}, {ends[1]:.3f}]"
    return "-" if found["value"] is None else f"{found['value']:.3f}{beside}"


def efficientad_speed_table() -> str:
    """Steps of training against the plain way, and single images against the paper's in torch.

    Beside them what a machine without AVX-512 took, which trains in float32.
    """
    record, slower = newest("efficientad-2*.json"), newest("slower-efficientad-*.json")
    lines = ["| | blemish | compared | ratio | without AVX-512 |", "|---|---|---|---|---|"]
    for name, case in record["training"].items():
        ours, plain = (case[k]["median"] for k in ("seconds_a_step", "plain_seconds_a_step"))
        there = slower["training"][name]["seconds_a_step"]["median"]
        what = f"a step of `{name}` ({case['batch_size']} x {case['side_px']} px)"
        lines.append(
            f"| {what} | {1000 * ours:.0f} ms, {1 / ours:.1f} a second | {1000 * plain:.0f} ms | "
            f"{case['ratio']:.1f} | {1000 * there:.0f} ms |"
        )
    eager = record["eager_milliseconds"]["median"]
    for preset, case in record["prediction"].items():
        for name, found in case["milliseconds"].items():
            ours = found["median"]
            there = slower["prediction"][preset]["milliseconds"][name]["median"]
            lines.append(
                f"| an image, `{preset}`, {name} | {ours:.1f} ms | {eager:.1f} ms | "
                f"{eager / ours:.1f} | {there:.1f} ms |"
            )
    machine = record["machine"]
    lines += ["", f"{record['date'][:10]}, {machine['cores']} cores ({machine['processor']})."]
    return "\n".join(lines)


def spelled(value: Any) -> str:
    """A setting's value as a reader types it."""
    return " + ".join(value) if isinstance(value, list) else f"{value}"


def speed_table() -> str:
    """Speed, memory and size."""
    record = newest("2*.json")
    results, machine = record["results"], record["machine"]
    lines = ["| | |", "|---|---|"]
    for name, case in results["fit"].items():
        seconds, peak = case["seconds"]["median"], case["peak_megabytes"]
        lines.append(f"| fit {name} | {seconds:.1f} s, {peak} MB at most |")
    for name, case in results["predict"].items():
        rate = case["images_per_second_batch_8"]["median"]
        single = case["milliseconds_one_warm_image"]["median"]
        lines.append(f"| predict, {name} | {rate:.0f} images a second; {single:.1f} ms for one |")
    for name, case in results["coreset"].items():
        seconds = case["seconds"]["median"]
        lines.append(
            f"| coreset, {name} of {case['points']:,} patches | {seconds:.1f} s; the plain loop "
            f"takes {case['ratio']:.0f} times as long |"
        )
    start = results["startup"]
    times = [start[k]["seconds"]["median"] for k in ("import blemish", "blemish --help", "python")]
    imported, helped, empty = (f"{seconds:.2f} s" for seconds in times)
    lines.append(
        f"| `import blemish`, `blemish --help` | {imported}, {helped} (an empty Python: {empty}) |"
    )
    lines.append(f"| install | {results['size']['megabytes_added']} MB, no torch |")
    lines.append("")
    lines.append(f"{record['date'][:10]}, {machine['cores']} cores ({machine['processor']}).")
    return "\n".join(lines)


def precision_table() -> str:
    """What 8 bits change, a row each pair."""
    heads = (
        "data",
        "backbone",
        "image AUROC",
        "pixel AUROC",
        "AU-PRO",
        "one image",
        "eight",
        "file",
    )
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in newest("precision-*.json")["rows"]:
        whole, rounded = row["float32"], row["int8"]
        cells = [
            f"{whole[name]:.3f} ({rounded[name] - whole[name]:+.3f})"
            for name in ("image_auroc", "pixel_auroc", "au_pro")
        ]
        for batch in ("one", "eight"):
            before, after = (v[f"milliseconds_{batch}"]["median"] for v in (whole, rounded))
            cells.append(f"{before:.0f} → {after:.0f} ms, {before / after:.1f} times")
        cells.append(f"{whole['model_bytes'] / 1e6:.1f} → {rounded['model_bytes'] / 1e6:.1f} MB")
        follows = "EfficientAd, teacher " if row["detector"] == "efficientad" else ""
        lines.append(f"| {row['data']} | {follows}{row['backbone']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def newest(pattern: str) -> dict[str, Any]:
    """The record with the latest date in its name; empty where there is none."""
    records = sorted(RECORDS.glob(pattern))
    if not records:
        return {}
    record: dict[str, Any] = json.loads(records[-1].read_text())
    return {"date": records[-1].stem[-10:]} | record


if __name__ == "__main__":
    main()
