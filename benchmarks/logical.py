"""Defects of logic, where every patch is right and the whole is wrong: what an autoencoder is for.

    python benchmarks/logical.py

A drawn box has two compartments. On a good one each holds two elements, all four of one kind: a
ring, a square or a cross. They lie anywhere and turned anyhow, so that no place is odd by itself.
Defects: an element is missing; one is there once more; the elements of one compartment were swapped
for those of another kind; one lies in the other compartment. Who counts and compares finds them
all; what looks at patches sees nothing that good boxes do not have. A seed draws the boxes and
begins the nets.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from day_record import DayRecord
from figures import of_images

TRAINED, GOOD, EACH = 200, 100, 50
DEFECTS = ("missing", "doubled", "swapped", "misplaced")
KINDS = "odx"
SIDE, ELEMENT = 256, 13  # pixels; half of an element's side
SEEN = 128  # pixels a side of the working images, so that a training takes minutes
TOP, BOTTOM, LEFT, WIDTH = 16, 240, (16, 144), 96  # of the compartments
INSET, APART = 20, 48  # pixels from an element's centre to the walls and to the next one, at least

WITHOUT = "efficientad, quick"
WITH = f"{WITHOUT}, with an autoencoder"
LONG = 4000  # steps; else those of `quick`
MAP, FEATURES = "deviations_autoencoder", ("teacher", "autoencoder")  # tensors of a graph

Image = NDArray[np.uint8]
Rng = np.random.Generator
Place = tuple[float, float]


def main() -> None:
    """Train, judge, and write the day's record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--detectors", nargs="*", default=list(detectors(0)))
    arguments = parser.parse_args()
    record = DayRecord("logical")
    for seed in arguments.seeds:
        for name in arguments.detectors:
            case = {"detector": name, "seed": seed}
            if record.holds(case):
                continue
            record.add(case | judged(detectors(seed)[name], seed))


def detectors(seed: int) -> dict[str, Any]:
    """What is compared, by its name in the table. No training ends before its last step."""
    import blemish

    def student(**values: Any) -> Any:
        return blemish.EfficientAd(image_size=SEEN, unexplained=0.0, seed=seed, **values)

    return {
        "patchcore": blemish.PatchCore(image_size=SEEN, seed=seed),
        WITHOUT: student(),
        WITH: student(autoencoder_weight=0.5),
        f"{WITHOUT}, {LONG} steps": student(steps=LONG),
        f"{WITH}, {LONG} steps": student(steps=LONG, autoencoder_weight=0.5),
    }


def judged(detector: Any, seed: int) -> dict[str, Any]:
    """Image AUROC of each defect against the good boxes.

    Where there is an autoencoder, also that of the largest value of its map alone (`alone`), and
    how much of the variance from good box to good box, in the teacher's features, is also in what
    the autoencoder makes of the boxes (`moves`): 0 if it says the same of all.
    """
    from blemish.detectors.conformance.images import DrawnImages
    from blemish.graph.session import Session
    from blemish.graph.trace import tensor_names, with_outputs
    from blemish.progress import LoggedProgress

    rng = np.random.default_rng(seed)
    train = DrawnImages({f"{i:03}": box(rng) for i in range(TRAINED)})
    with closing(detector.fit(train, progress=LoggedProgress())) as fitted:
        graph = fitted.graph.SerializeToString()
    coded = MAP in tensor_names(graph)
    names = ["score", *([MAP, *FEATURES] if coded else [])]
    session = Session(with_outputs(graph, names))

    def answers(count: int, defect: str | None) -> dict[str, NDArray[np.float32]]:
        """Each of the outputs, stacked over some new boxes."""
        found = [session.run(names, image=box(rng, defect)[None]) for _ in range(count)]
        return {name: np.concatenate(one) for name, *one in zip(names, *found, strict=True)}

    good = answers(GOOD, None)
    bad = {defect: answers(EACH, defect) for defect in DEFECTS}

    def auroc(output: str) -> dict[str, float | None]:
        return {
            defect: of_images(
                [float(one.max()) for one in (*good[output], *found[output])],
                [False] * GOOD + [True] * EACH,
            )["image_auroc"]
            for defect, found in bad.items()
        }

    row: dict[str, Any] = {"image_auroc": auroc("score")}
    if coded:
        teacher, coder = (float(good[name].var(axis=0).mean()) for name in FEATURES)
        row |= {"alone": auroc(MAP), "moves": round(coder / teacher, 5)}
    return row


# --- the box -----------------------------------------------------------------------------------


def box(rng: Rng, defect: str | None = None) -> Image:
    """A box, good or with a defect of logic, H x W x 3."""
    grey = np.full((SIDE, SIDE), 90.0)
    for compartment, left in zip(contents(rng, defect), LEFT, strict=True):
        grey[TOP:BOTTOM, left : left + WIDTH] = 165
        for kind, at in zip(compartment, places(rng, len(compartment), left), strict=True):
            stamp(grey, kind, at, rng.uniform(0, math.tau), 60 + 4 * rng.standard_normal())
    grey += rng.normal(0, 3, grey.shape) + 4 * rng.standard_normal()
    image: Image = np.clip(np.rint(grey), 0, 255).astype(np.uint8)[:, :, None].repeat(3, axis=2)
    return image


def contents(rng: Rng, defect: str | None) -> list[list[str]]:
    """Kinds of the elements in the left compartment and in the right one."""
    kind, another = rng.permutation(list(KINDS))[:2]
    one, other = [kind] * 2, [kind] * 2
    if defect == "missing":
        one.pop()
    elif defect == "doubled":
        one.append(kind)
    elif defect == "swapped":
        one[:] = [another] * 2
    elif defect == "misplaced":
        other.append(one.pop())
    return [one, other] if rng.random() < 0.5 else [other, one]


def places(rng: Rng, count: int, left: int) -> list[Place]:
    """Where elements of a compartment lie: anywhere, but not on each other."""
    found: list[Place] = []
    while len(found) < count:
        row = rng.uniform(TOP + INSET, BOTTOM - INSET)
        column = rng.uniform(left + INSET, left + WIDTH - INSET)
        if all(math.dist((row, column), other) >= APART for other in found):
            found.append((row, column))
    return found


def stamp(grey: NDArray[np.float64], kind: str, at: Place, turned: float, value: float) -> None:
    """Put an element into a box: a ring (`o`), a square (`d`), a cross (`x`)."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    down, right = rows - at[0], columns - at[1]
    cosine, sine = math.cos(turned), math.sin(turned)
    u, v = np.abs(cosine * down + sine * right), np.abs(cosine * right - sine * down)
    shapes: dict[str, Callable[[], NDArray[np.float64]]] = {
        "o": lambda: 4.0 - np.abs(np.hypot(u, v) - ELEMENT + 4),
        "d": lambda: ELEMENT - 2 - np.maximum(u, v),
        "x": lambda: np.minimum(ELEMENT - np.maximum(u, v), 4 - np.minimum(u, v)),
    }
    cover = np.clip(shapes[kind]() + 0.5, 0, 1)
    grey += cover * (value - grey)


if __name__ == "__main__":
    main()
