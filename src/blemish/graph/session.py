"""One wrapper around ONNX Runtime: threads and provider as asked for, or an error.

A provider that was asked for and is not there is never replaced in silence.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from blemish.errors import ModelFileError, UsageError, did_you_mean
from blemish.graph.runtime import onnxruntime
from blemish.parallel import available_cores

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
# Builds of ONNX Runtime that have what its usual one has not.
BUILDS = {
    "cuda": "onnxruntime-gpu",
    "tensorrt": "onnxruntime-gpu",
    "directml": "onnxruntime-directml",
    "openvino": "onnxruntime-openvino",
}
# Thresholds were made from float32, which OpenVINO leaves where a processor has 16-bit products;
# and what it makes of graphs in whole numbers is wrong by far (2026.4), if it is let.
OPTIONS = {
    "openvino": {
        "device_type": "CPU",
        "precision": "FP32",
        "load_config": '{"CPU": {"LP_TRANSFORMS_MODE": "NO"}}',
    }
}

LARGE_BYTES = 3 << 22  # of an input: an image of 4 megapixels

_live: WeakSet[Session] = WeakSet()


class Session:
    """A loaded graph, ready to run in the process that loaded it.

    Attributes:
        provider: short name of what runs it, as it was asked for.
        threads: threads of one run.
        inputs, outputs: names, in the graph's order.
        interface: type and number of axes of the inputs, and of the outputs, by name.
    """

    def __init__(self, model: bytes, *, threads: int | None = None, provider: str = "cpu") -> None:
        self.provider, self.threads = provider, threads or available_cores()
        self._model = model
        self._session: Any = self._loaded()
        self._large: Any = None
        self._loading = Lock()
        inputs, outputs = (
            {value.name: (value.type, len(value.shape)) for value in values}
            for values in (self._session.get_inputs(), self._session.get_outputs())
        )
        self.inputs, self.outputs, self.interface = list(inputs), list(outputs), (inputs, outputs)
        self.metadata = _metadata(self._session)
        _live.add(self)

    def run(
        self, outputs: Sequence[str] | None = None, /, **inputs: NDArray[Any]
    ) -> list[NDArray[Any]]:
        """Run once; gives the named outputs, or all.

        What a large image takes is given back at once: ONNX Runtime would keep it for the next.

        Raises:
            ModelFileError: the graph fails on these inputs.
            UsageError: this process was forked from the one that loaded the graph.
        """
        if self._session is None:
            raise UsageError(
                "This session belongs to the process that this one was forked from; load the graph "
                "in this one."
            )
        large = any(value.nbytes > LARGE_BYTES for value in inputs.values())
        session = self._for_large() if large and self.provider == "cpu" else self._session
        try:
            result: list[NDArray[Any]] = session.run(outputs, inputs)
        except Exception as error:  # see above
            raise ModelFileError(f"ONNX Runtime cannot run the graph: {error}") from error
        return result

    def _loaded(self, *, keeping: bool = True) -> Any:
        """The engine, which keeps memory between runs or does not.

        Raises:
            ModelFileError: it cannot load the graph.
            UsageError: the provider is not there.
        """
        ort = onnxruntime()
        wanted = _provider(self.provider, ort.get_available_providers())
        options = ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = keeping
        options.log_severity_level = 4  # an error is raised; it need not be printed, too
        try:
            session = ort.InferenceSession(
                self._model,
                options,
                providers=[(wanted, OPTIONS.get(self.provider, {}))],
            )
        except Exception as error:  # ONNX Runtime's errors share no public base but Exception
            raise ModelFileError(f"ONNX Runtime cannot load the graph: {error}") from error
        if wanted not in session.get_providers():
            raise UsageError(
                f"Asked for provider '{self.provider}', got {session.get_providers()}: "
                "its libraries could not be loaded."
            )
        return session

    def _for_large(self) -> Any:
        """An engine that keeps nothing, loaded when the first large image comes."""
        with self._loading:
            if self._large is None:
                self._large = self._loaded(keeping=False)
            return self._large

    def _leave_behind(self) -> None:
        """In a forked process: never touch the engine again.

        Its threads are not there, so a run, and even its end, would wait for them for ever.
        """
        for engine in (self._session, self._large):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))
        self._session = self._large = None


def _leave_all_behind() -> None:
    for session in list(_live):
        session._leave_behind()
    _live.clear()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_leave_all_behind)


class Crew:
    """A graph that every core runs on its own, each on one image: more a second than in batches.

    Numbers of one image stay in a core's cache, and no core waits for another.

    Args:
        model: the graph; what its inputs and outputs hold of an image must be their first axis.
        cores: by default all.
    """

    def __init__(self, model: bytes, *, cores: int | None = None) -> None:
        self._session = Session(model, threads=1)
        self._pool = ThreadPoolExecutor(cores or available_cores())

    def run(self, outputs: Sequence[str], *, image: NDArray[Any]) -> list[NDArray[Any]]:
        """The named outputs for a stack of images."""

        def one(i: int) -> list[NDArray[Any]]:
            return self.run_here(outputs, image=image[i : i + 1])

        each = list(self._pool.map(one, range(len(image))))
        return [np.concatenate(values) for values in zip(*each, strict=True)]

    def run_here(self, outputs: Sequence[str], *, image: NDArray[Any]) -> list[NDArray[Any]]:
        """The same on the core of whoever calls, for many threads at once."""
        return self._session.run(outputs, image=image)


def _metadata(session: Any) -> dict[str, str]:
    """The words in a model. Raises `ModelFileError` where they are no Unicode."""
    try:
        return dict(session.get_modelmeta().custom_metadata_map)
    except UnicodeDecodeError as error:
        raise ModelFileError(f"The model's metadata is no Unicode: {error}.") from error


def _provider(name: str, available: Sequence[str]) -> str:
    if name not in PROVIDERS:
        near = did_you_mean(name, PROVIDERS)
        raise UsageError(f"Unknown provider '{name}'; known are {', '.join(PROVIDERS)}.{near}")
    if PROVIDERS[name] not in available:
        here = [short for short, full in PROVIDERS.items() if full in available]
        raise UsageError(
            f"Provider '{name}' is not in this build of ONNX Runtime; it has {', '.join(here)}."
            + _how_to_get(name)
        )
    return PROVIDERS[name]


def _how_to_get(provider: str) -> str:
    """What to type for a build that has the provider."""
    if provider not in BUILDS:
        return ""
    return (
        " Another build, in the place of this one, has it: "
        f"pip uninstall onnxruntime && pip install {BUILDS[provider]}"
    )
