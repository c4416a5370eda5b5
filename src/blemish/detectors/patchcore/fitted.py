"""A fitted PatchCore, and its training images scored as if they were new.

Each image is left out of the bank that it is scored against; thresholds are set from what comes
of it. The end of the shipped graph does the scoring, since patches are there already.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.contract import HeldOutScore, Told
from blemish.detectors.origins import Origins, Places
from blemish.detectors.patchcore.graph import PatchCoreGraph
from blemish.detectors.patchcore.held_out import BankWithout, ImagesLeftOut, Scored
from blemish.detectors.position import NOT_KNOWN, LeftOut, Usual, details_of, told_of
from blemish.errors import CalibrationError
from blemish.graph.engine import ONE_CORE
from blemish.graph.session import Session
from blemish.parallel import one_core_each
from blemish.progress import Progress
from blemish.search.vectors import Vectors
from blemish.wording import bytes_text

if TYPE_CHECKING:
    import onnx


BANK = "bank"  # what the first one is called beside the second
BANK_LABEL = "memory bank"  # of what is told of one


def bank_text(bank: Vectors) -> str:
    """The size of a bank, for people."""
    vectors, dimensions = bank.shape
    return f"{vectors:,} vectors of {dimensions} dimensions, {bytes_text(bank.nbytes)}"


class FittedPatchCore:
    """A fitted PatchCore, with what scores its training images until `close`.

    Args:
        writer: of its graphs.
        bank: what ships.
        images_left_out: scores the training images as if they were new.
        facts: of the picking, plain JSON values: `patches`, `candidates`, `coreset_radius`.
        places: where the vectors of the bank come from.

    Attributes:
        writer, bank, images_left_out, places: as given.
        usual: what patches are told by at their places; `None` where they are not.
        left_out: patch scores of the images that were left out, where these are told by place.
    """

    def __init__(
        self,
        writer: PatchCoreGraph,
        bank: Vectors,
        images_left_out: ImagesLeftOut,
        facts: dict[str, Any],
        places: Places,
    ) -> None:
        self.writer, self.bank, self.images_left_out = writer, bank, images_left_out
        self._seen, self._facts = images_left_out.seen, facts
        self._scored: list[Scored] = []
        self.places = places
        self.left_out: LeftOut | None = None
        self.usual: Usual | None = None

    @cached_property
    def graph(self) -> onnx.ModelProto:
        """The model that ships."""
        return self.writer.detector(self.bank, self.usual)

    def learn_usual(self, progress: Progress) -> None:
        """Find what patches are to be told by at their places, from the images left out."""
        try:
            self._leave_out(progress)
        except CalibrationError:
            progress.say(NOT_KNOWN)

    @property
    def origins(self) -> Origins:
        """Where the vectors of the bank come from."""
        multiple = self.writer.working_size.multiple
        return Origins({BANK: self.places}, self.sizes_hw, multiple)

    @property
    def batch(self) -> int:
        """Images that the graph should judge at once."""
        return self.writer.batch

    def told(self) -> list[Told]:
        """Levels and bank, for people."""
        return [
            ("levels", ", ".join(self._levels)),
            (BANK_LABEL, f"{bank_text(self.bank)}, out of {self._facts['patches']:,} patches"),
            *told_of(self.usual),
        ]

    @property
    def _levels(self) -> list[str]:
        return [level.name for level in self.writer.backbone.levels]

    @property
    def details(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "levels": self._levels,
            "bank_vectors": len(self.bank),
            "bank_dimensions": self.bank.shape[1],
            "bank_bytes": self.bank.nbytes,
            **self._facts,
            **details_of(self.usual),
        }

    @property
    def held_out_method(self) -> str:
        """How `held_out_scores` works, for the record."""
        return self.images_left_out.method

    def held_out_scores(self, *, progress: Progress) -> Iterator[HeldOutScore]:
        """Score each training image against a bank without its vectors; `ImagesLeftOut` says how.

        Raises:
            CalibrationError: all images belong together, so that none can be left out.
        """
        self._leave_out(progress)
        with one_core_each() as pool:
            yield from pool.map(self._held_out_score, range(len(self._scored)))

    def held_out_map(self, name: str) -> NDArray[np.float32]:
        """The map of an image against the bank that `held_out_scores` scored it against.

        Raises:
            KeyError: it was not left out.
        """
        images = {name: image for image, name in enumerate(self._seen.names) if self._scored}
        return self._summarised(images[name])[1]

    @property
    def names(self) -> list[str]:
        """Of the training images."""
        return self._seen.names

    @property
    def split_keys(self) -> list[str]:
        """What keeps them together when some are left out."""
        return self._seen.split_keys

    @property
    def sizes_hw(self) -> list[tuple[int, int]]:
        """Of the training images, as they came."""
        return self._seen.sizes_hw

    def left_out_grids(self, progress: Progress) -> list[NDArray[np.float32]]:
        """Patch scores of each training image against a bank without it, not told by place.

        Raises:
            CalibrationError: all images belong together, so that none can be left out.
        """
        self._leave_out(progress)
        return [found.grid for found in self._scored]

    @property
    def banks_without(self) -> list[BankWithout]:
        """Those that images were left out of, once they were."""
        return self.images_left_out.banks_without

    def _leave_out(self, progress: Progress) -> None:
        """Score the patches of each image against a bank without it, once."""
        if self._scored:
            return
        self._scored = self.images_left_out.scored(progress)
        if self.writer.settings.by_place:
            self.left_out = LeftOut([found.grid for found in self._scored], self.split_keys)
            self.usual = self.left_out.usual

    def _held_out_score(self, image: int) -> HeldOutScore:
        score, score_map = self._summarised(image)
        return HeldOutScore(self._seen.names[image], score, float(score_map.max()))

    def _summarised(self, image: int) -> tuple[float, NDArray[np.float32]]:
        """Score and map of a training image as if it were new."""
        found = self._scored[image]
        score, maps = self._summary.run(
            ["score", "score_map"],
            patch_scores=self._seen.on_grid(
                image, found.grid if self.left_out is None else self.left_out.told(image)
            ),
            weight=found.weight,
            image_hw=np.array(self._seen.sizes_hw[image], np.int64),
        )
        return float(score[0]), maps[0]

    @cached_property
    def _summary(self) -> Session:
        return Session(self.writer.summary().SerializeToString(), ONE_CORE)

    def close(self) -> None:
        """Give back what scores the training images."""
        self._scored, self.left_out = [], None
        self.images_left_out.close()
