from __future__ import annotations

import pytest

from blemish.report.cells import (
    UNDEFINED,
    Figure,
    Kind,
    bytes_text,
    main_text,
    rate_text,
    seconds_text,
    share_text,
    side_text,
)
from blemish.report.records import group_records
from blemish.report.tables import (
    Table,
    cost_table,
    failures,
    full_table,
    main_table,
    per_type_table,
    ranking_table,
    threshold_table,
)


def printed(table: Table) -> list[list[str]]:
    return [
        [
            main_text(cell, column.kind)
            for column, cell in zip(table.columns, row.cells, strict=True)
        ]
        for row in table.rows
    ]


def cell_of(table: Table, name: str, row: int = 0) -> object:
    index = [column.name for column in table.columns].index(name)
    return table.rows[row].cells[index]


def test_the_main_table_has_the_form_that_was_asked_for(make_record) -> None:
    table = main_table([make_record()])
    assert [column.full_title for column in table.columns] == [
        "Category",
        "Image AUROC",
        "Image F1-max",
        "Pixel AUROC",
        "Pixel F1-max",
    ]
    assert printed(table) == [["mtd", "0.938", "0.889", "0.999", "0.600"]]


def test_detectors_are_named_where_there_are_several(make_record) -> None:
    table = main_table([make_record(), make_record(detector="efficientad")])
    assert [row[:2] for row in printed(table)] == [["mtd", "patchcore"], ["mtd", "efficientad"]]


def test_seeds_give_their_mean_and_range(make_record) -> None:
    records = [
        make_record({"figures.image.auroc": auroc}, seed=seed)
        for seed, auroc in enumerate((0.90, 0.92, 0.97))
    ]
    figure = cell_of(main_table(records), "image_auroc")
    assert isinstance(figure, Figure)
    assert figure.mean == pytest.approx(0.93)
    assert side_text(figure, Kind.SHARE) == "0.900 to 0.970"


def test_means_weigh_categories_alike_whatever_their_seeds(make_record) -> None:
    records = [
        make_record({"figures.image.auroc": 0.8}, category="a", seed=0),
        make_record({"figures.image.auroc": 0.8}, category="a", seed=1),
        make_record({"figures.image.auroc": 0.9}, category="b"),
    ]
    table = main_table(records)
    assert table.rows[-1].is_mean
    assert printed(table)[-1][:2] == ["Mean of 2", "0.850"]


def test_each_detector_has_its_own_mean(make_record) -> None:
    records = [
        make_record({"figures.image.auroc": value}, category=category, detector=detector)
        for category, detector, value in (
            ("a", "x", 0.7), ("b", "x", 0.9), ("a", "y", 0.8), ("b", "y", 1.0),
        )
    ]  # fmt: skip
    assert [row[:3] for row in printed(main_table(records))[-2:]] == [
        ["Mean of 2", "x", "0.800"],
        ["Mean of 2", "y", "0.900"],
    ]


def test_one_category_needs_no_mean(make_record) -> None:
    assert not any(row.is_mean for row in main_table([make_record()]).rows)


def test_undefined_figures_and_failed_jobs_are_dashes_and_left_out_of_means(
    make_record, failed_record
) -> None:
    without_masks = make_record({"figures.pixel": None}, category="tile")
    table = main_table([make_record(), without_masks, failed_record])
    assert printed(table)[1:3] == [
        ["tile", "0.938", "0.889", UNDEFINED, UNDEFINED],
        ["lgp", UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED],
    ]
    assert printed(table)[3][0] == "Mean of 2"
    mean = cell_of(table, "pixel_auroc", row=3)
    assert isinstance(mean, Figure)
    assert mean.mean == pytest.approx(0.9999)
    assert side_text(mean, Kind.SHARE) == "of 1"


def test_a_table_of_failed_jobs_only_has_no_figures(failed_record) -> None:
    assert printed(main_table([failed_record])) == [
        ["lgp", UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED]
    ]
    assert failures(group_records([failed_record])) == [
        "lgp, patchcore, seed 0: The folder has no good pictures to fit on."
    ]


def test_f1_max_and_f1_at_the_threshold_are_never_in_one_table(make_record) -> None:
    ranking, at_threshold = (
        {column.name for column in table([make_record()]).columns}
        for table in (ranking_table, threshold_table)
    )
    assert {"image_f1_max", "pixel_f1_max"} <= ranking
    assert {"image_f1", "pixel_f1"} <= at_threshold
    assert not (ranking & at_threshold) - {"category"}


def test_false_alarms_stand_beside_what_was_promised_with_their_counts(make_record) -> None:
    table = threshold_table([make_record(seed=0), make_record(seed=1)])
    promised, observed = (
        cell_of(table, name) for name in ("false_alarm_rate_promised", "image_false_alarm_rate")
    )
    assert main_text(promised, Kind.RATE) == "1.0%"
    assert main_text(observed, Kind.RATE) == "25.0%"
    assert side_text(observed, Kind.RATE) == "2 of 8"
    assert side_text(cell_of(table, "image_miss_rate"), Kind.RATE) == "2 of 8"


def test_a_rate_without_its_pictures_stands_alone(make_record) -> None:
    observed = cell_of(threshold_table([make_record(pictures=[])]), "image_false_alarm_rate")
    assert side_text(observed, Kind.RATE) == ""


def test_cost_is_told_in_units(make_record) -> None:
    assert printed(cost_table([make_record()])) == [
        ["mtd", "18.4 s", "39.3 ms", "1.21 GB", "7,803", "16.0 MB", "24.0 MB"]
    ]


def test_defect_types_have_their_rows(make_record) -> None:
    (group,) = group_records([make_record()])
    assert printed(per_type_table(group)) == [
        ["crack", "3", "0.900", UNDEFINED, "33.3%"],
        ["fray", "1", "1.000", "0.800", "0%"],
    ]


def test_the_full_table_holds_every_figure_once_and_always_names_the_detector(make_record) -> None:
    names = [column.name for column in full_table([make_record()]).columns]
    assert len(names) == len(set(names))
    assert names[:2] == ["category", "detector"]
    for table in (main_table, ranking_table, threshold_table, cost_table):
        assert {column.name for column in table([make_record()]).columns} <= set(names)


@pytest.mark.parametrize(
    ("value", "told"),
    [(1.0, "1.000"), (0.99997, "0.999"), (0.9994, "0.999"), (0.0, "0.000"), (0.12345, "0.123")],
)
def test_a_share_is_perfect_only_where_it_is(value: float, told: str) -> None:
    assert share_text(value) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.0, "0%"), (1.0, "100%"), (0.01, "1.0%"), (0.0053, "0.53%"), (0.4251, "42.5%")],
)
def test_rates_are_percent(value: float, told: str) -> None:
    assert rate_text(value) == told


@pytest.mark.parametrize(
    ("value", "told"), [(0.0393, "39.3 ms"), (0.41, "410 ms"), (1.0, "1.0 s"), (1800, "30.0 min")]
)
def test_seconds_have_a_fitting_unit(value: float, told: str) -> None:
    assert seconds_text(value) == told


@pytest.mark.parametrize(
    ("value", "told"), [(512, "512 B"), (9600, "9.60 kB"), (2.4e7, "24.0 MB"), (1.21e9, "1.21 GB")]
)
def test_bytes_have_a_fitting_unit(value: float, told: str) -> None:
    assert bytes_text(value) == told
