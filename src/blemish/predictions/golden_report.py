"""What the check of a model's golden samples finds, and how it is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from blemish.model.golden import Circumstances, GoldenImage, map_difference, score_difference
from blemish.result import Verdict
from blemish.wording import counted, quoted_few

MOST_TOLD = 5  # names in a sentence


class File(StrEnum):
    """What became of a golden image's file since its score was kept."""

    SAME = "same"
    SAVED_ANEW = "saved anew"  # other bytes, the same pixels
    DECODED_OTHERWISE = "decoded otherwise"  # the same bytes, other pixels
    CHANGED = "changed"  # both are others
    MISSING = "missing"
    NOT_JUDGED = "not judged"


COMPARED = (File.SAME, File.SAVED_ANEW, File.DECODED_OTHERWISE)


@dataclass(frozen=True)
class GoldenCheck:
    """A golden image, and what the model makes of it here.

    Attributes:
        kept: what is in the model file.
        file: what became of the image.
        here: what it gives here; `None` where it was not judged, or is another image.
        verdict_kept, verdict: by the model's threshold.
        score_difference: as a share of the image threshold, or of the kept score if larger.
        map_difference: the same of the maps' grids and the pixel threshold.
        error: why it was not judged.
    """

    kept: GoldenImage
    file: File
    here: GoldenImage | None
    verdict_kept: Verdict
    verdict: Verdict | None = None
    score_difference: float | None = None
    map_difference: float | None = None
    error: str | None = None

    @classmethod
    def of(
        cls, kept: GoldenImage, here: GoldenImage, *, image_threshold: float, pixel_threshold: float
    ) -> GoldenCheck:
        """Compare what is kept of an image with what it gives here."""
        bytes_same, pixels_same = kept.sha256 == here.sha256, kept.pixels == here.pixels
        before = kept.verdict(image_threshold)
        if not (bytes_same or pixels_same):
            return cls(kept, File.CHANGED, None, before)
        if bytes_same and pixels_same:
            file = File.SAME
        else:
            file = File.SAVED_ANEW if pixels_same else File.DECODED_OTHERWISE
        return cls(
            kept,
            file,
            here,
            before,
            here.verdict(image_threshold),
            score_difference(kept.score, here.score, image_threshold),
            map_difference(kept, here, pixel_threshold),
        )

    @property
    def compared(self) -> bool:
        """Whether the image was there and is the one that was kept."""
        return self.file in COMPARED

    @property
    def difference(self) -> float:
        """The larger of both differences; 0 where nothing was compared."""
        return max(self.score_difference or 0.0, self.map_difference or 0.0)

    @property
    def flipped(self) -> bool:
        """Whether the verdict is another one."""
        return self.compared and self.verdict != self.verdict_kept

    def outcome(self, tolerance: float) -> str:
        """In a word or two: `ok`, or what is wrong."""
        if not self.compared:
            return str(self.file)
        if self.flipped:
            return "verdict differs"
        return "ok" if self.difference <= tolerance else "outside tolerance"

    def to_dict(self, tolerance: float) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "id": self.kept.id,
            "outcome": self.outcome(tolerance),
            "file": str(self.file),
            "score_kept": self.kept.score,
            "score": self.here.score if self.here else None,
            "score_difference": self.score_difference,
            "map_difference": self.map_difference,
            "verdict_kept": str(self.verdict_kept),
            "verdict": str(self.verdict) if self.verdict else None,
            "error": self.error,
        }


