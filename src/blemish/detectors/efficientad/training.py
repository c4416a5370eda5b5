"""The training of student and autoencoder: safe to end at any step, and to go on with.

The loop never waits for a loss: some steps' losses are fetched together, told, and checked. The
same settings and images give the same weights on the same machine, whether or not the training
was interrupted. Batzner et al., WACV 2024, section 3 and appendix.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call
from torch.nn.utils import clip_grad_norm_

from blemish.backbones.compiler import no_compiler_folder
from blemish.detectors.efficientad.architecture import AUTOENCODER, COLOURS, STUDENT
from blemish.detectors.efficientad.batches import Batches, KeptFeatures, Material
from blemish.detectors.efficientad.checkpoint import Checkpoint, same_shape
from blemish.detectors.efficientad.interruptions import Interruptions
from blemish.detectors.efficientad.losses import distance, mean_of_levels
from blemish.detectors.efficientad.objective import Trio, make_trio, step_losses
from blemish.detectors.efficientad.rounds import Round
from blemish.detectors.efficientad.schedule import Schedule
from blemish.detectors.efficientad.settings import EfficientAdSettings
from blemish.detectors.efficientad.teacher import Statistics, Teacher, layers_of
from blemish.detectors.nets.module import weights_of
from blemish.detectors.nets.surroundings import training_surroundings
from blemish.detectors.nets.timing import median_seconds
from blemish.errors import BlemishError, SettingError
from blemish.graph.engine import CPU
from blemish.progress import Progress

FETCHED = 20  # steps whose losses are fetched together
MOST_TOLD = 100  # of them that are kept for the record
DROPPED = 23  # what else seeds the dropout of a step, beside the setting
HIGH_RATE = 1e-3  # a learning rate from which on it is the first suspect
STATE = ("exp_avg", "exp_avg_sq", "step")  # of Adam


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training gives.

    Attributes:
        student, autoencoder: weights; no autoencoder, none.
        losses: their names.
        history: [step, loss, loss, ...] each.
        schedule: as it was in the end.
    """

    student: dict[str, NDArray[Any]]
    autoencoder: dict[str, NDArray[Any]]
    losses: tuple[str, ...]
    history: list[list[float]]
    schedule: Schedule


def train(
    settings: EfficientAdSettings,
    trio: Trio,
    batches: Batches,
    device: torch.device,
    *,
    name: str,
    progress: Progress,
    checkpoint: Checkpoint | None = None,
) -> Trained:
    """Train student and autoencoder, or go on with it.

    Args:
        settings: all of them.
        trio: new nets, and the teacher.
        batches: what each step sees.
        device: where the nets are.
        name: of the stage, for who follows.
        progress: told of steps and losses.
        checkpoint: where the training is kept; signals that end it are held back until it is.

    Raises:
        BlemishError: a loss is not a finite number, or the checkpoint cannot be used or written.
    """
    with ExitStack() as stack:
        stack.enter_context(training_surroundings(device))
        run = _Run(settings, trio, batches, device, checkpoint)
        run.restore()
        advance = stack.enter_context(progress.stage(name, run.schedule.steps))
        advance(run.step)
        interruptions = stack.enter_context(Interruptions()) if checkpoint else None
        while not run.done:
            run.take_step()
            run.look_now_and_then()
            whole = run.step % FETCHED == 0 or run.done
            advance(1, run.fetch() if whole else None)
            if interruptions and interruptions.pending is not None:
                run.save()
                interruptions.deliver()
            if whole:
                run.save_now_and_then()
    return run.result()


def try_steps(
    settings: EfficientAdSettings, teacher: Teacher, device: torch.device
) -> tuple[float, float]:
    """Take a few steps on noise, to know how long they take; features stay as they are.

    Returns:
        Seconds a step, and seconds in which the teacher looks at one image.
    """
    recipe, (height, width) = settings.recipe, settings.seen_hw
    rng = np.random.default_rng(settings.seed)
    images = rng.standard_normal((2, COLOURS, height, width)).astype(np.float16)
    penalty = rng.integers(0, 256, (2, COLOURS, height, width)).astype(np.uint8)
    answers = teacher.answers(device, CPU)
    ones = Statistics(np.zeros(teacher.features), np.ones(teacher.features))
    with training_surroundings(device):
        trio = make_trio(settings, layers_of(settings, teacher), answers, device)
        shown = torch.from_numpy(images[:1]).to(device, torch.float32)
        with torch.no_grad():
            look = median_seconds(lambda: trio.teacher(shown), device)
            kept = trio.teacher(shown).half().cpu().numpy().repeat(2, axis=0)
        features = KeptFeatures(kept, np.zeros(kept.shape[1])) if recipe.keep_features else None
        material = Material(teacher, images, penalty if trio.penalised else None, features)
        batches = Batches(material, Round("tried", [0, 1], [], []), ones, settings, device)
        step = median_seconds(_Run(settings, trio, batches, device, None).take_step, device)
    return step, look


