from __future__ import annotations

from dataclasses import replace

import pytest

from blemish.records.grouping import group_records
from blemish.report.cells import UNDEFINED, Spread, main_text, side_text
from blemish.report.promise import promise_table
from blemish.report.published import published_table
from blemish.report.tables import (
    Table,
    brief_table,
    by_size_table,
    cost_table,
    failures,
    full_table,
    locating_table,
    main_table,
    per_type_table,
    separating_table,
    threshold_table,
)
from blemish.result import Region
from blemish.wording import Kind, bytes_text, rate_text, seconds_text, share_text


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
        "Pixel AU-PRO (0.3)",
    ]
    assert printed(table) == [["mtd", "0.938", "0.889", "0.999", "0.600", "0.910"]]


def test_a_single_run_has_intervals_where_there_is_room(make_record) -> None:
    def shown(table: Table) -> list[str]:
        return [side_text(cell_of(table, column.name), column.kind) for column in table.columns[1:]]

    record = make_record()
    assert shown(main_table([record])) == ["[0.750, 1.000]", "", "[0.980, 1.000]", "",
                                           "[0.850, 0.950]"]  # fmt: skip
    assert shown(brief_table([record])) == ["[0.750, 1.000]", "", "", "", ""]
    misses = cell_of(threshold_table([record]), "image_miss_rate")
    assert side_text(misses, Kind.RATE) == "(1 of 4) [0%, 75.0%]"


def test_an_interval_that_is_none_is_not_shown(make_record) -> None:
    record = make_record({"figures.intervals.image.auroc": None})
    assert side_text(cell_of(main_table([record]), "image_auroc"), Kind.SHARE) == ""


def test_detectors_are_named_where_there_are_several(make_record) -> None:
    table = main_table([make_record(), make_record(detector="efficientad")])
    assert [row[:2] for row in printed(table)] == [["mtd", "patchcore"], ["mtd", "efficientad"]]


def test_seeds_give_their_mean_and_range(make_record) -> None:
    records = [
        make_record({"figures.image.auroc": auroc}, seed=seed)
        for seed, auroc in enumerate((0.90, 0.92, 0.97))
    ]
    figure = cell_of(main_table(records), "image_auroc")
    assert isinstance(figure, Spread)
    assert figure.mean == pytest.approx(0.93)
    assert side_text(figure, Kind.SHARE) == "(0.900 to 0.970)"


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
    without_masks = make_record({"figures.pixel": {}}, category="tile")
    table = main_table([make_record(), without_masks, failed_record])
    assert printed(table)[1:3] == [
        ["tile", "0.938", "0.889", *[UNDEFINED] * 3],
        ["lgp", *[UNDEFINED] * 5],
    ]
    assert printed(table)[3][0] == "Mean of 2"
    mean = cell_of(table, "pixel_auroc", row=3)
    assert isinstance(mean, Spread)
    assert mean.mean == pytest.approx(0.9999)
    assert side_text(mean, Kind.SHARE) == "(of 1)"


def test_a_table_of_failed_jobs_only_has_no_figures(failed_record) -> None:
    assert printed(main_table([failed_record])) == [["lgp", *[UNDEFINED] * 5]]
    assert failures(group_records([failed_record])) == [
        "lgp, patchcore, seed 0: The folder has no good images to fit on."
    ]


def test_f1_max_and_f1_at_the_threshold_are_never_in_one_table(make_record) -> None:
    separating, locating, at_threshold = (
        {column.name for column in table([make_record()]).columns}
        for table in (separating_table, locating_table, threshold_table)
    )
    assert "image_f1_max" in separating
    assert "pixel_f1_max" in locating
    assert {"image_f1", "pixel_f1"} <= at_threshold
    assert not ((separating | locating) & at_threshold) - {"category"}


def test_false_alarms_stand_beside_what_was_promised_with_what_fits_their_count(
    make_record,
) -> None:
    table = promise_table([make_record()])
    assert printed(table) == [["mtd", "1.0%", "1.7%", "25.0%", "0.63% to 80.6%",
                               "fits the promise"]]  # fmt: skip
    assert side_text(cell_of(table, "image_false_alarm_rate"), Kind.RATE) == "(1 of 4)"


def test_seeds_share_their_images_so_their_counts_prove_no_more(make_record) -> None:
    table = promise_table([make_record(seed=0), make_record(seed=1)])
    assert printed(table)[0][-2] == "0.63% to 80.6%"
    assert side_text(cell_of(table, "image_false_alarm_rate"), Kind.RATE) == "(2 of 8)"


@pytest.mark.parametrize(
    ("promised", "told"),
    [(0.001, "more than promised"), (0.9, "less than promised"), (0.3, "fits the promise")],
)
def test_a_promise_that_does_not_fit_is_told(make_record, promised: float, told: str) -> None:
    table = promise_table([make_record({"calibration.false_alarm_rate": promised})])
    assert printed(table)[0][-1] == told


