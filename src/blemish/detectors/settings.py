"""What all detectors let their users choose.

Settings are read before NumPy is (a command line makes its options of them), so no module that
declares some may import it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from blemish.errors import SettingError
from blemish.graph.working_size import WAYS_TO_RESIZE, WorkingSize
from blemish.settings import Settings, setting

NORMALISATIONS = ("none", "position")  # of scores, before they are thresholded


@dataclass(frozen=True)
class DetectorSettings(Settings):
    """What all detectors share: how an image becomes a working image, and the seed."""

    image_size: int | tuple[int, int] | None = setting(
        None,
        "side of the working image in pixels, or its height and width; 256, or as a preset says",
        at_least=32,
        at_most=4096,
    )
    resize: str = setting(
        "stretch",
        "stretch the image to image_size, or keep its aspect with that shorter or longer side",
        choices=WAYS_TO_RESIZE,
    )
    seed: int = setting(0, "seed of everything that is drawn at random", at_least=0)

    # Names of settings that decide where and how safely a fit runs, not what comes of it.
    circumstances: ClassVar[tuple[str, ...]] = ()

    def contradictions(self) -> list[str]:
        """Problems between settings that are each allowed."""
        if self.resize != "stretch" and isinstance(self.image_size, tuple):
            return [f"'image_size' must be one number with resize '{self.resize}'; got two."]
        return []

    @property
    def usual_side_px(self) -> int:
        """The side of a working image where no size is given."""
        return 256

    @property
    def on_gpu(self) -> bool | None:
        """Whether a fit is done on a GPU; `None` where it takes one if there is one."""
        return False

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the working image, before it is padded."""
        side = self.usual_side_px if self.image_size is None else self.image_size
        return (side, side) if isinstance(side, int) else side

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain JSON values, with the size that holds."""
        values = super().to_dict()
        return values | ({"image_size": self.usual_side_px} if self.image_size is None else {})

    def portable(self) -> dict[str, Any]:
        """The same without the folders of the machine they were used on."""
        files = self.names_of_files()
        return {
            name: Path(value).name if name in files and isinstance(value, str) else value
            for name, value in self.to_dict().items()
        }

    @classmethod
    def shared(cls, values: Mapping[str, Any]) -> DetectorSettings:
        """What every detector shares, out of the settings of any of them as `to_dict` gave them.

        Raises:
            SettingError: a value is not allowed.
        """
        names = DetectorSettings.names()
        return DetectorSettings(**{name: values[name] for name in names if name in values})

    @classmethod
    def given(cls, settings: Self | None, values: Mapping[str, Any]) -> Self:
        """What a detector is made with: settings, or their defaults, with some set by name.

        Raises:
            SettingError: these are settings of something else, a name is unknown, or a value is
                not allowed.
        """
        if not isinstance(settings, (cls, type(None))):
            name = cls.__name__.removesuffix("Settings")
            raise SettingError(
                f"{name} takes its settings by name: {name}(image_size=512, ...); got {settings!r}."
            )
        return (settings or cls()).replace(**values)

    def working_size(self, multiple: int) -> WorkingSize:
        """How images are resized; padded sizes are multiples of `multiple` pixels."""
        return WorkingSize(self.size_hw, self.resize, multiple)
