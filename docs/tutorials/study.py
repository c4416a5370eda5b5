"""What all parts of the tutorial share: which images, how large a run, how results are shown.

BLEMISH_DATA       a folder of categories (MVTec AD, say) or one data set; by default drawn surfaces
BLEMISH_TUTORIAL   `small` for a run that only shows that everything works
BLEMISH_WORK       where models and records go
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

import blemish

mpl.use("agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

DATA = os.environ.get("BLEMISH_DATA")
SMALL = os.environ.get("BLEMISH_TUTORIAL") == "small"
WORK = Path(os.environ.get("BLEMISH_WORK", "study"))
FLAT = ("tile", "leather", "grid")  # the surfaces that this study is about

GOOD, DEFECT = "#2a78b8", "#c42c58"
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "font.size": 10})


@dataclass(frozen=True)
class Sizes:
    """How large a run is. Settings are those of `blemish.PatchCore` and `blemish.EfficientAd`."""

    surface: tuple[str, ...]  # options of `blemish surfaces`
    patchcore: dict[str, Any]
    ratios: tuple[float, ...]
    efficientad: dict[str, Any]
    experiment: tuple[str, ...]  # options of `blemish benchmark`
    own_images: int


SIZES = Sizes(
    surface=(),
    patchcore={},
    ratios=(0.001, 0.003, 0.01, 0.03, 0.1),
    efficientad={
        "preset": "quick", "autoencoder_weight": 0.5, "hard_quantile": 0.9, "steps": 1500
    },
    experiment=("--preset", "quick", "--set", "efficientad.steps=2000", "--seeds", "0,1"),
    own_images=120,
)  # fmt: skip
if SMALL:
    SIZES = Sizes(
        surface=("--size", "96", "--good", "16"),
        patchcore={"image_size": 96, "calibration_folds": 2},
        ratios=(0.01, 0.1),
        efficientad={
            "preset": "quick", "image_size": 128, "autoencoder_weight": 0.5,
            "hard_quantile": 0.9, "steps": 20,
        },
        experiment=(
            "--preset", "quick", "--image-size", "128", "--set", "efficientad.steps=20",
            "--seeds", "0,1",
        ),
        own_images=12,
    )  # fmt: skip


def categories() -> dict[str, Path]:
    """The data sets of the study: tile, leather and grid where there are such, else all."""
    root = Path(DATA) if DATA else WORK / "surfaces"
    if not DATA and not root.is_dir():
        command("surfaces", root, *SIZES.surface)
    names = blemish.find_categories(root)
    if len(names) == 1 and not (root / names[0]).is_dir():
        return {names[0]: root}
    chosen = [name for name in FLAT if name in names] or names
    return {name: root / name for name in chosen}


def first() -> blemish.Dataset:
    """The data set that the first four parts look at."""
    return blemish.open_dataset(next(iter(categories().values())))


def command(*words: str | Path) -> None:
    """Type a command of blemish, and show what it prints; what it says of its way is not kept."""
    typed = [str(word) for word in words]
    print("$ blemish", *typed)
    done = subprocess.run(
        [sys.executable, "-m", "blemish", *typed], stdout=subprocess.PIPE, text=True, check=True
    )
    print(done.stdout, end="")


class Terminal:
    """Where results go when a part is run on its own: text to the terminal, images to files."""

    images = 0

    def markdown(self, text: str) -> None:
        """Show text."""
        print(f"\n{text}\n")

    def image(self, figure: Figure, words: str) -> None:
        """Keep an image."""
        self.images += 1
        WORK.mkdir(parents=True, exist_ok=True)
        path = WORK / f"image-{self.images}.png"
        figure.savefig(path, bbox_inches="tight")
        print(f"[{words}: {path}]")


shown = Terminal()


def say(*sentences: str) -> None:
    """A paragraph of what was found."""
    shown.markdown(" ".join(sentences))


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table of what was found; numbers with a fraction get three digits."""
    lines = [heads, ["---"] * len(heads), *rows]
    shown.markdown("\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def image(figure: Figure, words: str) -> None:
    """An image, with words for who cannot see it."""
    shown.image(figure, words)
    plt.close(figure)


def strip(
    images: Sequence[Any],
    titles: Sequence[str],
    *,
    words: str,
    masks: Sequence[Any] | None = None,
    columns: int = 6,
    limits: Sequence[tuple[float, float] | None] | None = None,
) -> None:
    """Images and maps side by side; what a mask marks is outlined.

    Args:
        images: H x W x 3, or maps H x W.
        titles: above each.
        words: for who cannot see them.
        masks: H x W each, or `None`.
        columns: at most so many in a row.
        limits: lowest and highest value of a map's colours.
    """
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(2.1 * columns, 2.35 * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat:
        axis.axis("off")
    for i, (axis, shown_image, title) in enumerate(zip(axes.flat, images, titles, strict=False)):
        low, high = (limits[i] if limits and limits[i] else None) or (None, None)
        axis.imshow(shown_image, vmin=low, vmax=high, cmap="inferno")
        axis.set_title(title, fontsize=9)
        if masks is not None and masks[i] is not None and masks[i].any():
            axis.contour(masks[i], levels=[0.5], colors="#00c8ff", linewidths=1.2)
    image(figure, words)


def colours_of(features: Any) -> tuple[Any, Any, Any]:
    """Mean, directions and spread of features (D x h x w): the three in which they vary most."""
    flat = features.reshape(len(features), -1).T
    mean = flat.mean(axis=0)
    _, _, directions = np.linalg.svd(flat - mean, full_matrices=False)
    return mean, directions[:3], ((flat - mean) @ directions[:3].T).std(axis=0)


def in_colours(features: Any, basis: tuple[Any, Any, Any]) -> Any:
    """Features (D x h x w) as an image: red, green, blue are the three directions of `basis`."""
    mean, directions, spread = basis
    flat = (features.reshape(len(features), -1).T - mean) @ directions.T
    return np.clip(0.5 + flat / (5 * spread), 0, 1).reshape(*features.shape[1:], 3)
