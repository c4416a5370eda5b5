"""Two tiny categories and the jobs on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from blemish.benchmark.plan import Job, plan_jobs
from tiny import tiny_backbone, tiny_dataset, tiny_settings


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_backbone(tmp_path_factory.mktemp("backbone") / "tiny.onnx")


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    tiny_dataset(root / "grid", seed=1)
    tiny_dataset(root / "tile", seed=2)
    return root


@pytest.fixture
def jobs(data: Path, backbone: Path) -> list[Job]:
    return plan_jobs([data], settings=tiny_settings(backbone))
