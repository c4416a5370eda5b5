"""The nets of EfficientAd as plain lists of layers, from which torch modules and graphs are made.

Batzner et al., "EfficientAD: Accurate Visual Anomaly Detection at Millisecond-Level Latencies",
WACV 2024: the patch description networks (PDN) of tables 6 and 7, unpadded, and the autoencoder of
table 8. Two nets are none of the paper's: `extra_small`, PDN-S with a quarter of its widths, and
the residual student, which follows a backbone's features in place of a PDN's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from blemish.detectors.nets.layer import NetLayer

STUDENT, AUTOENCODER = "student", "autoencoder"  # the nets that are trained, and maps of theirs
COLOURS = 3
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of what all nets take: RGB in [0, 1]

# Widths of the convolutions; the last is the number of features.
PDN_WIDTHS = {
    "extra_small": (32, 64, 64, 96),
    "small": (128, 256, 256, 384),
    "medium": (256, 512, 512, 512, 384, 384),
}
STRIDE = 4  # pixels from one cell of a PDN's grid to the next
RECEPTIVE_FIELD = 33  # pixels that a cell sees
BORDER_CELLS = 4  # that the unpadded net lacks on each side of the image

# Of the residual student: how many layers with a skip it has at each stride, and how many times the
# channels of the finest.
STEM_STRIDE, STEM_SIDE = 4, 6
SKIPS = {4: 2, 8: 4, 16: 4}
WIDENED = {4: 1, 8: 2, 16: 3}

LATENT_SIDE = 8  # of the bottleneck's kernel, at most
SMALLEST_SIDE = 128  # below it the decoder's first size is none


@dataclass(frozen=True)
class Layers:
    """The nets that are trained.

    Attributes:
        student: follows the teacher, and the autoencoder if any.
        autoencoder: empty where there is none.
        followed: how many features each of the teacher's levels has.
    """

    student: tuple[NetLayer, ...]
    autoencoder: tuple[NetLayer, ...]
    followed: tuple[int, ...]


def pdn(kind: str, *, doubled: bool = False) -> tuple[NetLayer, ...]:
    """A patch description network.

    Args:
        kind: `extra_small`, `small` or `medium`.
        doubled: with twice the features, as a student that follows an autoencoder, too; in
            `medium` the layer before the last is widened with it.
    """
    widths = list(PDN_WIDTHS[kind])
    if doubled:
        for i in (-2, -1) if kind == "medium" else (-1,):
            widths[i] *= 2
    kernels = (4, 4, 1, 3, 4, 1) if kind == "medium" else (4, 4, 3, 4)
    last = len(widths) - 1
    return tuple(
        NetLayer(
            f"conv{i + 1}",
            COLOURS if i == 0 else widths[i - 1],
            width,
            (kernel, kernel),
            pooled=i < 2,
            rectified=i < last,
            head=i == last,
        )
        for i, (width, kernel) in enumerate(zip(widths, kernels, strict=True))
    )


def residual(
    levels: Sequence[tuple[int, int]], width: int, *, beside: int = 0
) -> tuple[NetLayer, ...]:
    """A student that follows levels of a backbone, all of them on the grid of the finest.

    Args:
        levels: features and stride of each, a key of `SKIPS`.
        width: channels at the finest stride; two and three times as many at the next ones.
        beside: features to give beside those, on the same grid.
    """
    finest, coarsest = (pick(stride for _, stride in levels) for pick in (min, max))
    layers = [
        NetLayer("stem", COLOURS, width, (STEM_SIDE, STEM_SIDE), stride=STEM_STRIDE, padding=1)
    ]
    ends = {}  # the last layer at each stride
    for stride, count in SKIPS.items():
        if stride > coarsest:
            break
        channels = width * WIDENED[stride]
        if stride > STEM_STRIDE:
            before = layers[-1].outputs
            layers.append(NetLayer(f"to{stride}", before, channels, (2, 2), stride=2))
        layers += [
            NetLayer(f"at{stride}_{i + 1}", channels, channels, (3, 3), padding=1, skips=True)
            for i in range(count)
        ]
        ends[stride] = layers[-1]
    wanted = [(f"head{i + 1}", *level) for i, level in enumerate(levels)]
    if beside:
        wanted.append(("beside", beside, finest))
    heads = [
        NetLayer(
            name,
            ends[stride].outputs,
            features,
            (1, 1),
            rectified=False,
            enlarged_by=stride // finest,
            of=ends[stride].name,
            head=True,
        )
        for name, features, stride in wanted
    ]
    return (*layers, *heads)


def features_of(kind: str) -> int:
    """How many features a teacher of that kind has."""
    return PDN_WIDTHS[kind][-1]


def autoencoder(
    features: int, size_hw: tuple[int, int], features_hw: tuple[int, int], *, width: int = 64
) -> tuple[NetLayer, ...]:
    """The autoencoder for working images of one size.

    Args:
        features: of the teacher.
        size_hw: of the working image, each side at least `SMALLEST_SIDE`.
        features_hw: cells of the teacher's grid.
        width: of the bottleneck and the decoder; the first two layers have half of it.
    """
    half = width // 2
    widths = (COLOURS, half, half, width, width, width)
    encoder = [
        NetLayer(f"encoder{i + 1}", widths[i], widths[i + 1], (4, 4), stride=2, padding=1)
        for i in range(5)
    ]
    bottleneck = NetLayer(
        "encoder6",
        width,
        width,
        (min(LATENT_SIDE, size_hw[0] // 32), min(LATENT_SIDE, size_hw[1] // 32)),
        rectified=False,
    )
    heights, widths_px = (_decoder_sides(side) for side in size_hw)
    decoder = [
        NetLayer(
            f"decoder{i + 1}",
            width,
            width,
            (4, 4),
            padding=2,
            enlarged_hw=enlarged_hw,
            dropout=True,
        )
        for i, enlarged_hw in enumerate(zip(heights, widths_px, strict=True))
    ]
    head = NetLayer("decoder7", width, width, (3, 3), padding=1, enlarged_hw=features_hw)
    features_layer = replace(
        head, name="decoder8", outputs=features, enlarged_hw=None, rectified=False, head=True
    )
    return (*encoder, bottleneck, *decoder, head, features_layer)


def _decoder_sides(side: int) -> tuple[int, ...]:
    """What the decoder enlarges to; 3, 8, 15, 32, 63, 127 for the paper's 256."""
    return side // 64 - 1, side // 32, side // 16 - 1, side // 8, side // 4 - 1, side // 2 - 1


def grid_hw(size_hw: tuple[int, int]) -> tuple[int, int]:
    """Cells of a PDN's grid over an image of that size; 56 x 56 for 256 x 256."""
    height, width = ((((side - 3) // 2) - 3) // 2 - 5 for side in size_hw)
    return height, width
