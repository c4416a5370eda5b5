"""How pictures are seen at each use: turned, recoloured, and some of them to the extreme."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Rng = np.random.Generator

EXTREME = 0.2  # of the images


def varied(images: Tensor, rng: Rng) -> Tensor:
    """Images turned or mirrored together, each with colours of its own or grey, some extreme.

    Args:
        images: N x 3 x H x W in [0, 1].
        rng: what is drawn from.
    """
    count = len(images)
    mixing = np.stack([np.eye(3)[rng.permutation(3)] for _ in range(count)])
    mixing = mixing * rng.uniform(0.6, 1.4, (count, 1, 1)) * rng.uniform(0.8, 1.25, (count, 3, 1))
    shift = rng.normal(0, 0.08, (count, 1)) + rng.normal(0, 0.04, (count, 3))
    grey = rng.random(count) < 0.35
    mixing[grey], shift[grey] = mixing[grey].mean(1, keepdims=True), shift[grey][:, :1]
    weights, shift = (
        torch.tensor(v, dtype=torch.float32, device=images.device) for v in (mixing, shift)
    )
    images = torch.einsum("nck,nkhw->nchw", weights, images - 0.5)
    images = (images + 0.5 + shift[:, :, None, None]).clamp_(0, 1)
    for i in np.flatnonzero(rng.random(count) < EXTREME):
        images[i] = extreme(images[i], rng)
    if rng.random() < 0.5:
        images = images.transpose(2, 3)
    flips = [axis for axis in (2, 3) if rng.random() < 0.5]
    return images.flip(flips).contiguous(memory_format=torch.channels_last)


def extreme(image: Tensor, rng: Rng) -> Tensor:
    """One image, 3 x H x W in [0, 1], as bad light, a bad lens or a bad sensor would give it."""
    mean, share = image.mean(), float(np.exp(rng.uniform(np.log(0.02), np.log(0.35))))
    match rng.integers(8):
        case 0:  # dark
            image = image * share
        case 1:  # bright
            image = 1 - (1 - image) * share
        case 2:  # faint
            image = mean + (image - mean) * share
        case 3:  # black and white
            image = (image - mean) / share + 0.5
        case 4:  # glaring colours
            grey = image.mean(0, keepdim=True)
            image = grey + (image - grey) * float(rng.uniform(2, 6))
        case 5:  # out of focus
            width = int(rng.integers(1, 8))
            for _ in range(2):
                image = F.avg_pool2d(image, 2 * width + 1, 1, width, count_include_pad=False)
        case 6:  # noise
            image = image + share * _noise(image, rng)
        case 7:  # too dark for the sensor, made brighter: few levels and their noise
            dark = image * share + 0.01 * _noise(image, rng)
            image = (dark * 255).round() / 255 / share
    return image.clamp(0, 1)


def _noise(image: Tensor, rng: Rng) -> Tensor:
    planes = 1 if rng.random() < 0.5 else 3
    values = rng.standard_normal((planes, *image.shape[1:]), np.float32)
    return torch.from_numpy(values).to(image.device)
