"""What a model would be like once it is taught, tried on parts of late: work of a `Job`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blemish.model.history import promise_told
from blemish.model.known_defects import learn_defects
from blemish.model.model import Model, load
from blemish.model.teaching import learn
from blemish.result import Box, Prediction

if TYPE_CHECKING:
    from blemish.progress import Progress


@dataclass(frozen=True)
class Trial:
    """What is to be tried; files by their paths.

    Attributes:
        model: the one that judges.
        image: of the part.
        new: where the new model is written.
        others: images of other parts by their numbers.
        good: for a defect, good images that set how near to it counts; `None` of a good part.
        box_xyxy: where the defect is, in pixels; `None` for what is flagged.
        because: the reason, for the record.
    """

    model: str
    image: str
    new: str
    others: Mapping[int, str]
    good: Sequence[str] | None
    box_xyxy: Box | None
    because: str


def taught(trial: Trial, *, progress: Progress) -> dict[str, Any]:
    """Teach a model one part, write the new one, and judge parts of late by both.

    Returns:
        As JSON values: `sha256` of the new model, the `part` and the `others` before and after,
        what is `promise`d then, and the `step`.
    """
    old, path, because = load(trial.model), Path(trial.image), trial.because
    if trial.good is None:
        made = learn(old, [path], because=because, progress=progress)
    else:
        made = learn_defects(
            old,
            [path],
            list(trial.good),
            box_xyxy=trial.box_xyxy,
            because=because,
            progress=progress,
        )
    made.save(Path(trial.new), force=True)
    with progress.stage("compare", len(trial.others) + 1) as advance:
        part = _both(old, made, path)
        advance(1)
        compared = []
        for number, other in trial.others.items():
            compared.append({"number": number} | _both(old, made, Path(other)))
            advance(1)
    return {
        "sha256": made.sha256,
        "part": part,
        "others": compared,
        "promise": promise_told(made.facts.history),
        "step": made.facts.history[-1].told(),
    }


def _both(old: Model, new: Model, path: Path) -> dict[str, Any]:
    """Score and verdict by both models."""
    told: dict[str, Any] = {}
    for name, model in (("before", old), ("after", new)):
        found = model.predict_here(path)
        told[name] = str(found.verdict) if isinstance(found, Prediction) else None
        told[f"score_{name}"] = found.score if isinstance(found, Prediction) else None
    told["turned"] = told["before"] != told["after"]
    return told
