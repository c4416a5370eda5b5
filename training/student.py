"""The net that ships: inverted residuals (Sandler et al., CVPR 2018), small, fully convolutional.

Its levels are linear predictions of the teacher's: `s4`, `s8` and `s16`, named by their strides.
No image takes it out of range: what leaves a filter ends at 6, as in its teacher, and levels have
ends. Other rectifiers have none: they need none then, and a runtime is faster without.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Channels, blocks and expansion of each stage; the first block of a stage halves the size.
STAGES = ((24, 2, 3), (48, 3, 4), (128, 8, 5))
STEM = 20
LEVELS = ("s4", "s8", "s16")
BOUND = 8.0  # of the levels where the net is used, in standard deviations of the teacher's channels


class Depthwise(nn.Conv2d):
    """A filter a channel, in float32 even where the rest is not: faster on a CPU, both ways."""

    def forward(self, features: Tensor) -> Tensor:
        """N x C x h x w to N x C x h / stride x w / stride."""
        with torch.autocast(features.device.type, enabled=False):
            return super().forward(features.float())


class Block(nn.Module):
    """Widen, filter each channel, narrow; added to what came in where sizes allow."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.added = stride == 1 and inputs == outputs
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(),
            Depthwise(inner, inner, 3, stride, 1, groups=inner, bias=False),
            nn.BatchNorm2d(inner), nn.ReLU6(),
            nn.Conv2d(inner, outputs, 1, bias=False), nn.BatchNorm2d(outputs),
        )  # fmt: skip

    def forward(self, features: Tensor) -> Tensor:
        """N x inputs x h x w to N x outputs x h / stride x w / stride."""
        out: Tensor = self.layers(features)
        return features + out if self.added else out


class Student(nn.Module):
    """N x 3 x H x W, normalised, to one map a level.

    Args:
        outputs: channels of the levels `s4`, `s8`, `s16`.
    """

    def __init__(self, outputs: tuple[int, int, int]) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, STEM, 3, 2, 1, bias=False), nn.BatchNorm2d(STEM), nn.ReLU(),
            Depthwise(STEM, STEM, 3, 1, 1, groups=STEM, bias=False), nn.BatchNorm2d(STEM),
            nn.ReLU6(), nn.Conv2d(STEM, STEM, 1, bias=False), nn.BatchNorm2d(STEM),
        )  # fmt: skip
        stages, heads, width = [], [], STEM
        for (channels, blocks, expansion), out in zip(STAGES, outputs, strict=True):
            layers = [
                Block(width if i == 0 else channels, channels, stride=2 - (i > 0),
                      expansion=expansion)
                for i in range(blocks)
            ]  # fmt: skip
            stages.append(nn.Sequential(*layers))
            heads.append(nn.Sequential(nn.ReLU(), nn.Conv2d(channels, out, 1)))
            width = channels
        self.stages, self.heads = nn.ModuleList(stages), nn.ModuleList(heads)

    def freeze(self, stages: int) -> None:
        """Leave the first stages as they are, and what is before them; not their levels."""
        for part in (self.stem, *self.stages[:stages]) if stages else ():
            part.requires_grad_(False).eval()

    def forward(self, images: Tensor) -> list[Tensor]:
        """The levels, finest first."""
        features, levels = self.stem(images), []
        for stage, head in zip(self.stages, self.heads, strict=True):
            features = stage(features)
            levels.append(head(features))
        return levels
