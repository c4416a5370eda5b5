from __future__ import annotations

import json
import re
import shutil
from importlib import metadata
from pathlib import Path

import pytest

from blemish.benchmark.plan import Job, plan_jobs
from blemish.errors import BackboneError, DataError, SettingError, UsageError
from blemish.records.record import FitRequest
from tiny import tiny_backbone, tiny_dataset, tiny_settings


def ids(jobs: list[Job]) -> list[str]:
    return [job.id for job in jobs]


def one(data: Path, backbone: Path, **changes: object) -> Job:
    """The job of one category with some settings, or the arguments named `plan_...`."""
    arguments = {k[5:]: changes.pop(k) for k in list(changes) if k.startswith("plan_")}
    (job,) = plan_jobs([data], settings=tiny_settings(backbone, **changes), **arguments)
    return job


@pytest.fixture
def tile(tmp_path: Path) -> Path:
    return tiny_dataset(tmp_path / "tile")


def test_jobs_come_by_category_then_detector_then_seed(data: Path, backbone: Path) -> None:
    jobs = plan_jobs([data], seeds=(1, 0), settings=tiny_settings(backbone))
    assert [(job.category, job.detector, job.seed) for job in jobs] == [
        ("grid", "patchcore", 1),
        ("grid", "patchcore", 0),
        ("tile", "patchcore", 1),
        ("tile", "patchcore", 0),
    ]
    assert [job.settings["seed"] for job in jobs] == [1, 0, 1, 0]


def test_an_id_names_category_detector_seed_and_content(tile: Path, backbone: Path) -> None:
    assert re.fullmatch(r"tile-patchcore-3-[0-9a-f]{8}", one(tile, backbone, plan_seeds=(3,)).id)


def test_ids_are_the_same_every_time_and_wherever_the_files_lie(
    tile: Path, backbone: Path, tmp_path: Path
) -> None:
    moved = shutil.copytree(tile, tmp_path / "elsewhere" / "tile")
    renamed = shutil.copy(backbone, tmp_path / "other.onnx")
    assert one(tile, backbone).id == one(tile, backbone).id == one(moved, renamed).id


def test_a_default_that_is_spelled_out_makes_no_new_job(tile: Path, backbone: Path) -> None:
    assert one(tile, backbone).id == one(tile, backbone, k=1).id


@pytest.mark.parametrize(
    "change",
    [
        {"k": 2},
        {"levels": ["coarse"]},
        {"plan_seeds": (1,)},
        {"plan_false_alarm_rate": 0.2},
        {"plan_alpha": "flatten"},
        {"plan_smallest_region_px": 9},
    ],
)
def test_whatever_decides_the_result_makes_a_new_job(
    tile: Path, backbone: Path, change: dict[str, object]
) -> None:
    assert one(tile, backbone, **change).id != one(tile, backbone).id


