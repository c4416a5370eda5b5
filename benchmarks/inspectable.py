"""What cannot be inspected: good images that are called so, and images that ought to be.

    python benchmarks/inspectable.py --shared ../shared      # all sets, half an hour on two cores
    python benchmarks/inspectable.py --set bottle

A model of each set, at blemish's defaults, judges its test images, some good ones of these spoiled
(darker, brighter, blurred), a plain belt, and images of the other sets at this one's size. And the
images that were left out of the fit are split at random, 200 times: what one half says cannot be
inspected, of the other half.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

import blemish
from blemish.calibration.inspectable import LeftOut, learn
from blemish.images.exposure import exposure_of, level_of
from blemish.result import GOOD
from day_record import DayRecord, Row

SPOILED, OTHERS, DRAWS = 20, 5, 200

Pixels = NDArray[np.uint8]


def main() -> None:
    """Measure what the day's record does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="holds data/")
    parser.add_argument("--set", action="append", help="only these")
    arguments = parser.parse_args()
    record, sets = DayRecord("inspectable"), places(arguments.shared / "data")
    for name in arguments.set or sets:
        if not record.holds({"set": name}):
            record.add(*rows_of(name, sets))


def places(data: Path) -> dict[str, str]:
    """Where each set is."""
    real = {"bottle": data / "mvtec" / "bottle", "lgp": data / "lgp", "mtd": data / "mtd"}
    drawn = {name: f"surfaces/{name}" for name in ("tile", "leather", "grid")}
    return {name: str(path) for name, path in real.items()} | drawn


class Noted(blemish.PatchCore):
    """A detector that remembers the levels of the maps of images that were left out."""

    def fit(self, images: Any, **options: Any) -> Any:
        """As ever."""
        fitted = super().fit(images, **options)
        left_out, self.levels = fitted.held_out_map, {}

        def noted(name: str) -> Any:
            score_map = left_out(name)
            self.levels[name] = level_of(score_map)
            return score_map

        fitted.held_out_map = noted
        return fitted


def rows_of(name: str, sets: dict[str, str]) -> Iterator[Row]:
    """What is measured of one set."""
    dataset, detector = blemish.open_dataset(sets[name]), Noted()
    model = blemish.fit(dataset, detector)
    told = model.facts.inspectable
    assert told is not None
    facts = {"set": name, "images": told.images, "rate": told.rate, "limit": told.limit}
    good = [s.read() for s in dataset.test if s.label == GOOD]
    yield facts | judged("good", model, good)
    yield facts | judged("defect", model, [s.read() for s in dataset.test if s.label != GOOD])
    for case, spoil in cases().items():
        yield facts | judged(case, model, [spoil(image) for image in good[:SPOILED]])
    height, width = good[0].shape[:2]
    for other, place in sets.items():
        if other != name:
            some = blemish.open_dataset(place).train[:OTHERS]
            resized = [Image.fromarray(s.read()).resize((width, height)) for s in some]
            yield facts | judged(f"set {other}", model, [np.asarray(one) for one in resized])
    exposures = {sample.id: exposure_of(sample.read()) for sample in dataset.train}
    left_out = [LeftOut(exposures[one], level) for one, level in detector.levels.items()]
    yield facts | halves(left_out, model.calibration.pixel_threshold)


def cases() -> dict[str, Callable[[Pixels], Pixels]]:
    """What is done to good images."""
    return {
        **{f"light x {times:g}": lit(times) for times in (0.5, 0.9, 1.1, 1.5)},
        **{f"blur {px} px": blurred(px) for px in (1, 2, 4)},
        "belt": belt,
    }


def lit(times: float) -> Callable[[Pixels], Pixels]:
    """Other light: so many times as bright, and white where that is beyond it."""
    return lambda image: np.clip(np.rint(image * times), 0, 255).astype(np.uint8)


def blurred(px: float) -> Callable[[Pixels], Pixels]:
    """Out of focus: a Gaussian of so many pixels."""
    blur = ImageFilter.GaussianBlur(px)
    return lambda image: np.asarray(Image.fromarray(image).filter(blur))


def belt(image: Pixels) -> Pixels:
    """An empty belt: plain grey with the noise of a sensor."""
    noise = np.random.default_rng(int(image[0, 0, 0])).normal(110, 3, image.shape)
    return np.clip(noise, 0, 255).astype(np.uint8)


def judged(case: str, model: blemish.Model, images: Sequence[Pixels]) -> Row:
    """How many images get which verdict, and why."""
    found = model.predict(list(images))
    verdicts = Counter(str(one.verdict) for one in found)
    reasons = Counter(reason.code for one in found for reason in one.reasons)
    return {"case": case, "judged": len(found), "verdicts": verdicts, "reasons": reasons}


def halves(left_out: Sequence[LeftOut], pixel_threshold: float) -> Row:
    """What one half of images that were left out says of the other, on average."""
    rng, count = np.random.default_rng(0), len(left_out) // 2
    beyond: list[tuple[float, float]] = []
    for _ in range(DRAWS):
        order = rng.permutation(len(left_out))
        own, others = ([left_out[n] for n in some] for some in (order[:count], order[count:]))
        keys = [str(n) for n in range(count)]
        told = learn(own, keys, white_level=255, pixel_threshold=pixel_threshold)
        far = told.departures(others, 255).max(axis=1)
        beyond.append((float((far > told.farthest).mean()), float((far > told.limit).mean())))
    farthest, limit = np.mean(beyond, axis=0).tolist()
    promised = 1 / (count + 1)
    of_halves = {"promised": promised, "beyond_farthest": farthest, "beyond_limit": limit}
    return {"case": "halves", "draws": DRAWS, "half": count} | of_halves


if __name__ == "__main__":
    main()
