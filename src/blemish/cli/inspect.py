"""`blemish inspect`: what a model file says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.binomial import CONFIDENCE, rate_at_most
from blemish.cli import console
from blemish.cli.options import AsJson
from blemish.cli.options import ModelFile as ModelArgument
from blemish.cli.steps import extras_facts, history_facts
from blemish.cli.thresholds import inspectable_facts, suspicious_facts, threshold_facts
from blemish.detectors.settings import DetectorSettings
from blemish.wording import bytes_text, counted, rate_text

if TYPE_CHECKING:
    from blemish.model.facts import (
        AlignmentFacts,
        DetectorFacts,
        Facts,
        TrainingFacts,
        WorkingFacts,
    )
    from blemish.model.file import ModelFile

Verify = Annotated[
    bool,
    typer.Option("--verify", help="Also run the graph on simple images: are all scores finite?"),
]


def inspect(model: ModelArgument, verify: Verify = False, as_json: AsJson = False) -> None:
    """Say what is in a model file, and where it comes from.

    The hash over all bytes of the file is checked each time.
    """
    from blemish.model.file import inspect as look_into
    from blemish.model.model import load
    from blemish.model.probing import probe

    file = look_into(model)
    probes = probe(load(model)) if verify else 0
    if as_json:
        console.write_json(
            file.to_dict() | ({"verified": True, "probes": probes} if verify else {})
        )
    else:
        console.write_facts(_facts(model, file))
    if verify:
        console.say(
            "verified: no byte has changed since it was written, and the graph gives finite scores "
            f"and maps for {probes} simple images"
        )


def _facts(path: Path, file: ModelFile) -> Iterator[tuple[str, str | None]]:
    facts = file.facts
    yield "model", f"{path}, {bytes_text(file.size_bytes)}"
    yield "sha256", f"{file.sha256} (matches the file)"
    yield "made by", _versions(facts)
    yield from _detector_facts(facts.detector, facts.input.working)
    yield "images", f"{facts.input.format.bit_depth} bit, alpha: {facts.input.alpha}"
    if (zones := facts.input.zones) is not None:
        height, width = zones.size_hw
        yield "zones", f"{', '.join(zones.names)}, of images of {width} x {height} pixels"
        count = len(zones.peaks)
        for name, above in zones.above(facts.calibration.image_threshold).items():
            bound = rate_text(rate_at_most(above, count, confidence=CONFIDENCE))
            told = f"{above:,} of {count:,} good images rejected for it"
            yield f"zone {name}", f"{told}; under {bound} with 95% confidence"
    if (aligned := facts.input.alignment) is not None:
        yield from _alignment_facts(aligned)
    yield "outputs", ", ".join(file.outputs)
    yield "trained on", _trained_on(facts.training)
    yield from threshold_facts(facts.calibration)
    if facts.inspectable is not None:
        yield from inspectable_facts(facts.inspectable)
    yield from suspicious_facts(facts.training)
    if facts.golden:
        yield (
            "golden samples",
            f"{counted(len(facts.golden), 'image')} (blemish verify checks them)",
        )
    yield from history_facts(facts.history)
    yield from extras_facts(file.extras)


def _alignment_facts(aligned: AlignmentFacts) -> Iterator[tuple[str, str]]:
    from blemish.alignment.settings import SCALES

    height, width = aligned.size_hw
    yield "aligned with", f"{aligned.reference}, {width} x {height} pixels"
    scales = f", other sizes up to {SCALES:.0%}" if aligned.scale else ""
    turns = f"turns up to {aligned.degrees:g} degrees"
    yield "", f"shifts up to {aligned.shift:.0%} of the longer side, {turns}{scales}"
    count, lowest = len(aligned.agreements), min(aligned.agreements, default=1.0)
    rate = rate_text(aligned.rate)
    yield "agreement", f"at least {aligned.limit:.3f}; at most {rate} of good parts have less"
    yield "", f"by {count:,} good images, the lowest {lowest:.3f}"


def _detector_facts(facts: DetectorFacts, working: WorkingFacts) -> Iterator[tuple[str, str]]:
    height, width = working.size_hw
    yield "detector", f"{facts.name}, seed {facts.seed}"
    resized = f"{height} x {width}, {working.resize}"
    yield "image size", resized if working.scale is None else f"x {working.scale:g}"
    if working.tile_hw is not None:
        yield "tiles", f"{working.tile_hw[0]} x {working.tile_hw[1]}"
    for source in facts.sources:
        yield source.role, f"{source.name}, licence {source.licence}"
        yield f"{source.role} sha256", source.sha256
    yield from facts.told
    shared = DetectorSettings.names()
    others = {n: v for n, v in facts.settings.items() if n not in shared and v is not None}
    yield "settings", ", ".join(f"{name}={value}" for name, value in others.items())


def _trained_on(training: TrainingFacts) -> str:
    """How many images the graph learned from, and how many were only judged by it."""
    from blemish.detectors.contract import HELD_OUT

    count = len(training.images)
    scored = sum(image.scored is not None for image in training.images)
    held_out = scored if training.left_out == HELD_OUT else 0
    told = f"{count - held_out:,} good images of {training.dataset}"
    return f"{told}; {held_out:,} more were held out" if held_out else told


def _versions(facts: Facts) -> str:
    others = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    return f"blemish {facts.blemish} (schema {facts.schema}), {others}"
