"""All trainings of a fit, one after the other, and maps of images that each saw and left out."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blemish.detectors.contract import ImageSource
from blemish.detectors.efficientad.batches import Batches, KeptFeatures, Material
from blemish.detectors.efficientad.checkpoint import Checkpoint
from blemish.detectors.efficientad.graph import EfficientAdGraph, Nets, map_name
from blemish.detectors.efficientad.images import Space, WorkingImages
from blemish.detectors.efficientad.objective import make_trio
from blemish.detectors.efficientad.rounds import Round
from blemish.detectors.efficientad.scale import Maps, Measured
from blemish.detectors.efficientad.schedule import Schedule, share_text
from blemish.detectors.efficientad.settings import EfficientAdSettings
from blemish.detectors.efficientad.teacher import Answers, Statistics, statistics_of
from blemish.detectors.efficientad.training import (
    Trained,
    pick_device,
    pick_precision,
    train,
)
from blemish.errors import SettingError
from blemish.graph.engine import Engine
from blemish.graph.session import Session
from blemish.progress import Advance, Progress
from blemish.unfinished import SUFFIX

LARGEST_KEPT = float(np.finfo(np.float16).max)
TOO_LARGE = (
    "The teacher's features are too large to be kept in half precision; give keep_features=false "
    "(slower), or another teacher."
)
LEARNED_NOTHING = (
    "That is more than by saying the same of every image: it learned nothing yet, or its learning "
    "rate is too high ('learning_rate')."
)
LEARN_MORE = (
    "More steps or more images leave less; on surfaces that vary much that is not always better."
)
MOST_SEEN = 64  # images that nets were trained on, to tell their scale


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the trainings of a fit give.

    Attributes:
        nets: those that ship.
        measured: maps by the nets of each round; the last ship.
        facts: of the training, as plain JSON values.
    """

    nets: Nets
    measured: list[Measured]
    facts: dict[str, Any]


