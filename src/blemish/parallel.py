"""How many cores there are, and work that is shared out among them in threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from math import inf
from typing import Generic, Protocol, TypeVar
from weakref import WeakSet

from threadpoolctl import threadpool_limits

from blemish.errors import SettingError, UsageError

CORES_VARIABLE = "BLEMISH_CORES"
# Environment variables by which this package and others learn how many threads they may have.
THREAD_VARIABLES = (
    CORES_VARIABLE,
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
MOST_CORES = 1024  # a thread for each of more would take all memory
READERS = 2
AHEAD = 8  # of a batch as large as any, so that the next ones are there when these are done

Item = TypeVar("Item")
Result = TypeVar("Result")


class Forkable(Protocol):
    """What must not be used in a forked process as it was before."""

    def in_forked_process(self) -> None:
        """Called in the new process, before anything else runs there."""


_forkable: WeakSet[Forkable] = WeakSet()


def tell_of_forks(one: Forkable) -> None:
    """Call its `in_forked_process` in every process that is forked from now on, while it lives."""
    _forkable.add(one)


def _in_forked_process() -> None:
    for one in list(_forkable):
        one.in_forked_process()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_in_forked_process)


def available_cores() -> int:
    """Cores that this process may use: `BLEMISH_CORES` of them where that is in the environment.

    It decides the threads of sessions and of blemish's own pools; processes that share a machine
    (the workers of a benchmark) get their part with it.

    Raises:
        SettingError: `BLEMISH_CORES` is not a whole number from 1 to 1024.
    """
    wanted = os.environ.get(CORES_VARIABLE)
    if wanted:
        if not wanted.isdecimal() or not 1 <= int(wanted) <= MOST_CORES:
            raise SettingError(
                f"'{CORES_VARIABLE}' must be a whole number from 1 to {MOST_CORES}; got {wanted!r}."
            )
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def products_on_one_core() -> threadpool_limits:
    """Turns NumPy's own threading off, in the whole process, while it is entered."""
    return threadpool_limits(limits=1, user_api="blas")


@contextmanager
def one_core_each() -> Iterator[ThreadPoolExecutor]:
    """A pool with a thread for each core; NumPy's own threading is off while it is open.

    Work cut into blocks that fit the cache then keeps both the products and what is done to them
    on the core that made them.
    """
    with products_on_one_core():
        pool = ThreadPoolExecutor(available_cores())
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


def read_ahead(
    items: Iterable[Item],
    read: Callable[[Item], Result],
    *,
    readers: int = READERS,
    most: int = AHEAD,
    weigh: Callable[[Item], int] = lambda _: 0,
    room: float = inf,
) -> Iterator[tuple[Item, Result | Exception]]:
    """Apply `read` to items in threads, `most` of them ahead of use; results come in order.

    An exception takes the place of its result, so that one bad item does not stop the rest.

    Args:
        items: what to read; taken one by one, in the thread of whoever iterates.
        read: called in the threads.
        readers: how many threads.
        most: items that are being read or wait for their use.
        weigh: what an item takes (bytes, say) until the next one is asked for; called before it is
            read. An exception takes the place of its result.
        room: what all items together may take at a time; one alone may take more.

    Raises:
        UsageError: it goes on in a process that was forked meanwhile, where the threads are not.
    """
    process = os.getpid()
    with ThreadPoolExecutor(readers) as pool:
        line = _Line(iter(items), lambda item: pool.submit(read, item), most, weigh, room)
        try:
            line.admit()
            while line.waiting:
                if os.getpid() != process:
                    raise UsageError(
                        "These results were begun before this process was forked; begin them in it."
                    )
                item, future, weight = line.waiting.popleft()
                try:
                    result: Result | Exception = future.result()
                except Exception as error:  # handed on, whatever it is
                    result = error
                line.admit(held=weight)
                yield item, result
                line.admit()
        finally:
            pool.shutdown(cancel_futures=True)


class _Line(Generic[Item, Result]):
    """Items that have been let in, in their order: whoever is first never waits for a later one."""

    def __init__(
        self,
        items: Iterator[Item],
        start: Callable[[Item], Future[Result]],
        most: int,
        weigh: Callable[[Item], int],
        room: float,
    ) -> None:
        self.waiting: deque[tuple[Item, Future[Result], int]] = deque()
        self._items = items
        self._start, self._most, self._weigh, self._room = start, most, weigh, room
        self._next: tuple[Item, int | Exception] | None = None  # weighed, and not let in yet

    def admit(self, *, held: int = 0) -> None:
        """Let items in as long as there is room beside those inside and what is `held` outside."""
        while len(self.waiting) < self._most and (next_one := self._next or self._weighed_next()):
            item, weight = self._next = next_one
            inside = held + sum(taken for _, _, taken in self.waiting)
            if isinstance(weight, Exception):
                failed: Future[Result] = Future()
                failed.set_exception(weight)
                self.waiting.append((item, failed, 0))
            elif not inside or inside + weight <= self._room:
                self.waiting.append((item, self._start(item), weight))
            else:
                return
            self._next = None

    def _weighed_next(self) -> tuple[Item, int | Exception] | None:
        """The next item and what it takes; `None` at their end."""
        for item in islice(self._items, 1):
            try:
                return item, self._weigh(item)
            except Exception as error:  # handed on, whatever it is
                return item, error
        return None
