"""Signals in the middle of the work: a short word, the exit code of shells, no half file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from blemish.cli.signals import EndsLikeCtrlC, TerminatedError, exit_code

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

# The process says when it is where it is to be interrupted, and waits there.
SIGNALS = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]

HANG = """
import sys, time
def hang(*_):
    print("here", file=sys.stderr, flush=True)
    for _ in range(600):  # a signal that comes just before a sleep does not end it
        time.sleep(0.1)
"""
HANG_IN_WRITING = (
    HANG
    + """
import os
fsync = os.fsync
def hang_once(*_):
    os.fsync = fsync
    hang()
os.fsync = hang_once
"""
)
HANG_IN_PREDICTING = (
    HANG + "from blemish.predictions.sinks import FolderSink; FolderSink.add = hang"
)
HANG_IN_DRAWING = (
    HANG
    + """
import os
from blemish.predictions import sinks as predictions
write_whole = predictions.write_whole
def write_hanging(*words):
    os.fsync, fsync = lambda *_: (setattr(os, "fsync", fsync), hang()), os.fsync
    write_whole(*words)
predictions.write_whole = write_hanging
"""
)
OURS = ["predictions.jsonl", "predictions.run.json"]


# Ctrl-C where a module is about to be found.
IN_IMPORT = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
from blemish.__main__ import run
run()
"""


@pytest.mark.parametrize(
    "name",
    ["blemish.cli.main", "typer", "blemish.cli.predict", "numpy", "numpy.linalg._umath_linalg",
     "onnxruntime", "onnxruntime.capi.onnxruntime_pybind11_state", "PIL.Image"],
)  # fmt: skip
def test_while_modules_are_loaded_it_ends_with_a_word_at_most(fitted, spot, name):
    program = IN_IMPORT.format(name=name)
    ended = subprocess.run(
        [sys.executable, "-c", program, "predict", fitted, spot],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 130
    assert ended.stderr in ("", "interrupted\n")
    assert not ended.stdout


WHILE_COMPILED = """
import os, signal
from importlib.machinery import ExtensionFileLoader
load, loaded = ExtensionFileLoader.exec_module, []
def exec_module(self, module):
    if module.__name__ == "onnx.onnx_cpp2py_export":
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(10**6):  # the handler has its turn here
            pass
        loaded.append(module)
    return load(self, module)
ExtensionFileLoader.exec_module = exec_module
from blemish.__main__ import run
try:
    run()
finally:
    assert loaded
"""


def test_a_compiled_module_is_loaded_to_its_end_before_it_ends(data, fit_options, tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", WHILE_COMPILED, "fit", data, "-o", tmp_path / "m.onnx",
         *fit_options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 130
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.iterdir())


def test_it_is_ignored_where_work_runs_in_the_background(start, data):
    first = "import os, signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
    first += "; os.kill(os.getpid(), signal.SIGINT)"
    process = start("check", data, first=first)
    process.communicate()
    assert process.returncode == 0


def interrupted(process, number=signal.SIGINT):
    """Interrupt a process where it hangs; what it said after that."""
    while process.stderr.readline() not in ("here\n", ""):
        pass
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize("number", SIGNALS)
def test_fit_leaves_no_half_written_model(start, data, fit_options, tmp_path, number):
    process = start("fit", data, "-o", tmp_path / "m.onnx", *fit_options, first=HANG_IN_WRITING)
    assert interrupted(process, number) == "interrupted\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("first", "lines"), [(HANG_IN_DRAWING, 1), (HANG_IN_PREDICTING, 0)])
def test_predict_keeps_what_was_judged_and_no_half_file(
    start, fitted, data, tmp_path, first, lines, number
):
    process = start("predict", fitted, data / "test", "-o", tmp_path, "--overlay", first=first)
    assert interrupted(process, number) == "interrupted\n"
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == OURS
    kept = (tmp_path / "predictions.jsonl").read_text().splitlines()
    assert ["score" in json.loads(line) for line in kept] == [True] * lines


def test_what_is_judged_is_in_the_file_before_the_next_whatever_ends_it(
    start, fitted, data, tmp_path
):
    first = HANG + (
        "from blemish.predictions.sinks import FolderSink; add = FolderSink.add\n"
        "FolderSink.add = lambda *words: (add(*words), 'spot' in words[1] and hang())"
    )
    process = start("predict", fitted, data / "test", "-o", tmp_path, first=first)
    while process.stderr.readline() not in ("here\n", ""):
        pass
    process.kill()
    out, _ = process.communicate()
    kept = (tmp_path / "predictions.jsonl").read_text().splitlines()
    kept = [{k: v for k, v in json.loads(line).items() if k != "file"} for line in kept]
    assert kept == [json.loads(line) for line in out.splitlines()]
    assert len(out.splitlines()) == 4


def test_a_signal_that_was_ignored_stays_so(start, fitted, data, tmp_path):
    first = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)" + HANG_IN_PREDICTING
    process = start("predict", fitted, data / "test", "-o", tmp_path, first=first)
    while process.stderr.readline() not in ("here\n", ""):
        pass
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 128 + signal.SIGTERM


def test_handlers_are_those_of_before_when_a_command_is_done(blemish, fitted):
    before = signal.getsignal(signal.SIGTERM)
    assert blemish("inspect", fitted).code == 0
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_benchmark_says_that_it_can_go_on(start, data, fit_options, tmp_path, number):
    seeds = "0,1,2,3,4,5"
    process = start("benchmark", data, "-o", tmp_path / "out", *fit_options, "--seeds", seeds)
    while not (tmp_path / "out").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == 128 + number
    assert "the same command goes on" in err
    assert "Traceback" not in err
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no such signal here")
def test_two_signals_at_once_end_it_as_one_does(start, fitted, data, tmp_path):
    words = ("predict", fitted, data / "test", "-o", tmp_path / "out")
    process = start(*words, first=HANG_IN_PREDICTING)
    while process.stderr.readline() not in ("here\n", ""):
        pass
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode in (128 + signal.SIGHUP, 128 + signal.SIGTERM)
    assert "Traceback" not in told


def test_a_signal_is_known_where_compiled_code_raises_an_interrupt_of_its_own():
    with pytest.raises(TerminatedError) as ended, EndsLikeCtrlC():
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            raise KeyboardInterrupt from None
    assert exit_code(ended.value) == 128 + signal.SIGTERM
