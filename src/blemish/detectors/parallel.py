"""Threads that share the cores: each block of work runs its matrix products on one core."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from blemish.graph.session import available_cores


@contextmanager
def one_core_each() -> Iterator[ThreadPoolExecutor]:
    """A pool with a thread for each core; NumPy's own threading is off while it is open.

    Work cut into blocks that fit the cache then keeps both the products and what is done to them
    on the core that made them.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        pool = ThreadPoolExecutor(available_cores())
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)
