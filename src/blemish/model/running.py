"""The graph of a model file, loaded when it is needed first, and what it gives of images."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from blemish.alignment import Motion
from blemish.errors import ModelFileError, UsageError
from blemish.graph.engine import Engine
from blemish.graph.inspectable import WAYS
from blemish.graph.session import Crew, Session
from blemish.graph.verdict import ALIGNMENT, DEPARTURES
from blemish.parallel import tell_of_forks

if TYPE_CHECKING:
    from blemish.model.facts import Facts

OUTPUTS = ("score", "score_map")  # of the graph, that judging needs

Loaded = TypeVar("Loaded", Session, Crew)


class FoundOfOne(NamedTuple):
    """What a graph gives of an image."""

    score: float
    score_map: NDArray[np.float32]
    departures: NDArray[np.float32]
    motion: Motion | None


class Found(NamedTuple):
    """The same of some images."""

    scores: NDArray[np.float32]
    maps: NDArray[np.float32]
    departures: NDArray[np.float32]
    motions: NDArray[np.float32] | None

    def of(self, number: int) -> FoundOfOne:
        """What it gives of one."""
        motion = None if self.motions is None else Motion.of_output(self.motions[number])
        return FoundOfOne(
            float(self.scores[number]), self.maps[number], self.departures[number], motion
        )


class Runner:
    """Runs the graph of a model file, also in processes forked from this one.

    Args:
        data: the file.
        name: what to call it in errors.
        engine: what runs the graph.
    """

    def __init__(self, data: bytes, name: str, engine: Engine) -> None:
        self._data, self._name, self._engine = data, name, engine
        self._closed, self._lock = False, RLock()
        self._loaded: dict[Hashable, Session | Crew] = {}
        tell_of_forks(self)

    def close(self) -> None:
        """End the threads and free what the graph takes; what has begun comes to its end."""
        with self._lock:
            self._closed = True
            for one in self._loaded.values():
                one.close()
            self._loaded = {}

    def in_forked_process(self) -> None:
        """Leave what belongs to the parent, and load again when needed."""
        self._lock, self._loaded = RLock(), {}

    def refuse_closed(self) -> None:
        """Raise `UsageError` once closed."""
        if self._closed:
            raise UsageError(f"'{self._name}' is closed; load it again.")

    @property
    def session(self) -> Session:
        """The graph on all cores, for one image at a time. Raises `UsageError` once closed."""
        return self._once("session", lambda: Session(self._data, self._engine))

    @property
    def crew(self) -> Crew:
        """The graph for each core, for several at a time. Raises `UsageError` once closed."""
        return self._once("crew", lambda: Crew(self._data, cores=self._engine.at_once))

    def _once(self, key: Hashable, load: Callable[[], Loaded]) -> Loaded:
        """What is loaded under a key, the first time by whichever thread comes first."""
        with self._lock:
            self.refuse_closed()
            if key not in self._loaded:
                self._loaded[key] = load()
            return cast(Loaded, self._loaded[key])

    def trace(self, image: NDArray[Any], names: tuple[str, ...]) -> list[NDArray[Any]]:
        """Tensors of the graph for an image, H x W x 3. Raises `UsageError` where there is none."""
        from blemish.graph.trace import with_outputs

        wanted = frozenset(names)
        session = self._once(
            wanted, lambda: Session(with_outputs(self._data, sorted(wanted)), self._engine)
        )
        return [value[0] for value in session.run(list(names), image=image[None])]

    def together(self, images: NDArray[Any], facts: Facts) -> Found:
        """What the graph gives of a stack of images, N x H x W x 3."""
        alone = len(images) < 2 or self._engine.at_once == 1
        return self._found(self.session.run if alone else self.crew.run, images, facts)

    def here(self, image: NDArray[Any], facts: Facts) -> FoundOfOne:
        """The same of one, in the thread that calls and on one core."""
        return self._found(self.crew.run_here, image[None], facts).of(0)

    def _found(
        self, run: Callable[..., list[NDArray[Any]]], images: NDArray[Any], facts: Facts
    ) -> Found:
        """What the graph gives; models from before give no departures, few an alignment."""
        known = {DEPARTURES: facts.inspectable, ALIGNMENT: facts.input.alignment}
        asked = [name for name, of_graph in known.items() if of_graph is not None]
        scores, maps, *others = run([*OUTPUTS, *asked], image=images)
        given = dict(zip(asked, others, strict=True))
        shapes = [getattr(found, "shape", None) for found in (scores, maps)]
        departures = given.get(DEPARTURES, np.zeros((len(images), WAYS), np.float32))
        odd = getattr(departures, "shape", None) != (len(images), WAYS)
        if shapes != [images.shape[:1], images.shape[:3]] or odd:
            raise ModelFileError(
                f"The graph of '{self._name}' gives scores of shape {shapes[0]} and maps of "
                f"{shapes[1]} for images of {images.shape}; it is damaged. Fit it again."
            )
        return Found(scores, maps, departures, given.get(ALIGNMENT))
