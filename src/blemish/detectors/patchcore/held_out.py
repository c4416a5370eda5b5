"""A fitted PatchCore, and its training images scored as if they were new.

Each image is left out of the bank that it is scored against; thresholds are set from what comes
of it. The shipped graph's twin in NumPy does the scoring, since the patches are there already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.data.split import parts_of
from blemish.detectors.contract import HeldOutScore, Told
from blemish.detectors.patchcore.graph import Bank, PatchCoreGraph
from blemish.detectors.patchcore.patches import Patches
from blemish.errors import CalibrationError
from blemish.graph.engine import ONE_CORE
from blemish.graph.session import Session
from blemish.parallel import one_core_each
from blemish.progress import Progress
from blemish.search.coreset import Coreset, greedy_k_centre
from blemish.search.nearest import ProductSearch, reweighting_of
from blemish.search.two_stage import Searcher, nearest_of_others, searcher
from blemish.search.vectors import Vectors
from blemish.wording import bytes_text

if TYPE_CHECKING:
    import onnx


class FittedPatchCore:
    """A fitted PatchCore, with its training patches until `close`."""

    def __init__(
        self, writer: PatchCoreGraph, bank: Bank, patches: Patches, coreset: Coreset
    ) -> None:
        self._writer = writer
        self._patches = patches
        self._coreset = coreset
        self._counts = {"patches": len(patches.store), "candidates": len(patches.points)}
        self._bank_without: dict[int, Callable[[], Vectors]] = {}
        self.bank = bank

    @cached_property
    def graph(self) -> onnx.ModelProto:
        """The model that ships."""
        return self._writer.detector(self.bank)

    @property
    def batch(self) -> int:
        """Images that the graph should judge at once."""
        return self._writer.batch

    def told(self) -> list[Told]:
        """Levels and bank, for people."""
        vectors, dimensions = self.bank.vectors.shape
        bank = f"{vectors:,} vectors of {dimensions} dimensions"
        size = bytes_text(self.bank.vectors.nbytes)
        return [
            ("levels", ", ".join(self._levels)),
            ("memory bank", f"{bank}, {size}, out of {self._counts['patches']:,} patches"),
        ]

    @property
    def _levels(self) -> list[str]:
        return [level.name for level in self._writer.backbone.levels]

    @property
    def details(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "levels": self._levels,
            "bank_vectors": len(self.bank.vectors),
            "bank_dimensions": self.bank.vectors.shape[1],
            "bank_bytes": self.bank.vectors.nbytes,
            "coreset_radius": self._coreset.radius,
            **self._counts,
        }

    @property
    def held_out_method(self) -> str:
        """How `held_out_scores` works, for the record."""
        folds = self._writer.settings.calibration_folds
        parts = min(folds, len(set(self._patches.split_keys)))
        return f"{parts}-fold" if folds else "leave-one-out"

    def held_out_scores(self, *, progress: Progress) -> Iterator[HeldOutScore]:
        """Score each training image against a bank without its vectors.

        Images are left out in parts, whose banks are picked anew from the rest, with the size
        and the seed of the bank that ships. With `calibration_folds` 0 that bank itself serves,
        less the image's own vectors. That leaves holes which a bank without the image would not
        have, so the scores are too high and the thresholds cautious.

        Raises:
            CalibrationError: all images belong together, so that none can be left out.
        """
        p = self._patches
        if len(set(p.split_keys)) < 2:
            raise CalibrationError(
                "Scoring images as if they were new takes at least 2 that do not belong together."
            )
        with progress.stage("leave out", len(p.names)) as advance:
            for part in self._left_out_parts():
                self._bank_without |= {p: without.again for p, without in part.items()}
                results = []
                with one_core_each() as pool:
                    for result in pool.map(self._leave_out, part.values(), part):
                        results.append(result)
                        advance(1)
                del part  # before the next bank is made
                yield from results

    def held_out_map(self, name: str) -> NDArray[np.float32]:
        """The map of an image against the bank that `held_out_scores` scored it against.

        Raises:
            KeyError: it was not left out.
        """
        image = {self._patches.names[i]: i for i in self._bank_without}[name]
        return self._score(self._without([image], self._bank_without[image]), image)[1]

    def _without(self, images: list[int], bank: Callable[[], Vectors]) -> _Without:
        vectors = bank()
        return _Without(lambda: vectors, self._searcher(vectors, images), again=bank)

    def _searcher(self, bank: Vectors, images: Iterable[int]) -> Searcher:
        starts = self._patches.starts
        queries = sum(starts[image + 1] - starts[image] for image in images)
        return searcher(bank, k=self._writer.settings.k, queries=int(queries))

    def _left_out_parts(self) -> Iterator[dict[int, _Without]]:
        """Parts of the images, each with what it is to be scored against."""
        s, p = self._writer.settings, self._patches
        if not s.calibration_folds:
            yield self._each_left_out()
            return
        for part in parts_of(p.split_keys, s.calibration_folds, seed=s.seed):
            picks = greedy_k_centre(
                p.points,
                len(self.bank.vectors),
                start=s.coreset_start,
                rng=np.random.default_rng([s.seed, 1]),
                among=~np.isin(p.owner, part),
            ).picks
            bank = partial(p.store.take, p.rows[picks])
            yield dict.fromkeys(part, self._without(part, bank))

    def _each_left_out(self) -> dict[int, _Without]:
        """For each image the bank that ships less its own vectors."""
        p, vectors = self._patches, self.bank.vectors
        whole = self._searcher(vectors, range(len(p.names)))
        by_products = ProductSearch(vectors)
        owner = p.owner[self._coreset.picks]
        found: dict[int, _Without] = {}
        for together in parts_of(p.split_keys, len(p.names), seed=self._writer.settings.seed):
            own = np.isin(owner, together)
            if own.all():
                raise CalibrationError(
                    f"The whole bank comes from '{p.names[together[0]]}', which cannot be left "
                    "out of it; use a larger coreset, or calibration_folds=5."
                )
            bank = partial(vectors.__getitem__, ~own)
            search = partial(nearest_of_others, own=own, search=whole, by_products=by_products)
            found |= dict.fromkeys(together, _Without(bank, search, again=bank))
        return found

    def _leave_out(self, without: _Without, image: int) -> HeldOutScore:
        score, score_map = self._score(without, image)
        return HeldOutScore(self._patches.names[image], score, float(score_map.max()))

    @cached_property
    def _summary(self) -> Session:
        return Session(self._writer.summary().SerializeToString(), ONE_CORE)

    def _score(self, without: _Without, image: int) -> tuple[float, NDArray[np.float32]]:
        """Score and map of a training image against a bank without it."""
        s, p = self._writer.settings, self._patches
        patches = p.store.read(p.starts[image], p.starts[image + 1])
        squared, rows = without.search(patches)
        scores = (squared if s.distance == "squared" else np.sqrt(squared)).mean(axis=1)
        weight = 1.0
        if s.reweight and len(bank := without.bank()) > 1:
            worst = int(scores.argmax())
            companions = min(s.reweight, len(bank))
            weight = reweighting_of(patches[worst], rows[worst, 0], bank, companions)
        score, maps = self._summary.run(
            ["score", "score_map"],
            patch_scores=p.on_grid(image, scores),
            weight=np.array([weight], np.float32),
            image_hw=np.array(p.sizes_hw[image], np.int64),
        )
        return float(score[0]), maps[0]

    def close(self) -> None:
        """Give the training patches back."""
        self._bank_without.clear()
        self._patches.close()


@dataclass(frozen=True, eq=False)
class _Without:
    """What an image is scored against: a bank without it, and how to search that.

    Attributes:
        bank: gives the bank, M x D.
        search: as `searcher` gives it.
        again: gives the bank once more, later, and holds no memory until then.
    """

    bank: Callable[[], Vectors]
    search: Searcher
    again: Callable[[], Vectors]
