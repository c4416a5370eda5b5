"""The nets as torch modules, to be trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from blemish.detectors.nets.dropout import dropped
from blemish.detectors.nets.layer import NetLayer, Weights

ALL = slice(None)


class Net(nn.Module):  # type: ignore[misc]
    """Layers, N x 3 x H x W to N x C x h x w: what the heads among them give.

    Args:
        layers: of `architecture`; each is a `Conv2d` under its own name.
        dropout: chance of a value to be dropped in training, where a layer says so.
    """

    def __init__(self, layers: Sequence[NetLayer], *, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = tuple(layers)
        self.dropout = dropout
        self._taken = {layer.of for layer in layers}
        for layer in layers:
            convolution = nn.Conv2d(
                layer.inputs,
                layer.outputs,
                layer.kernel_hw,
                layer.stride,
                layer.padding,
                layer.dilation,
            )
            self.add_module(layer.name, convolution)

    def draw_weights(self) -> None:
        """Draw weights with which each layer passes on how images differ (He et al., ICCV 2015).

        Of torch's own weights a layer passes on a part. That does where few follow each other or
        skips lead past them; behind an autoencoder all images would look the same to bfloat16, and
        it would learn their mean.
        """
        for layer in self.layers:
            convolution = self.get_submodule(layer.name)
            kind = "relu" if layer.rectified else "linear"
            nn.init.kaiming_normal_(convolution.weight, nonlinearity=kind)
            nn.init.zeros_(convolution.bias)

    def forward(self, images: Tensor, outputs: slice = ALL) -> Tensor:
        """Features of images, all of them or only some: heads not asked for cost nothing."""
        x, given, first = images, [], 0
        ends: dict[str, Tensor] = {}
        for layer in self.layers:
            kept = ALL
            if layer.head:
                kept = _inside(outputs, first, layer.outputs)
                first += layer.outputs
                if kept.start == kept.stop:
                    continue
            x = self._applied(layer, x if layer.of is None else ends[layer.of], kept)
            if layer.name in self._taken:
                ends[layer.name] = x
            if layer.head:
                given.append(x)
        return given[0] if len(given) == 1 else torch.cat(given, 1)

    def _applied(self, layer: NetLayer, x: Tensor, kept: slice) -> Tensor:
        before = x
        if layer.enlarged_hw is not None:
            x = F.interpolate(x, layer.enlarged_hw, mode="bilinear", align_corners=False)
        if layer.enlarged_by > 1:
            factor = float(layer.enlarged_by)
            x = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
        conv = self.get_submodule(layer.name)
        weight, bias = conv.weight[kept], conv.bias[kept]
        x = F.conv2d(x, weight, bias, layer.stride, layer.padding, layer.dilation)
        if layer.skips:
            x = x + before
        if layer.rectified:
            x = F.relu(x)
        if layer.dropout and self.training and self.dropout:
            x = dropped(x, self.dropout)
        return F.avg_pool2d(x, 2) if layer.pooled else x


def _inside(outputs: slice, first: int, count: int) -> slice:
    """Which of some features, `count` from `first` on, are among those asked for."""
    ends = outputs.start or 0, first + count if outputs.stop is None else outputs.stop
    start, stop = (min(max(end - first, 0), count) for end in ends)
    return slice(start, max(start, stop))


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
