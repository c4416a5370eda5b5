"""What is watched, one number of each part a stream, and how its changes are called.

Scores are watched twice. Whether they rise is held against the scores that training images had when
they were left out: these are as high as a new image's, mostly a little higher, so that betting on
higher ones is fair or loses. That they are a little higher would be found, given time, by whoever
bet on lower ones; so whether scores fall is held against the line's own parts alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from blemish.monitor.bets import Kind
from blemish.result import Look

SCORE, LOW_SCORE = "score", "low_score"


@dataclass(frozen=True)
class Stream:
    """A number of each part.

    Attributes:
        name: of it.
        weight: its share of the promise; those of all streams add up to 1.
        kinds: of changes that are looked for.
        lower, higher: what it means where it falls or rises.
        title: as people read it.
    """

    name: str
    weight: float
    kinds: tuple[Kind, ...]
    lower: str
    higher: str
    title: str

    def spell(self, kind: Kind) -> str:
        """What a change of a kind means."""
        words = {"low": self.higher, "high": self.lower}
        return words.get(kind, f"{self.title} hardly varies any more")


BOTH: tuple[Kind, ...] = ("low", "high")

STREAMS = (
    Stream(SCORE, 0.25, ("low",), "", "scores are higher", "score"),
    Stream(LOW_SCORE, 0.05, ("high", "alike"), "scores are lower", "", "score"),
    Stream("brightness", 0.1, BOTH, "darker", "brighter", "brightness"),
    Stream("contrast", 0.1, BOTH, "less contrast", "more contrast", "contrast"),
    Stream("sharpness", 0.1, BOTH, "blurred", "sharper", "sharpness"),
    Stream("slant", 0.1, BOTH, "edges turned", "edges turned", "slant of edges"),
    Stream("right", 0.1, BOTH, "shifted to the left", "shifted to the right", "shift"),
    Stream("down", 0.1, BOTH, "shifted up", "shifted down", "shift"),
    Stream("turn_deg", 0.1, BOTH, "turned anticlockwise", "turned clockwise", "turn"),
)


def values_at(score: float, look: Look | None) -> dict[str, float]:
    """What is watched of a part, by the names of streams: of its score and its look, if known."""
    seen = {} if look is None else look.to_dict()
    known = {name: value for name, value in seen.items() if value is not None}
    return {SCORE: score, LOW_SCORE: score} | known
