"""The banks in a graph that ships: taken out, and put in again with other vectors.

Between `patches` and `patch_scores` a graph holds nothing but a search, so a search among other
vectors can stand in its place; all nodes before and behind it stay as they are. With tiles all that
is in the loop over them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.contract import Told
from blemish.detectors.patchcore.defects import defects_in, with_defects
from blemish.detectors.patchcore.fitted import BANK, BANK_LABEL, bank_text
from blemish.detectors.patchcore.plan import FEWEST_SEARCHED, SEARCHED
from blemish.detectors.patchcore.sharp import FINER_MAP
from blemish.detectors.patchcore.splice import copied, put_in_place
from blemish.detectors.position import rings_of
from blemish.errors import UsageError
from blemish.graph.builder import FLOAT, INT64, GraphBuilder, bodies, tensor
from blemish.graph.tiling import PREFIX as OF_TILES
from blemish.graph.tiling import Grid as JoinedGrid
from blemish.graph.tiling import bring_out, inner_name, loop_over_tiles
from blemish.search.graph import distances, search
from blemish.search.vectors import Vectors

if TYPE_CHECKING:
    import onnx

PREFIXES = {BANK: "", FINER_MAP: "finer/"}  # of the names in the graph
INTO_SEARCH, OUT_OF_SEARCH = ("patches", "bank"), ("patch_scores", "nearest")
SEARCH = "search/"  # what inner names of a search that was put in get in front
Grid = NDArray[np.float32]

ONLY_DISTANCES = (
    "Vectors are added and taken out only where a patch is scored by its distance to the nearest "
    "one ('k' of 1, 'reweight' of 0), so that more of them never raise a score. Fit again in place."
)


@dataclass(frozen=True, eq=False)
class GraphBanks:
    """The banks in a graph of PatchCore; see `detectors.contract.Banks`.

    Args:
        model: the graph.
        settings: of the detector.
        details: of the fit, as the detector told them.

    Raises:
        UsageError: there is no bank, or more vectors in it could raise a score.
    """

    model: onnx.ModelProto
    settings: Mapping[str, Any]
    details: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.settings.get("k", 1) != 1 or self.settings.get("reweight", 0):
            raise UsageError(ONLY_DISTANCES)
        if BANK not in self.vectors:
            raise UsageError("The graph holds no bank that vectors could be added to; fit again.")

    @cached_property
    def vectors(self) -> dict[str, Vectors]:
        """Of each bank, M x D, by its name."""
        from onnx import numpy_helper

        held = {constant.name: constant for constant in _searching(self.model.graph).initializer}
        names = {name: f"{self._prefix(name)}bank" for name in PREFIXES}
        return {
            name: numpy_helper.to_array(held[bank]) for name, bank in names.items() if bank in held
        }

    @property
    def map_follows(self) -> bool:
        """Whether the map can only fall where distances do; a trained net may do otherwise."""
        return bool(self.settings.get("head", "none") == "none")

    @property
    def squared(self) -> bool:
        """Whether patch scores are squared distances."""
        return bool(self.settings.get("distance") == "squared")

    @property
    def traceable(self) -> onnx.ModelProto:
        """The graph, whose `tensors` can be traced; with tiles they are joined for it."""
        if not self._tiled:
            return self.model
        traceable: onnx.ModelProto = copied(self.model)
        patches, scores = self.tensors(BANK)
        grid = JoinedGrid(patches, axes=4)
        bring_out(traceable.graph, f"{OF_TILES}{patches}", grid, like=scores)
        return traceable

    def tensors(self, name: str) -> tuple[str, str]:
        """What a traceable graph calls the patches that meet a bank, and their scores."""
        return f"{PREFIXES[name]}patches", f"{PREFIXES[name]}patch_scores"

    @cached_property
    def _tiled(self) -> bool:
        return loop_over_tiles(self.model.graph) is not None

    def _prefix(self, name: str) -> str:
        """Of the names of a bank and its search, where these are in the graph."""
        return f"{OF_TILES if self._tiled else ''}{PREFIXES[name]}"

    def usual(self, name: str, grid_hw: tuple[int, int]) -> Grid | None:
        """What patches of good images score on the mean at each place; `None` if not known."""
        usual = (self.details if name == BANK else self.details["finer_map"]).get("usual")
        if usual is None:
            return None
        mean, unit = (np.array(usual["rings"][key], np.float32) for key in ("mean", "unit"))
        found: Grid = (mean if mean.any() else unit)[rings_of(grid_hw)]
        return found

    @property
    def defects(self) -> Vectors | None:
        """Known defects in the graph, K x D; `None` where there are none."""
        return defects_in(self.model)

    def with_defects(
        self, vectors: Vectors, *, reach: float, lift: float, patches: Mapping[str, int]
    ) -> onnx.ModelProto:
        """The same graph with known defects; see `defects.with_defects`. Raises `UsageError`."""
        rows = np.ascontiguousarray(vectors, np.float32)
        block = max(FEWEST_SEARCHED, SEARCHED // max(patches[BANK], 1))
        return with_defects(
            self.model, rows, reach=reach, lift=lift, squared=self.squared, block=block
        )

    def described(
        self, told: Sequence[Told], banks: Mapping[str, Vectors]
    ) -> tuple[tuple[Told, ...], dict[str, Any]]:
        """What the fit told and its details, with the sizes of other banks."""
        details, texts = dict(self.details), dict(told)
        for name, vectors in banks.items():
            label = BANK_LABEL if name == BANK else f"{name}: {BANK_LABEL}"
            if label in texts:
                texts[label] = f"{bank_text(vectors)}, taught since the fit"
            sizes = {"bank_vectors": len(vectors), "bank_bytes": vectors.nbytes}
            if name == BANK:
                details |= sizes
            else:
                details["finer_map"] = {**details["finer_map"], **sizes}
        return tuple((label, texts[label]) for label, _ in told), details

    def replaced(
        self, banks: Mapping[str, Vectors], *, patches: Mapping[str, int]
    ) -> onnx.ModelProto:
        """The same graph with other vectors in its banks.

        Args:
            banks: what each is to hold, M x D; those that are not named stay.
            patches: that are searched for at once at most, by which blocks are sized; of each.
        """
        changed = copied(self.model)
        for name, vectors in banks.items():
            rows = np.ascontiguousarray(vectors, np.float32)
            block = max(FEWEST_SEARCHED, SEARCHED // max(patches[name], 1))
            inner = _search(rows, block, squared=self.squared, alone=name != BANK)
            prefix = self._prefix(name)
            names = {known: f"{prefix}{known}" for known in (*INTO_SEARCH, *OUT_OF_SEARCH)}
            if self._tiled:
                names["nearest"] = inner_name(changed.graph, "nearest")
            graph = _searching(changed.graph)
            put_in_place(graph, inner, names, prefix=f"{prefix}{SEARCH}")
        return changed


def _searching(graph: onnx.GraphProto) -> onnx.GraphProto:
    """The part of a graph in which patches are searched for."""
    loop = loop_over_tiles(graph)
    return graph if loop is None else bodies(loop)[0]


def _search(vectors: Vectors, block: int, *, squared: bool, alone: bool) -> onnx.ModelProto:
    """From `patches` to `patch_scores` and, unless these are wanted alone, `nearest`."""
    g = GraphBuilder()
    outputs = [tensor("patch_scores", FLOAT, "N", "h", "w")]
    if alone:
        distances(g, "patches", vectors, k=1, squared=squared, block=block)
    else:
        found = search(g, "patches", vectors, k=1, squared=squared, block=block)
        g.op("Identity", found.nearest, name="nearest")
        outputs.append(tensor("nearest", INT64, "N", "h", "w"))
    return g.build([tensor("patches", FLOAT, "N", "h", "w", vectors.shape[1])], outputs)
