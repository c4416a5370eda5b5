"""Jobs on a cluster: the same records as here, whatever is killed meanwhile."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from blemish.benchmark import on_ray
from blemish.benchmark.needs import Needs, needs_of
from blemish.benchmark.plan import Job, plan_jobs
from blemish.benchmark.processes import Processes
from blemish.benchmark.run import run_jobs
from blemish.cluster.connect import ClusterError, connected
from blemish.errors import BlemishError, UsageError
from blemish.records.folder import read_records
from blemish.records.record import AnyRecord, FailedRecord, Record
from clusters import cluster, needs_ray, workers_in
from heard import Heard
from tiny import LEVELS, SIDE, tiny_dataset, tiny_settings
from tiny_efficientad import tiny_settings as settings_of_efficientad
from tiny_efficientad import tiny_teacher

pytestmark = [
    pytest.mark.slow,
    needs_ray,
    pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc"),
]
PATIENCE_S = 120

DRIVER = """
import sys
from pathlib import Path
from blemish.benchmark.on_ray import OnRay
from blemish.benchmark.plan import Job
from blemish.benchmark.processes import Processes
from blemish.benchmark.run import run_jobs
from blemish.cluster.connect import connected
jobs = [Job.from_json(line) for line in Path(sys.argv[3]).read_text().splitlines()]
if sys.argv[2] == "here":
    run_jobs(jobs, sys.argv[1], crew=Processes(2))
else:
    with connected(sys.argv[2]) as ray:
        run_jobs(jobs, sys.argv[1], crew=OnRay(ray))
