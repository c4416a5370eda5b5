"""A model's banks as they are held by its file, with where their vectors come from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.contract import Banks, Teachable
from blemish.detectors.origins import Origins
from blemish.detectors.registry import detector_class
from blemish.errors import ModelFileError, UsageError
from blemish.graph.interface import parsed
from blemish.graph.session import Session
from blemish.graph.trace import tensor_names, with_outputs
from blemish.graph.working_size import WorkingSize
from blemish.model.extras import NO_ORIGINS, read_origins
from blemish.model.model import Model

if TYPE_CHECKING:
    import onnx

DEVIATIONS = "deviations"  # patch scores told by their place, where they are


@dataclass(frozen=True, eq=False)
class HeldBanks:
    """A model with its banks, ready to be changed.

    Attributes:
        model: whose they are.
        graph: of the model.
        banks: in the graph.
        origins: of their vectors.
    """

    model: Model
    graph: onnx.ModelProto
    banks: Banks
    origins: Origins

    @classmethod
    def of(cls, model: Model) -> HeldBanks:
        """Those of a model.

        Raises:
            UsageError: its detector has none, or by its settings they cannot be changed.
            ModelFileError: the model does not know where their vectors come from.
        """
        detector = model.facts.detector
        if model.alignment is not None:
            raise UsageError(
                "A model that aligns parts cannot be taught or made to forget; fit again with "
                "other images."
            )
        kind: Any = detector_class(detector.name)
        if not isinstance(kind, Teachable):
            raise UsageError(
                f"{detector.name} keeps no patches of its images, so nothing can be added or taken "
                "out: set other thresholds (blemish calibrate), or fit again with other images."
            )
        images = len(model.facts.training.images)
        origins = read_origins(model.extras, images=images, name="the model")
        graph = parsed(model.to_bytes(), "the model")
        banks = kind.banks_of(graph, detector.settings, detector.details)
        sizes = {name: len(vectors) for name, vectors in banks.vectors.items()}
        if sizes != {name: len(places) for name, places in origins.places.items()}:
            raise ModelFileError(NO_ORIGINS)
        return cls(model, graph, banks, origins)

    @cached_property
    def working(self) -> WorkingSize:
        """How images are resized."""
        known = self.model.facts.input.working
        return known.working_size(self.origins.multiple)

    def trace(self, image: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """What the graph holds of an image, H x W x 3: score, map, and what meets each bank."""
        names, session = self._traced
        values = session.run(names, image=image[None])
        return {name: value[0] for name, value in zip(names, values, strict=True)}

    @cached_property
    def _traced(self) -> tuple[list[str], Session]:
        data = self.banks.traceable.SerializeToString()
        names = {"score", "score_map"} | ({DEVIATIONS} & set(tensor_names(data)))
        names = names.union(*map(self.banks.tensors, self.banks.vectors))
        return sorted(names), Session(with_outputs(data, sorted(names)), self.model.engine)

    def patches_at_once(self) -> dict[str, int]:
        """How many patches meet each bank at once: of a batch of images, or of their tiles."""
        blank = np.zeros((*self.origins.sizes_hw[0], 3), self.model.image_format.dtype)
        grids, batch = self.trace(blank), self.model.facts.detector.batch
        sizes = (grids[self.banks.tensors(name)[1]].shape for name in self.banks.vectors)
        if self.working.tiles is not None:
            padded_hw = self.working.working_hw(self.model.part_seen(blank).shape[:2])[1]
            sizes = (
                tuple(
                    cells * tile_px // whole_px
                    for cells, tile_px, whole_px in zip(
                        grid_hw, self.working.seen_hw, padded_hw, strict=True
                    )
                )
                for grid_hw in sizes
            )
        return {name: batch * prod(hw) for name, hw in zip(self.banks.vectors, sizes, strict=True)}
