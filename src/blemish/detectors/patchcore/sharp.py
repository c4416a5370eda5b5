"""A fitted PatchCore whose map is sharpened by a second bank, of finer levels.

Coarse levels tell what is wrong, fine ones where it ends. The map is the geometric mean of how many
times the usual score each cell has by either bank: what both find odd stands out, what only one
does is damped. Usual is what good images score as far from the border, or anywhere where that is
more: a calm border is no reason to shout. In place of the mean a trained head may make the map of
the same two. Score and verdict are those of the first bank alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.contract import HeldOutScore, ImageSource, Told
from blemish.detectors.joined_plan import told_by_name
from blemish.detectors.nets.layer import Weights
from blemish.detectors.origins import Origins
from blemish.detectors.patchcore.fitted import FittedPatchCore
from blemish.detectors.patchcore.graph import Finer
from blemish.detectors.patchcore.head.examples import Examples, Side, make_examples
from blemish.detectors.position import LeftOut, details_of
from blemish.graph.engine import ONE_CORE
from blemish.graph.session import Session
from blemish.parallel import one_core_each
from blemish.progress import Named, Progress

if TYPE_CHECKING:
    import onnx

FINER_MAP = "finer map"  # what the second bank goes by in stages and in what is told


class SharpPatchCore:
    """Two fitted banks: one that judges, and one that sharpens its map.

    Args:
        judging: the first.
        finer: the second, of the same images.
        progress: told of the stages in which each image is left out of both, and of a training.
        images: that a head is trained on; `None` for the geometric mean.

    Attributes:
        head: weights of what makes the map; `None` for the geometric mean.

    Raises:
        CalibrationError: all images belong together, so that none can be left out and nobody knows
            what is usual.
    """

    def __init__(
        self,
        judging: FittedPatchCore,
        finer: FittedPatchCore,
        progress: Progress,
        images: ImageSource | None = None,
    ) -> None:
        self._judging, self._finer = judging, finer
        self._left_out = [
            LeftOut(one.left_out_grids(told_to), one.split_keys, floor=None)
            for one, told_to in ((judging, progress), (finer, Named(FINER_MAP, progress)))
        ]
        self._usual, self._usual_of_finer = (one.usual for one in self._left_out)
        self.head = None if images is None else self._trained(images, progress)

    def examples(self, images: ImageSource, progress: Progress) -> Examples:
        """What a head is to learn from.

        Args:
            images: those that both banks were made of.
            progress: told of the stages.

        Raises:
            ImageError: an image cannot be read any more.
        """
        left_out, of_finer = self._left_out
        sides = Side(self._judging, left_out), Side(self._finer, of_finer)
        return make_examples(sides, images, seed=self._seed, progress=progress)

    def _trained(self, images: ImageSource, progress: Progress) -> Weights:
        """The weights of a head. Raises `ImageError`, `BlemishError`."""
        from blemish.detectors.patchcore.head.training import train_head

        examples = self.examples(images, progress)
        return train_head(examples, seed=self._seed, progress=progress)

    @property
    def _seed(self) -> int:
        return self._judging.writer.settings.seed

    @cached_property
    def graph(self) -> onnx.ModelProto:
        """The model that ships."""
        model = self._finer.writer.distances(self._finer.bank)
        finer = Finer(model, self._usual_of_finer, self._usual, self.head)
        return self._judging.writer.detector(self._judging.bank, self._judging.usual, finer)

    @property
    def origins(self) -> Origins:
        """Where the vectors of both banks come from."""
        of_first = self._judging.origins
        places = {**of_first.places, FINER_MAP: self._finer.places}
        return Origins(places, of_first.sizes_hw, of_first.multiple)

    @property
    def batch(self) -> int:
        """Images that the graph should judge at once."""
        return min(self._judging.batch, self._finer.batch)

    def told(self) -> list[Told]:
        """Levels and banks, for people."""
        how = "the mean of both banks, in multiples of what is usual"
        if self.head is not None:
            how = "by a head that reads the distances to both banks"
        return [
            *self._judging.told(),
            *told_by_name({FINER_MAP: self._finer}),
            ("map", how),
        ]

    @property
    def details(self) -> dict[str, Any]:
        """The same for programs."""
        of_map = self._finer.details | details_of(self._usual_of_finer)
        of_first = details_of(self._usual)["usual"]
        of_both = {"usual_of_first": of_first, "head": self.head is not None}
        return {**self._judging.details, "finer_map": of_map | of_both}

    @property
    def held_out_method(self) -> str:
        """How `held_out_scores` works, for the record."""
        return self._judging.held_out_method

    def held_out_scores(self, *, progress: Progress) -> Iterator[HeldOutScore]:
        """Scores of training images against a first bank without them, and peaks of sharp maps."""
        scores = list(self._judging.held_out_scores(progress=progress))
        with one_core_each() as pool:
            maps = pool.map(self._sharp_map, range(len(scores)))
            for one, sharp in zip(scores, maps, strict=True):
                yield replace(one, peak=float(sharp.max()))

    def held_out_map(self, name: str) -> NDArray[np.float32]:
        """The map of an image against banks without it.

        Raises:
            KeyError: it was not left out.
        """
        images = {name: image for image, name in enumerate(self._judging.names) if self._left_out}
        return self._sharp_map(images[name])

    @cached_property
    def _end(self) -> Session:
        return Session(self._judging.writer.sharp_map(self.head).SerializeToString(), ONE_CORE)

    def _sharp_map(self, image: int) -> NDArray[np.float32]:
        multiples, of_finer = (one.told(image)[None] for one in self._left_out)
        given: dict[str, NDArray[Any]] = {
            "multiples": multiples,
            "finer/multiples": of_finer,
            "image_hw": np.array(self._judging.sizes_hw[image], np.int64),
        }
        sharp: NDArray[np.float32] = self._end.run(["score_map"], **given)[0][0]
        return sharp

    def close(self) -> None:
        """Give the training patches of both back."""
        self._left_out = []
        self._judging.close()
        self._finer.close()
