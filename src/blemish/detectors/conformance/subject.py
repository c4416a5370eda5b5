"""A detector under check, and how to look at it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.conformance.images import DrawnImages, ImageArray
from blemish.detectors.contract import Detector, Fitted, HeldOutScore
from blemish.graph.engine import CPU
from blemish.graph.session import Session
from blemish.progress import LoggedProgress

Make = Callable[[int], Detector]
Problems = Iterator[str]


@dataclass(frozen=True)
class Subject:
    """A detector's fit, and what there is to check it with."""

    make: Make
    images: DrawnImages
    fitted: Fitted
    left_out: list[HeldOutScore]
    chance: float

    @cached_property
    def data(self) -> bytes:
        """The graph."""
        return bytes_of(self.fitted)

    @cached_property
    def session(self) -> Session:
        """What runs it."""
        return Session(self.data)

    def fit_again(self, images: DrawnImages, folder: Path | None = None) -> Fitted:
        """A new detector of the same settings and seed, fitted."""
        progress = LoggedProgress()
        return self.make(0).fit(images, progress=progress, folder=folder, engine=CPU)


def found_by(check: Callable[..., Problems], *arguments: Any) -> list[str]:
    """The problems that a check finds; what it raises on its way is one of them."""
    problems: list[str] = []
    try:
        for problem in check(*arguments):
            problems.append(problem)  # noqa: PERF402 - what was found before an error stays
    except Exception as error:  # of the detector's own code
        name = check.__name__.strip("_").replace("_", " ")
        problems.append(f"the check '{name}' {raised(error)}")
    return problems


def raised(error: Exception) -> str:
    """An exception as a problem says it."""
    return f"raises {type(error).__name__}: {error}"


def missing(thing: object, contract: type) -> Problems:
    """Members of a contract that a thing does not have."""
    members = {*vars(contract), *getattr(contract, "__annotations__", ())}
    for name in sorted(name for name in members if not name.startswith("_")):
        if not hasattr(thing, name):
            yield f"{type(thing).__name__} has no '{name}', which {contract.__name__} asks for"


def told_badly(told: Any, whose: str) -> Problems:
    """What is wrong with pairs for people."""
    for pair in told:
        if not (len(pair) == 2 and all(isinstance(text, str) and text for text in pair)):
            yield f"{whose} must tell pairs of a label and a text; got {pair!r}"
        elif any("\n" in text for text in pair):
            yield f"{whose} tells '{pair[0]}' on several lines"


def not_plain(values: Any, what: str) -> Problems:
    """What is wrong with plain JSON values."""
    try:
        same = json.loads(json_of(values)) == values
    except (TypeError, ValueError) as error:
        yield f"{what} gives no plain JSON values: {error}"
        return
    if not same:
        yield f"{what} changes on its way through JSON: {values}"


def json_of(values: Any) -> str:
    """Values as a model file holds them."""
    return json.dumps(values, allow_nan=False)


def bytes_of(fitted: Fitted) -> bytes:
    """The graph."""
    data: bytes = fitted.graph.SerializeToString(deterministic=True)
    return data


def scores_of(session: Session, images: Sequence[ImageArray]) -> NDArray[np.float32]:
    """Of each image."""
    scores: NDArray[np.float32] = session.run(["score"], image=np.stack(images))[0]
    return scores
