"""`blemish inspect`: what a model file says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli import console
from blemish.cli.options import AsJson
from blemish.cli.options import ModelFile as ModelArgument
from blemish.cli.thresholds import suspicious_facts, threshold_facts
from blemish.wording import bytes_text

if TYPE_CHECKING:
    from blemish.model.facts import DetectorFacts, Facts
    from blemish.model.file import ModelFile

Verify = Annotated[
    bool,
    typer.Option("--verify", help="Also run the graph on simple images: are all scores finite?"),
]
SHOWN_APART = ("backbone", "levels", "image_size", "fit", "seed")


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
    yield from _detector_facts(facts.detector)
    yield "images", f"{facts.input.format.bit_depth} bit, alpha: {facts.input.alpha}"
    yield "outputs", ", ".join(file.outputs)
    yield "trained on", _trained_on(facts)
    yield from threshold_facts(facts.calibration)
    yield from suspicious_facts(facts.training)


def _detector_facts(facts: DetectorFacts) -> Iterator[tuple[str, str | None]]:
    settings, details = facts.settings, facts.details
    yield "detector", f"{facts.name}, seed {settings['seed']}"
    yield "image size", f"{_spell_size(settings['image_size'])}, {settings['fit']}"
    for source in facts.sources:
        yield source.role, f"{source.name}, licence {source.licence}"
        yield f"{source.role} sha256", source.sha256
    if "backbone" in details:
        yield "levels", ", ".join(details["backbone"]["levels"])
    if "bank_vectors" in details:
        size = f"{details['bank_vectors']:,} vectors of {details['bank_dimensions']} dimensions"
        yield "memory bank", f"{size}, out of {details['patches']:,} patches"
    if teacher := details.get("teacher"):
        made = details["trained_with"]
        yield "nets", f"PDN {teacher['pdn']}, {details['parameters']:,} parameters in all"
        yield (
            "training",
            f"{settings['steps']:,} steps on {made['device']} in {made['precision']}, against "
            f"{details['penalty']['images']:,} images ({details['penalty']['source']})",
        )
    chosen = {name: value for name, value in settings.items() if value is not None}
    others = [f"{name}={value}" for name, value in chosen.items() if name not in SHOWN_APART]
    yield "settings", ", ".join(others)


def _trained_on(facts: Facts) -> str:
    """How many images the graph learned from, and how many were only judged by it."""
    count, learned = len(facts.training.images), facts.detector.learned_from
    learned = count if learned is None else learned
    told = f"{learned:,} good images of {facts.training.dataset}"
    return told if learned == count else f"{told}; {count - learned:,} more were held out"


def _versions(facts: Facts) -> str:
    others = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    return f"blemish {facts.blemish} (schema {facts.schema}), {others}"


def _spell_size(size: int | list[int]) -> str:
    height, width = (size, size) if isinstance(size, int) else size
    return f"{height} x {width}"
