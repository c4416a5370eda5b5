"""What was acknowledged is there: after a kill, a power cut, on a full disk."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from shutil import which

import pytest

import ledger_writer
from blemish.errors import LedgerError
from blemish.ledger.audit import audit
from blemish.ledger.ledger import Ledger
from ledgers import inspection
from power_cut import STRACE, replay

WRITER = [sys.executable, ledger_writer.__file__]
SECONDS = 60


def check(path, acknowledged):
    """All rows that were told of are there as they were; the ledger is whole, and goes on."""
    with Ledger.open(path) as ledger:
        for line in acknowledged:
            number, sha256 = line.split()
            assert ledger.row(int(number)).sha256 == sha256
        found = audit([str(path)], heads=[ledger.head()])
        assert found.fault is None
        assert found.rows % ledger_writer.BATCH == 0  # each append is there whole, or not at all
        return found.rows


def kill_again_and_again(path, kills, seed):
    chance = random.Random(seed)
    acknowledged = []
    for _ in range(kills):
        process = subprocess.Popen([*WRITER, path, "3", "100000"], stdout=subprocess.PIPE)
        first = process.stdout.readline()  # once it is at work
        time.sleep(chance.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate(timeout=SECONDS)
        lines = (first + rest).decode().splitlines(keepends=True)
        acknowledged += [line for line in lines if line.endswith("\n")]
        rows = check(path, acknowledged)
        assert rows >= len(acknowledged) * ledger_writer.BATCH > 0


def test_what_was_acknowledged_survives_kills(tmp_path):
    kill_again_and_again(tmp_path / "ledger.db", kills=5, seed=1)


@pytest.mark.slow
def test_what_was_acknowledged_survives_many_kills(tmp_path):
    kill_again_and_again(tmp_path / "ledger.db", kills=20, seed=2)


def traced(folder, *words):
    """The trace of a writer on an empty folder."""
    if which("strace") is None:
        pytest.skip("needs strace")
    trace = folder / "trace"
    (folder / "disk").mkdir()
    command = [*STRACE, "-o", trace, *WRITER, folder / "disk" / "ledger.db", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=3 * SECONDS)
    return trace


def disks_after_power_cuts(trace, folder, cuts, seed):
    """Folders as the power cut leaves them at some moments, and what had been told by then."""
    chance = random.Random(seed)
    calls = sum(1 for _ in replay(trace, folder / "disk"))
    begun = next(n for n, (disk, _) in enumerate(replay(trace, folder / "disk")) if disk._names)
    moments = {begun + chance.randrange(calls - begun) for _ in range(cuts)}
    for number, (disk, told) in enumerate(replay(trace, folder / "disk")):
        if number in moments:
            (folder / f"cut{number}").mkdir()
            disk.cut(chance, folder / f"cut{number}")
            yield folder / f"cut{number}" / "ledger.db", told


def survives(path, told):
    try:
        check(path, told)
    except (AssertionError, AttributeError, LedgerError):
        return False
    return True


def test_what_was_acknowledged_survives_power_cuts(tmp_path):
    trace = traced(tmp_path, "1", "40")
    told_of = []
    for path, told in disks_after_power_cuts(trace, tmp_path, cuts=40, seed=1):
        check(path, told)
        told_of.append(len(told))
    assert min(told_of) < 10
    assert max(told_of) > 30


@pytest.mark.slow
def test_what_was_acknowledged_survives_many_power_cuts(tmp_path):
    trace = traced(tmp_path, "1", "160")
    for path, told in disks_after_power_cuts(trace, tmp_path, cuts=120, seed=2):
        check(path, told)


def test_a_ledger_that_did_not_sync_would_be_caught(tmp_path):
    trace = traced(tmp_path, "1", "20", "careless")
    cuts = disks_after_power_cuts(trace, tmp_path, cuts=15, seed=1)
    assert not all(survives(path, told) for path, told in cuts)


FULL = """
import resource, sys
from pathlib import Path
from blemish.errors import LedgerError
from blemish.ledger.ledger import Ledger
from ledgers import inspection
path, last = Path(sys.argv[1]), None
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
with Ledger.open(path) as ledger:
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    faults = 0
    for number in range(400):
        try:
            last = ledger.append([inspection(number, body={"filler": "x" * 3000})])[-1]
        except LedgerError:
            faults += 1
            assert ledger.head().sha256 == last.sha256
        if faults == 3:
            break
    assert faults == 3
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert ledger.append([inspection(999)])[-1].number == last.number + 1
print(last.number)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of file sizes")
def test_a_disk_that_takes_no_more_loses_nothing(tmp_path):
    path = tmp_path / "ledger.db"
    done = subprocess.run(
        [sys.executable, "-c", FULL, path], check=False, capture_output=True, text=True,
        timeout=SECONDS, cwd=Path(ledger_writer.__file__).parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with Ledger.open(path) as ledger:
        assert ledger.head().number == int(done.stdout) + 1
        assert ledger.append([inspection(5)])[0].new
    assert audit([str(path)]).fault is None
