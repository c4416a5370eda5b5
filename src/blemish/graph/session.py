"""A loaded graph: run by any number of threads, closed when it is no longer needed."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from blemish.errors import ModelFileError, UsageError
from blemish.graph.engine import CPU, ONE_CORE, Engine
from blemish.parallel import available_cores, tell_of_forks

LARGE_BYTES = 3 << 22  # of an input: an image of 4 megapixels
FORKED = (
    "This session belongs to the process that this one was forked from; load the graph in this one."
)
CLOSED = "This session is closed; load the graph again."


class Session:
    """A loaded graph, ready to run in the process that loaded it.

    Args:
        model: the graph.
        engine: what runs it.

    Attributes:
        engine: what runs it.
        inputs, outputs: names, in the graph's order.
        interface: type and number of axes of the inputs, and of the outputs, by name.
        metadata: the words in the model.

    Raises:
        ModelFileError: the graph cannot be loaded.
        UsageError: the provider is not there.
    """

    def __init__(self, model: bytes, engine: Engine = CPU) -> None:
        self.engine, self._model = engine, model
        self._gone = ""  # why it cannot run any more
        self._session: Any = self._loaded()
        self._large: Any = None
        self._loading = Lock()
        inputs, outputs = (
            {value.name: (value.type, len(value.shape)) for value in values}
            for values in (self._session.get_inputs(), self._session.get_outputs())
        )
        self.inputs, self.outputs, self.interface = list(inputs), list(outputs), (inputs, outputs)
        self.metadata = _metadata(self._session)
        tell_of_forks(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free what the graph takes; runs that have begun come to their end."""
        self._gone = self._gone or CLOSED
        self._session = self._large = None

    def run(
        self, outputs: Sequence[str] | None = None, /, **inputs: NDArray[Any]
    ) -> list[NDArray[Any]]:
        """Run once; gives the named outputs, or all.

        What a large image takes is given back at once: ONNX Runtime would keep it for the next.

        Raises:
            ModelFileError: the graph fails on these inputs.
            UsageError: it is closed, or this process was forked from the one that loaded it.
        """
        large = any(value.nbytes > LARGE_BYTES for value in inputs.values())
        session = self._for_large() if large and self.engine.provider == "cpu" else self._session
        if session is None:
            raise UsageError(self._gone)
        try:
            result: list[NDArray[Any]] = session.run(outputs, inputs)
        except Exception as error:  # ONNX Runtime's errors share no public base but Exception
            raise ModelFileError(f"ONNX Runtime cannot run the graph: {error}") from error
        return result

    def _loaded(self, *, keeping: bool = True) -> Any:
        try:
            return self.engine.load(self._model, keeping=keeping)
        except ValueError as error:
            raise ModelFileError(f"ONNX Runtime cannot load the graph: {error}") from error

    def _for_large(self) -> Any:
        """One that keeps nothing, loaded when the first large image comes."""
        with self._loading:
            if self._large is None and not self._gone:
                self._large = self._loaded(keeping=False)
            return self._large

    def in_forked_process(self) -> None:
        """Never touch what was loaded again.

        Its threads are not there, so a run, and even its end, would wait for them for ever.
        """
        for session in (self._session, self._large):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))
        self._gone, self._loading = self._gone or FORKED, Lock()
        self._session = self._large = None


class Crew:
    """A graph that every core runs on its own, each on one image: more a second than in batches.

    Numbers of one image stay in a core's cache, and no core waits for another.

    Args:
        model: the graph; what its inputs and outputs hold of an image must be their first axis.
        cores: by default all.
    """

    def __init__(self, model: bytes, *, cores: int | None = None) -> None:
        self._session = Session(model, ONE_CORE)
        self._pool = ThreadPoolExecutor(cores or available_cores())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads and free what the graph takes; runs that have begun come to their end."""
        self._pool.shutdown(wait=False)
        self._session.close()

    def run(self, outputs: Sequence[str], *, image: NDArray[Any]) -> list[NDArray[Any]]:
        """The named outputs for a stack of images.

        Raises:
            ModelFileError: the graph fails on them.
            UsageError: it is closed, or this process was forked from the one that loaded it.
        """

        def one(i: int) -> list[NDArray[Any]]:
            return self.run_here(outputs, image=image[i : i + 1])

        try:
            running = self._pool.map(one, range(len(image)))
        except RuntimeError as error:
            raise UsageError(CLOSED) from error
        return [np.concatenate(values) for values in zip(*running, strict=True)]

    def run_here(self, outputs: Sequence[str], *, image: NDArray[Any]) -> list[NDArray[Any]]:
        """The same on the core of whoever calls, for many threads at once."""
        return self._session.run(outputs, image=image)


def _metadata(session: Any) -> dict[str, str]:
    """The words in a model. Raises `ModelFileError` where they are no Unicode."""
    try:
        return dict(session.get_modelmeta().custom_metadata_map)
    except UnicodeDecodeError as error:
        raise ModelFileError(f"The model's metadata is no Unicode: {error}.") from error
