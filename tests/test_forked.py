"""Models in other processes: forked ones go on with them, whatever the parent did before."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import numpy as np
import pytest

import blemish
from blemish.errors import UsageError
from blemish.graph.engine import ONE_CORE, Engine
from blemish.graph.session import Session

# In a process of its own, as one that forks must not have the threads of other tests. Its children
# end as a server's workers do, by the whole of Python's own end, which must not wait either.
FORKS = """
import os, sys
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # its thread would keep forked processes from ending
import numpy as np
import blemish

def judged():
    scores, maps = model.raw(images)
    each = [result.score for result in model.predict_each(list(images))]
    traced = model.trace(images[0], "patches")["patches"]
    alone = model.predict(images[0]).score
    return scores.tolist(), maps.tobytes(), each, alone, traced.tobytes()

model = blemish.load(sys.argv[1], engine=blemish.Engine(threads=2))
images = np.random.default_rng(0).integers(0, 255, (5, 64, 64, 3)).astype(np.uint8)
before = judged()
begun = model.predict_each([image for _ in range(20) for image in images])
next(begun)
children = []
for uses in (True, True, False):
    child = os.fork()
    if not child:
        grandchild = os.fork() if uses else None
        same = not uses or judged() == before
        try:
            next(begun)
        except blemish.errors.UsageError as error:
            same = same and "forked" in str(error)
        else:
            same = False
        if grandchild:
            same = same and not os.waitpid(grandchild, 0)[1]
        sys.exit(not same)
    children.append(child)
assert judged() == before and len(list(begun)) == 99
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
print("alike")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_forked_processes_judge_with_a_model_that_was_loaded_and_used_before(model, tmp_path):
    model.save(tmp_path / "model.onnx")
    command = [sys.executable, "-c", FORKS, str(tmp_path / "model.onnx")]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, start_new_session=True, **streams) as process:
        try:
            told = process.communicate(timeout=100)
            assert (told[0], process.returncode) == ("alike\n", 0), told[1]
        finally:  # children that wait for ever, too
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_a_session_left_behind_by_a_fork_says_so(model):
    session = Session(model._data, ONE_CORE)
    session.in_forked_process()
    with pytest.raises(UsageError, match="forked from"):
        session.run(["score"], image=np.zeros((1, 64, 64, 3), np.uint8))


@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_model_is_not_pickled_but_loaded_where_it_is_wanted(model, copied):
    with pytest.raises(UsageError, match=r"blemish\.load"):
        copied(model)


def test_the_threads_of_a_model_end_with_it(model, tmp_path):
    model.save(tmp_path / "model.onnx")
    before = set(threading.enumerate())
    used = blemish.load(tmp_path / "model.onnx", engine=Engine(threads=2))
    used.raw(np.zeros((4, 64, 64, 3), np.uint8))
    started = set(threading.enumerate()) - before
    assert started
    del used
    gc.collect()
    for thread in started:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in started)
