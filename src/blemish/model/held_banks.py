"""A model's banks as they are held by its file, with where their vectors come from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from blemish.detectors.contract import Banks, Teachable
from blemish.detectors.origins import Origins
from blemish.detectors.registry import detector_class
from blemish.errors import ModelFileError, UsageError
from blemish.graph.interface import parsed
from blemish.graph.trace import tensor_names
from blemish.graph.working_size import WorkingSize
from blemish.model.extras import NO_ORIGINS, read_origins
from blemish.model.model import Model

if TYPE_CHECKING:
    import onnx


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

    @cached_property
    def tensors(self) -> frozenset[str]:
        """What the nodes of the graph give."""
        return frozenset(tensor_names(self.model.to_bytes()))

    def patches_at_once(self) -> dict[str, int]:
        """How many patches a batch of images has for each bank."""
        blank = np.zeros((*self.origins.sizes_hw[0], 3), self.model.image_format.dtype)
        names = [self.banks.tensors(name)[1] for name in self.banks.vectors]
        grids = self.model.trace(blank, *names)
        batch = self.model.facts.detector.batch
        sizes = (batch * grids[name].size for name in names)
        return dict(zip(self.banks.vectors, sizes, strict=True))
