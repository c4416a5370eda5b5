from __future__ import annotations

import csv
import io

from blemish.report.cells import Spread
from blemish.report.plain import escape_markdown, render_csv, render_markdown, render_text
from blemish.report.tables import Row, Table, brief_table, full_table, main_table


def test_a_terminal_table_lines_up(make_record) -> None:
    records = [
        make_record(seed=0),
        make_record({"figures.image.auroc": 0.9}, seed=1),
        make_record({"figures.pixel": {}}, category="a longer name"),
    ]
    lines = render_text(main_table(records)).splitlines()
    assert lines[0].split() == ["Category", "Image", "Image", "Pixel", "Pixel", "Pixel"]
    assert lines[1].split()[:2] == ["AUROC", "F1-max"]
    assert set(lines[2]) == {"-", " "}
    assert lines[3].index("0.919 (0.900 to 0.938)") == lines[4].index("0.938 [0.750, 1.000]")
    assert all(line == line.rstrip() for line in lines)


def test_markdown_has_a_line_for_each_row_and_right_aligned_figures(make_record) -> None:
    lines = render_markdown(main_table([make_record()])).splitlines()
    assert lines == [
        "| Category | Image AUROC | Image F1-max | Pixel AUROC | Pixel F1-max "
        "| Pixel AU-PRO (0.3) |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| mtd | 0.938 \\[0.750, 1.000] | 0.889 | 0.999 \\[0.980, 1.000] | 0.600 "
        "| 0.910 \\[0.850, 0.950] |",
    ]


def test_a_terminal_of_80_columns_is_wide_enough_for_one_seed_of_several_detectors(
    make_record,
) -> None:
    records = [make_record(detector="patchcore"), make_record(detector="efficientad")]
    assert max(map(len, render_text(brief_table(records)).splitlines())) <= 80


def test_names_cannot_mark_up_markdown() -> None:
    assert escape_markdown("a|b_c\n<x>") == "a\\|b\\_c \\<x>"


def test_csv_keeps_every_digit_and_leaves_the_undefined_empty(make_record) -> None:
    auroc = 0.123456789012345
    record = make_record({"figures.image.auroc": auroc, "figures.pixel.ap": None})
    (row,) = csv.DictReader(io.StringIO(render_csv(full_table([record]))))
    assert float(row["image_auroc"]) == auroc
    assert float(row["image_auroc_low"]) == float(row["image_auroc_high"]) == auroc
    assert row["pixel_ap"] == ""
    assert (row["image_auroc_interval_low"], row["image_auroc_interval_high"]) == ("0.75", "1.0")
    assert row["image_ap_interval_low"] == ""
    assert row["pixel_au_pro_30"] == "0.91"
    assert (row["image_miss_rate_hits"], row["image_miss_rate_of"]) == ("1", "4")


def test_csv_has_the_same_columns_whatever_ran(make_record, failed_record) -> None:
    one = render_csv(full_table([make_record()])).splitlines()
    other = render_csv(full_table([failed_record, make_record(detector="x")])).splitlines()
    assert one[0] == other[0]
    assert {line.count(",") for line in other} == {one[0].count(",")}


def test_csv_carries_no_formula_and_negative_figures_stay_figures(make_record) -> None:
    names = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]
    records = [make_record(category=name) for name in names]
    table = full_table(records)
    rows = list(csv.reader(io.StringIO(render_csv(table), newline="")))[1:]
    shown = {f"'{name}".replace("\r", " ") for name in names}
    assert {row[0] for row in rows[: len(names)]} == shown
    column, cell = table.columns[-1], Spread(-0.5, -1.0, 0.0)
    line = render_csv(Table("", (column,), (Row((cell,)),))).splitlines()[1]
    assert line.startswith("-0.5,-1.0,0.0")
