"""Pieces of work on a Ray of this machine: in order, the same as here, errors as they were."""

from __future__ import annotations

import pytest

import blemish
from blemish.cluster.connect import ClusterError, connected
from blemish.cluster.workers import RayWorkers
from blemish.detectors.patchcore.detector import PatchCore
from blemish.errors import ImageError
from blemish.progress import LoggedProgress
from tiny import tiny_settings

pytest.importorskip("ray", reason="needs the extra 'ray'")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workers():
    with connected() as ray:
        yield RayWorkers(ray)


def test_results_come_in_order_of_the_pieces(workers):
    assert list(workers.map(lambda piece: -piece, range(20))) == [-piece for piece in range(20)]


def test_each_piece_has_one_core(workers):
    def cores(_piece):
        from blemish.parallel import available_cores

        return available_cores()

    assert set(workers.map(cores, range(4))) == {1}


def test_a_fit_by_workers_is_the_same_file_as_one_by_this_process(workers, category, backbone):
    dataset = blemish.open_dataset(category)
    detector = PatchCore(**tiny_settings(backbone, shards=3))
    here = blemish.fit(dataset, detector, progress=LoggedProgress())
    there = blemish.fit(dataset, detector, workers=workers)
    assert here.sha256 == there.sha256


def test_an_image_that_a_worker_cannot_read_is_told_as_here(workers, category, backbone, tmp_path):
    import shutil

    folder = tmp_path / "data"
    shutil.copytree(category, folder)
    dataset = blemish.open_dataset(folder)
    victim = dataset.train[0].path
    whole = victim.read_bytes()
    victim.write_bytes(whole[: len(whole) // 2])  # its header can still be read
    with pytest.raises(ImageError, match=victim.name):
        blemish.fit(dataset, PatchCore(**tiny_settings(backbone, shards=3)), workers=workers)


def test_work_that_no_machine_has_the_memory_for_is_told_at_once(workers):
    with pytest.raises(ClusterError, match="make the pieces smaller"):
        list(workers.map(lambda piece: piece, [1], memory_bytes=10**15))


def test_relative_paths_begin_where_the_command_was_given(workers, category, backbone, monkeypatch):
    monkeypatch.chdir(category.parent)
    dataset = blemish.open_dataset(category.name)
    detector = PatchCore(**tiny_settings(backbone.absolute(), shards=2))
    assert blemish.fit(dataset, detector, workers=workers).sha256


class Left:
    """A cluster of which no machine is left, and a task that waits for one."""

    exceptions = type("exceptions", (), {"RayTaskError": KeyError, "RayError": KeyError})

    def nodes(self):
        return []

    def wait(self, tasks, timeout):
        return [], tasks


def test_work_that_no_machine_is_left_for_is_not_waited_for():
    with pytest.raises(ClusterError, match=r"no machine of the cluster has more than 0\.0 GB"):
        RayWorkers(Left())._result("task", 10**6)
