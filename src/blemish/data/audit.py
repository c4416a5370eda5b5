"""The audit before a fit: what is wrong with a data set, and what each fault will cost.

Every image and mask is read once. Findings come as an `error` (a fit or its figures will fail or
be wrong), a `warning` (they will be worse or say less than they seem to), or a `note`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np

from blemish.data.audited_masks import AuditedMasks, audited_masks
from blemish.data.checks import CHECKS
from blemish.data.dataset import Dataset
from blemish.data.duplicates import thumbnail, to_compare
from blemish.data.findings import Audited, Finding, Severity
from blemish.data.opening import open_dataset
from blemish.data.sample import Sample
from blemish.data.split import Split
from blemish.errors import ImageError
from blemish.images.flat_values import MOST_LABELS, count_values
from blemish.images.header import DEFAULT_LIMITS, Reader, ReadLimits
from blemish.images.raw import RawFormat
from blemish.parallel import available_cores
from blemish.progress import LoggedProgress, Progress
from blemish.result import GOOD


@dataclass(frozen=True, slots=True)
class MaskCounts:
    """The masks of one type of defect.

    Attributes:
        images: of this type.
        with_masks, without_masks: how many have masks, usable or not, and how many have none.
        median_share: of the image that usable masks mark, by the median; `None` without any.
    """

    images: int
    with_masks: int
    without_masks: int
    median_share: float | None


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes:
        name: the category.
        layout: how the data set is laid out.
        counts: images by split, then by defect type.
        sizes_hw: number of images by (height, width) in pixels.
        bit_depths: number of images by bits of a channel.
        masks: by type of defect; `good` is among them where good images have masks.
        findings: errors first.
    """

    name: str
    layout: str
    counts: Mapping[str, Mapping[str, int]]
    sizes_hw: Mapping[tuple[int, int], int]
    bit_depths: Mapping[int, int]
    masks: Mapping[str, MaskCounts]
    findings: tuple[Finding, ...]

    def of_severity(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity == severity)

    def to_dict(self) -> dict[str, Any]:
        """The audit as plain JSON values."""
        return {
            "name": self.name,
            "layout": self.layout,
            "counts": {split: dict(types) for split, types in self.counts.items()},
            "sizes_hw": [{"size_hw": list(s), "count": n} for s, n in self.sizes_hw.items()],
            "bit_depths": {str(depth): count for depth, count in self.bit_depths.items()},
            "masks": {kind: asdict(counts) for kind, counts in self.masks.items()},
            "findings": [_listed(asdict(finding)) for finding in self.findings],
        }


def audit(
    data: str | Path | Dataset,
    *,
    category: str | None = None,
    limits: ReadLimits = DEFAULT_LIMITS,
    raw: RawFormat | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Read every image and mask of a data set and say what is wrong.

    Args:
        data: a data set, or what `open_dataset` takes.
        category: which one, where `data` is a path that holds several.
        limits: what a file may cost; transparency is told of, and never in the way.
        raw: how the pixels lie in files without a header.
        progress: told of each image.

    Raises:
        DataError: there is no data set at all; see `open_dataset`.
    """
    if not isinstance(data, Dataset):
        data = open_dataset(data, category=category, raw=raw)
    dataset, reader = data, Reader(limits, raw=raw)
    audited = _look_at_all(dataset.samples, reader, progress or LoggedProgress())
    read = [one for one in audited if not one.trouble]
    findings = [finding for check in CHECKS for finding in check(dataset, audited)]
    order: dict[str, int] = {"error": 0, "warning": 1, "note": 2}
    return Audit(
        name=dataset.name,
        layout=dataset.layout,
        counts=_counts(dataset.samples),
        sizes_hw=dict(Counter(one.size_hw for one in read).most_common()),
        bit_depths=dict(sorted(Counter(one.bit_depth for one in read).items())),
        masks=_mask_counts(audited),
        findings=tuple(sorted(findings, key=lambda finding: order[finding.severity])),
    )


def _look_at_all(samples: Sequence[Sample], reader: Reader, progress: Progress) -> list[Audited]:
    audited = []
    with (
        progress.stage("Reading images", len(samples)) as advance,
        ThreadPoolExecutor(available_cores()) as pool,
    ):
        compared = to_compare(sample.id for sample in samples)
        look_at = partial(_look_at, reader=reader, compared=compared)
        for one in pool.map(look_at, samples):
            audited.append(one)
            advance(1)
    return audited


def _look_at(sample: Sample, reader: Reader, compared: Collection[str]) -> Audited:
    try:
        try:
            image = sample.read(reader)
        except ImageError:
            reader = replace(reader, alpha="drop")
            image = sample.read(reader)
    except ImageError as error:
        return Audited(sample, trouble=str(error))
    size_hw = (image.shape[0], image.shape[1])
    mask, mask_trouble = _mask_of(sample, size_hw, reader)
    return Audited(
        sample,
        pixels=sample.content(image, reader=reader).pixels,
        size_hw=size_hw,
        bit_depth=8 * image.dtype.itemsize,
        hides_alpha=reader.alpha != "refuse",
        values=count_values(image, MOST_LABELS),
        mask=mask,
        mask_trouble=mask_trouble,
        thumbnail=thumbnail(image) if sample.id in compared else None,
    )


def _mask_of(
    sample: Sample, size_hw: tuple[int, int], reader: Reader
) -> tuple[AuditedMasks | None, str]:
    try:
        return audited_masks(sample, size_hw, reader), ""
    except ImageError as error:
        return None, str(error)


def _mask_counts(audited: Iterable[Audited]) -> dict[str, MaskCounts]:
    by_type: defaultdict[str, list[Audited]] = defaultdict(list)
    for one in audited:
        by_type[one.sample.defect_type].append(one)
    counts = {}
    for kind, of_type in sorted(by_type.items()):
        with_masks = sum(one.has_mask or bool(one.sample.masks) for one in of_type)
        if kind == GOOD and not with_masks:
            continue
        shares = [one.mask.marked for one in of_type if one.mask is not None]
        median = float(np.median(shares)) if shares else None
        counts[kind] = MaskCounts(len(of_type), with_masks, len(of_type) - with_masks, median)
    return counts


def _counts(samples: Iterable[Sample]) -> dict[str, dict[str, int]]:
    counted = Counter((s.split, s.defect_type) for s in samples)
    counts: dict[str, dict[str, int]] = {split: {} for split in get_args(Split)}
    for (split, kind), count in sorted(counted.items()):
        counts[split][kind] = count
    return {split: types for split, types in counts.items() if types or split != "validation"}


def _listed(values: dict[str, Any]) -> dict[str, Any]:
    """Tuples as lists, as JSON has them."""
    groups = [list(group) for group in values["groups"]]
    return {**values, "ids": list(values["ids"]), "groups": groups}
