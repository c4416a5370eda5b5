"""Defects of logic, where every patch is right and the whole is wrong: what an autoencoder is for.

    python benchmarks/logical.py

A drawn plate carries nine elements of three kinds at their places, a little shifted and turned from
plate to plate. Defects: one is missing, one is there twice, two of different kinds are swapped, one
is at a wrong place. A detector each with and without the autoencoder, and PatchCore beside them.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from figures import of_images

RECORDS = Path(__file__).parent / "records"
SIDE, ELEMENT = 128, 8  # pixels; half of an element's side
TRAINED, GOOD, EACH = 120, 60, 30
KINDS = "odxxoddxo"  # row by row
DEFECTS = ("missing", "doubled", "swapped", "misplaced")

Image = NDArray[np.uint8]
Rng = np.random.Generator
Place = tuple[float, float]


def main() -> None:
    """Train, judge, and write the day's record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    arguments = parser.parse_args()
    from blemish.records.machine import machine, versions

    rows: list[dict[str, Any]] = []
    path = RECORDS / f"logical-{datetime.now(UTC).date().isoformat()}.json"
    for seed in arguments.seeds:
        for name, detector in detectors(arguments.steps, seed).items():
            rows.append(
                {"detector": name, "seed": seed, "steps": arguments.steps} | judged(detector)
            )
            print(json.dumps(rows[-1]), flush=True)
            record = {"machine": machine(), "versions": versions(), "rows": rows}
            path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


def detectors(steps: int, seed: int) -> dict[str, Any]:
    """What is compared."""
    import blemish

    def student(weight: float) -> Any:
        return blemish.EfficientAd(
            image_size=SIDE, steps=steps, unexplained=0.0, autoencoder_weight=weight, seed=seed
        )

    return {
        "EfficientAd, without": student(0.0),
        "EfficientAd, with an autoencoder": student(0.5),
        "PatchCore": blemish.PatchCore(image_size=SIDE, seed=seed),
    }


def judged(detector: Any) -> dict[str, Any]:
    """Image AUROC of each defect against the good plates."""
    from blemish.detectors.conformance.images import DrawnImages
    from blemish.graph.session import Session
    from blemish.progress import LoggedProgress

    rng = np.random.default_rng(7)
    train = DrawnImages({f"{i:03}": plate(rng) for i in range(TRAINED)})
    with closing(detector.fit(train, progress=LoggedProgress())) as fitted:
        session = Session(fitted.graph.SerializeToString())

    def scores(count: int, defect: str | None) -> list[float]:
        images = (plate(rng, defect) for _ in range(count))
        return [float(session.run(["score"], image=image[None])[0][0]) for image in images]

    good = scores(GOOD, None)
    found = {}
    for defect in DEFECTS:
        bad = scores(EACH, defect)
        labels = [False] * len(good) + [True] * len(bad)
        found[defect] = of_images([*good, *bad], labels)["image_auroc"]
    return {"image_auroc": found}


# --- the plate ---------------------------------------------------------------------------------


def plate(rng: Rng, defect: str | None = None) -> Image:
    """A plate, good or with a defect of logic."""
    places = [(28.0 + 36 * row, 28.0 + 36 * column) for row in range(3) for column in range(3)]
    elements = list(zip(KINDS, places, strict=True))
    one = int(rng.integers(len(elements)))
    between = (46.0 + 36 * rng.integers(2), 46.0 + 36 * rng.integers(2))  # of four neighbours
    if defect == "missing":
        del elements[one]
    elif defect == "doubled":
        elements.append((elements[one][0], between))
    elif defect == "misplaced":
        elements[one] = (elements[one][0], between)
    elif defect == "swapped":
        others = [i for i, (kind, _) in enumerate(elements) if kind != elements[one][0]]
        other = int(rng.choice(others))
        (kind, place), (other_kind, other_place) = elements[one], elements[other]
        elements[one], elements[other] = (other_kind, place), (kind, other_place)
    grey = 150 + rng.normal(0, 3, (SIDE, SIDE)) + 6 * rng.standard_normal()
    shift = rng.uniform(-2, 2, 2)
    for kind, place in elements:
        moved = place[0] + shift[0], place[1] + shift[1]
        stamp(grey, kind, moved, rng.uniform(-0.1, 0.1), 70 + 4 * rng.standard_normal())
    image: Image = np.clip(np.rint(grey), 0, 255).astype(np.uint8)[:, :, None].repeat(3, axis=2)
    return image


def stamp(grey: NDArray[np.float64], kind: str, at: Place, turned: float, value: float) -> None:
    """Put an element on a plate: a ring (`o`), a square (`d`), a cross (`x`)."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    down, right = rows - at[0], columns - at[1]
    cosine, sine = math.cos(turned), math.sin(turned)
    u, v = np.abs(cosine * down + sine * right), np.abs(cosine * right - sine * down)
    shapes: dict[str, Callable[[], NDArray[np.float64]]] = {
        "o": lambda: 3.0 - np.abs(np.hypot(u, v) - ELEMENT + 3),
        "d": lambda: ELEMENT - 2 - np.maximum(u, v),
        "x": lambda: np.minimum(ELEMENT - np.maximum(u, v), 3.5 - np.minimum(u, v)),
    }
    cover = np.clip(shapes[kind]() + 0.5, 0, 1)
    grey += cover * (value - grey)


if __name__ == "__main__":
    main()
