"""A fitted PatchCore, and its training images scored as if they were new.

Each image is left out of the bank that it is scored against; thresholds are set from what comes
of it. The end of the shipped graph does the scoring, since patches are there already.
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
from blemish.detectors.patchcore.graph import PatchCoreGraph
from blemish.detectors.patchcore.patches import Patches
from blemish.detectors.position import NOT_KNOWN, LeftOut, Usual, details_of, told_of
from blemish.errors import CalibrationError
from blemish.graph.engine import ONE_CORE
from blemish.graph.session import Session
from blemish.parallel import one_core_each
from blemish.progress import Advance, Progress
from blemish.search.coreset import Coreset
from blemish.search.leaving_out import LeavingOut
from blemish.search.vectors import Vectors
from blemish.wording import bytes_text

if TYPE_CHECKING:
    import onnx

Scores = dict[int, NDArray[np.float32]]  # of the patches of some images, row after row

QUERIES, BLOCK = 1024, 2048  # patches, and vectors of the bank, whose products a core holds


class FittedPatchCore:
    """A fitted PatchCore, with its training patches until `close`.

    Attributes:
        bank: what ships.
        usual: what patches are told by at their places; `None` where they are not.
        left_out: patch scores of the images that were left out, where these are told by place.
        banks_without: those that images were left out of, once they were; none where the bank that
            ships served in their place.
    """

    def __init__(
        self, writer: PatchCoreGraph, bank: Vectors, patches: Patches, coreset: Coreset
    ) -> None:
        self.writer = writer
        self._patches = patches
        self._coreset = coreset
        self._counts = {"patches": len(patches.store), "candidates": len(patches.points)}
        self._scored: list[_Scored] = []
        self.banks_without: list[BankWithout] = []
        self.left_out: LeftOut | None = None
        self.usual: Usual | None = None
        self.bank = bank

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
    def batch(self) -> int:
        """Images that the graph should judge at once."""
        return self.writer.batch

    def told(self) -> list[Told]:
        """Levels and bank, for people."""
        vectors, dimensions = self.bank.shape
        bank = f"{vectors:,} vectors of {dimensions} dimensions"
        size = bytes_text(self.bank.nbytes)
        return [
            ("levels", ", ".join(self._levels)),
            ("memory bank", f"{bank}, {size}, out of {self._counts['patches']:,} patches"),
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
            "coreset_radius": self._coreset.radius,
            **self._counts,
            **details_of(self.usual),
        }

    @property
    def held_out_method(self) -> str:
        """How `held_out_scores` works, for the record."""
        folds = self.writer.settings.calibration_folds
        parts = min(folds, len(set(self._patches.split_keys)))
        return f"{parts}-fold" if folds else "leave-one-out"

    def held_out_scores(self, *, progress: Progress) -> Iterator[HeldOutScore]:
        """Score each training image against a bank without its vectors.

        Images are left out in parts. The bank that such a part meets is the one that ships less
        the part's vectors, filled up from the rest to the same size. Two such banks differ by more
        than images do that are nearly alike, so patch scores are brought to the scale of the bank
        that ships: a patch lies as far from a bank as from the patches that this was picked from,
        and by up to its covering radius farther, so the difference of the radii is added. Where a
        part's bank uses up the rest nearly or wholly its radius says nothing, and as much less is
        added. And no patch scores less than it does with the model, which has seen it.

        With `calibration_folds` 0 the bank that ships serves, less the image's own vectors. That
        leaves holes which a bank without the image would not have, so the scores are too high and
        the thresholds cautious.

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
        images = {name: image for image, name in enumerate(self._patches.names) if self._scored}
        return self._summarised(images[name])[1]

    @property
    def names(self) -> list[str]:
        """Of the training images."""
        return self._patches.names

    @property
    def split_keys(self) -> list[str]:
        """What keeps them together when some are left out."""
        return self._patches.split_keys

    @property
    def sizes_hw(self) -> list[tuple[int, int]]:
        """Of the training images, as they came."""
        return self._patches.sizes_hw

    def left_out_grids(self, progress: Progress) -> list[NDArray[np.float32]]:
        """Patch scores of each training image against a bank without it, not told by place.

        Raises:
            CalibrationError: all images belong together, so that none can be left out.
        """
        self._leave_out(progress)
        return [found.grid for found in self._scored]

    def vectors_at(self, picks: NDArray[np.int64]) -> Vectors:
        """Those of some points, as they are kept."""
        return self._patches.store.take(self._patches.rows[picks])

    def _leave_out(self, progress: Progress) -> None:
        """Score the patches of each image against a bank without it, once."""
        p, s = self._patches, self.writer.settings
        if self._scored:
            return
        if len(set(p.split_keys)) < 2:
            raise CalibrationError(
                "Scoring images as if they were new takes at least 2 that do not belong together."
            )
        scored: dict[int, _Scored] = {}
        searched_twice = bool(s.calibration_folds) and not self._picking_scores
        with progress.stage("leave out", len(p.names) * (1 + searched_twice)) as advance:
            for fold in self._folds(advance):
                for image, found in self._judged(fold):
                    scored[image] = found
                    advance(1)
        self._scored = [scored[image] for image in range(len(p.names))]
        if s.by_place:
            grids = [found.grid for found in self._scored]
            self.left_out = LeftOut(grids, p.split_keys)
            self.usual = self.left_out.usual

    def _held_out_score(self, image: int) -> HeldOutScore:
        score, score_map = self._summarised(image)
        return HeldOutScore(self._patches.names[image], score, float(score_map.max()))

    def _summarised(self, image: int) -> tuple[float, NDArray[np.float32]]:
        """Score and map of a training image as if it were new."""
        found = self._scored[image]
        score, maps = self._summary.run(
            ["score", "score_map"],
            patch_scores=self._patches.on_grid(
                image, found.grid if self.left_out is None else self.left_out.told(image)
            ),
            weight=found.weight,
            image_hw=np.array(self._patches.sizes_hw[image], np.int64),
        )
        return float(score[0]), maps[0]

    def _folds(self, advance: Advance) -> Iterator[_Fold]:
        """Parts of the images, each with what it is to be judged by."""
        s, p = self.writer.settings, self._patches
        if not s.calibration_folds:
            yield from self._by_the_bank_itself()
            return
        parts = parts_of(p.split_keys, s.calibration_folds, seed=s.seed)
        part_of = np.empty(len(p.names), np.int16)  # one a point: there are a thousand at most
        for number, part in enumerate(parts):
            part_of[part] = number
        leaving_out = LeavingOut(self._coreset, p.points, part_of[p.owner])
        seen = self._scores_when_seen(leaving_out, advance)
        for part, without in zip(parts, leaving_out.without_each(), strict=True):
            shift = self._reach(self._coreset) - self._reach(without.coreset)
            shift *= 1 - without.used_up
            self.banks_without.append(BankWithout(part, without.coreset.picks, shift))
            yield _Fold(
                part,
                partial(self._search_among, without.coreset.picks),
                shift=shift,
                seen=seen,
                known=self._by_image(part, without.distances) if self._picking_scores else None,
            )

    def _reach(self, coreset: Coreset) -> float:
        """The covering radius in the unit of patch scores."""
        squared = self.writer.settings.distance == "squared"
        return coreset.radius**2 if squared else coreset.radius

    def _scores_when_seen(self, leaving_out: LeavingOut, advance: Advance) -> Scores:
        """Patch scores of each training image by the model that ships."""
        images = range(len(self._patches.names))
        if self._picking_scores:
            return self._by_image(images, leaving_out.distances())
        found = {}
        with self._search_among(self._coreset.picks) as session, one_core_each() as pool:
            scores_of = pool.map(partial(self._patch_scores, session), images)
            for image, scores in zip(images, scores_of, strict=True):
                found[image] = scores
                advance(1)
        return found

    @property
    def _picking_scores(self) -> bool:
        """Whether the distances that picking compares are scores of patches."""
        return self._patches.points_are_vectors and self.writer.settings.scores_are_distances

    def _by_image(self, images: Iterable[int], scores: NDArray[np.float32]) -> Scores:
        """Scores of the patches of some images, one image after the other, image by image."""
        ordered, counts = sorted(images), np.diff(self._patches.starts)
        return dict(zip(ordered, np.split(scores, np.cumsum(counts[ordered])[:-1]), strict=True))

    def _search_among(self, picks: NDArray[np.int64], others: int | None = None) -> Session:
        search = partial(self.writer.search, block=BLOCK, others=others)
        data = search(self.vectors_at(picks)).SerializeToString()  # no other copy stays
        return Session(data, ONE_CORE)

    def _by_the_bank_itself(self) -> Iterator[_Fold]:
        """All images, each judged by the bank that ships less its own vectors.

        They are one fold, but for those that leave fewer vectors than neighbours are asked for.
        """
        p, owner = self._patches, self._patches.owner[self._coreset.picks]
        own: dict[int, NDArray[np.intp]] = {}
        for together in parts_of(p.split_keys, len(p.names), seed=self.writer.settings.seed):
            own |= dict.fromkeys(together, np.flatnonzero(np.isin(owner, together)))
            if len(own[together[0]]) == len(owner):
                raise CalibrationError(
                    f"The whole bank comes from '{p.names[together[0]]}', which cannot be left "
                    "out of it; use a larger coreset, or calibration_folds=5."
                )
        asked = max(self.writer.settings.k, self.writer.settings.reweight)
        by_others: dict[int, list[int]] = {}
        for image, rows in own.items():
            by_others.setdefault(min(asked, len(owner) - len(rows)), []).append(image)
        for others, images in by_others.items():
            yield _Fold(images, partial(self._search_among, self._coreset.picks, others), own)

    @cached_property
    def _summary(self) -> Session:
        return Session(self.writer.summary().SerializeToString(), ONE_CORE)

    def _judged(self, fold: _Fold) -> Iterator[tuple[int, _Scored]]:
        """The patches of each image of a fold, scored as if it were new."""
        if fold.known is not None:
            for image, scores in fold.known.items():
                yield image, self._as_new(fold, image, scores, np.ones(1, np.float32))
            return
        with fold.session() as session, one_core_each() as pool:
            judge = partial(self._judge, fold, session)
            yield from zip(fold.images, pool.map(judge, fold.images), strict=True)

    def _judge(self, fold: _Fold, session: Session, image: int) -> _Scored:
        """The patches of a training image by the search of its fold."""
        p, barred = self._patches, self._barred(fold, image)
        scores = self._patch_scores(session, image, **barred)
        weight = np.ones(1, np.float32)
        if "weight" in session.outputs:
            first = p.starts[image] + int(scores.argmax())
            worst = p.store.read(first, first + 1)
            (weight,) = session.run(["weight"], patches=worst[None, None], **barred)
        return self._as_new(fold, image, scores, weight)

    def _as_new(
        self,
        fold: _Fold,
        image: int,
        scores: NDArray[np.float32],
        weight: NDArray[np.float32],
    ) -> _Scored:
        """Scores of an image's patches on the scale of the bank that ships."""
        if fold.seen is not None:
            scores = np.maximum(scores + np.float32(fold.shift), fold.seen[image])
        return _Scored(scores.reshape(self._patches.inside_hw[image]), weight)

    def _patch_scores(
        self, session: Session, image: int, **barred: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """What a search makes of the patches of a training image, row after row."""
        p = self._patches
        patches = p.store.read(p.starts[image], p.starts[image + 1])
        blocks = (patches[first : first + QUERIES] for first in range(0, len(patches), QUERIES))
        return np.concatenate(
            [session.run(["patch_scores"], patches=b[None, None], **barred)[0] for b in blocks],
            axis=None,
        )

    def _barred(self, fold: _Fold, image: int) -> dict[str, NDArray[np.float32]]:
        """What the search is told of vectors to pass over."""
        if fold.own is None:
            return {}
        barred = np.zeros(len(self.bank), np.float32)
        barred[fold.own[image]] = -np.inf
        return {"barred": barred}

    def close(self) -> None:
        """Give the training patches back."""
        self._scored, self.banks_without, self.left_out = [], [], None
        self._patches.close()


@dataclass(frozen=True, eq=False)
class _Fold:
    """Images that are left out together.

    Attributes:
        images: which ones.
        session: loads the search that they meet; it holds no memory until then.
        own: of each image, which vectors of the bank it is not compared with.
        shift: what brings patch scores to the scale of the bank that ships.
        seen: patch scores of all images by the model that ships, the least that they count for.
        known: the patch scores of each image, where picking the bank has told them.
    """

    images: list[int]
    session: Callable[[], Session]
    own: dict[int, NDArray[np.intp]] | None = None
    shift: float = 0.0
    seen: Scores | None = None
    known: Scores | None = None


@dataclass(frozen=True, eq=False)
class BankWithout:
    """A bank that lacks some images.

    Attributes:
        images: that were left out together.
        picks: its vectors, among the points.
        shift: what is added to distances to it, to bring them to the scale of the bank that ships.
    """

    images: list[int]
    picks: NDArray[np.int64]
    shift: float


@dataclass(frozen=True, eq=False)
class _Scored:
    """What was found of an image that was left out.

    Attributes:
        grid: scores of its patches, h x w.
        weight: of the highest of them, 1.
    """

    grid: NDArray[np.float32]
    weight: NDArray[np.float32]