def test_false_regions_stand_beside_what_was_expected_where_it_is_known(make_record) -> None:
    expected = dict.fromkeys(("pixels_per_image", "images_per_thousand"), 1.0)
    told = make_record({"calibration.false_regions": {**expected, "regions_per_thousand": 12.5}})
    region = Region(area_px=9, box_xyxy=(0, 0, 3, 3), peak_score=4.0, peak_xy=(1, 1))
    rows = [replace(row, regions=(region,) * 2 * (row.score > 3)) for row in told.images]
    told = replace(told, images=tuple(rows))
    table = promise_table([told])
    assert main_text(cell_of(table, "false_regions_expected"), Kind.COUNT) == "12.5"
    assert main_text(cell_of(table, "false_regions_seen"), Kind.COUNT) == "500"
    assert "False regions" in table.note
    assert len(promise_table([make_record()]).columns) == len(table.columns) - 2


@pytest.mark.parametrize(("basis", "mark"), [("model-based", "model-based"), ("costs", "by costs")])
def test_a_rate_that_is_no_promise_is_marked(make_record, basis: str, mark: str) -> None:
    table = promise_table([make_record({"calibration.basis": basis})])
    assert printed(table)[0][-1] == f"{mark}; fits the promise"
    assert "no promise" in table.note


def test_without_good_images_there_is_no_promise_to_look_at(make_record, failed_record) -> None:
    assert promise_table([make_record(images=[]), failed_record]).rows == ()


def test_a_rate_without_its_images_stands_alone(make_record) -> None:
    observed = cell_of(threshold_table([make_record(images=[])]), "image_false_alarm_rate")
    assert side_text(observed, Kind.RATE) == ""


def test_cost_is_told_in_units(make_record) -> None:
    assert printed(cost_table([make_record()])) == [
        ["mtd", "18.4 s", "39.3 ms", "1.21 GB", "24.0 MB"]
    ]


def test_defect_types_have_their_rows(make_record) -> None:
    (group,) = group_records([make_record()])
    assert printed(per_type_table(group)) == [
        ["crack", "3", "0.900", UNDEFINED, UNDEFINED, UNDEFINED, "33.3%"],
        ["fray", "1", "1.000", "0.800", "0.910", "80.0%", "0%"],
    ]


def test_regions_have_rows_by_their_size_over_all_seeds(make_record) -> None:
    one = make_record()
    small, large = one.figures.regions.by_size
    regions = replace(one.figures.regions, by_size=(replace(small, found=2, recall=1.0), large))
    other = replace(one, seed=1, figures=replace(one.figures, regions=regions))
    (group,) = group_records([one, other])
    table = by_size_table(group)
    assert printed(table) == [
        ["10 to 99 px", "2", "1.5", "75.0%"],
        ["1,000 to 9,999 px", "3", "3", "100%"],
    ]
    assert side_text(cell_of(table, "found"), Kind.COUNT) == "(1 to 2)"


def test_figures_that_a_record_was_not_measured_with_are_dashes(make_record) -> None:
    record = make_record(
        {
            "figures.pixel": {"auroc": 0.9999},
            "figures.intervals": {},
            "figures.regions": None,
            "figures.per_type": {"fray": {"images": 1, "pixel_auroc": 0.8}},
        }
    )
    (group,) = group_records([record])
    assert printed(main_table([record])) == [
        ["mtd", "0.938", "0.889", "0.999", UNDEFINED, UNDEFINED]
    ]
    assert printed(per_type_table(group)) == [
        ["fray", "1", UNDEFINED, "0.800", UNDEFINED, UNDEFINED, UNDEFINED]
    ]
    assert by_size_table(group).rows == ()


MVTEC_AD_TILE = {"dataset.test_good": 33, "dataset.test_defect": 84}


def test_published_figures_stand_below_ours_and_name_their_source(make_record) -> None:
    table = published_table([make_record(MVTEC_AD_TILE, category="tile")])
    rows = printed(table)
    assert rows[0] == ["tile", "patchcore, this run", "0.938", "0.889", "0.999", "0.600", "0.910"]
    assert rows[1][1].startswith("PatchCore: Roth et al.")
    assert rows[1][2:] == ["0.995", UNDEFINED, "0.957", UNDEFINED, "0.899"]
    assert rows[-1][1] == "EfficientAd: the table this project started from"
    assert rows[-1][2:] == ["0.870", "0.820", "0.850", "0.790", UNDEFINED]
    assert "if they are its own" in table.note


@pytest.mark.parametrize(
    "changes",
    [
        {"category": "wood"},
        {"category": "surfaces/tile"},
        {"category": "tile", "dataset.layout": "drawn"},
        {"category": "tile", "dataset.test_defect": 83},
        {"category": "tile", "error": "no"},
    ],
)
def test_what_cannot_be_mvtec_ads_own_has_nothing_published_beside_it(
    make_record, changes: dict[str, object]
) -> None:
    assert published_table([make_record({**MVTEC_AD_TILE, **changes})]).rows == ()


def test_the_full_table_holds_every_figure_once_and_always_names_the_detector(make_record) -> None:
    names = [column.name for column in full_table([make_record()]).columns]
    assert len(names) == len(set(names))
    assert names[:2] == ["category", "detector"]
    for table in (main_table, separating_table, locating_table, threshold_table, promise_table,
                  cost_table):  # fmt: skip
        columns = table([make_record()]).columns
        assert {column.name for column in columns if column.read} <= set(names)


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
