"""What takes another fit to check."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from blemish.detectors.conformance.images import DrawnImages, blotted, training_images, weave
from blemish.detectors.conformance.subject import Problems, Subject, bytes_of, scores_of
from blemish.errors import CalibrationError
from blemish.graph.session import Session
from blemish.progress import LoggedProgress

HARDLY = 1.25  # how many times as high a score may be for another order of the same images


def _the_same_seed_gives_the_same_bytes(subject: Subject) -> Problems:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with closing(subject.fit_again(subject.images, folder)) as fitted:
            if bytes_of(fitted) != subject.data:
                yield "the same seed gives different graphs"
        kept = sorted(path.name for path in folder.iterdir())
    if kept and not subject.make(0).resumable:
        yield f"it is not resumable, but keeps {kept}"
    if not all(name.endswith(".safetensors") for name in kept):
        yield f"what is kept of a fit must end in .safetensors; there are {kept}"


def _the_order_hardly_matters(subject: Subject) -> Problems:
    images = dict(subject.images)
    turned = dict(zip(images, reversed(images.values()), strict=True))
    tests = [blotted(seed, 120) for seed in range(300, 304)]
    with closing(subject.fit_again(DrawnImages(turned))) as fitted:
        one, other = (scores_of(s, tests) for s in (subject.session, Session(bytes_of(fitted))))
    apart = HARDLY * subject.chance
    if not ((other < apart * one) & (one < apart * other)).all():
        yield f"in another order the same images give scores {other}, not about {one}"


def _one_training_image_is_enough(subject: Subject) -> Problems:
    with closing(subject.fit_again(DrawnImages({"only": weave(0)}))) as fitted:
        if not np.isfinite(scores_of(Session(bytes_of(fitted)), [weave(1)])).all():
            yield "fitted on one image, a score is not finite"
        try:
            list(fitted.held_out_scores(progress=LoggedProgress()))
        except CalibrationError:
            return
        yield "left_out of the only image raises no CalibrationError"


def _groups_are_left_out_together(subject: Subject) -> Problems:
    images = DrawnImages(training_images())
    images.split_keys = [f"pair {i // 2}" for i in range(len(images.sizes_hw))]
    with closing(subject.fit_again(images)) as fitted:
        left_out = list(fitted.held_out_scores(progress=LoggedProgress()))
    key_of = dict(zip(dict(images), images.split_keys, strict=True))
    keys = [key_of[result.name] for result in left_out]
    if len(keys) != 2 * len(set(keys)):
        yield "left_out gives one image of a group without the other"
    if len(set(keys)) != subject.make(0).calibration_images(images.split_keys):
        yield "calibration_images does not count a group as one"


CHECKS: Sequence[Callable[[Subject], Problems]] = (
    _the_same_seed_gives_the_same_bytes,
    _the_order_hardly_matters,
    _one_training_image_is_enough,
    _groups_are_left_out_together,
)
