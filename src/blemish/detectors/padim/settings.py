"""All that can be chosen in PaDiM, with the limits of each choice."""

from __future__ import annotations

from dataclasses import dataclass

from blemish.detectors.features.settings import FeatureSettings
from blemish.settings import setting


@dataclass(frozen=True)
class PadimSettings(FeatureSettings):
    """All that can be chosen in PaDiM."""

    gaussian: str = setting(
        "position",
        "one Gaussian for each position, as published, for parts that always lie alike; or one "
        "global one for all, for textures",
        choices=("position", "global"),
    )
    dimensions: int = setting(
        100, "channels of the features that are kept, as published for ResNet-18; 0 for all",
        at_least=0,
    )  # fmt: skip
    selection: str = setting(
        "random",
        "which channels are kept: drawn at random, as published, or the first ones",
        choices=("random", "first"),
    )
    regularisation: float = setting(
        0.01,
        "what each covariance has more on its diagonal, as a share of the channels' mean variance",
        above=0,
        at_most=1,
    )
    smoothing: float = setting(
        4.0, "sigma of the map's Gaussian, in working pixels; 0 for none", at_least=0, at_most=32
    )
    memory_megabytes: int = setting(4000, "the most memory that a fit may take", at_least=100)

    def contradictions(self) -> list[str]:
        """Problems between settings that are each allowed."""
        problems = super().contradictions()
        if self.gaussian == "position" and self.resize != "stretch":
            problems.append(
                "'resize' must be stretch with gaussian 'position', made for one size; "
                f"got {self.resize!r}."
            )
        return problems

    def kept(self, channels: int) -> int:
        """How many of some channels are kept."""
        return min(self.dimensions, channels) or channels