def pick_device(name: str) -> torch.device:
    """The device of a setting. Raises `SettingError` where it is not there."""
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise SettingError("'device' is cuda, but torch finds no such device; use cpu, or auto.")
    return torch.device("cuda" if name == "cuda" or (name == "auto" and there) else "cpu")


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """What to train in: `auto` is bfloat16 where the processor multiplies in it."""
    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    if device.type == "cuda":
        has = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        has = any(getattr(torch.cpu, probe, bool)() for probe in probes)
    return torch.bfloat16 if has else torch.float32


class _Run:
    """A training on its way: nets, optimiser, number of steps done, losses so far.

    The weights jump about while the learning rate is high. Where `averaged_steps` says so, what
    ships is a running mean of them (Polyak and Juditsky, SIAM J. Control Optim. 30, 1992).
    """

    def __init__(
        self,
        settings: EfficientAdSettings,
        trio: Trio,
        batches: Batches,
        device: torch.device,
        checkpoint: Checkpoint | None,
    ) -> None:
        self.step = 0
        self.schedule = Schedule(settings, settings.steps_of(batches.count))
        self._settings, self._recipe = settings, settings.recipe
        self._trio, self._batches, self._checkpoint = trio, batches, checkpoint
        self._device = device
        self._precision = pick_precision(settings.precision, device)
        self._parameters = {
            f"{net_name}.{name}": parameter
            for net_name, net in trio.trained.items()
            for name, parameter in net.train().named_parameters()
        }
        averaged = self._parameters if self._recipe.averaged_steps else {}
        self._means = {name: p.detach().clone() for name, p in averaged.items()}
        with no_compiler_folder():
            self._optimiser = torch.optim.Adam(
                self._parameters.values(),
                lr=self._recipe.learning_rate,
                weight_decay=settings.weight_decay,
                fused=True,
            )
        self._fresh: list[Tensor] = []  # losses not fetched yet
        self._history: list[list[float]] = []
        self._saved_at = time.monotonic()

    @property
    def done(self) -> bool:
        """Whether there is no further step to take."""
        return self.step >= self.schedule.end

    def take_step(self) -> None:
        """One step of Adam."""
        for group in self._optimiser.param_groups:
            group["lr"] = self.schedule.rate(self.step)
        torch.manual_seed(_seed_of_dropout(self._settings.seed, self.step))
        batch = self._batches.at(self.step)
        lower = self._precision != torch.float32
        with torch.autocast(self._device.type, self._precision, enabled=lower):
            losses = step_losses(self._trio, batch, self._settings)
        self._optimiser.zero_grad()
        losses.sum().backward()
        if self._recipe.gradient_norm:
            clip_grad_norm_(self._parameters.values(), self._recipe.gradient_norm)
        self._optimiser.step()
        self._average()
        self._fresh.append(losses.detach())
        self.step += 1

    def _average(self) -> None:
        """Let the running means follow the weights: plainly at first, then exponentially."""
        with torch.no_grad():
            for name, mean in self._means.items():
                share = 1 / min(self.step + 1, self._recipe.averaged_steps)
                mean.lerp_(self._parameters[name], share)

    def look_now_and_then(self) -> None:
        """See what the student leaves unexplained in images that it does not learn from."""
        if not self.schedule.looks(self.step):
            return
        student = self._trio.student
        means = {
            name.removeprefix(f"{STUDENT}."): mean
            for name, mean in self._means.items()
            if name.startswith(f"{STUDENT}.")
        }
        shares = []
        with torch.no_grad():
            for batch in self._batches.watched():
                kept = batch.features
                wanted = self._trio.teacher(batch.images) if kept is None else kept
                shown = (batch.images, slice(wanted.shape[1]))
                answers = functional_call(student, means, shown)
                shares.append(mean_of_levels(distance, answers, wanted, self._trio.followed))
        if shares:
            self.schedule.look(self.step, float(torch.stack(shares).mean()))

    def fetch(self) -> str:
        """Wait for the losses of the last steps and give them in words."""
        losses = torch.stack(self._fresh).double().cpu().numpy()
        first = self.step - len(losses) + 1
        self._fresh = []
        wrong = np.argwhere(~np.isfinite(losses))
        if len(wrong):
            row, column = wrong[0]
            name = self._trio.losses[column]
            raise self._lost(f"The loss '{name}' is not a finite number", first + row)
        means = losses.mean(axis=0)
        self._history.append([self.step, *(float(f"{value:.5g}") for value in means)])
        if len(self._history) >= 2 * MOST_TOLD:
            self._history = self._history[1::2]
        told = list(zip(self._trio.losses, means, strict=True))
        if self.schedule.unexplained:
            told.append(("unexplained", self.schedule.unexplained[-1][1]))
        return ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in told)

    def result(self) -> Trained:
        """The nets as they are now, or the running means of their weights."""
        with torch.no_grad():
            for name, mean in self._means.items():
                self._parameters[name].copy_(mean)
        trained = {name: weights_of(net) for name, net in self._trio.trained.items()}
        values = (value for weights in trained.values() for value in weights.values())
        if not all(np.isfinite(value).all() for value in values):
            raise self._lost("The weights are no longer finite numbers", self.step)
        losses, coder = self._trio.losses, trained.get(AUTOENCODER, {})
        return Trained(trained[STUDENT], coder, losses, self._history, self.schedule)

    def save_now_and_then(self) -> None:
        """Write the checkpoint if the last is old enough, or the training done."""
        due = time.monotonic() - self._saved_at >= self._settings.checkpoint_seconds
        if self._checkpoint and (due or self.done):
            self.save()

    def save(self) -> None:
        """Write the checkpoint."""
        if self._checkpoint:
            facts = {
                "step": self.step,
                "history": self._history,
                "fresh": len(self._fresh),
                "unexplained": self.schedule.unexplained,
                "cools_from": self.schedule.cools_from,
            }
            self._checkpoint.write(self._tensors(), facts)
            self._saved_at = time.monotonic()

    def restore(self) -> None:
        """Go on from the checkpoint where there is one.

        Raises:
            BlemishError: it is damaged, or belongs to another training.
        """
        if self._checkpoint is None or (found := self._checkpoint.read()) is None:
            return
        tensors, facts = found
        self._begin_state()
        nothing = torch.zeros(len(self._trio.losses), device=self._device)
        self._fresh = [nothing] * facts["fresh"]
        wanted = self._tensors()
        if not same_shape(tensors, wanted):
            raise self._checkpoint.damaged()
        fresh = tensors.pop("fresh", None)
        with torch.no_grad():
            for name, value in tensors.items():
                wanted[name].copy_(value)
        self._fresh = [] if fresh is None else list(fresh.to(self._device))
        self.step, self._history = facts["step"], facts["history"]
        self.schedule.unexplained = facts["unexplained"]
        self.schedule.cools_from = facts["cools_from"]

    def _begin_state(self) -> None:
        """Give Adam the state that it makes itself at its first step."""
        for parameter in self._parameters.values():
            self._optimiser.state[parameter] = {
                "step": torch.zeros((), device=self._device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }

    def _tensors(self) -> dict[str, Tensor]:
        """All that a checkpoint holds."""
        tensors: dict[str, Tensor] = {k: v.detach() for k, v in self._parameters.items()}
        for name, parameter in self._parameters.items():
            state = self._optimiser.state[parameter]
            tensors |= {f"{key}.{name}": state[key] for key in STATE}
        tensors |= {f"mean.{name}": mean for name, mean in self._means.items()}
        return tensors | ({"fresh": torch.stack(self._fresh)} if self._fresh else {})

    def _lost(self, what: str, step: int) -> BlemishError:
        """What to say of a training that has come to nothing, with the likely causes first."""
        rate = self._recipe.learning_rate
        lower = self._precision == torch.bfloat16
        causes = [
            (rate > HIGH_RATE, f"a lower learning_rate than {rate:g}"),
            (lower, "precision=float32 in place of bfloat16"),
            (rate <= HIGH_RATE, f"a lower learning_rate than {rate:g}"),
            (True, "a teacher whose features all vary on such images"),
        ]
        advice = [words for holds, words in causes if holds]
        return BlemishError(
            f"{what} in step {step} of {self.schedule.steps}. Try {advice[0]}; "
            f"or else {', or '.join(advice[1:])}."
        )


def _seed_of_dropout(seed: int, step: int) -> int:
    return int(np.random.default_rng([seed, DROPPED, step]).integers(2**62))
