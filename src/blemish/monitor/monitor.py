"""A monitor of a line: tells when its parts are no longer like those that the model learned from.

Each number of a part (its score, its light, ...) is ranked among the training images' and all that
came before it (`ranks`), and the ranks are bet on (`bets`). As long as the parts are exchangeable
with the training images, an alarm comes within T parts with a probability of at most T /
`parts_per_alarm`. Nothing is assumed of how the numbers are distributed, or hang together: each
stream has a share of the promise, and the shares add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from blemish.errors import OtherModelError, UsageError
from blemish.files import write_whole
from blemish.monitor.alarm import Alarm
from blemish.monitor.bets import Bets
from blemish.monitor.ranks import Ranks
from blemish.monitor.reference import Reference, reference_of
from blemish.monitor.state import State, StreamState, damaged, read_state
from blemish.monitor.streams import STREAMS, values_at

if TYPE_CHECKING:
    from blemish.model.model import Model
    from blemish.result import Prediction

PARTS_PER_ALARM = 100_000
RECENT = 20  # parts, about, that the mean of the latest is of
APART, APART_AT_ZERO = 1e-9, 1e-12  # of a value: what tells equal ones apart


class Monitor:
    """Watches a line of parts, one after the other.

    Args:
        reference: the model, whose training images the parts are held against, or what it keeps
            of them.
        parts_per_alarm: a false alarm comes within T good parts with a probability of at most T
            over this.
        seed: of what decides between equal values.

    Attributes:
        model_sha256: of the model whose predictions it takes.
        parts: how many have come.
        alarm: the first that was raised, if any; the monitor stays with it.

    Raises:
        UsageError: `parts_per_alarm` is less than 1.
    """

    def __init__(
        self,
        reference: Model | Reference,
        *,
        parts_per_alarm: int = PARTS_PER_ALARM,
        seed: int = 0,
    ) -> None:
        if parts_per_alarm < 1:
            raise UsageError(f"'parts_per_alarm' must be 1 or more; got {parts_per_alarm}.")
        known = reference if isinstance(reference, Reference) else reference_of(reference)
        self.model_sha256, self.parts = known.model_sha256, 0
        self.parts_per_alarm, self.seed = parts_per_alarm, seed
        self.alarm: Alarm | None = None
        self._ranks = [
            Ranks.of(_all_apart(known.values.get(stream.name, ()), [seed, number]))
            for number, stream in enumerate(STREAMS)
        ]
        self._before = [ranks.median() for ranks in self._ranks]
        self._latest: list[float | None] = [None] * len(STREAMS)
        self._bets = Bets([stream.kinds for stream in STREAMS])

    def update(self, prediction: Prediction) -> Alarm | None:
        """Take the next part of the line.

        Args:
            prediction: of the model, with its look (`looks=True`), or its score alone is watched.

        Returns:
            The alarm, where this part raised it.
        """
        return self.update_values(values_at(prediction.score, prediction.look))

    def update_values(self, values: Mapping[str, float]) -> Alarm | None:
        """The same of the numbers of a part by the names of streams; some may be missing."""
        self.parts += 1
        chances = np.random.default_rng((self.seed, len(STREAMS), self.parts)).random(
            (len(STREAMS), 2)
        )
        had = [number for number, stream in enumerate(STREAMS) if stream.name in values]
        p_values = []
        for number in had:
            value = values[STREAMS[number].name]
            place, tie = chances[number].tolist()
            p_values.append(self._ranks[number].p_value(_apart(value, tie), place))
            latest = self._latest[number]
            self._latest[number] = value if latest is None else latest + (value - latest) / RECENT
        self._bets.update(np.array(p_values), np.array(had, np.int64))
        return self._look_for_alarm()

    @property
    def of_line(self) -> bool:
        """Whether it began with the line's own parts: nothing was known before them."""
        return all(before is None for before in self._before)

    @property
    def evidence(self) -> dict[str, float]:
        """Of each stream, the good parts among which as much evidence comes once at most."""
        rates = (self._bets.rate * _WEIGHTS).tolist()
        return {stream.name: rate for stream, rate in zip(STREAMS, rates, strict=True)}

    @property
    def ever(self) -> float:
        """The probability at most that a line that stays the same ever shows as much as this."""
        return min(1.0, 1 / float((self._bets.ever * _WEIGHTS).max()))

    def _look_for_alarm(self) -> Alarm | None:
        rates = self._bets.rate * _WEIGHTS
        number = int(np.argmax(rates))
        if self.alarm is not None or rates[number] < self.parts_per_alarm:
            return None
        kind, since = self._bets.told(number)
        stream = STREAMS[number]
        self.alarm = Alarm(
            part=self.parts,
            # Some parts may have come without this number.
            since=since + self.parts - int(self._bets.parts[number]),
            stream=stream.name,
            kind=kind,
            reason=stream.spell(kind),
            before=self._before[number],
            now=self._latest[number] or 0.0,
            parts_a_chance=float(rates[number]),
            ever=self.ever,
        )
        return self.alarm

    def to_state(self) -> State:
        """All that it knows."""
        return State(
            self.model_sha256,
            self.parts_per_alarm,
            self.seed,
            self.parts,
            self.alarm,
            {
                stream.name: StreamState(
                    tuple(self._ranks[number].kept),
                    tuple(self._ranks[number].places),
                    self._bets.kept(number),
                    self._before[number],
                    self._latest[number],
                )
                for number, stream in enumerate(STREAMS)
            },
        )

    @classmethod
    def of_state(cls, state: State) -> Self:
        """A monitor that goes on. Raises `ValueError` where the state contradicts itself."""
        monitor = cls(
            Reference(state.model_sha256), parts_per_alarm=state.parts_per_alarm, seed=state.seed
        )
        monitor.parts, monitor.alarm = state.parts, state.alarm
        for number, stream in enumerate(STREAMS):
            if stream.name not in state.streams:
                raise ValueError(f"there is no stream '{stream.name}'.")
            known = state.streams[stream.name]
            monitor._ranks[number] = Ranks(known.kept, known.places)
            monitor._bets.keep(number, known.bets)
            monitor._before[number], monitor._latest[number] = known.before, known.latest
        return monitor

    def save(self, path: str | Path) -> None:
        """Write the state: whole, or not at all. Raises `BlemishError`."""
        write_whole(Path(path), self.to_state().to_text())

    @classmethod
    def load(cls, path: str | Path, *, model_sha256: str | None = None) -> Self:
        """Go on from a state that was saved.

        Args:
            path: of the file.
            model_sha256: of the model that judges; by default any.

        Raises:
            OtherModelError: the state is of another model.
            MonitorError: it is damaged, of a newer schema, or no state of a monitor.
            BlemishError: it cannot be read.
        """
        state = read_state(Path(path))
        if model_sha256 not in (None, state.model_sha256):
            raise OtherModelError(
                f"'{path}' watches a line by another model ({state.model_sha256[:12]}..., not "
                f"{str(model_sha256)[:12]}...), whose scores mean something else; name another "
                "file to begin anew."
            )
        try:
            return cls.of_state(state)
        except ValueError as error:
            raise damaged(Path(path), error) from error


_WEIGHTS = np.array([stream.weight for stream in STREAMS])


def _apart(value: float, chance: float) -> float:
    """A value that is hardly another, and equal to no other one."""
    return value * (1 + APART * (chance - 0.5)) + APART_AT_ZERO * chance


def _all_apart(values: Sequence[float], seed: list[int]) -> list[float]:
    chances = np.random.default_rng(seed).random(len(values)).tolist()
    return [_apart(value, chance) for value, chance in zip(values, chances, strict=True)]
