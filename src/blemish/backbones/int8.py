"""A backbone in whole numbers of 8 bits: faster, and a little different.

Weights are rounded once; the range of every layer's numbers is taken from good pictures that run
through it. The network is made ready for that (`evened`), then ONNX Runtime's own tool does it;
what it gives is standard ONNX (QuantizeLinear, DequantizeLinear), so any runtime computes with it,
in floats at worst.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blemish.backbones.backbone import Backbone
from blemish.backbones.evened import even_out
from blemish.backbones.stem import in_blocks, small_stem

STEM = "blemish/stem"  # a node that stays in floats


def to_int8(
    backbone: Backbone, pictures: Iterable[NDArray[np.float32]], *, even_sides: bool = False
) -> Backbone:
    """Quantise a backbone with the pictures that it is to see.

    Weights keep 7 bits, so that processors which add products of bytes in 16 bits (those without
    VNNI) give the same numbers.

    Args:
        backbone: what to quantise.
        pictures: good ones, normalised as the backbone takes them, V x 3 x H x W each: first as
            it is, then in variants that widen the ranges. They are read twice.
        even_sides: it will only see pictures of even height and width.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as name, _unheard():
        given, simplified, evened, quantised = (Path(name) / f"{i}.onnx" for i in range(4))
        onnx.save(backbone.graph, given)
        quant_pre_process(given, simplified, skip_symbolic_shape=True)
        plain = onnx.load(simplified)
        in_floats = small_stem(plain, backbone.entry)
        ready = even_out(plain, backbone.entry, pictures, in_floats=in_floats)
        for node in ready.graph.node:
            if node.output[0] == in_floats:
                node.name = STEM
        if even_sides and in_floats is None:
            ready = in_blocks(ready, backbone.entry)
        onnx.save(ready, evened)
        quantize_static(
            evened,
            quantised,
            _Ranges(backbone.entry, iter(pictures)),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            nodes_to_exclude=[STEM],
        )
        return replace(backbone, graph=onnx.load(quantised))


@contextmanager
def _unheard() -> Iterator[None]:
    """Drop what ONNX Runtime's tool says by the root logger, and keep it from setting that up."""

    def drop(_record: logging.LogRecord) -> bool:
        return False

    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)
    root.addFilter(drop)
    try:
        yield
    finally:
        root.removeFilter(drop)
        root.removeHandler(handler)


class _Ranges:
    """Pictures as ONNX Runtime's tool asks for them."""

    def __init__(self, entry: str, pictures: Iterator[NDArray[np.float32]]) -> None:
        self._entry = entry
        self._pictures = pictures

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        picture = next(self._pictures, None)
        return None if picture is None else {self._entry: picture}
