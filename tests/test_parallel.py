"""Reading ahead: in order, within the room there is, no further than asked for."""

from __future__ import annotations

import threading
import time

import pytest

from blemish.errors import ImageError
from blemish.parallel import read_ahead

ROOM = 10


class Reader:
    """Reads numbers, each as heavy as it is; remembers the most that was held at a time."""

    def __init__(self) -> None:
        self.taken, self.most, self.at_once = 0, 0, 0
        self._running, self._lock = 0, threading.Lock()

    def read(self, number: int) -> int:
        with self._lock:
            self.taken += number
            self._running += 1
            self.most, self.at_once = max(self.most, self.taken), max(self.at_once, self._running)
        time.sleep(0.001 * (number % 3))  # later ones are done sooner
        with self._lock:
            self._running -= 1
        return number

    def all(self, numbers, **options) -> list[int]:
        results = []
        for number, result in read_ahead(numbers, self.read, weigh=int, room=ROOM, **options):
            results.append(result)
            assert result == number
            with self._lock:
                self.taken -= number  # given back when the next one is asked for
        return results


def test_what_is_read_and_used_at_a_time_stays_within_the_room() -> None:
    reader, numbers = Reader(), [3, 4, 2, 9, 1, 1, 1, 8, 5, 5, 5, 2] * 4
    assert reader.all(numbers, readers=4, most=8) == numbers
    assert reader.most <= ROOM
    assert reader.at_once > 1


def test_one_that_alone_is_too_heavy_is_read_alone() -> None:
    reader, numbers = Reader(), [3, 25, 4, 30, 30, 2]
    assert reader.all(numbers, readers=3, most=6) == numbers
    assert reader.most == 30


def test_what_cannot_be_weighed_takes_its_place_and_the_rest_go_on() -> None:
    def weigh(number: int) -> int:
        if number == 2:
            raise ImageError("too large")
        return number

    results = [str(r) for _, r in read_ahead([1, 2, 3], lambda n: n, weigh=weigh, room=ROOM)]
    assert results == ["1", "too large", "3"]


@pytest.mark.parametrize("most", [1, 2, 5])
def test_items_are_taken_no_further_ahead_than_asked_for(most: int) -> None:
    taken = []

    def items():
        for number in range(20):
            taken.append(number)
            yield number

    reading = read_ahead(items(), lambda number: number, most=most)
    next(reading)
    assert len(taken) <= most + 1
    reading.close()
