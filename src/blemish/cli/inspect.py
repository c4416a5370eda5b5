"""`blemish inspect`: what a model file says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from blemish.cli import console
from blemish.cli.options import AsJson, ModelFile
from blemish.cli.thresholds import suspicious_facts, threshold_facts
from blemish.wording import bytes_text

Verify = Annotated[
    bool,
    typer.Option("--verify", help="Also run the graph on simple images: are all scores finite?"),
]
SHOWN_APART = ("backbone", "levels", "image_size", "fit", "seed")


def inspect(model: ModelFile, verify: Verify = False, as_json: AsJson = False) -> None:
    """Say what is in a model file, and where it comes from.

    The hash over all bytes of the file is checked each time.
    """
    from blemish.model.model import inspect as read
    from blemish.model.model import load
    from blemish.model.probing import probe

    facts = read(model)
    probes = probe(load(model)) if verify else 0
    if as_json:
        console.write_json(facts | ({"verified": True, "probes": probes} if verify else {}))
    else:
        console.write_facts(_facts(model, facts))
    if verify:
        console.say(
            "verified: no byte has changed since it was written, and the graph gives finite scores "
            f"and maps for {probes} simple images"
        )


def _facts(path: Path, facts: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    detector, training = facts["detector"], facts["training"]
    yield "model", f"{path}, {bytes_text(facts['bytes'])}"
    yield "sha256", f"{facts['sha256']} (matches the file)"
    yield "made by", _versions(facts)
    yield from _detector_facts(detector)
    yield (
        "images",
        f"{facts['input']['format']['bit_depth']} bit, alpha: {facts['input']['alpha']}",
    )
    yield "outputs", ", ".join(facts["outputs"])
    yield "trained on", _trained_on(detector, training)
    yield from threshold_facts(facts["calibration"])
    yield from suspicious_facts(training)


def _detector_facts(detector: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    settings, backbone = detector["settings"], detector.get("backbone")
    yield "detector", f"{detector['name']}, seed {settings['seed']}"
    yield "image size", f"{_spell_size(settings['image_size'])}, {settings['fit']}"
    if backbone:
        yield "backbone", f"{backbone['name']}, licence {backbone['licence']}"
        yield "backbone sha256", backbone["sha256"]
        yield "levels", ", ".join(backbone["levels"])
    if "bank_vectors" in detector:
        size = f"{detector['bank_vectors']:,} vectors of {detector['bank_dimensions']} dimensions"
        yield "memory bank", f"{size}, out of {detector['patches']:,} patches"
    if teacher := detector.get("teacher"):
        yield "teacher", f"{teacher['name']}, licence {teacher['licence']}"
        yield "teacher sha256", teacher["sha256"]
        made = detector["trained_with"]
        yield "nets", f"PDN {teacher['pdn']}, {detector['parameters']:,} parameters in all"
        yield (
            "training",
            f"{settings['steps']:,} steps on {made['device']} in {made['precision']}, against "
            f"{detector['penalty']['images']:,} images ({detector['penalty']['source']})",
        )
    chosen = {name: value for name, value in settings.items() if value is not None}
    others = [f"{name}={value}" for name, value in chosen.items() if name not in SHOWN_APART]
    yield "settings", ", ".join(others)


def _trained_on(detector: Mapping[str, Any], training: Mapping[str, Any]) -> str:
    """How many images the graph learned from, and how many were only judged by it."""
    count = len(training["images"])
    learned = detector.get("trained_on", count)
    told = f"{learned:,} good images of {training['dataset']}"
    return told if learned == count else f"{told}; {count - learned:,} more were held out"


def _versions(facts: Mapping[str, Any]) -> str:
    others = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return f"blemish {facts['blemish']} (schema {facts['schema']}), {others}"


def _spell_size(size: int | list[int]) -> str:
    height, width = (size, size) if isinstance(size, int) else size
    return f"{height} x {width}"
