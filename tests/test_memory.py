from __future__ import annotations

from pathlib import Path

import pytest

from blemish.memory import allowed_bytes

MEGABYTE = 1 << 20


def machine(root: Path, groups: str, limits: dict[str, str]) -> Path:
    for name, text in {"proc/self/cgroup": groups, **limits}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("groups", "limits", "expected"),
    [
        ("0::/\n", {"sys/fs/cgroup/memory.max": "1048576\n"}, MEGABYTE),
        ("0::/a/b\n", {"sys/fs/cgroup/a/memory.max": "1048576\n",
                       "sys/fs/cgroup/a/b/memory.max": "max\n"}, MEGABYTE),
        ("9:cpu:/\n4:memory:/a\n",
         {"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1048576\n",
          "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, MEGABYTE),
        ("4:memory:/of/the/host\n",
         {"sys/fs/cgroup/memory/memory.limit_in_bytes": "1048576\n"}, MEGABYTE),
    ],
)  # fmt: skip
def test_the_limit_of_a_container_counts(tmp_path, groups, limits, expected) -> None:
    assert allowed_bytes(machine(tmp_path, groups, limits)) == expected


def test_without_a_limit_it_is_what_the_machine_has(tmp_path) -> None:
    free = machine(tmp_path, "0::/\n", {"sys/fs/cgroup/memory.max": "max\n"})
    assert allowed_bytes(free) == allowed_bytes(tmp_path / "nowhere") > 100 * MEGABYTE
