from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Thread

import pytest

import blemish
from blemish.benchmark.plan import Job, plan_jobs
from blemish.benchmark.processes import Processes
from blemish.benchmark.run import run_jobs
from blemish.errors import DataError, UsageError
from blemish.parallel import available_cores
from blemish.progress import Advance
from blemish.records.folder import read_records, write_record
from blemish.records.record import FailedRecord
from clusters import workers_in
from tiny import tiny_backbone, tiny_dataset, tiny_settings

needs_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
PATIENCE_S = 60

PARENT = """
import sys
from blemish.benchmark.plan import Job
from blemish.benchmark.processes import Processes
from blemish.benchmark.run import run_jobs
run_jobs([Job.from_json(line) for line in sys.stdin], sys.argv[1], crew=Processes(2))
"""


@dataclass
class HeardProgress:
    """Remembers what it is told."""

    said: list[str] = field(default_factory=list)
    steps: dict[str, int] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        self.totals[name] = total
        self.steps[name] = 0

        def advance(steps: int, _note: str | None = None, /) -> None:
            self.steps[name] += steps

        yield advance

    def say(self, message: str) -> None:
        self.said.append(message)


@pytest.fixture
def progress() -> HeardProgress:
    return HeardProgress()


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something is so; fail where it never is."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            pytest.fail("waited in vain")
        time.sleep(0.005)


def files_below(directory: Path) -> list[str]:
    """All files, hidden ones too."""
    return sorted(
        path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()
    )


def start_parent(jobs: list[Job], directory: Path) -> subprocess.Popen[bytes]:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(directory)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert parent.stdin
    parent.stdin.write("\n".join(job.to_json() for job in jobs).encode())
    parent.stdin.close()
    return parent


@pytest.fixture
def many_jobs(data: Path, backbone: Path) -> list[Job]:
    return plan_jobs([data], seeds=range(4), settings=tiny_settings(backbone))


def test_a_run_leaves_records_models_and_images(
    jobs: list[Job], tmp_path: Path, progress: HeardProgress
) -> None:
    records = run_jobs(jobs, tmp_path, progress=progress)
    assert records == read_records(tmp_path)
    assert [record.job for record in records] == [job.id for job in jobs]
    for job, record in zip(jobs, records, strict=True):
        assert record.error is None
        assert record.figures.image["auroc"] == 1.0
        assert record.seconds.fit > 0
        assert record.sources == job.sources
        model = tmp_path / "models" / f"{job.id}.onnx"
        assert record.model_sha256 == blemish.load(model).sha256
        assert record.bytes.model_file == model.stat().st_size
        for shown in record.examples.caught:
            assert (tmp_path / shown.image).is_file()
    assert not [name for name in files_below(tmp_path) if name.endswith(".tmp")]
    assert progress.steps["jobs"] == progress.totals["jobs"] == len(jobs)


def test_what_a_job_says_is_heard_under_its_name(
    jobs: list[Job], tmp_path: Path, progress: HeardProgress
) -> None:
    run_jobs(jobs[:1], tmp_path, progress=progress)
    assert [said for said in progress.said if said.startswith(f"{jobs[0].id}: 8 good images")]


def test_jobs_done_are_not_done_again(
    jobs: list[Job], tmp_path: Path, progress: HeardProgress
) -> None:
    first = run_jobs(jobs[:1], tmp_path)
    model = tmp_path / "models" / f"{jobs[0].id}.onnx"
    model.unlink()
    records = run_jobs(jobs, tmp_path, progress=progress)
    assert records[:1] == first
    assert not model.exists()
    assert [record.error for record in records] == [None, None]
    assert progress.steps["jobs"] == 2


