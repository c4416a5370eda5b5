"""What a detector on features lets its users choose."""

from __future__ import annotations

from dataclasses import dataclass

from blemish.detectors.settings import PositionSettings
from blemish.settings import setting


@dataclass(frozen=True)
class FeatureSettings(PositionSettings):
    """The backbone, and which of its levels."""

    backbone: str = setting(
        "embedded",
        "embedded (in the package), an ONNX file with named outputs, or timm:NAME",
        names_file=True,
    )
    levels: tuple[str, ...] | None = setting(
        None, "outputs of the backbone to use; by default those at strides 8 and 16", fewest=1
    )
    weights: str | None = setting(
        None, "a safetensors file with the weights of timm:NAME", names_file=True
    )
