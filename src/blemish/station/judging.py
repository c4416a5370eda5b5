"""From a frame to what a model says of it; whatever goes wrong, the view says why, not *good*."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from blemish.errors import BlemishError, ImageError
from blemish.images.read import read_image
from blemish.serving.models import UnknownModelError
from blemish.station.contracts import Frame
from blemish.station.inspection import View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from blemish.serving.models import Models


def judge(frame: Frame, models: Models, name: str) -> View:
    """Judge a frame in the thread that calls.

    Args:
        frame: with content, or pixels.
        models: by names.
        name: of the one that judges.
    """
    sha256 = image_sha256(frame)
    image = frame.pixels if frame.content is None else frame.content
    if image is None:
        return failed(frame, frame.error or "There is no image.")
    try:
        judged = models.judge(name, image, file_name=frame.name, looks=True)
    except UnknownModelError as error:  # at the first start people look at images without one
        return failed(replace(frame, pixels=_pixels(frame)), str(error), sha256)
    except BlemishError as error:
        return failed(frame, str(error), sha256)
    except Exception as error:
        return failed(frame, f"the model failed ({type(error).__name__}: {error}).", sha256)
    model, found = judged.served.model, judged.prediction
    if not math.isfinite(found.score):
        return failed(frame, "the model gives no finite score for it.", sha256)
    return View(
        camera=frame.camera,
        image_sha256=sha256,
        model_sha256=model.sha256,
        threshold=model.calibration.image_threshold,
        pixel_threshold=model.calibration.pixel_threshold,
        prediction=found,
        pixels=judged.pixels,
        inspected=model.inspected(found),
        content=frame.content,
        name=frame.name,
    )


def failed(frame: Frame, why: str, sha256: str | None = None) -> View:
    """What there is of a frame that was not judged."""
    return View(
        camera=frame.camera,
        image_sha256=sha256,
        error=why,
        pixels=frame.pixels,
        content=frame.content,
        name=frame.name,
    )


def _pixels(frame: Frame) -> NDArray[np.generic] | None:
    if frame.content is None:
        return frame.pixels
    try:
        return read_image(frame.content)
    except ImageError:
        return None


def image_sha256(frame: Frame) -> str | None:
    """Of the file as it came, or of the pixels, row by row."""
    if frame.content is not None:
        return hashlib.sha256(frame.content).hexdigest()
    if frame.pixels is not None:
        return hashlib.sha256(np.ascontiguousarray(frame.pixels).data).hexdigest()
    return None