class Trainings:
    """The trainings of a fit: they share device, images and what the teacher makes of these.

    Args:
        graph: writes the graphs that maps are made with.
        images: to train on.
        source: of these, for maps of whole images where they are trained on in tiles.
        penalty: images of anything else, P x 3 x h x w; `None` for no penalty.
        space: room for the teacher's features.
        progress: told of stages.
        folder: for checkpoints; `None` for none.
        engine: what makes maps.

    Raises:
        SettingError: the device is not there.
    """

    def __init__(
        self,
        graph: EfficientAdGraph,
        images: WorkingImages,
        source: ImageSource,
        penalty: NDArray[np.uint8] | None,
        *,
        space: Space,
        progress: Progress,
        folder: Path | None,
        engine: Engine,
    ) -> None:
        self._settings, self._teacher = graph.settings, graph.teacher
        self._graph, self._images, self._source = graph, images, source
        self._progress, self._folder, self._engine = progress, folder, engine
        self._device = pick_device(self._settings.device)
        self._answers = self._teacher.answers(self._device, engine)
        features = self._look_at(space)
        self._material = Material(self._teacher, images.values, penalty, features)

    def run(self, rounds: list[Round]) -> Outcome:
        """Train each round and make maps; the last one's nets ship."""
        measured = []
        for number, one in enumerate(rounds, 1):
            stage = "training" if len(rounds) == 1 else f"training {number}/{len(rounds)}"
            nets, trained = self._train(one, stage)
            measured.append(self._measured(nets, one))
            self._tell_of_unexplained(trained.schedule, stage)
        return Outcome(nets, measured, self._facts(one, trained))

    def _train(self, one: Round, stage: str) -> tuple[Nets, Trained]:
        trained_rows = self._images.rows(one.trained)
        shown = replace(one, trained=trained_rows, watched=self._images.rows(one.watched))
        found = self._means[trained_rows], self._variances[trained_rows]
        statistics = statistics_of(*found, self._graph.layers.followed)
        self._tell_of_constant(statistics)
        teacher = normalised(self._answers, statistics, self._device)
        trained = train(
            self._settings,
            make_trio(self._settings, self._graph.layers, teacher, self._device),
            Batches(self._material, shown, statistics, self._settings, self._device),
            self._device,
            name=stage,
            progress=self._progress,
            checkpoint=self._checkpoint(one),
        )
        return Nets(statistics, trained.student, trained.autoencoder), trained

    def _look_at(self, space: Space) -> KeptFeatures | None:
        """Find mean and variance of the teacher's features of each image; keep these, or not."""
        values, keep = self._images.values, self._settings.recipe.keep_features
        # Room beforehand: small arrays made in between would keep the C library from taking the
        # same memory for each image, hundreds of megabytes of it.
        shape = (len(values), self._teacher.features)
        self._means, self._variances = np.empty(shape), np.empty(shape)
        room_hw = self._teacher.grid_hw(self._settings.seen_hw)
        room = space.array((*shape, *room_hw), np.float16) if keep else None
        with self._progress.stage("teacher", len(values)) as advance, torch.no_grad():
            for i, image in enumerate(values):
                shown = torch.from_numpy(image[None].astype(np.float32)).to(self._device)
                features = self._answers(shown)[0]
                wide = features.double()
                self._means[i] = wide.mean((1, 2)).cpu().numpy()
                self._variances[i] = wide.var((1, 2), correction=0).cpu().numpy()
                if room is not None:
                    shifted = features.cpu().numpy() - self._means[0][:, None, None]
                    if np.abs(shifted).max() > LARGEST_KEPT:
                        raise SettingError(TOO_LARGE)
                    room[i] = shifted
                advance(1)
        return None if room is None else KeptFeatures(room, self._means[0])

    def _tell_of_constant(self, statistics: Statistics) -> None:
        count = int(statistics.constant.sum())
        if count:
            self._progress.say(
                f"{count} of the teacher's {len(statistics.mean)} features do not vary over these "
                "images; they are not scaled, and tell nothing of good ones."
            )

    def _tell_of_unexplained(self, schedule: Schedule, stage: str) -> None:
        if schedule.converged is None and self._settings.recipe.unexplained:
            self._progress.say(
                f"Too few images are trained on to spare one: the {stage} took all its steps, and "
                "nobody saw what was left unexplained. Give more, or hold out fewer ('held_out')."
            )
        if schedule.converged is False:
            share, enough = schedule.unexplained[-1][1], self._settings.recipe.unexplained
            self._progress.say(
                f"The {stage} ended with its last step, not because it was good enough: "
                f"{share_text(share)} of the teacher's variance in good images is left unexplained "
                f"({enough:.0%} would do). {LEARNED_NOTHING if share > 1 else LEARN_MORE}"
            )

    def _measured(self, nets: Nets, one: Round) -> Measured:
        session = Session(self._graph.maps(nets).SerializeToString(), self._engine)
        seen = one.trained[:: math.ceil(len(one.trained) / MOST_SEEN)]
        with self._progress.stage("maps", len(seen) + len(one.left_out)) as advance:
            left_out = self._maps(session, one.left_out, advance) if one.left_out else None
            return Measured(self._maps(session, seen, advance), left_out)

    def _maps(self, session: Session, positions: list[int], advance: Advance) -> Maps:
        """Raw maps of some images."""
        branches, found = list(self._graph.branches), []
        for shown in self._shown_whole(positions):
            maps = session.run([map_name(branch) for branch in branches], **shown)
            found.append([values[0] for values in maps])
            advance(1)
        of_branches = map(list, zip(*found, strict=True))
        return Maps(positions, dict(zip(branches, of_branches, strict=True)))

    def _shown_whole(self, positions: list[int]) -> Iterator[dict[str, NDArray[Any]]]:
        """What the graph of maps takes of some images: with tiles, the images as they came."""
        if self._graph.tiles is None:
            for position in positions:
                yield {"working": self._images.values[position][None].astype(np.float32)}
        else:
            yield from ({"image": image[None]} for _, image in self._source.part(positions))

    def _checkpoint(self, one: Round) -> Checkpoint | None:
        if self._folder is None:
            return None
        left_aside = (*self._settings.circumstances, *self._settings.names_of_files())
        settings = self._settings.to_dict()
        made_of = {
            "settings": {k: v for k, v in settings.items() if k not in left_aside},
            "teacher": self._teacher.sha256,
            "images": self._images.sha256,
            "trained_on": hashlib.sha256(json.dumps(one.trained).encode()).hexdigest(),
        }
        if self._material.penalty is not None:
            made_of["penalty"] = hashlib.sha256(self._material.penalty.data).hexdigest()
        return Checkpoint(self._folder / f"{one.name}{SUFFIX}", made_of)

    def _facts(self, one: Round, trained: Trained) -> dict[str, Any]:
        precision = pick_precision(self._settings.precision, self._device)
        schedule, shown = trained.schedule, len(self._images.rows(one.trained))
        return {
            "trained_on": len(one.trained),
            "steps": schedule.end,
            "epochs": round(schedule.end * self._settings.recipe.batch_size / shown, 2),
            "unexplained": {
                "watched": len(one.watched),
                "history": schedule.unexplained,
                "converged": schedule.converged,
            },
            "penalty": _told_of_penalty(self._settings, self._material.penalty),
            "losses": {"names": ["step", *trained.losses], "history": trained.history},
            "trained_with": {
                "device": self._device.type,
                "precision": str(precision).removeprefix("torch."),
                "torch": str(torch.__version__),
            },
        }


def normalised(answers: Answers, statistics: Statistics, device: torch.device) -> Answers:
    """A teacher's answers, each feature with mean 0 and spread 1 over the training images."""
    mean, divisor = (
        torch.from_numpy(values).float().to(device).view(-1, 1, 1)
        for values in (statistics.mean, statistics.divisor)
    )

    def answer(images: Tensor) -> Tensor:
        return (answers(images) - mean) / divisor

    return answer


def _told_of_penalty(
    settings: EfficientAdSettings, penalty: NDArray[np.uint8] | None
) -> dict[str, Any] | None:
    if penalty is None:
        return None
    folder = settings.penalty
    return {
        "source": "drawn" if folder is None else Path(folder).name,
        "images": len(penalty),
    }
