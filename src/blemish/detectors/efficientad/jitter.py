"""Changes of brightness, contrast or saturation, one an image, as the autoencoder is shown them.

Batzner et al., WACV 2024, section 3.3; each by the definition of Pillow's `ImageEnhance`, but on
the working image and without rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from blemish.detectors.efficientad.architecture import MEAN, STD

BRIGHTNESS, CONTRAST, SATURATION = KINDS = (0, 1, 2)
GREY = (0.299, 0.587, 0.114)


def jittered(images: Tensor, kinds: Sequence[int], factors: Sequence[float]) -> Tensor:
    """Images changed, each by a kind and a factor of its own.

    Args:
        images: N x 3 x H x W, normalised.
        kinds: of `KINDS`, N.
        factors: 1 leaves an image as it is, N.
    """
    plain = denormalised(images)
    factor, contrast, saturation = (
        torch.tensor(values, dtype=plain.dtype).to(plain.device).view(-1, 1, 1, 1)
        for values in (
            list(factors),
            [kind == CONTRAST for kind in kinds],
            [kind == SATURATION for kind in kinds],
        )
    )
    shade = grey(plain)
    anchor = contrast * shade.mean((2, 3), keepdim=True) + saturation * shade
    return normalised((anchor + (plain - anchor) * factor).clamp(0, 1))


def grey(images: Tensor) -> Tensor:
    """Luminance, N x 1 x H x W."""
    weights = torch.tensor(GREY, dtype=images.dtype).to(images.device).view(1, 3, 1, 1)
    return (images * weights).sum(1, keepdim=True)


def normalised(images: Tensor) -> Tensor:
    """Images in [0, 1] as the nets take them."""
    mean, std = _statistics(images)
    return (images - mean) / std


def denormalised(images: Tensor) -> Tensor:
    """Images in [0, 1] again."""
    mean, std = _statistics(images)
    return images * std + mean


def _statistics(like: Tensor) -> tuple[Tensor, Tensor]:
    mean, std = (
        torch.tensor(values, dtype=like.dtype).to(like.device).view(1, 3, 1, 1)
        for values in (MEAN, STD)
    )
    return mean, std
