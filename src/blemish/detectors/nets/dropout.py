"""Dropout that does not hold up a CPU.

Torch draws the mask there one value after the other, in one thread, which costs as much as a
convolution. Here 16 random bits decide over each value, so the chance is met to 1 in 65,536.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

LEVELS = 2**16


def dropped(values: Tensor, chance: float) -> Tensor:
    """Values of which some, each with that chance, are 0, and the others larger to make up for it.

    Drawn from torch's generator, as `torch.nn.functional.dropout` does.
    """
    if values.device.type != "cpu":
        return F.dropout(values, chance)
    seed = int(torch.randint(2**62, ()))
    drawn = np.random.Generator(np.random.SFC64(seed)).bytes(2 * values.numel())
    words = torch.frombuffer(bytearray(drawn), dtype=torch.int16)
    lowest = round(chance * LEVELS) - LEVELS // 2
    kept = (words >= lowest).to(values.dtype).mul_(1 / (1 - chance))
    return values * kept.as_strided(values.shape, values.stride())
