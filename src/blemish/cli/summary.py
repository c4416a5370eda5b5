"""What the summary of `blemish predict` counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from blemish.wording import count_text

if TYPE_CHECKING:
    from blemish.result import Failure, Prediction


@dataclass
class Summary:
    """What a summary counts."""

    good: int = 0
    defects: int = 0
    failures: int = 0
    earlier: int = 0
    unlike: int = 0
    first_unlike: dict[str, str] = field(default_factory=dict)

    def add(self, result: Prediction | Failure) -> None:
        """Count a result."""
        notes = getattr(result, "notes", ())
        self.unlike += bool(notes)
        for note in notes:
            self.first_unlike.setdefault(note.code, f"{result.to_dict()['path']}: {note.message}")
        self._count(getattr(result, "verdict", None))

    def add_earlier(self, results: Iterable[Mapping[str, Any]]) -> None:
        """Count results of an earlier run, as they are in its lines."""
        for result in results:
            self._count(result["verdict"])
            self.earlier += 1

    def _count(self, verdict: str | None) -> None:
        self.good += verdict == "good"
        self.defects += verdict == "defect"
        self.failures += verdict is None

    def spell_unlike(self) -> Iterator[str]:
        """How many images are unlike all training images, and the first of each kind."""
        if self.unlike:
            one = self.unlike == 1
            yield (
                f"{count_text(self.unlike)} image{'' if one else 's'} of {count_text(self.total)} "
                f"{'is' if one else 'are'} unlike all training images, so "
                f"{'its score says' if one else 'their scores say'} little; the first of each kind:"
            )
            yield from self.first_unlike.values()

    @property
    def total(self) -> int:
        """All results."""
        return self.good + self.defects + self.failures

    def spell(self, seconds: float) -> str:
        """The counts in one line, with the rate."""
        total = self.total
        parts = [
            f"{count_text(total)} image{'s' * (total != 1)}",
            f"{count_text(self.good)} good",
            f"{count_text(self.defects)} defect{'s' * (self.defects != 1)}",
        ]
        parts += [f"{count_text(self.failures)} not judged"] if self.failures else []
        rate = (total - self.earlier) / seconds
        speed = f"; {rate:,.{0 if rate >= 10 else 1}f} a second" if rate else ""
        return ", ".join(parts) + speed
