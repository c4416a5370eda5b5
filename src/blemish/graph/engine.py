"""What runs a graph: provider, threads and device in one value, from the command line to each run.

A provider that was asked for and is not there is never replaced in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from blemish.errors import SettingError, UsageError, did_you_mean, raise_all
from blemish.graph.runtime import onnxruntime
from blemish.parallel import MOST_CORES, available_cores

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
DIGITS = 4  # of the number of a device, at most
NUMBERED = ("cuda", "tensorrt", "directml")  # that take the number of a device
# Builds of ONNX Runtime that have what its usual one has not.
BUILDS = {
    "cuda": "onnxruntime-gpu",
    "tensorrt": "onnxruntime-gpu",
    "directml": "onnxruntime-directml",
    "openvino": "onnxruntime-openvino",
}
# Thresholds were made from float32, which OpenVINO leaves where a processor has 16-bit products,
# and CUDA where a card has TF32, of 10 bits. What OpenVINO makes of graphs in whole numbers is
# wrong by far (2026.4), if it is let.
OPTIONS = {
    "cuda": {"use_tf32": "0"},
    "openvino": {
        "device_type": "CPU",
        "precision": "FP32",
        "load_config": '{"CPU": {"LP_TRANSFORMS_MODE": "NO"}}',
    },
}


@dataclass(frozen=True)
class Engine:
    """What runs a graph.

    Attributes:
        provider: `cpu`, `cuda`, `tensorrt`, `directml`, `coreml` or `openvino`.
        threads: of one run on the processor; by default one for each core.
        device: number of the device, for providers that have several.

    Raises:
        UsageError: the provider is unknown.
        SettingError: a number is not allowed.
    """

    provider: str = "cpu"
    threads: int | None = None
    device: int = 0

    def __post_init__(self) -> None:
        if self.provider not in PROVIDERS:
            near = did_you_mean(str(self.provider).lower(), PROVIDERS)
            raise UsageError(
                f"Unknown provider '{self.provider}'; known are {', '.join(PROVIDERS)}.{near}"
            )
        problems = [
            f"'{name}' must be a whole number; got {value!r}."
            for name, value in (("threads", self.threads), ("device", self.device))
            if not (value is None or type(value) is int)
        ]
        raise_all(problems, SettingError)
        if self.threads is not None and not 1 <= self.threads <= MOST_CORES:
            problems.append(f"'threads' must be in [1, {MOST_CORES}]; got {self.threads}.")
        if self.device < 0:
            problems.append(f"'device' must be 0 or more; got {self.device}.")
        if self.device and self.provider not in NUMBERED:
            numbered = ", ".join(NUMBERED)
            problems.append(f"{self.provider} has no devices with numbers; {numbered} have.")
        raise_all(problems, SettingError)

    @classmethod
    def named(cls, name: str) -> Engine:
        """The engine of a provider's name, with the number of its device: `cuda`, or `cuda:1`.

        Raises:
            UsageError: the provider is unknown, or what follows its name is no number.
            SettingError: it has no such device.
        """
        provider, colon, device = name.partition(":")
        if colon and not (device.isdecimal() and len(device) <= DIGITS):
            raise UsageError(f"'{name}' names no device: a number follows the colon, as in cuda:1.")
        return cls(provider, device=int(device or 0))

    @property
    def cores(self) -> int:
        """Threads of one run."""
        return self.threads or available_cores()

    @property
    def at_once(self) -> int:
        """How many images can be run at once, each on a core of its own."""
        return self.cores if self.provider == "cpu" else 1

    def check(self) -> None:
        """Raise `UsageError` where the provider is not in this build of ONNX Runtime."""
        self._provider(onnxruntime().get_available_providers())

    def load(self, model: bytes, *, keeping: bool = True) -> Any:
        """A session of ONNX Runtime.

        Args:
            model: the graph.
            keeping: whether it keeps memory between runs, which is faster.

        Raises:
            UsageError: the provider is not there; no other takes its place.
            ValueError: the graph cannot be loaded.
        """
        ort = onnxruntime()
        wanted = self._provider(ort.get_available_providers())
        options = ort.SessionOptions()
        options.intra_op_num_threads = self.cores
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = keeping
        options.log_severity_level = 4  # an error is raised; it need not be printed, too
        try:
            session = ort.InferenceSession(model, options, providers=[(wanted, self._options())])
        except Exception as error:  # ONNX Runtime's errors share no public base but Exception
            raise ValueError(str(error)) from error
        if wanted not in session.get_providers():
            raise UsageError(
                f"Asked for provider '{self.provider}', got {session.get_providers()}: "
                "its libraries could not be loaded."
            )
        return session

    def _options(self) -> dict[str, Any]:
        numbered = {"device_id": self.device} if self.provider in NUMBERED else {}
        return OPTIONS.get(self.provider, {}) | numbered

    def _provider(self, available: list[str]) -> str:
        full = PROVIDERS[self.provider]
        if full not in available:
            here = [short for short, one in PROVIDERS.items() if one in available]
            raise UsageError(
                f"Provider '{self.provider}' is not in this build of ONNX Runtime; it has "
                f"{', '.join(here)}.{_how_to_get(self.provider)}"
            )
        return full


CPU = Engine()
ONE_CORE = Engine(threads=1)


def _how_to_get(provider: str) -> str:
    """What to type for a build that has the provider."""
    if provider not in BUILDS:
        return ""
    return (
        " Another build, in the place of this one, has it: "
        f"pip uninstall onnxruntime && pip install {BUILDS[provider]}"
    )
