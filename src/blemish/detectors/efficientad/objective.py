"""One step's losses, from the nets and what they see. Batzner et al., WACV 2024, section 3."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from blemish.detectors.efficientad.architecture import AUTOENCODER, STUDENT, Layers
from blemish.detectors.efficientad.batches import Batch
from blemish.detectors.efficientad.losses import (
    distance,
    hard_feature_loss,
    mean_of_levels,
    penalty_loss,
)
from blemish.detectors.efficientad.settings import EfficientAdSettings
from blemish.detectors.efficientad.teacher import Answers
from blemish.detectors.nets.module import Net

# What the student learns of the teacher and of images of anything else; the autoencoder of the
# teacher, and the student's second half of it.
FOLLOWS, PENALTY = "student", "penalty"
OF_THE_AUTOENCODER = ("autoencoder", "student_autoencoder")


@dataclass(frozen=True, eq=False)
class Trio:
    """The nets; the teacher answers with normalised features and is never trained.

    Attributes:
        followed: how many features each of the teacher's levels has; all levels count alike.
    """

    teacher: Answers
    student: Net
    autoencoder: Net | None
    followed: tuple[int, ...]
    penalised: bool

    @property
    def trained(self) -> dict[str, Net]:
        """Those that are trained, by name."""
        coder = {} if self.autoencoder is None else {AUTOENCODER: self.autoencoder}
        return {STUDENT: self.student} | coder

    @property
    def losses(self) -> tuple[str, ...]:
        """Names of what `step_losses` gives."""
        penalty = (PENALTY,) if self.penalised else ()
        coder = OF_THE_AUTOENCODER if self.autoencoder is not None else ()
        return (FOLLOWS, *penalty, *coder)


def make_trio(
    settings: EfficientAdSettings, layers: Layers, teacher: Answers, device: torch.device
) -> Trio:
    """New nets of a seed, ready to be trained.

    Args:
        settings: all of them.
        layers: of the nets.
        teacher: what gives normalised features.
        device: where the nets are to be.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        student = Net(layers.student)
        coder = Net(layers.autoencoder, dropout=settings.dropout) if layers.autoencoder else None
        if coder and settings.recipe.initialisation == "he":
            coder.draw_weights()
    place = {"device": device, "memory_format": torch.channels_last}
    penalised = settings.recipe.penalty_weight > 0
    coder = coder.to(**place) if coder else None
    return Trio(teacher, student.to(**place), coder, layers.followed, penalised)


def step_losses(trio: Trio, batch: Batch, settings: EfficientAdSettings) -> Tensor:
    """The losses in the order of `Trio.losses`, a vector whose sum is to be made small."""
    with torch.no_grad():
        wanted = trio.teacher(batch.images) if batch.features is None else batch.features
    half, count = wanted.shape[1], len(batch.images)
    shown = batch.images if batch.penalty is None else torch.cat([batch.images, batch.penalty])
    answers = trio.student(shown, slice(half))
    hard, counted = settings.recipe.hard_quantile, batch.counted
    losses = [
        mean_of_levels(
            lambda one, other: hard_feature_loss(one, other, hard, counted),
            answers[:count],
            wanted,
            trio.followed,
        )
    ]
    if batch.penalty is not None:
        losses.append(penalty_loss(answers[count:]) * settings.recipe.penalty_weight)
    if trio.autoencoder is not None and batch.varied is not None:
        losses += _autoencoder_losses(trio, trio.autoencoder, batch, batch.varied)
    return torch.stack(losses)


def _autoencoder_losses(trio: Trio, autoencoder: Net, batch: Batch, whole: Tensor) -> list[Tensor]:
    """What the autoencoder learns of the teacher, and the student's second half of it.

    The autoencoder sees whole images, the others only the batch's windows. What the autoencoder
    makes is not detached where the student learns of it, as is usual.
    """
    varied = batch.parts(whole)
    with torch.no_grad():
        wanted = trio.teacher(varied)
    rebuilt = batch.cells(autoencoder(whole))
    followed = slice(wanted.shape[1], None)
    return [distance(rebuilt, wanted), distance(trio.student(varied, followed), rebuilt)]
