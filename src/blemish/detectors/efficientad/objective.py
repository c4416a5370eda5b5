"""One step's losses, from the nets and what they see. Batzner et al., WACV 2024, section 3."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from blemish.detectors.efficientad.architecture import Weights
from blemish.detectors.efficientad.batches import Batch
from blemish.detectors.efficientad.losses import distance, hard_feature_loss, penalty_loss
from blemish.detectors.efficientad.nets import Net, fixed_net
from blemish.detectors.efficientad.settings import EfficientAdSettings

# What the student learns of the teacher and of pictures of anything else; the autoencoder of the
# teacher, and the student's second half of it.
LOSSES = ("hard_features", "penalty", "autoencoder", "student_autoencoder")


@dataclass(frozen=True, eq=False)
class Trio:
    """The three nets; the teacher's features are normalised and it is never trained."""

    teacher: Net
    student: Net
    autoencoder: Net

    @property
    def trained(self) -> dict[str, Net]:
        """Those that are trained, by name."""
        return {"student": self.student, "autoencoder": self.autoencoder}


def make_trio(settings: EfficientAdSettings, teacher: Weights, device: torch.device) -> Trio:
    """New nets of a seed, ready to be trained.

    Args:
        settings: all of them.
        teacher: its weights, with normalised features.
        device: where the nets are to be.
    """
    layers = settings.layers
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        student = Net(layers.student)
        autoencoder = Net(layers.autoencoder, dropout=settings.dropout)
    fixed = fixed_net(layers.teacher, teacher)
    place = {"device": device, "memory_format": torch.channels_last}
    return Trio(fixed.to(**place), student.to(**place), autoencoder.to(**place))


def step_losses(trio: Trio, batch: Batch, settings: EfficientAdSettings) -> Tensor:
    """The losses in the order of `LOSSES`, a vector whose sum is to be made small.

    The autoencoder sees whole pictures, the others only the batch's windows. What the autoencoder
    makes is not detached where the student learns of it, as is usual.
    """
    with torch.no_grad():
        wanted = trio.teacher(batch.pictures) if batch.features is None else batch.features
        varied = batch.parts(batch.varied)
        varied_wanted = trio.teacher(varied)
    half, count = wanted.shape[1], len(batch.pictures)
    answers = trio.student(torch.cat([batch.pictures, batch.penalty]), slice(half))
    rebuilt = batch.cells(trio.autoencoder(batch.varied))
    return torch.stack(
        [
            hard_feature_loss(answers[:count], wanted, settings.hard_quantile),
            penalty_loss(answers[count:]) * settings.penalty_weight,
            distance(rebuilt, varied_wanted),
            distance(trio.student(varied, slice(half, None)), rebuilt),
        ]
    )