"""


@pytest.fixture(scope="module")
def two_machines() -> Iterator[Any]:
    """A cluster of two machines with a core each. Not to be killed."""
    with cluster(num_cpus=1) as machines:
        machines.add_node(num_cpus=1)
        yield machines


@pytest.fixture(scope="module")
def many_jobs(tmp_path_factory: pytest.TempPathFactory, backbone: Path) -> list[Job]:
    """Three categories, two detectors, two seeds."""
    root = tmp_path_factory.mktemp("three")
    for seed, name in enumerate(("grid", "leather", "tile")):
        tiny_dataset(root / name, seed=seed)
    shared = {"backbone": str(backbone), "levels": LEVELS, "image_size": SIDE}
    settings = {f"patchcore.{k}": v for k, v in tiny_settings(backbone).items()}
    settings |= {f"padim.{k}": v for k, v in shared.items()}
    names = ["patchcore", "padim"]
    return plan_jobs([root], detectors=names, seeds=(0, 1), settings=settings)


@pytest.fixture(scope="module")
def done_here(many_jobs: list[Job], tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What processes of this machine find, with a core each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLEMISH_CORES", "2")
        records = run_jobs(many_jobs, tmp_path_factory.mktemp("here"), crew=Processes(2))
    return found(records)


def found(records: list[AnyRecord]) -> list[Any]:
    """What was found: all but when, how fast and with how much memory."""
    every = []
    for record in records:
        assert isinstance(record, Record), record.error
        values = record.to_dict()
        del values["date"], values["seconds"], values["bytes"]["fit_peak"]
        values["images"] = [row | {"seconds": None} for row in values["images"]]
        every.append(values)
    return every


def by_job(records: list[AnyRecord]) -> list[AnyRecord]:
    return sorted(records, key=lambda record: record.job)


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            pytest.fail("waited in vain")
        time.sleep(0.02)


def start_driver(jobs: list[Job], directory: Path, where: str) -> subprocess.Popen[bytes]:
    """A process that does jobs; it does not end with this one."""
    lines = directory.with_name(f"{directory.name}.jobs")
    lines.write_text("\n".join(job.to_json() for job in jobs))
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(directory), where, str(lines)],
        stderr=subprocess.PIPE,
        env=os.environ | {"BLEMISH_CORES": "2"},
    )


def temporaries(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*.tmp") if path.is_file()]


def test_records_are_those_of_processes_here(
    two_machines: Any, many_jobs: list[Job], done_here: list[Any], tmp_path: Path
) -> None:
    heard = Heard()
    with connected(two_machines.address) as ray:
        records = run_jobs(many_jobs, tmp_path, crew=on_ray.OnRay(ray), progress=heard)
    assert found(records) == done_here
    assert by_job(records) == read_records(tmp_path)
    assert {record.machine.cores for record in records} == {1}
    assert [said for said in heard.said if said.startswith(f"{many_jobs[0].id}: 8 good images")]
    assert (tmp_path / "models" / f"{many_jobs[0].id}.onnx").is_file()


@pytest.mark.parametrize(("first", "then"), [("here", "ray"), ("ray", "here")])
def test_after_kill_9_the_other_engine_goes_on(
    two_machines: Any,
    many_jobs: list[Job],
    done_here: list[Any],
    tmp_path: Path,
    first: str,
    then: str,
) -> None:
    places = {"here": "here", "ray": two_machines.address}
    few = many_jobs[::2]
    driver = start_driver(few, tmp_path, places[first])
    wait_for(lambda: read_records(tmp_path) and workers_in(tmp_path))
    driver.kill()
    driver.communicate()
    wait_for(lambda: not workers_in(tmp_path))
    before = read_records(tmp_path)
    assert 0 < len(before) < len(few)
    driver = start_driver(few, tmp_path, places[then])
    _, told = driver.communicate()
    assert driver.returncode == 0, told
    records = read_records(tmp_path)
    assert found(records) == sorted(done_here[::2], key=lambda values: values["job"])
    assert [record for record in records if record in before] == before
    assert not temporaries(tmp_path)


def test_ctrl_c_ends_the_workers_and_keeps_what_is_done(
    two_machines: Any, many_jobs: list[Job], tmp_path: Path
) -> None:
    driver = start_driver(many_jobs, tmp_path, two_machines.address)
    wait_for(lambda: read_records(tmp_path) and workers_in(tmp_path))
    driver.send_signal(signal.SIGINT)
    _, errors = driver.communicate()
    assert errors.rstrip().endswith(b"KeyboardInterrupt")
    assert not workers_in(tmp_path)
    records = read_records(tmp_path)
    assert 0 < len(records) < len(many_jobs)
    assert not [record for record in records if record.error]
    assert not temporaries(tmp_path)


def test_a_worker_that_is_killed_is_recorded_and_the_others_go_on(
    two_machines: Any, many_jobs: list[Job], tmp_path: Path
) -> None:
    def kill_the_first() -> None:
        wait_for(lambda: workers_in(tmp_path))
        os.kill(workers_in(tmp_path)[0], signal.SIGKILL)

    killer = Thread(target=kill_the_first)
    killer.start()
    with connected(two_machines.address) as ray:
        records = run_jobs(many_jobs[:3], tmp_path, crew=on_ray.OnRay(ray))
    killer.join()
    (failed,) = (record for record in records if record.error)
    assert "signal 9" in str(failed.error)


def test_a_job_that_no_machine_can_do_is_told_and_the_others_are_done(
    two_machines: Any, many_jobs: list[Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def needs(jobs: list[Job], *, cores: int, gpus: bool) -> dict[str, Needs]:
        planned = needs_of(jobs, cores=cores, gpus=gpus)
        return planned | {jobs[0].id: Needs(1, 2, 10**15)}

    monkeypatch.setattr(on_ray, "needs_of", needs)
    monkeypatch.setattr(on_ray, "PATIENCE_SECONDS", 0.0)
    with connected(two_machines.address) as ray:
        failed, done = run_jobs(many_jobs[:2], tmp_path, crew=on_ray.OnRay(ray))
    assert isinstance(failed, FailedRecord)
    assert "1 core, 2 GPUs, 1000000.0 GB of memory" in failed.error
    assert failed.error.count(" has 1 core, ") == 2
    assert done.error is None
    assert read_records(tmp_path) == by_job([failed, done])


def test_a_folder_that_is_not_shared_is_told_before_any_work(
    two_machines: Any, many_jobs: list[Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blemish.cluster.probe.write_whole", lambda *_: None)
    with connected(two_machines.address) as ray, pytest.raises(ClusterError) as told:
        run_jobs(many_jobs, tmp_path, crew=on_ray.OnRay(ray))
    lines = str(told.value).splitlines()
    assert [str(tmp_path) in line and "all have to share" in line for line in lines] == [True] * 2
    assert not list(tmp_path.iterdir())


def test_a_machine_that_is_lost_takes_no_job_with_it(
    many_jobs: list[Job], done_here: list[Any], tmp_path: Path
) -> None:
    heard = Heard()
    with cluster(num_cpus=1) as machines:
        lost = machines.add_node(num_cpus=1)

        def lose_it() -> None:
            wait_for(lambda: len(workers_in(tmp_path)) == 2)
            machines.remove_node(lost, allow_graceful=False)

        killer = Thread(target=lose_it)
        killer.start()
        with connected(machines.address) as ray:
            records = run_jobs(many_jobs[::2], tmp_path, crew=on_ray.OnRay(ray), progress=heard)
        killer.join()
    assert [said for said in heard.said if on_ray.LOST in said]
    assert found(records) == done_here[::2]
    assert by_job(records) == read_records(tmp_path)
    assert not temporaries(tmp_path)


def test_a_training_goes_on_elsewhere_and_is_given_up_where_no_gpu_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="needs the extra 'train'")
    settings = settings_of_efficientad(
        tiny_teacher(tmp_path / "teacher.onnx"), device="auto", steps=5000, checkpoint_seconds=0
    )
    tile = tiny_dataset(tmp_path / "tile")
    (job,) = plan_jobs([tile], detectors=["efficientad"], settings=settings)
    steps: list[list[int]] = [[], [], []]  # told by the first machine, the second, and none
    lost, kept = 0, tmp_path / "unfinished" / job.id
    with cluster(num_cpus=0) as machines, connected(machines.address) as ray:
        machine = machines.add_node(num_cpus=1, num_gpus=1)
        with on_ray.OnRay(ray).at_work([job], tmp_path) as events:
            for _, event in events:
                if isinstance(event, Record | FailedRecord):
                    break
                if told := re.match(r"training ([\d,]+) of", event.get("doing", "")):
                    steps[lost].append(int(told[1].replace(",", "")))
                    if list(kept.glob("*.safetensors")):
                        machines.remove_node(machine, allow_graceful=False)
                elif on_ray.LOST in event.get("say", ""):
                    lost += 1
                    if lost == 1:
                        machine = machines.add_node(num_cpus=1, num_gpus=1)
                    monkeypatch.setattr(on_ray, "PATIENCE_SECONDS", 0.0 if lost == 2 else 60.0)
    assert steps[0][0] == 0 < steps[1][0]
    assert not steps[2]
    assert "1 core, 1 GPU" in str(event.error)
    assert list(kept.glob("*.safetensors"))


def test_where_ray_on_this_machine_ends_what_is_done_is_kept(
    many_jobs: list[Job], tmp_path: Path
) -> None:
    with cluster(num_cpus=1) as machines:
        driver = start_driver(many_jobs, tmp_path, machines.address)
        wait_for(lambda: workers_in(tmp_path))
        machines.head_node.all_processes["raylet"][0].process.kill()
        _, errors = driver.communicate()
    assert b"ClusterError: Ray on this machine has ended" in errors
    assert not [record for record in read_records(tmp_path) if record.error]


class ScriptedRay:
    """Stands for Ray: each task that is begun gives the next of some streams."""

    def __init__(self, *streams: list[Any]) -> None:
        self.exceptions = import_module("ray").exceptions
        self.streams = iter(streams)

    def remote(self, _: object) -> Any:
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=self.begin))

    def begin(self, *_: object, **__: object) -> Any:
        return iter(next(self.streams))

    def wait(self, streams: list[Any], **_: object) -> tuple[list[Any], list[Any]]:
        return streams[:1], streams[1:]

    def get(self, told: Any) -> Any:
        if isinstance(told, Exception):
            raise told
        return told


def events_of(job: Job, directory: Path, *streams: list[Any]) -> list[Any]:
    tasks = on_ray._Tasks(ScriptedRay(*streams), directory, [job], {job.id: Needs(1)})
    return [event for _, event in tasks.events()]


def test_a_job_that_is_lost_again_and_again_is_given_up(
    many_jobs: list[Job], tmp_path: Path
) -> None:
    lost = [[ray_error("NodeDiedError", "It is dead.\nAnd more.")] for _ in range(5)]
    *told, failed = events_of(many_jobs[0], tmp_path, *lost)
    assert [on_ray.LOST in event["say"] for event in told] == [True] * 4
    assert failed.error == f"5 times {on_ray.LOST}; the last time: It is dead."
    assert read_records(tmp_path) == [failed]


def test_a_job_that_had_been_done_when_its_machine_was_lost_is_not_done_again(
    many_jobs: list[Job], done_here: list[Any], tmp_path: Path
) -> None:
    (record,) = run_jobs(many_jobs[:1], tmp_path)
    error = ray_error("ObjectLostError", "00ff", None, "")
    assert events_of(many_jobs[0], tmp_path, [{"doing": "maps"}, error])[1:] == [record]


def test_a_job_that_ray_ends_since_memory_runs_out_fails(
    many_jobs: list[Job], tmp_path: Path
) -> None:
    (failed,) = events_of(many_jobs[0], tmp_path, [ray_error("OutOfMemoryError", "95 % used")])
    assert failed.error == "Memory of its machine ran out: 95 % used"


def test_a_record_that_cannot_be_written_ends_the_run(many_jobs: list[Job], tmp_path: Path) -> None:
    error = ray_error("RayTaskError", "do_job_here", "traceback", BlemishError("The disk is full."))
    with pytest.raises(BlemishError, match="disk is full"):
        events_of(many_jobs[0], tmp_path, [error])


def ray_error(name: str, *words: Any) -> Exception:
    error: Exception = getattr(import_module("ray").exceptions, name)(*words)
    return error


def test_jobs_need_what_their_detector_plans_with_and_most_comes_first(
    many_jobs: list[Job], tmp_path: Path
) -> None:
    needs = needs_of(many_jobs, cores=3, gpus=True)
    sizes = [need.memory_bytes for need in needs.values()]
    assert needs.keys() == {job.id for job in many_jobs}
    assert sizes == sorted(sizes, reverse=True)
    assert all(need.cores == 3 and not need.gpus and need.memory_bytes for need in needs.values())


@pytest.mark.parametrize(
    ("device", "without", "with_some"), [("cpu", 0, 0), ("auto", 0, 1), ("cuda", 1, 1)]
)
def test_a_gpu_is_needed_where_the_detector_trains_on_one(
    tmp_path: Path, device: str, without: int, with_some: int
) -> None:
    pytest.importorskip("torch", reason="needs the extra 'train'")
    settings = settings_of_efficientad(tiny_teacher(tmp_path / "teacher.onnx"), device=device)
    (job,) = plan_jobs(
        [tiny_dataset(tmp_path / "tile")], detectors=["efficientad"], settings=settings
    )
    needed = [needs_of([job], cores=1, gpus=gpus)[job.id].gpus for gpus in (False, True)]
    assert needed == [without, with_some]


def test_a_job_whose_plan_fails_needs_no_memory_and_fails_in_its_turn(
    many_jobs: list[Job], tmp_path: Path
) -> None:
    gone = replace(many_jobs[0], data=str(tmp_path / "gone"))
    assert needs_of([gone], cores=1, gpus=False)[gone.id] == Needs(1)


def test_paths_of_a_job_hold_in_any_folder(
    many_jobs: list[Job], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    job = many_jobs[0]
    data, backbone = Path(job.data), Path(job.settings["backbone"])
    monkeypatch.chdir(data.parent)
    settings = job.settings | {"backbone": os.path.relpath(backbone)}
    typed = replace(job, data=data.name, settings=settings)
    whole = typed.with_absolute_paths()
    monkeypatch.chdir(tmp_path)
    assert whole.paths() == [data, whole_path(backbone, whole)]
    assert replace(job, data="surfaces/tile").with_absolute_paths().data == "surfaces/tile"


def whole_path(backbone: Path, job: Job) -> Path:
    """The path of a job's backbone, which is that one, spelled as it may be."""
    found = Path(job.settings["backbone"])
    assert found.is_absolute()
    assert found.samefile(backbone)
    return found


def test_no_worker_is_refused() -> None:
    with pytest.raises(UsageError, match="'workers'"):
        on_ray.OnRay(None, 0)
