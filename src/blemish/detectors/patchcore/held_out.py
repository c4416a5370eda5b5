"""Training images of a PatchCore as if they were new: each left out of the bank that it meets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from blemish.data.split import parts_of
from blemish.detectors.patchcore.graph import PatchCoreGraph
from blemish.detectors.patchcore.patches import Patches
from blemish.detectors.patchcore.seen import SeenImages
from blemish.errors import CalibrationError
from blemish.graph.engine import ONE_CORE
from blemish.graph.session import Session
from blemish.parallel import one_core_each
from blemish.progress import Advance, Progress
from blemish.search.coreset import Coreset
from blemish.search.leaving_out import LeavingOut
from blemish.search.vectors import Vectors

Scores = dict[int, NDArray[np.float32]]  # of the patches of some images, row after row

QUERIES, BLOCK = 1024, 2048  # patches, and vectors of the bank, whose products a core holds
TOO_FEW = "Scoring images as if they were new takes at least 2 that do not belong together."


class ImagesLeftOut(Protocol):
    """Scores training images against banks without them.

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

    Attributes:
        banks_without: those that images were left out of, once they were; none where the bank that
            ships served in their place.
    """

    banks_without: list[BankWithout]

    @property
    def seen(self) -> SeenImages:
        """The images."""
        ...

    @property
    def method(self) -> str:
        """For the record, `5-fold` say."""
        ...

    def scored(self, progress: Progress) -> list[Scored]:
        """Patch scores of each image, not told by place.

        Raises:
            CalibrationError: all images belong together, so that none can be left out.
        """
        ...

    def close(self) -> None:
        """Give back what this takes."""
        ...


@dataclass(frozen=True, eq=False)
class Scored:
    """What was found of an image that was left out.

    Attributes:
        grid: scores of its patches, h x w.
        weight: of the highest of them, 1.
    """

    grid: NDArray[np.float32]
    weight: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class BankWithout:
    """A bank that lacks some images.

    Attributes:
        images: that were left out together.
        vectors: gives what it holds.
        shift: what is added to distances to it, to bring them to the scale of the bank that ships.
    """

    images: list[int]
    vectors: Callable[[], Vectors]
    shift: float


def patch_scores(
    session: Session, patches: Vectors, **barred: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What a search makes of patches, N x D, one after the other."""
    blocks = (patches[first : first + QUERIES] for first in range(0, len(patches), QUERIES))
    return np.concatenate(
        [session.run(["patch_scores"], patches=b[None, None], **barred)[0] for b in blocks],
        axis=None,
    )