def test_two_workers_do_the_same_with_half_the_cores_each(jobs: list[Job], tmp_path: Path) -> None:
    alone = run_jobs(jobs, tmp_path / "alone")
    together = run_jobs(jobs, tmp_path / "together", crew=Processes(2))
    assert [record.job for record in together] == [job.id for job in jobs]
    for one, other in zip(alone, together, strict=True):
        scores, others = ([row.score for row in rec.images] for rec in (one, other))
        assert scores == pytest.approx(others, rel=1e-5)
        assert other.machine.cores == max(1, available_cores() // 2)


def test_more_workers_than_jobs_leave_no_core_idle(jobs: list[Job], tmp_path: Path) -> None:
    (record,) = run_jobs(jobs[:1], tmp_path, crew=Processes(8))
    assert record.machine.cores == available_cores()


def test_a_job_that_fails_is_recorded_and_tried_again(
    backbone: Path, tmp_path: Path, progress: HeardProgress
) -> None:
    tiny_dataset(tmp_path / "data" / "tile")
    broken = tiny_dataset(tmp_path / "data" / "grid") / "train" / "good" / "000.png"
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    jobs = plan_jobs([tmp_path / "data"], settings=tiny_settings(backbone))
    grid, tile = run_jobs(jobs, tmp_path / "out", progress=progress)
    assert "000.png" in grid.error
    assert isinstance(grid, FailedRecord)
    assert tile.error is None
    assert [said for said in progress.said if said.startswith(f"{jobs[0].id} failed: ")]
    date, tile_date = "1999-01-01T00:00:00+00:00", tile.date
    write_record(tmp_path / "out", replace(grid, date=date))
    grid, tile = run_jobs(jobs, tmp_path / "out")
    assert grid.error
    assert grid.date != date
    assert tile.date == tile_date


def test_a_job_that_ends_well_replaces_its_failure(jobs: list[Job], tmp_path: Path) -> None:
    crashing = replace(jobs[0], test_fraction="none")  # type: ignore[arg-type]
    (failed,) = run_jobs([crashing], tmp_path)
    assert failed.error
    (record,) = run_jobs(jobs[:1], tmp_path)
    assert record.error is None
    assert read_records(tmp_path) == [record]


def test_a_crash_is_recorded_with_its_exit_code_and_last_words(
    jobs: list[Job], tmp_path: Path
) -> None:
    crashing = replace(jobs[0], test_fraction="none")  # type: ignore[arg-type]
    crashed, other = run_jobs([crashing, jobs[1]], tmp_path)
    assert "exit code 1" in crashed.error
    assert "JsonError" in crashed.error
    assert other.error is None


def test_images_that_change_after_planning_are_an_error(tmp_path: Path, backbone: Path) -> None:
    tile = tiny_dataset(tmp_path / "tile")
    jobs = plan_jobs([tile], settings=tiny_settings(backbone))
    tiny_dataset(tile, seed=9)
    (record,) = run_jobs(jobs, tmp_path / "out")
    assert "changed since the job was planned" in record.error


def test_a_backbone_that_changes_after_planning_is_an_error(tmp_path: Path) -> None:
    backbone = tiny_backbone(tmp_path / "b.onnx")
    jobs = plan_jobs([tiny_dataset(tmp_path / "tile")], settings=tiny_settings(backbone))
    tiny_backbone(backbone, seed=9)
    (record,) = run_jobs(jobs, tmp_path / "out")
    assert "changed since the job was planned" in record.error


def test_a_damaged_record_stops_the_run_before_it_starts(jobs: list[Job], tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / f"{jobs[0].id}.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        run_jobs(jobs, tmp_path)


def test_no_worker_is_refused(jobs: list[Job], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'workers'"):
        run_jobs(jobs, tmp_path, crew=Processes(0))


def test_no_job_is_no_work(tmp_path: Path) -> None:
    assert run_jobs([], tmp_path) == []


@needs_proc
def test_a_worker_that_is_killed_is_recorded_and_the_others_go_on(
    jobs: list[Job], tmp_path: Path
) -> None:
    def kill_the_first() -> None:
        wait_for(lambda: workers_in(tmp_path))
        os.kill(workers_in(tmp_path)[0], signal.SIGKILL)

    killer = Thread(target=kill_the_first)
    killer.start()
    killed, other = run_jobs(jobs, tmp_path)
    killer.join()
    assert "signal 9" in killed.error
    assert other.error is None
    assert [record.error for record in run_jobs(jobs, tmp_path)] == [None, None]


@needs_proc
def test_after_kill_9_no_worker_is_left_and_the_next_run_goes_on(
    many_jobs: list[Job], tmp_path: Path
) -> None:
    parent = start_parent(many_jobs, tmp_path)
    wait_for(lambda: read_records(tmp_path) and workers_in(tmp_path))
    parent.kill()
    parent.wait()
    wait_for(lambda: not workers_in(tmp_path))
    before = read_records(tmp_path)
    assert 0 < len(before) < len(many_jobs)
    (tmp_path / "models" / f".{many_jobs[-1].id}.onnx.{'0' * 16}.tmp").write_bytes(b"half")
    (tmp_path / "records" / f".{many_jobs[-1].id}.json.{'0' * 16}.tmp").write_bytes(b"half")
    records = run_jobs(many_jobs, tmp_path, crew=Processes(2))
    assert [record.error for record in records] == [None] * len(many_jobs)
    assert [record for record in records if record in before] == before
    assert not [name for name in files_below(tmp_path) if name.endswith(".tmp")]


@needs_proc
def test_ctrl_c_ends_the_workers_and_keeps_what_is_done(
    many_jobs: list[Job], tmp_path: Path
) -> None:
    parent = start_parent(many_jobs, tmp_path)
    wait_for(lambda: read_records(tmp_path) and workers_in(tmp_path))
    parent.send_signal(signal.SIGINT)
    assert parent.stderr
    with parent:
        errors = parent.stderr.read()
    assert errors.rstrip().endswith(b"KeyboardInterrupt")
    assert not workers_in(tmp_path)
    records = read_records(tmp_path)
    assert 0 < len(records) < len(many_jobs)
    assert not [record for record in records if record.error]
    assert not [name for name in files_below(tmp_path) if name.endswith(".tmp")]
