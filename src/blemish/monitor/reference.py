"""What the parts of a line are held against: how the training images scored and looked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from blemish.monitor.streams import LOW_SCORE, SCORE, STREAMS, values_at

if TYPE_CHECKING:
    from blemish.model.model import Model


@dataclass(frozen=True)
class Reference:
    """Numbers of training images, for the streams that are held against them.

    Attributes:
        model_sha256: of the model whose scores are watched.
        values: by the names of streams; a stream without any begins with the line's own parts.
    """

    model_sha256: str
    values: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def of_line(self) -> Reference:
        """The same without training images: the line's own first parts in their place."""
        return Reference(self.model_sha256)


def reference_of(model: Model) -> Reference:
    """What a model keeps of its training images.

    Those that older versions fitted keep scores, and not how the images looked.
    """
    scores = [float(score) for score in model.calibration.scores]
    values: dict[str, list[float]] = {stream.name: [] for stream in STREAMS}
    values[SCORE] = scores
    looks = model.facts.training.looks
    for look in looks.images if looks else ():
        for name, value in values_at(0.0, look).items():
            if name not in (SCORE, LOW_SCORE):
                values[name].append(value)
    return Reference(model.sha256, {name: found for name, found in values.items() if found})
