"""How many cores there are, and threads that share them, each with matrix products of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from blemish.errors import SettingError

CORES_VARIABLE = "BLEMISH_CORES"


def available_cores() -> int:
    """Cores that this process may use: `BLEMISH_CORES` of them where that is in the environment.

    It decides the threads of sessions and of blemish's own pools; processes that share a machine
    (the workers of a benchmark) get their part with it.

    Raises:
        SettingError: `BLEMISH_CORES` is not a whole number of at least 1.
    """
    wanted = os.environ.get(CORES_VARIABLE)
    if wanted:
        if not wanted.isdecimal() or int(wanted) < 1:
            raise SettingError(
                f"'{CORES_VARIABLE}' must be a whole number of at least 1; got {wanted!r}."
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
