"""What every detector must keep, as checks that anyone can run on a detector of their own.

    check_detector(lambda seed: PatchCore(backbone="small.onnx", image_size=64, seed=seed))

The images are drawn here: a grey weave with some noise, and the same with a bright blot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.contract import Detector, Fitted, LeftOut
from blemish.graph.session import Session
from blemish.graph.trace import tensor_names, with_outputs
from blemish.images.format import ImageFormat
from blemish.progress import LoggedProgress

SIDE_PX = 72
TRAINING_IMAGES = 12
HARDLY = 1.25  # how many times as high a score may be for another order of the same images
CLOSE = 1e-5  # relative; what batches may differ by

ImageArray = NDArray[np.uint8]


class DrawnImages:
    """Images in memory as a detector takes them, in the order of their names."""

    image_format = ImageFormat()

    def __init__(self, images: dict[str, ImageArray]) -> None:
        self._images = dict(sorted(images.items()))
        self.sizes_hw = [(p.shape[0], p.shape[1]) for p in self._images.values()]
        self.split_keys = list(self._images)

    def __iter__(self) -> Iterator[tuple[str, ImageArray]]:
        return iter(self._images.items())


def check_detector(make: Callable[[int], Detector], *, chance: float = 1.0) -> None:
    """Check that a detector keeps the contract.

    Args:
        make: gives a new detector for a seed; small settings keep the checks quick.
        chance: how many times as high one fit's scores may be as another's by chance alone. 1 is
            right for what does not depend on it; nets that were trained for a few steps need more.

    Raises:
        AssertionError: it does not, with all that was found.
    """
    problems = [problem for check in _CHECKS for problem in check(make)]
    problems += [problem for check in _CHECKS_OF_SCORES for problem in check(make, chance)]
    if problems:
        raise AssertionError("\n".join(problems))


def _same_seed_gives_the_same_bytes(make: Callable[[int], Detector]) -> Iterator[str]:
    if _bytes(_fit(make)) != _bytes(_fit(make)):
        yield "the same seed gives different graphs"


def _order_hardly_matters(make: Callable[[int], Detector], chance: float) -> Iterator[str]:
    images = _training()
    turned = dict(zip(images, reversed(images.values()), strict=True))
    tests = [_blotted(seed, 120) for seed in range(300, 304)]
    one, other = (_scores(Session(_bytes(_fit(make, p))), tests) for p in (images, turned))
    apart = HARDLY * chance
    if not ((other < apart * one) & (one < apart * other)).all():
        yield f"in another order the same images give scores {other}, not about {one}"


def _batches_equal_images_one_by_one(make: Callable[[int], Detector]) -> Iterator[str]:
    session = Session(_bytes(_fit(make)))
    images = np.stack([_weave(seed) for seed in range(100, 108)])
    together = session.run(["score", "score_map"], image=images)
    for i, image in enumerate(images):
        alone = session.run(["score", "score_map"], image=image[None])
        for name, one, many in zip(("score", "score_map"), alone, together, strict=True):
            if not np.allclose(one[0], many[i], rtol=CLOSE, atol=CLOSE * np.abs(many).max()):
                yield f"{name} of image {i} depends on its batch"


def _any_image_is_judged(make: Callable[[int], Detector]) -> Iterator[str]:
    data = _bytes(_fit(make))
    yield from _scores_not_finite(data)
    yield from _empty_tensors(data)


def _scores_not_finite(data: bytes) -> Iterator[str]:
    session = Session(data)
    for kind, image in _odd_images():
        score, score_map = session.run(["score", "score_map"], image=image[None])
        if score.shape != (1,) or score_map.shape != (1, *image.shape[:2]):
            yield f"a {kind} image gives shapes {score.shape} and {score_map.shape}"
        elif not (np.isfinite(score).all() and np.isfinite(score_map).all()):
            yield f"a {kind} image gives a score that is not finite"


def _empty_tensors(data: bytes) -> Iterator[str]:
    """Runtimes crash on these, or fail, or give them wrong shapes; each in its own way."""
    names = tensor_names(data)
    session = Session(with_outputs(data, names))
    for kind, image in (*_odd_images(), *_ordinary_images()):
        values = session.run(names, image=image[None])
        empty = [name for name, value in zip(names, values, strict=True) if not value.size]
        if empty:
            yield f"a {kind} image leaves tensors empty: {', '.join(empty)}"


def _scores_rise_with_a_planted_defect(make: Callable[[int], Detector]) -> Iterator[str]:
    session = Session(_bytes(_fit(make)))
    seeds = range(200, 206)
    good, faint, strong = (
        _scores(session, [_blotted(seed, contrast) for seed in seeds]) for contrast in (0, 60, 120)
    )
    if not good.mean() < faint.mean() < strong.mean():
        yield "scores do not rise with the contrast of a blot"
    if not (strong > good).all():
        yield "a strong blot does not raise the score of every image"
    score_map = session.run(["score_map"], image=_blotted(200, 120)[None])[0][0]
    peak = np.unravel_index(score_map.argmax(), score_map.shape)
    if not (20 <= peak[0] <= 50 and 24 <= peak[1] <= 56):
        yield f"the map's peak {peak} is not at the blot"


def _one_training_image_is_enough(make: Callable[[int], Detector]) -> Iterator[str]:
    session = Session(_bytes(_fit(make, {"only": _weave(0)})))
    if not np.isfinite(_scores(session, [_weave(1)])).all():
        yield "fitted on one image, a score is not finite"


def _images_are_left_out_as_said(make: Callable[[int], Detector], chance: float) -> Iterator[str]:
    images = DrawnImages(_training())
    fitted, left_out = _fit_and_leave_out(make, images)
    scores = {result.name: result.score for result in left_out}
    said = make(0).calibration_images(images.split_keys)
    if not (len(left_out) == len(scores) == said and scores.keys() <= _training().keys()):
        yield f"left_out gives {len(left_out)} images where calibration_images said {said}"
        return
    session = Session(_bytes(fitted))
    shipped = _scores(session, [image for name, image in images if name in scores])
    new = np.array([scores[name] for name, _ in images if name in scores])
    if not np.mean(chance * new >= shipped - CLOSE) > 0.5:
        yield f"left-out scores {new} are lower than those of the graph that ships, {shipped}"


def _left_out_maps_are_those_of_the_scores(make: Callable[[int], Detector]) -> Iterator[str]:
    images = _training()
    fitted = make(0).fit(DrawnImages(images), progress=LoggedProgress())
    try:
        for result in list(fitted.left_out(progress=LoggedProgress())):
            score_map = fitted.left_out_map(result.name)
            if score_map.shape != images[result.name].shape[:2]:
                yield f"left_out_map of {result.name} is not of the image's size"
            if not np.isclose(score_map.max(), result.peak, rtol=CLOSE):
                yield f"left_out_map of {result.name} has another peak than left_out said"
    finally:
        fitted.close()


def _groups_are_left_out_together(make: Callable[[int], Detector]) -> Iterator[str]:
    images = DrawnImages(_training())
    images.split_keys = [f"pair {i // 2}" for i in range(TRAINING_IMAGES)]
    _, left_out = _fit_and_leave_out(make, images)
    key_of = dict(zip(_training(), images.split_keys, strict=True))
    keys = [key_of[result.name] for result in left_out]
    if len(keys) != 2 * len(set(keys)):
        yield "left_out gives one image of a group without the other"
    if len(set(keys)) != make(0).calibration_images(images.split_keys):
        yield "calibration_images does not count a group as one"


_CHECKS: Sequence[Callable[[Callable[[int], Detector]], Iterator[str]]] = (
    _same_seed_gives_the_same_bytes,
    _batches_equal_images_one_by_one,
    _any_image_is_judged,
    _scores_rise_with_a_planted_defect,
    _one_training_image_is_enough,
    _left_out_maps_are_those_of_the_scores,
    _groups_are_left_out_together,
)

_CHECKS_OF_SCORES: Sequence[Callable[[Callable[[int], Detector], float], Iterator[str]]] = (
    _order_hardly_matters,
    _images_are_left_out_as_said,
)


def _fit(make: Callable[[int], Detector], images: dict[str, ImageArray] | None = None) -> Fitted:
    fitted = make(0).fit(DrawnImages(images or _training()), progress=LoggedProgress())
    fitted.close()
    return fitted


def _fit_and_leave_out(
    make: Callable[[int], Detector], images: DrawnImages
) -> tuple[Fitted, list[LeftOut]]:
    fitted = make(0).fit(images, progress=LoggedProgress())
    try:
        return fitted, list(fitted.left_out(progress=LoggedProgress()))
    finally:
        fitted.close()


def _bytes(fitted: Fitted) -> bytes:
    data: bytes = fitted.graph.SerializeToString(deterministic=True)
    return data


def _scores(session: Session, images: list[ImageArray]) -> NDArray[np.float32]:
    scores: NDArray[np.float32] = session.run(["score"], image=np.stack(images))[0]
    return scores


def _training() -> dict[str, ImageArray]:
    return {f"{seed:02}": _weave(seed) for seed in range(TRAINING_IMAGES)}


def _weave(seed: int, size_hw: tuple[int, int] = (SIDE_PX, SIDE_PX)) -> ImageArray:
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(size_hw)
    phase = rng.uniform(0, 2 * np.pi, 2)
    waves = np.sin(rows * 0.8 + phase[0]) + np.sin(columns * 0.8 + phase[1])
    grey = 120 + 25 * waves + rng.normal(0, 4, size_hw)
    return _as_image(np.repeat(grey[..., None], 3, axis=2))


def _blotted(seed: int, contrast: float) -> ImageArray:
    image = _weave(seed).astype(np.float32)
    rows, columns = np.indices(image.shape[:2])
    blot = np.exp(-((rows - 35) ** 2 + (columns - 40) ** 2) / 30)
    return _as_image(image + contrast * blot[..., None])


def _as_image(values: NDArray[Any]) -> ImageArray:
    clipped: NDArray[Any] = np.clip(values, 0, 255)
    return clipped.astype(np.uint8)


def _ordinary_images() -> Iterator[tuple[str, ImageArray]]:
    yield "training", _weave(0)
    yield "good", _weave(100)
    yield "blotted", _blotted(100, 120)
    noise = np.random.default_rng(0).integers(0, 256, (SIDE_PX, SIDE_PX, 3))
    yield "noisy", noise.astype(np.uint8)


def _odd_images() -> Iterator[tuple[str, ImageArray]]:
    yield "black", np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    yield "white", np.full((SIDE_PX, SIDE_PX, 3), 255, np.uint8)
    yield "tiny", _weave(1, (8, 8))
    yield "non-square", _weave(1, (50, 90))
    yield "large", _weave(1, (300, 250))
    yield "flat", _weave(1, (16, 400))
    yield "narrow", _weave(1, (400, 16))
