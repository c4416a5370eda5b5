"""What a backbone is: a graph from normalised images to feature maps at named levels.

Names, licences and hashes travel with it into the model file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from blemish.errors import BackboneError, did_you_mean, raise_all

if TYPE_CHECKING:
    import onnx

DEFAULT_STRIDES = (8, 16)  # of PatchCore's layer2 and layer3


@dataclass(frozen=True)
class Level:
    """A named output of a backbone: N x `channels` x cells x cells, a cell a `stride`.

    `surplus` is how many cells it has more than the image has strides; negative where the
    network does not pad. Its cells then lie a little beside where the map shows them.
    """

    name: str
    channels: int
    stride: int
    surplus: int = 0

    def cells(self, length_px: int) -> int:
        """How many cells a side of that length gives, at most."""
        return -(-length_px // self.stride) + max(0, self.surplus)


@dataclass(frozen=True, eq=False)
class Backbone:
    """A feature extractor and where it comes from.

    Attributes:
        name: of the network, not of the file.
        graph: its ONNX graph, opset 18 or later, one input N x 3 x H x W.
        levels: those in use, in the order asked for.
        mean, std: a channel (RGB, range 0 to 1), subtracted and divided before the graph.
        licence: of the weights, as their source states it.
        sha256: of the file.
    """

    name: str
    graph: onnx.ModelProto
    levels: tuple[Level, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    licence: str
    sha256: str

    @property
    def entry(self) -> str:
        """Name of the graph's input."""
        weights = {constant.name for constant in self.graph.graph.initializer}
        name: str = next(v.name for v in self.graph.graph.input if v.name not in weights)
        return name

    def with_levels(self, names: Sequence[str] | None) -> Backbone:
        """Only the levels named; without names, the last one at each of the strides 8 and 16.

        Raises:
            BackboneError: a name is not a level (with the closest that is), or comes twice.
        """
        if names is None:
            chosen = [
                last
                for stride in DEFAULT_STRIDES
                for last in [lv for lv in self.levels if lv.stride == stride][-1:]
            ]
            if not chosen:
                raise BackboneError(
                    f"Backbone '{self.name}' has no level at stride 8 or 16; "
                    f"name levels out of {self._spell_levels()}."
                )
            return replace(self, levels=tuple(chosen))
        known = {level.name: level for level in self.levels}
        problems = [
            f"Backbone '{self.name}' has no level '{name}'; it has {self._spell_levels()}."
            f"{did_you_mean(name, known)}"
            for name in names
            if name not in known
        ]
        problems += [f"Level '{n}' is named twice." for n in set(names) if names.count(n) > 1]
        raise_all(problems, BackboneError)
        return replace(self, levels=tuple(known[name] for name in names))

    def _spell_levels(self) -> str:
        return ", ".join(f"{lv.name} ({lv.channels}, stride {lv.stride})" for lv in self.levels)
