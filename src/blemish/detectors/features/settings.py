"""What a detector on features lets its users choose."""

from __future__ import annotations

from dataclasses import dataclass

from blemish.detectors.settings import NORMALISATIONS, DetectorSettings
from blemish.settings import setting

EMBEDDED = "embedded"  # as `load_backbone` knows it, whose package loads too much for settings


@dataclass(frozen=True)
class FeatureSettings(DetectorSettings):
    """The backbone, which of its levels, and whether scores are told by their place."""

    backbone: str = setting(
        EMBEDDED,
        "embedded (in the package), an ONNX file with named outputs, or timm:NAME",
        names_file=True,
    )
    levels: tuple[str, ...] | None = setting(
        None, "outputs of the backbone to use; by default those at strides 8 and 16", fewest=1
    )
    weights: str | None = setting(
        None, "a safetensors file with the weights of timm:NAME", names_file=True
    )
    normalisation: str = setting(
        "position",
        "position tells each score by what good images, left out, score as far from the border, "
        "so that borders do not shout; none leaves scores as they are: distances",
        choices=NORMALISATIONS,
    )

    @property
    def by_place(self) -> bool:
        """Whether scores are told by their place (`detectors.position`)."""
        return self.normalisation == "position"
