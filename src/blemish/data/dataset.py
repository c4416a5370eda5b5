"""Data sets: what there is to learn from and to be measured on, as frozen value objects.

Consumers go by `Sample.id`, `Sample.read` and `Sample.read_mask`, and need no path.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from blemish.data.layouts.found import Leftovers
from blemish.data.sample import Sample


@dataclass(frozen=True)
class Dataset:
    """Images of one category, good and defective, with their splits.

    Attributes:
        name: the category.
        root: the folder that sample ids are relative to.
        layout: `mvtec-ad`, `folders`, `good-only`, `manifest`, `drawn`, or another of those known.
        samples: sorted by id.
        notes: sentences that a user must hear before trusting results.
        leftovers: what was found beside the samples: files that are none, masks of nothing.
    """

    name: str
    root: Path
    layout: str
    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = ()
    leftovers: Leftovers = field(default_factory=Leftovers)

    @property
    def train(self) -> tuple[Sample, ...]:
        """The good images to learn from."""
        return tuple(sample for sample in self.samples if sample.split == "train")

    @property
    def validation(self) -> tuple[Sample, ...]:
        """The images that the set keeps for validation: neither learnt from nor tested on."""
        return tuple(sample for sample in self.samples if sample.split == "validation")

    @property
    def test(self) -> tuple[Sample, ...]:
        """The images, good and defective, to measure on."""
        return tuple(sample for sample in self.samples if sample.split == "test")

    @property
    def defect_types(self) -> tuple[str, ...]:
        """The kinds of defects, sorted, without `good`."""
        return tuple(sorted({s.defect_type for s in self.samples if s.label == "defect"}))

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that matters: ids, splits, labels and contents. Reads every file once."""
        digest = hashlib.sha256()
        for s in self.samples:
            fields = (s.id, s.split, s.label, s.defect_type, s.sha256, s.mask_sha256 or "")
            digest.update("\0".join((*fields, "\n")).encode("utf-8", "surrogateescape"))
        return digest.hexdigest()
