"""All that can be chosen in PatchCore, with the limits of each choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from blemish.detectors.features.settings import EMBEDDED, FeatureSettings
from blemish.detectors.tiled import TiledSettings
from blemish.errors import SettingError
from blemish.settings import setting

DEFAULT_RATIO = 0.01
FINEST_OF_EMBEDDED = ("s4",)
FEWEST_VECTORS = 1000  # by default: two smaller banks of like images differ by more than these do
MOST_OF_TILES = 4000  # by default: searching more takes longer than the backbone


@dataclass(frozen=True)
class PatchCoreSettings(FeatureSettings, TiledSettings):
    """All that can be chosen in PatchCore."""

    neighbourhood: int = setting(3, "side of the patch's neighbourhood, odd", at_least=1, at_most=9)
    embedding: str = setting(
        "concat",
        "all channels end to end, or pooled to embedding_width as in the authors' code",
        choices=("concat", "pooled"),
    )
    embedding_width: int = setting(1024, "dimensions of the pooled embedding", at_least=1)
    coreset_ratio: float | None = setting(
        None,
        "share of all patches to keep; where no size is given 0.01, but at least 1000 patches, and "
        "with tiles 4000 at most",
        above=0,
        at_most=1,
    )
    coreset_count: int | None = setting(None, "number of patches to keep", at_least=1)
    coreset_megabytes: float | None = setting(None, "size of the bank in megabytes", above=0)
    coreset_start: str = setting(
        "random",
        "first pick: a seeded row; farthest from the mean (the authors' exact sampler); "
        "or by ten sampled rows (their approximate one)",
        choices=("random", "farthest", "sampled"),
    )
    projection: int = setting(
        128, "dimensions that picking the coreset compares; 0 for all", at_least=0
    )
    k: int = setting(1, "neighbours whose mean distance is a patch's score", at_least=1, at_most=50)
    reweight: int = setting(
        0,
        "neighbours b of the paper's Eq. 7 (others use 9), with image_score patches and "
        "normalisation none; 0 leaves it out",
        at_least=0,
    )
    distance: str = setting(
        "euclidean", "squared in the authors' code", choices=("euclidean", "squared")
    )
    smoothing: float = setting(
        4.0, "sigma of the map's Gaussian, in working pixels; 0 for none", at_least=0, at_most=32
    )
    image_score: str = setting(
        "map",
        "the largest value of the smoothed map, or, as published, the largest patch score",
        choices=("map", "patches"),
    )
    map_levels: tuple[str, ...] | None = setting(
        None,
        "levels of a second bank, finer than the others, which sharpens the map and leaves the "
        "score as it is: s4 of embedded; by default there is none",
        fewest=1,
    )
    head: str = setting(
        "none",
        "distance trains a small net, on the good images with synthetic defects, that makes the "
        "map from the distances to both banks (map_levels: by default s4 of embedded); takes the "
        "extra 'train' to fit, nothing to predict",
        choices=("none", "distance"),
    )
    calibration_folds: int = setting(
        5,
        "parts of the training images that are left out in turn, each with the bank filled up "
        "without it, to score them as new; 0 only takes an image's own vectors out of the one "
        "bank (nearly free, but its thresholds are too high)",
        at_least=0,
        at_most=1000,
    )
    shards: int = setting(
        0,
        "parts of the training images that are looked at one after the other, or by many workers: "
        "the bank is picked from what is picked of each, and little is in memory at a time; 0 for "
        "all images at once",
        at_least=0,
        at_most=100_000,
    )
    precision: str = setting(
        "float32",
        "int8 computes the backbone in whole numbers, rounded with the training images: a little "
        "less exact, faster by a fifth (small backbones) to three times (large ones)",
        choices=("float32", "int8"),
    )
    memory_megabytes: int = setting(4000, "the most memory that a fit may take", at_least=100)

    def contradictions(self) -> list[str]:
        """Problems between settings that are each allowed."""
        problems = super().contradictions()
        sizes = ("coreset_ratio", "coreset_count", "coreset_megabytes")
        given = [name for name in sizes if getattr(self, name) is not None]
        if len(given) > 1:
            problems.append(f"'{given[0]}' and '{given[1]}' both size the bank; give one.")
        if self.neighbourhood % 2 == 0:
            problems.append(f"'neighbourhood' must be odd; got {self.neighbourhood}.")
        if self.calibration_folds == 1:
            problems.append("'calibration_folds' must be 0 or at least 2; got 1.")
        if self.finer_levels and self.resize != "stretch":
            problems.append(
                f"'{'head' if self.has_head else 'map_levels'}' goes with images of one working "
                f"size: 'resize' must be stretch; got {self.resize!r}."
            )
        if self.has_head and not self.finer_levels:
            problems.append(
                "'head' reads a second bank: give 'map_levels', a level of the backbone that is "
                "finer than the others."
            )
        if self.shards == 1:
            problems.append("'shards' must be 0 or at least 2; got 1.")
        if self.shards and not self.calibration_folds:
            problems.append(
                "'shards' are left out in turn: 'calibration_folds' must not be 0 with them."
            )
        if self.has_head and not self.calibration_folds:
            problems.append(
                "'head' learns from images left out: 'calibration_folds' must not be 0."
            )
        if self.is_tiled:
            problems += self._not_with_tiles()
        if self.reweight == 1:
            problems.append("'reweight' must be 0 or at least 2: one neighbour has no others.")
        if self.reweight and (self.image_score == "map" or self.by_place):
            problems.append(
                "'reweight' weighs distances of patches; with it, image_score must be 'patches' "
                "and normalisation 'none'."
            )
        return problems

    def _not_with_tiles(self) -> list[str]:
        """What looks at a whole image at once."""
        whole = {
            "map_levels": self.map_levels is not None,
            "head": self.has_head,
            "reweight": bool(self.reweight),
        }
        named = "tile" if self.tile is not None else "scale"
        return [
            f"'{name}' does not go with tiles ('{named}'); leave one of them out."
            for name, given in whole.items()
            if given
        ]

    @property
    def has_head(self) -> bool:
        """Whether a trained net makes the map."""
        return self.head == "distance"

    @property
    def finer_levels(self) -> tuple[str, ...] | None:
        """Levels of the second bank; `None` where there is none."""
        if self.map_levels is None and self.has_head and self.backbone == EMBEDDED:
            return FINEST_OF_EMBEDDED
        return self.map_levels

    @property
    def scores_are_distances(self) -> bool:
        """Whether a patch's score is its distance to the nearest vector of the bank, by itself."""
        return self.k == 1 and not self.reweight and self.distance == "euclidean"

    @property
    def squared(self) -> bool:
        """Whether distances are squared, as in the authors' code."""
        return self.distance == "squared"

    def dimensions(self, channels: Sequence[int]) -> int:
        """Length of a patch's vector.

        Raises:
            SettingError: the pooled width cannot be shared among the levels.
        """
        if self.embedding == "concat":
            return sum(channels)
        if self.embedding_width % len(channels):
            raise SettingError(
                f"'embedding_width' must be a multiple of the number of levels ({len(channels)}); "
                f"got {self.embedding_width}."
            )
        return self.embedding_width

    def projection_dimensions(self, dimensions: int) -> int:
        """Length of the vectors that picking compares."""
        return self.projection if 0 < self.projection < dimensions else dimensions

    def with_bank_of(self, count: int) -> PatchCoreSettings:
        """The same with a bank of so many vectors, however large it was to be."""
        return replace(self, coreset_count=count, coreset_ratio=None, coreset_megabytes=None)

    def bank_size(self, patches: int, dimensions: int) -> int:
        """How many vectors the bank will have, at least one."""
        if self.coreset_count is not None:
            count = self.coreset_count
        elif self.coreset_megabytes is not None:
            count = int(self.coreset_megabytes * 10**6) // (4 * dimensions)
        elif self.coreset_ratio is not None:
            count = int(patches * self.coreset_ratio)
        else:
            count = max(int(patches * DEFAULT_RATIO), FEWEST_VECTORS)
            count = min(count, MOST_OF_TILES) if self.is_tiled else count
        return min(patches, max(count, 1))
