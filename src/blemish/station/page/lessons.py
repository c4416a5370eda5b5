"""What a model would be like once it is taught, tried on parts of late: work of a `Job`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blemish.model.history import promise_told
from blemish.model.known_defects import learn_defects
from blemish.model.model import Model, load
from blemish.model.teaching import learn
from blemish.result import Box, Failure

if TYPE_CHECKING:
    from blemish.progress import Progress


def taught(
    model: str,
    image: str,
    new: str,
    others: Mapping[int, str],
    good: Sequence[str] | None,
    box_xyxy: Box | None,
    because: str,
    *,
    progress: Progress,
) -> dict[str, Any]:
    """Teach a model one part, write the new one, and judge parts of late by both.

    Args:
        model: file of the one that judges.
        image: file of the part.
        new: file to write.
        others: files of other parts by their numbers.
        good: for a defect, files of good images that set how near to it counts; `None` where the
            part is good.
        box_xyxy: where the defect is, in pixels; `None` for what is flagged.
        because: the reason, for the record.
        progress: told of stages.

    Returns:
        As JSON values: `sha256` of the new model, the `part` and the `others` before and after,
        what is `promise`d then, and the `step`.
    """
    old, path = load(model), Path(image)
    if good is None:
        made = learn(old, [path], because=because, progress=progress)
    else:
        made = learn_defects(
            old, [path], list(good), box_xyxy=box_xyxy, because=because, progress=progress
        )
    made.save(Path(new), force=True)
    with progress.stage("compare", len(others) + 1) as advance:
        part = _both(old, made, path)
        advance(1)
        compared = []
        for number, other in others.items():
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
        failed = isinstance(found, Failure)
        told[name] = None if isinstance(found, Failure) else str(found.verdict)
        told[f"score_{name}"] = None if failed else found.score
    told["turned"] = told["before"] != told["after"]
    return told
