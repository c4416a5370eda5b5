"""The nets as torch modules, to be trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from blemish.detectors.efficientad.architecture import NetLayer, Weights
from blemish.detectors.efficientad.dropout import dropped

ALL = slice(None)


class Net(nn.Module):  # type: ignore[misc]
    """A chain of layers, N x 3 x H x W to N x C x h x w.

    Args:
        layers: of `architecture`; each is a `Conv2d` under its own name.
        dropout: chance of a value to be dropped in training, where a layer says so.
    """

    def __init__(self, layers: Sequence[NetLayer], *, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = tuple(layers)
        self.dropout = dropout
        for layer in layers:
            convolution = nn.Conv2d(
                layer.inputs, layer.outputs, layer.kernel_hw, layer.stride, layer.padding
            )
            self.add_module(layer.name, convolution)

    def forward(self, images: Tensor, outputs: slice = ALL) -> Tensor:
        """Features of images, all of them or only some: those not asked for cost nothing."""
        x = images
        for layer in self.layers:
            before = x
            if layer.enlarged_hw is not None:
                x = F.interpolate(x, layer.enlarged_hw, mode="bilinear", align_corners=False)
            conv = self.get_submodule(layer.name)
            kept = outputs if layer is self.layers[-1] else ALL
            x = F.conv2d(x, conv.weight[kept], conv.bias[kept], layer.stride, layer.padding)
            if layer.skips:
                x = x + before
            if layer.rectified:
                x = F.relu(x)
            if layer.dropout and self.training and self.dropout:
                x = dropped(x, self.dropout)
            if layer.pooled:
                x = F.avg_pool2d(x, 2)
        return x


def fixed_net(layers: Sequence[NetLayer], weights: Weights) -> Net:
    """A net with given weights, which is not to be trained."""
    with torch.device("meta"):
        net = Net(layers)
    values = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
    net.load_state_dict(values, assign=True)
    net.eval().requires_grad_(False)
    return net


def weights_of(net: Net) -> dict[str, NDArray[Any]]:
    """The weights of a net, float32."""
    return {k: v.detach().float().cpu().contiguous().numpy() for k, v in net.state_dict().items()}
