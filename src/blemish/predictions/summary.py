"""What the summary of `blemish predict` counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from blemish.wording import count_text


@dataclass
class Summary:
    """What a summary counts."""

    good: int = 0
    defects: int = 0
    failures: int = 0
    earlier: int = 0
    unlike: int = 0
    first_unlike: dict[str, str] = field(default_factory=dict)
    not_inspectable: int = 0
    first_not_inspectable: dict[str, str] = field(default_factory=dict)

    def add(self, line: Mapping[str, Any]) -> None:
        """Count a result, as `to_dict` of it or a line has it."""
        notes = line.get("notes") or ()
        self.unlike += bool(notes)
        for note in notes:
            self.first_unlike.setdefault(note["code"], f"{line['path']}: {note['message']}")
        for reason in line.get("reasons") or ():
            told = f"{line['path']}: {reason['message']}"
            self.first_not_inspectable.setdefault(reason["code"], told)
        self._count(line.get("verdict"))

    def add_earlier(self, line: Mapping[str, Any]) -> None:
        """Count a result of an earlier run."""
        self._count(line.get("verdict"))
        self.earlier += 1

    def join(self, other: Summary) -> None:
        """Count what another summary has counted."""
        for name in ("good", "defects", "not_inspectable", "failures", "earlier", "unlike"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for own, others in (
            (self.first_unlike, other.first_unlike),
            (self.first_not_inspectable, other.first_not_inspectable),
        ):
            for code, told in others.items():
                own[code] = min(told, own.get(code, told))

    def _count(self, verdict: str | None) -> None:
        self.good += verdict == "good"
        self.defects += verdict == "defect"
        self.not_inspectable += verdict == "not inspectable"
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

    def spell_not_inspectable(self) -> Iterator[str]:
        """The first image that is not inspectable of each kind."""
        if self.first_not_inspectable:
            yield "The first image of each kind that is not inspectable:"
            yield from self.first_not_inspectable.values()

    @property
    def rejected(self) -> int:
        """Images that were judged, and do not pass."""
        return self.defects + self.not_inspectable

    @property
    def total(self) -> int:
        """All results."""
        return self.good + self.rejected + self.failures

    def spell(self, seconds: float) -> str:
        """The counts in one line, with the rate."""
        total = self.total
        parts = [
            f"{count_text(total)} image{'s' * (total != 1)}",
            f"{count_text(self.good)} good",
            f"{count_text(self.defects)} defect{'s' * (self.defects != 1)}",
        ]
        if self.not_inspectable:
            parts.append(f"{count_text(self.not_inspectable)} not inspectable")
        parts += [f"{count_text(self.failures)} not judged"] if self.failures else []
        rate = (total - self.earlier) / seconds
        speed = f"; {rate:,.{0 if rate >= 10 else 1}f} a second" if rate else ""
        return ", ".join(parts) + speed
