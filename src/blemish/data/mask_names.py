"""Stand-in, until the branch with the whole of it is merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath


class MaskNames:
    def __init__(self, files: Iterable[Path], below: Path) -> None:
        self._files = {
            p.relative_to(below).with_suffix("").as_posix().removesuffix("_mask"): p for p in files
        }
        self._used: set[Path] = set()

    def of(self, image: PurePosixPath, defect_type_folder: str) -> tuple[Path, ...]:
        key = image.with_suffix("").as_posix()
        found = self._files.get(f"{defect_type_folder}/{key}") or self._files.get(key)
        if found is None:
            return ()
        self._used.add(found)
        return (found,)

    def unused(self) -> tuple[Path, ...]:
        return tuple(p for p in self._files.values() if p not in self._used)


def masks_among(images: Sequence[Path]) -> Mapping[Path, tuple[Path, ...]]:
    by = {p.with_suffix(""): p for p in images}
    return {p: (by[m],) for s, p in by.items() if (m := s.with_name(s.name + "_mask")) in by}
