"""What is made sure of on every machine before any work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from blemish.cluster import probe
from blemish.cluster.connect import ClusterError, connected
from blemish.cluster.probe import (
    check_machines,
    check_this_machine,
    code_sha256,
    nodes,
    versions_here,
)
from clusters import cluster, needs_ray

FINE: Mapping[str, Any] = {"missing": None, "unshared": [], "unseen": []}


@pytest.fixture(scope="module")
def two_machines() -> Iterator[Any]:
    """Ray, connected with a cluster of two machines."""
    with cluster(num_cpus=1) as machines:
        machines.add_node(num_cpus=0)
        with connected(machines.address) as ray:
            yield ray


def problems_of(**found: Any) -> list[str]:
    return probe._problems({"versions": versions_here(), **FINE, **found}, versions_here())


def test_a_machine_like_this_one_is_fine() -> None:
    assert problems_of() == []


def test_all_versions_that_differ_are_told() -> None:
    other = versions_here() | {"blemish": "0.0.9", "onnxruntime": "1.19", "numpy": "1.26"}
    told = problems_of(versions=other)
    assert [line.split()[1:3] for line in told] == [
        ["blemish", "0.0.9,"], ["numpy", "1.26,"], ["onnxruntime", "1.19,"],
    ]  # fmt: skip
    assert all(line.endswith("; install the same.") for line in told)


def test_another_state_of_the_code_under_one_version_is_told() -> None:
    (told,) = problems_of(versions=versions_here() | {probe.CODE: "0" * 16})
    assert (
        told == f"has code of blemish {'0' * 16}, the first one {code_sha256()}; install the same."
    )


def test_a_machine_without_blemish_is_told_and_nothing_else_of_it() -> None:
    told = problems_of(versions={}, missing="No module named 'blemish'", unshared=["/out"])
    assert told == ["cannot import blemish: No module named 'blemish'."]


def test_folders_that_are_not_there_are_told() -> None:
    first, second = problems_of(unshared=["/out"], unseen=["/data"])
    assert "'/out', which all have to share" in first
    assert "'/data', which all have to read" in second


def test_a_machine_that_came_later_is_looked_at_where_it_works(tmp_path: Path) -> None:
    check_this_machine(versions_here(), shared=tmp_path)
    with pytest.raises(ClusterError) as told:
        check_this_machine(versions_here() | {"numpy": "0.1"}, shared=tmp_path / "gone")
    first, second = str(told.value).splitlines()
    assert "has numpy" in first
    assert "gone" in second


@needs_ray
@pytest.mark.slow
def test_machines_that_see_everything_leave_nothing_behind(
    two_machines: Any, tmp_path: Path
) -> None:
    assert len(nodes(two_machines)) == 2
    check_machines(two_machines, shared=[tmp_path], readable=[tmp_path])
    assert not list(tmp_path.iterdir())


@needs_ray
@pytest.mark.slow
def test_all_that_is_wrong_on_all_machines_is_told_at_once(
    two_machines: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = versions_here() | {"numpy": "0.1"}
    monkeypatch.setattr(probe, "versions_here", lambda: here)
    monkeypatch.setattr(probe, "write_whole", lambda *_: None)
    with pytest.raises(ClusterError) as told:
        check_machines(two_machines, shared=[tmp_path], readable=[tmp_path / "gone"])
    lines = str(told.value).splitlines()
    assert len(lines) == 6
    for words in ("the first one 0.1", f"cannot write '{tmp_path}'", f"see '{tmp_path / 'gone'}'"):
        assert sum(words in line for line in lines) == 2
    assert all(line.startswith("Machine ") for line in lines)
    assert not list(tmp_path.iterdir())
