"""`blemish inspect`: what a model file says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from blemish.cli import console
from blemish.cli.options import AsJson, ModelFile
from blemish.cli.thresholds import suspicious_facts, threshold_facts
from blemish.detectors.settings import DetectorSettings
from blemish.wording import bytes_text

Verify = Annotated[
    bool,
    typer.Option("--verify", help="Also run the graph on simple images: are all scores finite?"),
]


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
    training = facts["training"]
    yield "model", f"{path}, {bytes_text(facts['bytes'])}"
    yield "sha256", f"{facts['sha256']} (matches the file)"
    yield "made by", _versions(facts)
    yield from _detector_facts(facts["detector"])
    yield (
        "images",
        f"{facts['input']['format']['bit_depth']} bit, alpha: {facts['input']['alpha']}",
    )
    yield "outputs", ", ".join(facts["outputs"])
    yield "trained on", _trained_on(training)
    yield from threshold_facts(facts["calibration"])
    yield from suspicious_facts(training)


def _detector_facts(detector: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    shared = DetectorSettings.shared(detector["settings"])
    height, width = shared.size_hw
    yield "detector", f"{detector['name']}, seed {shared.seed}"
    yield "image size", f"{height} x {width}, {shared.fit}"
    for source in detector.get("sources", ()):
        yield source["role"], f"{source['name']}, licence {source['licence']}"
        yield f"{source['role']} sha256", source["sha256"]
    yield from detector.get("told", ())
    chosen = {name: value for name, value in detector["settings"].items() if value is not None}
    others = [f"{name}={value}" for name, value in chosen.items() if name not in shared.names()]
    yield "settings", ", ".join(others)


def _trained_on(training: Mapping[str, Any]) -> str:
    """How many images the graph learned from, and how many were only judged by it."""
    from blemish.detectors.contract import HELD_OUT

    images = training["images"]
    scored = sum(score is not None for _, _, score, _ in images)
    held_out = scored if training["left_out"] == HELD_OUT else 0
    told = f"{len(images) - held_out:,} good images of {training['dataset']}"
    return f"{told}; {held_out:,} more were held out" if held_out else told


def _versions(facts: Mapping[str, Any]) -> str:
    others = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return f"blemish {facts['blemish']} (schema {facts['schema']}), {others}"
