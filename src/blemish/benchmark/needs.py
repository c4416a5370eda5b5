"""What a job takes of a machine, known before it starts: cores, a GPU, memory.

Memory is what the detector's plan says; no image is decoded for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from blemish.benchmark.plan import Job
from blemish.data.loading import GoodImages
from blemish.data.split import keys_of
from blemish.detectors.contract import Detector
from blemish.errors import BlemishError
from blemish.wording import bytes_text


@dataclass(frozen=True)
class Needs:
    """Cores, GPUs and bytes of memory: of a job, or what a machine has."""

    cores: int
    gpus: int = 0
    memory_bytes: int = 0

    def met_by(self, there: Needs) -> bool:
        """Whether a machine that has so much can do the job."""
        pairs = zip(self._amounts, there._amounts, strict=True)
        return all(needed <= found for needed, found in pairs)

    def __str__(self) -> str:
        """`2 cores, 1 GPU, 480 MB of memory`."""
        parts = [f"{self.cores} core{'s' * (self.cores != 1)}"]
        parts += [f"{self.gpus} GPU{'s' * (self.gpus != 1)}"] if self.gpus else []
        return ", ".join([*parts, f"{bytes_text(self.memory_bytes)} of memory"])

    @property
    def _amounts(self) -> tuple[int, ...]:
        return self.cores, self.gpus, self.memory_bytes


def needs_of(jobs: Iterable[Job], *, cores: int, gpus: bool) -> dict[str, Needs]:
    """What jobs take, by their ids; those that take most come first.

    Args:
        jobs: to be done.
        cores: of each.
        gpus: whether there are any; who takes one if there is one needs it then.
    """
    plans = _Plans()
    found = {job.id: plans.needs(job, cores, gpus=gpus) for job in jobs}
    largest = sorted(found, key=lambda name: (-found[name].gpus, -found[name].memory_bytes))
    return {name: found[name] for name in largest}


class _ToldByFiles(GoodImages):
    """Good images of which copies are told by their files alone, without a look at the pixels."""

    @cached_property
    def split_keys(self) -> list[str]:
        """What keeps images together when some are left out."""
        samples = self.samples
        return keys_of([sample.group for sample in samples], [one.sha256 for one in samples])


class _Plans:
    """Plans of detectors on data sets; those of one that differ in their seed alone are one."""

    def __init__(self) -> None:
        self._detectors: dict[str, Detector] = {}
        self._images: dict[str, GoodImages] = {}
        self._memory_bytes: dict[tuple[str, str], int] = {}

    def needs(self, job: Job, cores: int, *, gpus: bool) -> Needs:
        """What a job takes."""
        but_for_seed = {name: value for name, value in job.settings.items() if name != "seed"}
        kind = json.dumps([job.detector, but_for_seed])
        if kind not in self._detectors:
            self._detectors[kind] = job.make_detector()
        if (job.data, kind) not in self._memory_bytes:
            self._memory_bytes[job.data, kind] = self._planned_bytes(job, self._detectors[kind])
        on_gpu = self._detectors[kind].settings.on_gpu
        wanted = gpus if on_gpu is None else on_gpu
        return Needs(cores, int(wanted), self._memory_bytes[job.data, kind])

    def _planned_bytes(self, job: Job, detector: Detector) -> int:
        try:
            if job.data not in self._images:
                self._images[job.data] = _ToldByFiles(job.open_dataset().train, job.reader)
            return detector.plan(self._images[job.data]).memory_bytes
        except BlemishError:  # the job fails of it, too, and says so in its record
            return 0