def weight_of(
    session: Session, worst: Vectors, **barred: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The weight of an image by its worst patch, 1; 1 where nothing is weighed."""
    if "weight" not in session.outputs:
        return np.ones(1, np.float32)
    weight: NDArray[np.float32] = session.run(["weight"], patches=worst[None, None], **barred)[0]
    return weight


def as_new(
    scores: NDArray[np.float32], shift: float, seen: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Scores by a bank without an image, on the scale of the bank that ships.

    Args:
        scores: of the image's patches.
        shift: from that bank to the one that ships.
        seen: scores of the same patches by the latter, the least that they count for.
    """
    shifted: NDArray[np.float32] = scores + np.float32(shift)
    return np.maximum(shifted, seen)


def reach(coreset: Coreset, *, squared: bool) -> float:
    """The covering radius in the unit of patch scores."""
    return coreset.radius**2 if squared else coreset.radius


class LeftOutByFolds:
    """Images whose patches are all kept.

    Args:
        writer: of the detector's graphs.
        bank: what ships.
        patches: of the images; closed with this.
        coreset: which of them the bank holds.

    Attributes:
        seen, banks_without: see `ImagesLeftOut`.
        coreset: as given.
    """

    def __init__(
        self, writer: PatchCoreGraph, bank: Vectors, patches: Patches, coreset: Coreset
    ) -> None:
        self._writer, self._bank = writer, bank
        self.seen, self.coreset = patches, coreset
        self.banks_without: list[BankWithout] = []

    @property
    def method(self) -> str:
        """For the record."""
        folds = self._writer.settings.calibration_folds
        parts = min(folds, len(set(self.seen.split_keys)))
        return f"{parts}-fold" if folds else "leave-one-out"

    def scored(self, progress: Progress) -> list[Scored]:
        """Patch scores of each image. Raises `CalibrationError`."""
        p, s = self.seen, self._writer.settings
        if len(set(p.split_keys)) < 2:
            raise CalibrationError(TOO_FEW)
        scored: dict[int, Scored] = {}
        searched_twice = bool(s.calibration_folds) and not self._picking_scores
        with progress.stage("leave out", len(p.names) * (1 + searched_twice)) as advance:
            for fold in self._folds(advance):
                for image, found in self._judged(fold):
                    scored[image] = found
                    advance(1)
        return [scored[image] for image in range(len(p.names))]

    def vectors_at(self, picks: NDArray[np.int64]) -> Vectors:
        """Those of some points, as they are kept."""
        return self.seen.store.take(self.seen.rows[picks])

    def _folds(self, advance: Advance) -> Iterator[_Fold]:
        """Parts of the images, each with what it is to be judged by."""
        s, p = self._writer.settings, self.seen
        if not s.calibration_folds:
            yield from self._by_the_bank_itself()
            return
        parts, squared = parts_of(p.split_keys, s.calibration_folds, seed=s.seed), s.squared
        part_of = np.empty(len(p.names), np.int16)  # one a point: there are a thousand at most
        for number, part in enumerate(parts):
            part_of[part] = number
        leaving_out = LeavingOut(self.coreset, p.points, part_of[p.owner])
        seen = self._scores_when_seen(leaving_out, advance)
        for part, without in zip(parts, leaving_out.without_each(), strict=True):
            shift = reach(self.coreset, squared=squared) - reach(without.coreset, squared=squared)
            shift *= 1 - without.used_up
            vectors = partial(self.vectors_at, without.coreset.picks)
            self.banks_without.append(BankWithout(part, vectors, shift))
            yield _Fold(
                part,
                partial(self._search_among, without.coreset.picks),
                shift=shift,
                seen=seen,
                known=self._by_image(part, without.distances) if self._picking_scores else None,
            )

    def _scores_when_seen(self, leaving_out: LeavingOut, advance: Advance) -> Scores:
        """Patch scores of each training image by the model that ships."""
        images = range(len(self.seen.names))
        if self._picking_scores:
            return self._by_image(images, leaving_out.distances())
        found = {}
        with self._search_among(self.coreset.picks) as session, one_core_each() as pool:
            scores_of = pool.map(partial(self._patch_scores, session), images)
            for image, scores in zip(images, scores_of, strict=True):
                found[image] = scores
                advance(1)
        return found

    @property
    def _picking_scores(self) -> bool:
        """Whether the distances that picking compares are scores of patches."""
        return self.seen.points_are_vectors and self._writer.settings.scores_are_distances

    def _by_image(self, images: Iterable[int], scores: NDArray[np.float32]) -> Scores:
        """Scores of the patches of some images, one image after the other, image by image."""
        ordered, counts = sorted(images), np.diff(self.seen.starts)
        return dict(zip(ordered, np.split(scores, np.cumsum(counts[ordered])[:-1]), strict=True))

    def _search_among(self, picks: NDArray[np.int64], others: int | None = None) -> Session:
        search = partial(self._writer.search, block=BLOCK, others=others)
        data = search(self.vectors_at(picks)).SerializeToString()  # no other copy stays
        return Session(data, ONE_CORE)

    def _by_the_bank_itself(self) -> Iterator[_Fold]:
        """All images, each judged by the bank that ships less its own vectors.

        They are one fold, but for those that leave fewer vectors than neighbours are asked for.
        """
        p, owner = self.seen, self.seen.owner[self.coreset.picks]
        own: dict[int, NDArray[np.intp]] = {}
        for together in parts_of(p.split_keys, len(p.names), seed=self._writer.settings.seed):
            own |= dict.fromkeys(together, np.flatnonzero(np.isin(owner, together)))
            if len(own[together[0]]) == len(owner):
                raise CalibrationError(
                    f"The whole bank comes from '{p.names[together[0]]}', which cannot be left "
                    "out of it; use a larger coreset, or calibration_folds=5."
                )
        asked = max(self._writer.settings.k, self._writer.settings.reweight)
        by_others: dict[int, list[int]] = {}
        for image, rows in own.items():
            by_others.setdefault(min(asked, len(owner) - len(rows)), []).append(image)
        for others, images in by_others.items():
            yield _Fold(images, partial(self._search_among, self.coreset.picks, others), own)

    def _judged(self, fold: _Fold) -> Iterator[tuple[int, Scored]]:
        """The patches of each image of a fold, scored as if it were new."""
        if fold.known is not None:
            for image, scores in fold.known.items():
                yield image, self._as_new(fold, image, scores, np.ones(1, np.float32))
            return
        with fold.session() as session, one_core_each() as pool:
            judge = partial(self._judge, fold, session)
            yield from zip(fold.images, pool.map(judge, fold.images), strict=True)

    def _judge(self, fold: _Fold, session: Session, image: int) -> Scored:
        """The patches of a training image by the search of its fold."""
        p, barred = self.seen, self._barred(fold, image)
        scores = self._patch_scores(session, image, **barred)
        first = p.starts[image] + int(scores.argmax())
        weight = weight_of(session, p.store.read(first, first + 1), **barred)
        return self._as_new(fold, image, scores, weight)

    def _as_new(
        self,
        fold: _Fold,
        image: int,
        scores: NDArray[np.float32],
        weight: NDArray[np.float32],
    ) -> Scored:
        """Scores of an image's patches on the scale of the bank that ships."""
        if fold.seen is not None:
            scores = as_new(scores, fold.shift, fold.seen[image])
        return Scored(scores.reshape(self.seen.inside_hw[image]), weight)

    def _patch_scores(
        self, session: Session, image: int, **barred: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """What a search makes of the patches of a training image, row after row."""
        p = self.seen
        own = p.store.read(p.starts[image], p.starts[image + 1])
        return patch_scores(session, own, **barred)

    def _barred(self, fold: _Fold, image: int) -> dict[str, NDArray[np.float32]]:
        """What the search is told of vectors to pass over."""
        if fold.own is None:
            return {}
        barred = np.zeros(len(self._bank), np.float32)
        barred[fold.own[image]] = -np.inf
        return {"barred": barred}

    def close(self) -> None:
        """Give the training patches back."""
        self.banks_without = []
        self.seen.close()


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
