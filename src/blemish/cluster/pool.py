"""Many pieces of work through a pool of actors that Ray Data keeps, one a core or GPU.

What goes to the actors and comes back is small: a piece says where its work lies. An actor that is
lost (its machine goes away, it runs out of memory) is started again, and what it was at is tried
again once the others are done, so that one piece that ends whoever does it costs no other.
"""

from __future__ import annotations

import json
import logging
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from blemish.cluster.connect import ClusterError
from blemish.cluster.probe import nodes
from blemish.errors import BlemishError
from blemish.parallel import THREAD_VARIABLES

FRUITLESS = 2  # rounds in which nothing more gets done, until it is given up

QUIET = {  # of Ray Data's context
    "enable_progress_bars": False,
    "print_on_execution_start": False,
    "max_errored_blocks": -1,
}

Piece = Mapping[str, Any]  # plain JSON values
Work = Callable[[Piece], dict[str, Any]]


@dataclass(frozen=True)
class Places:
    """Where actors can be.

    Attributes:
        everywhere: how many can be at work at once.
        on_a_machine: the most of them on one machine.
        gpus: of each.
    """

    everywhere: int
    on_a_machine: int
    gpus: int = 0


def places(ray: Any, *, gpus: int = 0) -> Places:
    """Where actors can be on the machines that are there: one a core, or one a GPU.

    Raises:
        ClusterError: no machine has a GPU, and each is to have one.
    """
    kind = "GPU" if gpus else "CPU"
    counts = [int(node["Resources"].get(kind, 0)) for node in nodes(ray).values()]
    if gpus and not sum(counts):
        raise ClusterError("No machine of the Ray cluster has a GPU; take provider='cpu'.")
    return Places(max(1, sum(counts)), max(1, *counts), gpus)


def through_pool(
    ray: Any, make: Callable[[], Work], pieces: Sequence[Piece], where: Places
) -> Iterator[dict[str, Any]]:
    """Do all pieces, and tell of each as it is done, in no order.

    Args:
        ray: connected.
        make: gives what an actor does its pieces with; called once in each. Sent by name, so it is
            a class or function of a module, or a `partial` of one.
        pieces: to be done; each may be done more than once, where an actor is lost.
        where: actors can be.

    Raises:
        BlemishError: what a piece raised.
        ClusterError: what does some pieces is lost each time, or the cluster is.
    """
    left = dict(enumerate(pieces))
    fruitless = 0
    while left and fruitless < FRUITLESS:
        before = len(left)
        try:
            at_a_time = None if before == len(pieces) else 1
            for number, told in _round(make, left, where, at_a_time):
                del left[number]
                yield told
        except ray.exceptions.RayError as error:
            said = str(error).strip().splitlines()[-1]
            raise ClusterError(f"The Ray cluster gives up: {said}") from error
        fruitless = 0 if len(left) < before else fruitless + 1
    if left:
        raise ClusterError(
            f"{len(left):,} of {len(pieces):,} parts are not done (the first is number "
            f"{min(left)}): whatever is at work on them is lost each time, perhaps for lack of "
            "memory. All others are done."
        )


def _round(
    make: Callable[[], Work], left: Mapping[int, Piece], where: Places, at_a_time: int | None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Try all that is left once; what is lost does not come, nor what waits at the same actor.

    So many wait at a time: by default one while another is at work, so that no actor is idle.
    """
    data = import_module("ray.data")
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # the lost are made up for
    rows = [{"piece": json.dumps([number, piece])} for number, piece in left.items()]
    with warnings.catch_warnings(), _quiet(data):
        done = data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _Actor,
            batch_size=1,
            compute=data.ActorPoolStrategy(
                size=min(where.everywhere, len(rows)), max_tasks_in_flight_per_actor=at_a_time
            ),
            num_cpus=1,
            num_gpus=where.gpus or None,
            fn_constructor_args=(make,),
            runtime_env={"env_vars": dict.fromkeys(THREAD_VARIABLES, "1")},
            max_restarts=-1,
            max_task_retries=0,  # in the next round
        )
        for row in done.iter_rows():
            number, told = json.loads(row["told"])
            _raise_what(told)
            yield number, told


@contextmanager
def _quiet(data: Any) -> Iterator[None]:
    """Have Ray Data work without a word, and go on where a piece is lost."""
    warnings.simplefilter("ignore")  # it warns of options of its own
    context = data.DataContext.get_current()
    before = {name: getattr(context, name) for name in QUIET}
    for name, value in QUIET.items():
        setattr(context, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(context, name, value)


def _raise_what(told: Mapping[str, Any]) -> None:
    if "error" in told:
        raise BlemishError(told["error"])
    if "fault" in told:
        raise RuntimeError(told["fault"])


class _Actor:
    """One of the pool: what goes wrong with a piece is told, and raised where it was asked for."""

    def __init__(self, make: Callable[[], Work]) -> None:
        self._make = make
        self._work: Work | None = None

    def __call__(self, rows: Mapping[str, Any]) -> dict[str, Any]:
        return {"told": [json.dumps(self._told(*json.loads(text))) for text in rows["piece"]]}

    def _told(self, number: int, piece: Piece) -> tuple[int, dict[str, Any]]:
        try:
            self._work = self._work or self._make()
            return number, self._work(piece)
        except BlemishError as error:
            return number, {"error": str(error)}
        except Exception:
            return number, {"fault": traceback.format_exc()}
