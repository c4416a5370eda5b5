"""What a student follows: features of a net that was trained once, and is never trained here.

Two kinds: a patch description network as in the paper (`pdn_teacher`), and levels of any backbone
(`backbone_teacher`), which are better features at hand. They take images in [0, 1], less the mean
of ImageNet, over its spread; what they answer is normalised by `Statistics`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from blemish.backbones.backbone import Level
from blemish.detectors.efficientad.architecture import Layers, autoencoder
from blemish.detectors.nets.layer import NetLayer
from blemish.graph.builder import GraphBuilder
from blemish.graph.engine import Engine

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from blemish.detectors.efficientad.settings import EfficientAdSettings

    Answers: TypeAlias = Callable[[Tensor], Tensor]  # from N x 3 x H x W to N x features x h x w
else:
    Answers = Any

TEACHER = "teacher"  # the name of its normalised features in graphs
NOT_STATED = "not stated"
NO_SPREAD = 1e-5  # of a channel, relative to the largest value: rounding, and nothing else


class Teacher(Protocol):
    """A net whose features are followed.

    Attributes:
        name: of the network, or of the file where that does not say.
        licence: of the weights, as their source states it.
        sha256: of the file.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def licence(self) -> str: ...  # noqa: D102

    @property
    def sha256(self) -> str: ...  # noqa: D102

    @property
    def title(self) -> str:
        """Which net it is, for people."""
        ...

    @property
    def levels(self) -> tuple[Level, ...]:
        """What a map each is made of: its features are theirs, one after the other."""
        ...

    @property
    def features(self) -> int:
        """How many features a cell has."""
        ...

    @property
    def parameters(self) -> int:
        """How many weights it has."""
        ...

    @property
    def step(self) -> int:
        """Pixels from one cell to the next, on which parts of an image may begin."""
        ...

    @property
    def margin(self) -> int:
        """Cells along a cut through an image of which a student cannot know."""
        ...

    @property
    def border_cells(self) -> int:
        """Cells that its grid lacks on each side of the image."""
        ...

    def grid_hw(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Cells of its grid over a working image."""
        ...

    def check_sizes(self, size_hw: tuple[int, int], crop: int) -> None:
        """Raise `SettingError` where its cells would not lie on those of a student.

        Args:
            size_hw: of the working image.
            crop: side of the parts that a student is trained on; 0 for whole images.
        """
        ...

    def student(self, *, doubled: bool, width: int) -> tuple[NetLayer, ...]:
        """A net to follow it, with a cell for each of its own.

        Args:
            doubled: with twice its features, the second half for an autoencoder to be followed.
            width: channels, where that is free.
        """
        ...

    def answers(self, device: torch.device, engine: Engine) -> Answers:
        """Its features of working images, before they are normalised."""
        ...

    def add(self, g: GraphBuilder, image: str, statistics: Statistics) -> str:
        """Nodes from working images to `teacher`: normalised features, N x features x h x w."""
        ...


@dataclass(frozen=True, eq=False)
class Statistics:
    """Mean and (population) spread of each of a teacher's features over some images.

    Attributes:
        mean, std: of each feature.
        followed: how many features each level has, since what is rounding is told by the level's
            own; `None` where all are of one.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    followed: tuple[int, ...] | None = None

    @property
    def constant(self) -> NDArray[np.bool_]:
        """Which features do not vary at all, but for rounding."""
        followed = self.followed or (len(self.mean),)
        ends = np.cumsum(followed)[:-1]
        sizes = np.maximum(np.abs(self.mean), self.std)
        largest = [max(float(level.max()), 1e-30) for level in np.split(sizes, ends)]
        still: NDArray[np.bool_] = self.std <= NO_SPREAD * np.repeat(largest, followed)
        return still

    @property
    def divisor(self) -> NDArray[np.float64]:
        """The spread; 1 for features that do not vary, so that nothing is divided by nothing."""
        return np.where(self.constant, 1.0, self.std)


def statistics_of(
    means: NDArray[np.float64],
    variances: NDArray[np.float64],
    followed: tuple[int, ...] | None = None,
) -> Statistics:
    """Those over several images of one size, from those of each image, images x features."""
    mean = means.mean(axis=0)
    variance = variances.mean(axis=0) + ((means - mean) ** 2).mean(axis=0)
    return Statistics(mean, np.sqrt(variance), followed)


def layers_of(settings: EfficientAdSettings, teacher: Teacher) -> Layers:
    """The nets that are trained to follow a teacher."""
    coded = bool(settings.recipe.autoencoder_weight)
    student = teacher.student(doubled=coded, width=settings.recipe.student_width)
    followed = tuple(level.channels for level in teacher.levels)
    if not coded:
        return Layers(student, (), followed)
    grid_hw, width = teacher.grid_hw(settings.seen_hw), settings.autoencoder_width
    coder = autoencoder(teacher.features, settings.seen_hw, grid_hw, width=width)
    return Layers(student, coder, followed)
