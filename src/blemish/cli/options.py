"""Options that several commands share, and how their texts are read."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.errors import SettingError, UsageError
from blemish.settings import parse_number

if TYPE_CHECKING:
    from blemish.alignment import Alignment
    from blemish.data.dataset import Dataset
    from blemish.images.header import Reader, ReadLimits
    from blemish.images.raw import RawFormat
    from blemish.zones import Zones


_MEMORY = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>[kmgt]?)i?b?", re.IGNORECASE)
_FOUR = re.compile(r"\s*-?\d+\s*(,\s*-?\d+\s*){3}")
_MEGABYTES = {"": 1e-6, "k": 1e-3, "m": 1.0, "g": 1e3, "t": 1e6}


def read_number(text: str) -> float:
    """A number, or a percentage. Raises `BadParameter`."""
    try:
        return parse_number(text)
    except ValueError:
        raise typer.BadParameter(f"must be like 0.01 or 1%; got '{text}'.") from None


class OnAlpha(StrEnum):
    """What to do with transparency that hides something."""

    REFUSE = "refuse"
    FLATTEN = "flatten"
    DROP = "drop"


class WorkEngine(StrEnum):
    """What shares work out."""

    LOCAL = "local"
    RAY = "ray"


Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="Folder of images, manifest (CSV, JSON, Parquet), or surfaces (drawn).",
        show_default=False,
    ),
]
ModelFile = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="Model file that blemish fit wrote.", show_default=False),
]
NewModel = Annotated[
    Path, typer.Option("--output", "-o", metavar="NEW.onnx", help="Model file to write.")
]
Because = Annotated[
    str, typer.Option(metavar="TEXT", help="The reason, for the record.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there already.")]
Category = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Which category, where DATA holds several."),
]
TestFraction = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        parser=read_number,
        show_default=False,
        help="Good images to test on, if no split (default 0.3).",
    ),
]
SplitSeed = Annotated[int, typer.Option(metavar="N", help="Seed of that split.")]
Good = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Folder of good images, where its name does not say it. Repeatable.",
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Folder of DATA or file of labels to pass over, or label that marks no defect. "
        "Repeatable.",
    ),
]
Defect = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Folder of a kind of defect, where its name leaves it open. Repeatable.",
    ),
]
MaxPixels = Annotated[
    int | None,
    typer.Option(metavar="N", help="Largest image to read (default 100 million)."),
]
Raw = Annotated[
    str | None,
    typer.Option(
        metavar="WxH:FORMAT",
        help="How pixels lie in .raw and .bin files, as 2448x2048:mono12packed.",
        show_default=False,
    ),
]
ZonesFile = Annotated[
    str | None,
    typer.Option(
        "--zones",
        metavar="FILE",
        help="What is inspected: a mask (PNG), or shapes (JSON), of images of one size.",
        show_default=False,
    ),
]
Roi = Annotated[
    str | None,
    typer.Option(
        metavar="X,Y,W,H",
        help="The same, one rectangle in pixels: left, top, width, height.",
        show_default=False,
    ),
]
Align = Annotated[
    str | None,
    typer.Option(
        metavar="DEGREES",
        help="Align parts with a good one first: they may shift, and turn by so much to either "
        "side (30; 180 for any; 30,scale where their size varies).",
        show_default=False,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, max=1024, help="Threads (default: one a core)."),
]
Provider = Annotated[
    str,
    typer.Option(
        metavar="NAME[:DEVICE]",
        help="What runs the graph: cpu, cuda, cuda:1, tensorrt, openvino, ...",
    ),
]


def _check_rate(rate: float | None) -> float | None:
    if rate is not None and not 0 < rate < 1:
        raise typer.BadParameter(f"must be in (0, 1); got {rate:g}.")
    return rate


FalseAlarmRate = Annotated[
    float | None,
    typer.Option(
        metavar="RATE",
        parser=read_number,
        callback=_check_rate,
        help="Good images that may be rejected (default 1%; of calibrate the model's own).",
    ),
]
RegionRate = Annotated[
    float | None,
    typer.Option(
        metavar="RATE",
        parser=read_number,
        callback=_check_rate,
        help="Good images that may show a region (default: the false-alarm rate).",
    ),
]
Tail = Annotated[
    bool,
    typer.Option("--tail", help="Allow lower rates than can be promised, by a fitted tail."),
]
SmallestRegion = Annotated[
    int | None,
    typer.Option(metavar="PIXELS", min=1, help="Regions of fewer pixels are not shown."),
]
Alpha = Annotated[
    OnAlpha,
    typer.Option(help="Transparent images: refuse, onto black, or colours without their alpha."),
]
Detector = Annotated[str, typer.Option(metavar="NAME", help="Which detector.")]
OnEngine = Annotated[
    WorkEngine,
    typer.Option("--engine", help="Where the work is done: on this machine, or by Ray on many."),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="The cluster, or auto (default: RAY_ADDRESS, or a Ray of its own on this machine).",
        show_default=False,
    ),
]
JudgingMemory = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Most memory to take (default: half of the machine's)."),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A setting; DETECTOR.NAME=VALUE is for one of several detectors. Repeatable.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(metavar="FILE.toml", help="A table [settings]; the command line wins over it."),
]


def read_megabytes(text: str | None) -> int | None:
    """`2GB`, `1500MB`, ... as whole megabytes. Raises `SettingError`."""
    if text is None:
        return None
    size = _MEMORY.fullmatch(text.strip())
    if size is None or not size["unit"]:
        raise SettingError(f"'--memory' must be like 2GB or 1500MB; got '{text}'.")
    return round(float(size["number"]) * _MEGABYTES[size["unit"].lower()])


def read_limits(max_pixels: int | None) -> ReadLimits:
    """What an image may cost. Raises `SettingError`."""
    from blemish.images.header import DEFAULT_LIMITS

    return DEFAULT_LIMITS if max_pixels is None else DEFAULT_LIMITS.replace(max_pixels=max_pixels)


def read_raw(text: str | None) -> RawFormat | None:
    """How pixels lie in files without a header. Raises `SettingError`."""
    if text is None:
        return None
    from blemish.images.raw import RawFormat

    return RawFormat.named(text)


def read_zones(zones: str | None, roi: str | None) -> Zones | None:
    """What is inspected; `None` for all. Raises `DataError`, `ImageError`, `SettingError`."""
    named = zones_named(zones, roi)
    if named is None:
        return None
    from blemish.zones import Zones

    return Zones.named(named)


def zones_named(zones: str | None, roi: str | None) -> str | None:
    """What is inspected, as the library takes it. Raises `UsageError`, `SettingError`."""
    if zones is not None and roi is not None:
        raise UsageError("--zones and --roi both say what is inspected; give one.")
    if roi is not None and not _FOUR.fullmatch(roi):
        raise SettingError(f"'--roi' must be like 100,80,640,480; got '{roi}'.")
    return roi if zones is None else zones


def read_align(text: str | None) -> Alignment | None:
    """How far parts may lie off; `None` where they are not aligned. Raises `SettingError`."""
    if text is None:
        return None
    from blemish.alignment import Alignment

    return Alignment.named(text)


def reader_of(max_pixels: int | None, alpha: OnAlpha, raw: RawFormat | None) -> Reader:
    """How images are read. Raises `SettingError`."""
    from blemish.images.header import Reader

    return Reader(read_limits(max_pixels), alpha.value, raw)


def read_list(text: str | None) -> list[str] | None:
    """Names with commas between them."""
    if text is None:
        return None
    return [part.strip() for part in text.split(",") if part.strip()]


def use_threads(threads: int | None) -> None:
    """Let this process have so many threads; to be called before NumPy is imported."""
    if threads is not None:
        from blemish.parallel import THREAD_VARIABLES

        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))


@dataclass(frozen=True)
class DataChoice:
    """Which images are meant, and how they are split: what several commands are told in one way."""

    data: Path
    category: str | None
    test_fraction: float | None = None
    split_seed: int = 0
    good: Sequence[str] | None = None
    ignore: Sequence[str] | None = None
    defect: Sequence[str] | None = None
    raw: RawFormat | None = None

    def open(self) -> Dataset:
        """The data set. Raises `DataError`, `SettingError`."""
        from blemish.data.opening import open_dataset

        return open_dataset(
            self.data,
            category=self.category,
            seed=self.split_seed,
            test_fraction=self.test_fraction,
            good=self.good or (),
            ignore=self.ignore or (),
            defect=self.defect or (),
            raw=self.raw,
        )

    def arguments(self, max_pixels: int | None = None) -> list[str | Path]:
        """What to type to name the same images again."""
        share = self.test_fraction
        words: list[str | Path] = [self.data]
        words += ["--category", self.category] if self.category is not None else []
        words += ["--test-fraction", f"{share:g}"] if share is not None else []
        words += ["--split-seed", str(self.split_seed)] if self.split_seed else []
        lists = (("--good", self.good), ("--ignore", self.ignore), ("--defect", self.defect))
        for option, names in lists:
            words += [word for name in names or () for word in (option, name)]
        words += ["--max-pixels", str(max_pixels)] if max_pixels is not None else []
        return words + raw_arguments(self.raw)


def raw_arguments(raw: RawFormat | None) -> list[str | Path]:
    """What to type to have raw files read in the same way."""
    return [] if raw is None else ["--raw", str(raw)]
