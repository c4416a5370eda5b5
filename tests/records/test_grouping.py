from __future__ import annotations

from blemish.records.grouping import group_records
from made_records import RECORD, made_failed_record
from made_records import made_record as make_record


def test_seeds_of_one_job_are_one_group_lowest_seed_first() -> None:
    (group,) = group_records([make_record(seed=2), make_record(seed=0), make_record(seed=1)])
    assert [record.seed for record in group.records] == [0, 1, 2]
    assert (group.category, group.detector) == ("mtd", "patchcore")


def test_jobs_of_other_settings_are_never_averaged() -> None:
    records = [make_record(), make_record({"settings.image_size": 512})]
    names = [group.detector for group in group_records(records)]
    assert names == ["patchcore, image_size 256", "patchcore, image_size 512"]


def test_jobs_of_another_backbone_are_told_apart() -> None:
    (backbone,) = RECORD["sources"]
    others = [backbone | {"name": "resnet50v2"}]
    records = [make_record(), make_record({"sources": others})]
    names = [group.detector for group in group_records(records)]
    assert names == ["patchcore, backbone mobilenetv2", "patchcore, backbone resnet50v2"]


def test_jobs_of_another_file_of_the_same_name_are_told_apart() -> None:
    teacher = {"role": "teacher", "name": "tiny", "licence": "MIT", "sha256": "ab" * 32}
    others = teacher | {"sha256": "cd" * 32}
    records = [make_record({"sources": [one]}) for one in (teacher, others)]
    names = [group.detector for group in group_records(records)]
    assert names == ["patchcore, teacher sha256 abababab", "patchcore, teacher sha256 cdcdcdcd"]


def test_jobs_on_other_images_of_a_category_are_told_apart() -> None:
    records = [make_record(), make_record({"dataset.fingerprint": "ab" * 32})]
    names = [group.detector for group in group_records(records)]
    assert names == ["patchcore, images f1f1f1f1", "patchcore, images abababab"]


def test_categories_differ_in_their_images_and_keep_one_name() -> None:
    records = [make_record(), make_record({"dataset.fingerprint": "ab" * 32}, category="tile")]
    assert {group.detector for group in group_records(records)} == {"patchcore"}


def test_of_a_job_run_twice_the_later_counts() -> None:
    early = make_record({"figures.image.auroc": 0.1}, date="2026-01-01T00:00:00+00:00")
    (group,) = group_records([make_record(), early])
    assert [record.figures.image["auroc"] for record in group.records] == [0.9375]


def test_a_failed_job_stays_in_its_group() -> None:
    records = [make_record(), made_failed_record(category="mtd", seed=1)]
    (group,) = group_records(records)
    assert (len(group.records), len(group.failed)) == (1, 1)


def test_rates_that_were_reached_are_no_condition_those_asked_for_are() -> None:
    few = make_record({"calibration.false_alarm_rate": 0.0476}, category="tile")
    assert {group.detector for group in group_records([make_record(), few])} == {"patchcore"}
    request = make_record({"request.false_alarm_rate": 0.05}, category="tile")
    assert {group.detector for group in group_records([make_record(), request])} == {
        "patchcore, false-alarm rate default", "patchcore, false-alarm rate 0.05"
    }  # fmt: skip


def test_a_failed_job_is_of_the_group_of_what_it_was_asked_for() -> None:
    failed = make_record({"calibration": None, "error": "no"}, category="tile")
    assert {group.detector for group in group_records([make_record(), failed])} == {"patchcore"}
