"""What is made sure of on every machine of a cluster before any work.

Numbers are those of one machine only where all compute with the same versions, and work is found
again only where all see the same folders.
"""

from __future__ import annotations

import hashlib
import platform
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from blemish.cluster.connect import PATIENCE_SECONDS, ClusterError
from blemish.errors import raise_all
from blemish.files import write_whole
from blemish.records.machine import VERSIONS_OF

PROBE = ".blemish-probe"
CODE = "code of blemish"
SAME = ("blemish", *VERSIONS_OF)
ANSWER_SECONDS = 10 * PATIENCE_SECONDS  # a machine may have to start Python, on a slow disk


def check_machines(ray: Any, *, shared: Sequence[Path] = (), readable: Sequence[Path] = ()) -> None:
    """Look at every machine of a cluster.

    Args:
        ray: connected.
        shared: folders, which are there, that all have to see and write.
        readable: files and folders that all have to see.

    Raises:
        ClusterError: a machine has other versions than this one, or does not see a path; all that
            differs on all of them. Or one does not answer.
        BlemishError: a folder cannot be written here.
    """
    probes = {folder / f"{PROBE}-{secrets.token_hex(8)}": secrets.token_hex(8) for folder in shared}
    paths = [str(path.absolute()) for path in readable]
    try:
        for probe, token in probes.items():
            write_whole(probe, token)
        told = {str(probe.absolute()): token for probe, token in probes.items()}
        here = versions_here()
        problems = [
            f"Machine {name} {problem}"
            for name, found in _of_each(ray, _look(), told, paths)
            for problem in _problems(found, here)
        ]
    finally:
        for probe in probes:
            for path in (probe, *probe.parent.glob(f"{probe.name}.*")):
                with suppress(OSError):
                    path.unlink()
    raise_all(problems, ClusterError)


def check_this_machine(versions: Mapping[str, str], *, shared: Path | None = None) -> None:
    """Look at the machine that this runs on, which may have come since all were looked at.

    Args:
        versions: of the machine that began the work.
        shared: folder that all have to see, if there is one.

    Raises:
        ClusterError: this one has other versions, or does not see the folder.
    """
    found = {
        "versions": versions_here(),
        "missing": None,
        "unshared": [] if shared is None or shared.is_dir() else [str(shared)],
        "unseen": [],
    }
    raise_all(
        [f"Machine {platform.node()} {problem}" for problem in _problems(found, versions)],
        ClusterError,
    )


def nodes(ray: Any) -> dict[str, dict[str, Any]]:
    """The machines that are alive, by their ids, as `ray.nodes` tells them."""
    return {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}


def name_of(node: Mapping[str, Any]) -> str:
    """What people call a machine of `nodes`."""
    return f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"


def code_sha256() -> str:
    """Hash of the files of this package: one version number may name several states of it."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".onnx", ".safetensors"}:
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def versions_here() -> dict[str, str]:
    """Versions that have to be the same on all machines, by package."""
    return {name: metadata.version(name) for name in SAME} | {CODE: code_sha256()}


def _of_each(ray: Any, look: Callable[..., Any], *arguments: Any) -> list[tuple[str, Any]]:
    """The name of each machine, and what a function gives there."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    remote = ray.remote(look)
    asked = {}
    for node, facts in nodes(ray).items():
        on_node = NodeAffinitySchedulingStrategy(node, soft=False)
        options = {"num_cpus": 0, "max_retries": 0, "scheduling_strategy": on_node}
        asked[remote.options(**options).remote(*arguments)] = facts
    done, late = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_SECONDS)
    raise_all(
        [
            f"Machine {name_of(asked[one])} does not answer in {ANSWER_SECONDS:.0f} s."
            for one in late
        ],
        ClusterError,
    )
    found = []
    for one in done:
        try:
            found.append((name_of(asked[one]), ray.get(one)))
        except ray.exceptions.RayError as error:
            if asked[one]["NodeID"] not in nodes(ray):
                continue  # it has just gone
            said = str(error).strip().splitlines()[-1]
            name = name_of(asked[one])
            raise ClusterError(f"Machine {name} cannot be looked at: {said}") from error
    return found


def _look() -> Callable[..., dict[str, Any]]:
    """A function for other machines; sent by value, since blemish may not be there."""

    def look(probes: dict[str, str], paths: list[str]) -> dict[str, Any]:
        import os
        from importlib import import_module
        from pathlib import Path

        versions, missing = {}, None
        try:
            versions = import_module("blemish.cluster.probe").versions_here()
        except Exception as error:  # whatever stands in the way is what there is to tell
            missing = str(error)
        unshared = []
        for path, token in probes.items():
            try:
                same = Path(path).read_text() == token
                Path(f"{path}.{os.getpid()}").touch()
            except OSError:
                same = False
            if not same:
                unshared.append(str(Path(path).parent))
        return {
            "versions": versions,
            "missing": missing,
            "unshared": unshared,
            "unseen": [path for path in paths if not Path(path).exists()],
        }

    return look


def _problems(found: Mapping[str, Any], versions: Mapping[str, str]) -> list[str]:
    """What is wrong with a machine, beside the versions of the one that begins the work."""
    there: Mapping[str, str] = found["versions"]
    if found["missing"] is not None:
        return [f"cannot import blemish: {found['missing']}."]
    differing = [
        f"has {name} {there[name]}, the first one {version}; install the same."
        for name, version in versions.items()
        if there[name] != version
    ]
    unshared = [
        f"does not see or cannot write '{folder}', which all have to share; name a folder on a "
        "shared disk."
        for folder in found["unshared"]
    ]
    unseen = [f"does not see '{path}', which all have to read." for path in found["unseen"]]
    return [*differing, *unshared, *unseen]
