"""The banks in a graph that ships: taken out, and put in again with other vectors.

Between `patches` and `patch_scores` a graph holds nothing but a search, so a search among other
vectors can stand in its place; all nodes before and behind it stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.contract import Told
from blemish.detectors.patchcore.fitted import BANK, BANK_LABEL, bank_text
from blemish.detectors.patchcore.plan import FEWEST_SEARCHED, SEARCHED
from blemish.detectors.patchcore.sharp import FINER_MAP
from blemish.detectors.position import rings_of
from blemish.errors import UsageError
from blemish.graph.builder import FLOAT, INT64, GraphBuilder, tensor
from blemish.search.graph import distances, search
from blemish.search.vectors import Vectors

if TYPE_CHECKING:
    import onnx

PREFIXES = {BANK: "", FINER_MAP: "finer/"}  # of the names in the graph
Grid = NDArray[np.float32]

SEARCH = "search/"  # what inner names of a search that was put in get in front
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

        held = {constant.name: constant for constant in self.model.graph.initializer}
        return {
            name: numpy_helper.to_array(held[f"{prefix}bank"])
            for name, prefix in PREFIXES.items()
            if f"{prefix}bank" in held
        }

    @property
    def map_follows(self) -> bool:
        """Whether the map can only fall where distances do; a trained net may do otherwise."""
        return bool(self.settings.get("head", "none") == "none")

    @property
    def squared(self) -> bool:
        """Whether patch scores are squared distances."""
        return bool(self.settings.get("distance") == "squared")

    def tensors(self, name: str) -> tuple[str, str]:
        """What a graph calls the patches that meet a bank, and their scores."""
        return f"{PREFIXES[name]}patches", f"{PREFIXES[name]}patch_scores"

    def usual(self, name: str, grid_hw: tuple[int, int]) -> Grid | None:
        """What patches of good images score on the mean at each place; `None` if not known."""
        usual = (self.details if name == BANK else self.details["finer_map"]).get("usual")
        if usual is None:
            return None
        mean, unit = (np.array(usual["rings"][key], np.float32) for key in ("mean", "unit"))
        found: Grid = (mean if mean.any() else unit)[rings_of(grid_hw)]
        return found

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
        changed = _copy(self.model)
        for name, vectors in banks.items():
            rows = np.ascontiguousarray(vectors, np.float32)
            block = max(FEWEST_SEARCHED, SEARCHED // max(patches[name], 1))
            inner = _search(rows, block, squared=self.squared, alone=name != BANK)
            _put(changed.graph, PREFIXES[name], inner)
        return changed


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


def _put(graph: onnx.GraphProto, prefix: str, model: onnx.ModelProto) -> None:
    """A search in the place of the one that is there; what only that one needed goes."""
    kept = {"patches", "bank", *(output.name for output in model.graph.output)}

    def renamed(name: str) -> str:
        return name and f"{prefix}{name if name in kept else SEARCH + name}"

    given = {f"{prefix}{output.name}" for output in model.graph.output}
    nodes = list(graph.node)
    behind = next(number for number, node in enumerate(nodes) if given & set(node.output))
    before, after = nodes[:behind], [n for n in nodes[behind:] if not given & set(n.output)]
    inner = []
    for node in model.graph.node:
        copy = _copy(node)
        copy.name = f"{prefix}{SEARCH}{node.name}"
        copy.input[:], copy.output[:] = map(renamed, node.input), map(renamed, node.output)
        inner.append(copy)
    needed, wanted = [], {output.name for output in graph.output}
    for node in reversed([*before, *inner, *after]):
        if wanted.intersection(node.output):
            wanted.difference_update(node.output)
            wanted.update(node.input)
            needed.append(node)
    ours = {renamed(constant.name) for constant in model.graph.initializer}
    constants = [c for c in graph.initializer if c.name in wanted and c.name not in ours]
    for constant in model.graph.initializer:
        copy = _copy(constant)
        copy.name = renamed(constant.name)
        constants.append(copy)
    # Copies: what is cleared below is what these point to.
    nodes, constants = ([_copy(part) for part in parts] for parts in (needed[::-1], constants))
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)


def _copy(part: Any) -> Any:
    copy = type(part)()
    copy.CopyFrom(part)
    return copy
