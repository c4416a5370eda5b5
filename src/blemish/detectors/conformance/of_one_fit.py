"""What can be checked of a detector that is fitted once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from blemish.detectors.conformance.images import (
    BLOT_COLUMN,
    BLOT_ROW,
    blotted,
    odd_images,
    ordinary_images,
    weave,
)
from blemish.detectors.conformance.subject import (
    Problems,
    Subject,
    bytes_of,
    not_plain,
    scores_of,
    told_badly,
)
from blemish.detectors.contract import HELD_OUT, Fitted
from blemish.graph.session import Session
from blemish.graph.trace import tensor_names, with_outputs

CLOSE = 1e-5  # relative; what batches may differ by
NEARLY, SLACK_BYTES = 2.0, 200_000  # how far a model's size may be from the planned one
BESIDE_PX = 16  # how far from the blot the map's peak may be
WILDLY = 100.0  # how many times as high as of new images scores of those left out must never be
METHODS = rf"leave-one-out|\d+-fold|{HELD_OUT}"


def its_graph_can_be_run(fitted: Fitted) -> Problems:
    """Whether a fit's graph is one, from `image` to `score` and `score_map`."""
    try:
        session = Session(bytes_of(fitted))
    except Exception as error:  # of a property, of what is no model, of ONNX Runtime
        yield f"the fit's graph cannot be loaded: {type(error).__name__}: {error}"
        return
    if session.inputs != ["image"]:
        yield f"the graph must take 'image' alone; it takes {session.inputs}"
    for name in ("score", "score_map"):
        if name not in session.outputs:
            yield f"the graph gives no '{name}'; it gives {session.outputs}"


def _a_fit_tells_of_itself(subject: Subject) -> Problems:
    fitted = subject.fitted
    yield from told_badly(fitted.told(), "the fit")
    yield from not_plain(fitted.details, "details")
    if not isinstance(fitted.batch, int) or fitted.batch < 1:
        yield f"batch must be a whole number of at least 1; got {fitted.batch!r}"
    if not re.fullmatch(METHODS, fitted.held_out_method):
        yield f"held_out_method must look like {METHODS}; got '{fitted.held_out_method}'"


def _the_model_is_as_large_as_planned(subject: Subject) -> Problems:
    planned, found = subject.make(0).plan(subject.images).model_bytes, len(subject.data)
    if not planned / NEARLY - SLACK_BYTES <= found <= NEARLY * planned + SLACK_BYTES:
        yield f"the model has {found} bytes where the plan said {planned}"


def _batches_equal_images_one_by_one(subject: Subject) -> Problems:
    images = np.stack([weave(seed) for seed in range(100, 108)])
    together = subject.session.run(["score", "score_map"], image=images)
    for i, image in enumerate(images):
        alone = subject.session.run(["score", "score_map"], image=image[None])
        for name, one, many in zip(("score", "score_map"), alone, together, strict=True):
            if not np.allclose(one[0], many[i], rtol=CLOSE, atol=CLOSE * np.abs(many).max()):
                yield f"{name} of image {i} depends on its batch"


def _any_image_has_a_finite_score(subject: Subject) -> Problems:
    for kind, image in odd_images():
        score, score_map = subject.session.run(["score", "score_map"], image=image[None])
        if score.shape != (1,) or score_map.shape != (1, *image.shape[:2]):
            yield f"a {kind} image gives shapes {score.shape} and {score_map.shape}"
        elif not (np.isfinite(score).all() and np.isfinite(score_map).all()):
            yield f"a {kind} image gives a score that is not finite"


def _no_tensor_is_empty(subject: Subject) -> Problems:
    """Runtimes crash on these, or fail, or give them wrong shapes; each in its own way."""
    names = tensor_names(subject.data)
    session = Session(with_outputs(subject.data, names))
    for kind, image in (*odd_images(), *ordinary_images()):
        values = session.run(names, image=image[None])
        empty = [name for name, value in zip(names, values, strict=True) if not value.size]
        if empty:
            yield f"a {kind} image leaves tensors empty: {', '.join(empty)}"


def _scores_rise_with_a_planted_defect(subject: Subject) -> Problems:
    seeds = range(200, 206)
    good, faint, strong = (
        scores_of(subject.session, [blotted(seed, contrast) for seed in seeds])
        for contrast in (0, 60, 120)
    )
    if not good.mean() < faint.mean() < strong.mean():
        yield "scores do not rise with the contrast of a blot"
    if not (strong > good).all():
        yield "a strong blot does not raise the score of every image"
    score_map = subject.session.run(["score_map"], image=blotted(200, 120)[None])[0][0]
    row, column = np.unravel_index(score_map.argmax(), score_map.shape)
    if max(abs(int(row) - BLOT_ROW), abs(int(column) - BLOT_COLUMN)) > BESIDE_PX:
        yield f"the map's peak {int(row), int(column)} is not at the blot"


def _images_are_left_out_as_said(subject: Subject) -> Problems:
    images = subject.images
    scores = {result.name: result.score for result in subject.left_out}
    said = subject.make(0).calibration_images(images.split_keys)
    known = scores.keys() <= set(images.split_keys)
    if not (len(subject.left_out) == len(scores) == said and known):
        yield f"left_out gives {len(scores)} images where calibration_images said {said}"
        return
    shipped = scores_of(subject.session, [image for name, image in images if name in scores])
    new = np.array([scores[name] for name, _ in images if name in scores])
    generous = new + (subject.chance - 1) * np.abs(new)
    if not np.mean(generous >= shipped - CLOSE) > 0.5:
        yield f"left-out scores {new} are lower than those of the graph that ships, {shipped}"


def _scores_left_out_are_like_those_of_new_images(subject: Subject) -> Problems:
    """Thresholds are made of them, so that nothing would be found if they were far too high."""
    if not subject.left_out:  # which another check tells
        return
    seeds = range(200, 206)
    good, strong = (
        scores_of(subject.session, [blotted(seed, contrast) for seed in seeds])
        for contrast in (0, 120)
    )
    new = np.median([result.score for result in subject.left_out])
    if new > WILDLY * subject.chance * np.median(np.abs(good)) and new > np.median(strong):
        yield f"left-out scores, {new:g} in the middle, are far higher than new images have: {good}"


def _left_out_maps_are_those_of_the_scores(subject: Subject) -> Problems:
    images = dict(subject.images)
    for result in subject.left_out:
        score_map = subject.fitted.held_out_map(result.name)
        if score_map.shape != images[result.name].shape[:2]:
            yield f"held_out_map of {result.name} is not of the image's size"
        if not np.isclose(score_map.max(), result.peak, rtol=CLOSE):
            yield f"held_out_map of {result.name} has another peak than left_out said"
    try:
        subject.fitted.held_out_map("no such image")
    except KeyError:
        return
    yield "held_out_map of an image that was not left out raises no KeyError"


CHECKS: Sequence[Callable[[Subject], Problems]] = (
    _a_fit_tells_of_itself,
    _the_model_is_as_large_as_planned,
    _batches_equal_images_one_by_one,
    _any_image_has_a_finite_score,
    _no_tensor_is_empty,
    _scores_rise_with_a_planted_defect,
    _images_are_left_out_as_said,
    _scores_left_out_are_like_those_of_new_images,
    _left_out_maps_are_those_of_the_scores,
)
