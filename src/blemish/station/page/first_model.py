"""A first model from images that were just taken: work of a `Job`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from blemish.data.audit import audit
from blemish.data.opening import open_dataset
from blemish.detectors.registry import make_detector
from blemish.errors import DataError, raise_some
from blemish.model.fitting import fit

if TYPE_CHECKING:
    from blemish.progress import Progress

THUMBNAILS_PX = 320  # of the good images, to be shown beside regions


def fitted(
    folder: str, new: str, settings: dict[str, Any], *, progress: Progress
) -> dict[str, Any]:
    """Look at images, fit a model, write it, and say what it promises and which images stand out.

    Args:
        folder: of a data set: good images in `good/`.
        new: file to write.
        settings: of PatchCore.
        progress: told of stages.

    Raises:
        DataError: images cannot be read, say; all that is wrong at once.
    """
    dataset = open_dataset(folder)
    found = audit(dataset, progress=progress)
    raise_some([one.message for one in found.of_severity("error")], DataError)
    model = fit(
        dataset,
        make_detector("patchcore", settings),
        progress=progress,
        thumbnails_px=THUMBNAILS_PX,
    )
    model.save(Path(new), force=True)
    suspicious = model.facts.training.suspicious
    stated = model.calibration.stated()
    return {
        "sha256": model.sha256,
        "images": len(model.facts.training.images),
        "false_alarm_rate": stated.false_alarm_rate,
        "upper_bound_95": stated.upper_bound_95,
        "findings": [finding.message for finding in found.findings],
        "suspicious": [
            {"id": one.id, "score": one.score, "expected": one.expected, "box_xyxy": one.box_xyxy}
            for one in (suspicious.images if suspicious else ())
        ],
    }
