from __future__ import annotations

from pathlib import Path

import pytest

from images.fuzzing import damaged_files, outcome


@pytest.mark.parametrize("seed", range(3))
def test_damaged_files_give_pixels_or_a_reason_and_nothing_on_standard_error(
    tmp_path: Path, capfd: pytest.CaptureFixture, seed: int
) -> None:
    outcomes = []
    for number, data in enumerate(damaged_files(seed, 120)):
        path = tmp_path / f"damaged_{number}"
        path.write_bytes(data)
        outcomes.append(outcome(path))
    assert {"read", "refused", "not read"} == set(outcomes)
    assert not "".join(capfd.readouterr())