@dataclass(frozen=True)
class GoldenReport:
    """What the check of all golden samples of a model found.

    Attributes:
        checks: one for each golden sample, in the order of the file.
        tolerance: largest difference that is let pass.
        here: what judged.
        whole_numbers: whether part of the model is computed in 8 bits.
        others: images of the folder that are no golden ones.
    """

    checks: tuple[GoldenCheck, ...]
    tolerance: float
    here: Circumstances
    whole_numbers: bool = False
    others: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether each golden sample was compared, and is what it was."""
        return all(check.outcome(self.tolerance) == "ok" for check in self.checks)

    @property
    def complete(self) -> bool:
        """Whether each golden sample was compared."""
        return all(check.compared for check in self.checks)

    @cached_property
    def largest(self) -> tuple[float, float]:
        """The largest differences: of scores, and of maps."""
        return (
            max((check.score_difference or 0.0 for check in self.checks), default=0.0),
            max((check.map_difference or 0.0 for check in self.checks), default=0.0),
        )

    @property
    def kept_by(self) -> tuple[Circumstances, ...]:
        """What scored the golden samples when they were kept, each once."""
        return tuple(dict.fromkeys(check.kept.by for check in self.checks))

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values: what `blemish verify --json` prints."""
        score, score_map = self.largest
        return {
            "ok": self.ok,
            "complete": self.complete,
            "tolerance": self.tolerance,
            "largest_score_difference": score,
            "largest_map_difference": score_map,
            "here": asdict(self.here),
            "kept_by": [asdict(by) for by in self.kept_by],
            "images": [check.to_dict(self.tolerance) for check in self.checks],
            "others": list(self.others),
        }

    def problems(self) -> Iterator[str]:
        """What is wrong, a sentence each."""
        if missing := self._of(File.MISSING):
            yield f"{_told(missing, 'is', 'are')} missing: copy from where the score was kept."
        if changed := self._of(File.CHANGED):
            yield (
                f"{_told(changed, 'is another image', 'are other images')} than when the score was "
                "kept (other bytes, other pixels): copy from there, or keep golden samples anew "
                "(blemish golden)."
            )
        for check in self.checks:
            if check.error:
                yield check.error
        flipped = [check for check in self.checks if check.flipped]
        if flipped:
            yield f"{_told(flipped, 'gets another verdict', 'get another verdict')} here."
        far = [c for c in self.checks if c.compared and c.difference > self.tolerance]
        if far:
            largest = max(check.difference for check in far)
            yield (
                f"{_told(far, 'differs', 'differ')} by more than {self.tolerance:g} of the "
                f"threshold, by {largest:.2g} at most. {self._spell_why(far)}"
            )

    def notes(self) -> Iterator[str]:
        """What should be known beside it, a sentence each."""
        if anew := self._of(File.SAVED_ANEW):
            yield (
                f"{_told(anew, 'was saved', 'were saved')} anew (other bytes, the same pixels), "
                "which changes nothing."
            )
        if otherwise := self._of(File.DECODED_OTHERWISE):
            then = ", ".join(dict.fromkeys(check.kept.by.decoder for check in otherwise))
            yield (
                f"{_told(otherwise, 'is', 'are')} decoded otherwise here (the same bytes, other "
                f"pixels): by {then} then, {self.here.decoder} now. What differs in score comes "
                "from that first; golden images in PNG or BMP decode alike everywhere."
            )
        if self.others:
            names = quoted_few(self.others, MOST_TOLD)
            yield (
                f"{counted(len(self.others), 'image')} in the folder not checked, since nothing is "
                f"kept of it: {names}."
            )

    def _of(self, file: File) -> list[GoldenCheck]:
        return [check for check in self.checks if check.file == file]

    def _spell_why(self, far: Sequence[GoldenCheck]) -> str:
        """Where the difference may come from."""
        if all(check.file == File.DECODED_OTHERWISE for check in far):
            return "Each of them is decoded otherwise here."
        then = "; ".join(map(str, self.kept_by))
        why = f"The runtime scores otherwise: {then} then; {self.here} now."
        if self.whole_numbers:
            return (
                f"{why} Models in int8 are rounded otherwise by other runtimes and processors, "
                "scores by up to 0.09 of the threshold, single pixels by a third: take one in "
                "float32, or, if that will do, a larger tolerance."
            )
        return why


def _told(checks: Sequence[GoldenCheck], one: str, many: str) -> str:
    names = quoted_few([check.kept.id for check in checks], MOST_TOLD)
    verb = one if len(checks) == 1 else many
    return f"{counted(len(checks), 'golden image')} ({names}) {verb}"
