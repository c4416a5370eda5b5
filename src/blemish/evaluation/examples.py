"""Pictures of a model's worst decisions, for the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from blemish.data.dataset import GOOD, Dataset, Sample
from blemish.files import make_folder, write_whole
from blemish.images.header import DEFAULT_LIMITS, ReadLimits
from blemish.model import Model


def write_examples(
    model: Model,
    dataset: Dataset,
    pictures: Sequence[dict[str, Any]],
    directory: Path,
    *,
    name: str,
    most: int = 6,
    limits: ReadLimits = DEFAULT_LIMITS,
) -> dict[str, list[dict[str, Any]]]:
    """Write pictures and heat maps of the worst decisions, for the report.

    Args:
        model: that judged them.
        dataset: where they are from.
        pictures: rows of an `Evaluation`.
        directory: of the report; files go to `examples/NAME/` below it.
        name: of the job.
        most: how many of each kind.
        limits: what a picture may cost.

    Returns:
        `false_alarms` (highest scores first), `misses` (lowest first) and `caught` (median of
        their defect types), each with the paths of `picture` and `map` relative to `directory`.
    """
    samples = {sample.id: sample for sample in dataset.test}
    folder = directory / "examples" / name
    make_folder(folder)
    chosen = _choose(pictures, most)
    examples: dict[str, list[dict[str, Any]]] = {}
    for kind, rows in chosen.items():
        examples[kind] = [
            {key: row[key] for key in ("path", "score", "defect_type")}
            | _draw(model, samples[row["path"]], folder / f"{kind}_{number}", directory, limits)
            for number, row in enumerate(rows)
        ]
    return examples


def _choose(rows: Sequence[dict[str, Any]], most: int) -> dict[str, list[dict[str, Any]]]:
    def ordered(label: str, verdict: str) -> list[dict[str, Any]]:
        fitting = [row for row in rows if row["label"] == label and row["verdict"] == verdict]
        return sorted(fitting, key=lambda row: (row["score"], row["path"]))

    caught: list[dict[str, Any]] = []
    found = ordered("defect", "defect")
    for kind in sorted({row["defect_type"] for row in found}):
        own = [row for row in found if row["defect_type"] == kind]
        caught.append(own[len(own) // 2])
    return {
        "false_alarms": ordered(GOOD, "defect")[::-1][:most],
        "misses": ordered("defect", GOOD)[:most],
        "caught": caught[:most],
    }


def _draw(
    model: Model, sample: Sample, stem: Path, directory: Path, limits: ReadLimits
) -> dict[str, str]:
    from blemish.images.overlay import displayable, encode_jpeg, overlay

    picture = model.read(sample, limits=limits)
    result = model.predict(picture)
    drawn = overlay(
        picture,
        result.score_map,
        threshold=model.calibration.pixel_threshold,
        regions=result.regions,
        mask=sample.read_mask((picture.shape[0], picture.shape[1]), limits=limits),
    )
    files = {}
    for kind, pixels in (("picture", displayable(picture)), ("map", drawn)):
        path = stem.with_name(f"{stem.name}_{kind}.jpg")
        write_whole(path, encode_jpeg(pixels))
        files[kind] = path.relative_to(directory).as_posix()
    return files