def test_another_version_makes_a_new_job(
    tile: Path, backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = one(tile, backbone).id
    monkeypatch.setattr(metadata, "version", lambda _: "999")
    assert one(tile, backbone).id != before


def test_another_backbone_under_the_same_name_makes_a_new_job(tile: Path, tmp_path: Path) -> None:
    before = one(tile, tiny_backbone(tmp_path / "b.onnx")).id
    assert one(tile, tiny_backbone(tmp_path / "b.onnx", seed=1)).id != before


@pytest.mark.parametrize("image", ["train/good/000.png", "ground_truth/spot/000_mask.png"])
def test_a_changed_image_or_mask_makes_a_new_job(tile: Path, backbone: Path, image: str) -> None:
    before = one(tile, backbone).id
    with (tile / image).open("ab") as stream:
        stream.write(b"\0")
    assert one(tile, backbone).id != before


def test_the_seed_of_a_job_does_not_move_the_split(tmp_path: Path, backbone: Path) -> None:
    tile = tiny_dataset(tmp_path / "tile")
    good = shutil.copytree(tile / "train" / "good", tmp_path / "plain" / "good").parent
    jobs = plan_jobs([good], seeds=(0, 1, 2), settings=tiny_settings(backbone))
    assert len({job.open_dataset().fingerprint for job in jobs}) == 1
    assert len(set(ids(jobs))) == 3


def test_the_share_kept_for_testing_is_part_of_the_content(tmp_path: Path, backbone: Path) -> None:
    tile = tiny_dataset(tmp_path / "tile")
    good = shutil.copytree(tile / "train" / "good", tmp_path / "plain" / "good").parent
    assert one(good, backbone, plan_test_fraction=0.6).id != one(good, backbone).id


def test_a_job_survives_json(tile: Path, backbone: Path) -> None:
    job = one(tile, backbone)
    assert Job.from_json(job.to_json()) == job
    assert "\n" not in job.to_json()
    assert job.make_detector().settings.to_dict() == job.settings


def test_categories_are_chosen_by_name(data: Path, backbone: Path) -> None:
    jobs = plan_jobs([data], categories=["tile"], settings=tiny_settings(backbone))
    assert [job.category for job in jobs] == ["tile"]


def test_unknown_categories_are_told_at_once_with_the_closest(data: Path, backbone: Path) -> None:
    with pytest.raises(DataError) as told:
        plan_jobs([data], categories=["tiel", "wood"], settings=tiny_settings(backbone))
    assert "'tiel'" in str(told.value)
    assert "Did you mean 'tile'?" in str(told.value)
    assert "'wood'" in str(told.value)


def test_of_categories_with_one_name_the_folder_around_goes_in_front(
    data: Path, backbone: Path, tmp_path: Path
) -> None:
    tiny_dataset(tmp_path / "plant b" / "tile", seed=5)
    jobs = plan_jobs([data, tmp_path / "plant b" / "tile"], settings=tiny_settings(backbone))
    assert [job.category for job in jobs] == ["grid", f"{data.name}/tile", "plant b/tile"]
    assert jobs[2].id.startswith("plant_b_tile-patchcore-0-")
    assert jobs[2].open_dataset().name == "plant b/tile"


def test_a_path_given_twice_is_refused(data: Path, backbone: Path) -> None:
    with pytest.raises(DataError, match="given twice"):
        plan_jobs([data, data], settings=tiny_settings(backbone))


def test_detectors_and_seeds_given_twice_make_one_job(tile: Path, backbone: Path) -> None:
    settings = tiny_settings(backbone)
    names = ["patchcore", "patchcore"]
    assert len(plan_jobs([tile], detectors=names, seeds=(0, 0), settings=settings)) == 1


def test_a_seed_among_the_settings_is_refused(tile: Path, backbone: Path) -> None:
    with pytest.raises(SettingError, match="'seeds'"):
        one(tile, backbone, seed=3)


def test_unknown_settings_and_detectors_are_refused_before_anything_runs(
    tile: Path, backbone: Path
) -> None:
    with pytest.raises(SettingError, match="Did you mean 'levels'"):
        one(tile, backbone, level=["coarse"])
    with pytest.raises(SettingError, match="Did you mean 'patchcore'"):
        one(tile, backbone, plan_detectors=["patchcor"])
    with pytest.raises(BackboneError, match=r"missing\.onnx"):
        one(tile, Path("missing.onnx"))


def test_a_limit_of_pixels_is_kept_and_makes_no_new_job(tile: Path, backbone: Path) -> None:
    job = one(tile, backbone, plan_max_pixels=5000)
    assert job.reader.limits.max_pixels == 5000
    assert job.id == one(tile, backbone).id


@pytest.mark.parametrize("name", ["data", "detectors", "categories", "seeds"])
def test_an_empty_list_is_refused_since_nothing_would_be_done(
    data: Path, backbone: Path, name: str
) -> None:
    lists: dict[str, object] = {"data": [data], name: []}
    with pytest.raises(UsageError, match=f"'{name}' names nothing"):
        plan_jobs(settings=tiny_settings(backbone), **lists)  # type: ignore[arg-type]


@pytest.mark.parametrize("letter", ["x", "\N{CJK UNIFIED IDEOGRAPH-66F8}"])
def test_a_long_name_is_cut_in_the_id_which_its_hash_keeps_unique(
    tile: Path, backbone: Path, letter: str
) -> None:
    name = letter * (240 // len(letter.encode()))
    moved = [tile.rename(tile.with_name(name)), tiny_dataset(tile.with_name(name[:-1]))]
    found = ids(plan_jobs(moved, settings=tiny_settings(backbone)))
    assert all(len(one.encode()) < 100 and one.startswith(letter) for one in found)
    assert len(set(found)) == 2


def test_categories_that_cannot_be_used_are_all_named(data: Path, backbone: Path) -> None:
    root = shutil.copytree(data, data.parent / "bad")
    for name in ("grid", "tile"):
        shutil.rmtree(root / name / "train")
        (root / name / "train" / "good").mkdir(parents=True)
    shutil.rmtree(root / "tile" / "test" / "good")
    with pytest.raises(DataError) as told:
        plan_jobs([root], settings=tiny_settings(backbone))
    lines = str(told.value).splitlines()
    assert [line.partition(" (")[0] for line in lines] == ["category 'grid'", "category 'tile'"]
    assert str(root / "tile") in lines[1]


def test_a_failed_job_records_what_was_asked_for_and_no_path(tile: Path, backbone: Path) -> None:
    job = one(tile, backbone, plan_false_alarm_rate=0.2, plan_alpha="flatten")
    record = job.failed("Too bad.")
    assert (record.job, record.error) == (job.id, "Too bad.")
    assert record.request == FitRequest(false_alarm_rate=0.2, alpha="flatten", smallest_region_px=1)
    text = json.dumps(record.to_dict())
    assert str(tile.parent) not in text
    assert str(backbone.parent) not in text


def test_how_raw_files_are_read_is_part_of_the_job(tile: Path, backbone: Path) -> None:
    for path in tile.rglob("*.png"):
        path.with_suffix(".raw").write_bytes(bytes(64 * 64))
        path.unlink()
    told = one(tile, backbone, plan_raw="64x64:MONO_8")
    assert told.raw == "64x64:mono8"
    assert told.id == one(tile, backbone, plan_raw="64x64:mono8").id
    assert told.id != one(tile, backbone, plan_raw="32x128:mono8").id
    again = Job.from_json(told.to_json())
    assert again == told
    assert str(again.reader.raw) == "64x64:mono8"
    assert len(again.open_dataset().samples) > 0
