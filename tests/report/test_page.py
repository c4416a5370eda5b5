from __future__ import annotations

import re
from dataclasses import astuple, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blemish.errors import BlemishError, DataError
from blemish.images.overlay import encode_jpeg
from blemish.records.record import Record
from blemish.report.page import write_report

VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Collects what a browser would fetch, checks that tags are closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.targets: list[str] = []
        self.ids: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        self.targets += [str(values[name]) for name in ("src", "href") if name in values]
        self.ids += [str(values["id"])] if "id" in values else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def example(folder: Path, name: str, **more: Any) -> dict[str, Any]:
    place = folder / "examples" / "job"
    place.mkdir(parents=True, exist_ok=True)
    for kind in ("image", "map"):
        (place / f"{name}_{kind}.jpg").write_bytes(encode_jpeg(np.zeros((8, 8, 3), np.uint8)))
    return {
        "path": f"test/{name}.png",
        "score": 1.0,
        "defect_type": "crack",
        "image": f"examples/job/{name}_image.jpg",
        "map": f"examples/job/{name}_map.jpg",
        **more,
    }


def test_four_files_are_written_and_nothing_else(tmp_path: Path, make_record) -> None:
    files = write_report(tmp_path, [make_record()])
    assert {path.name for path in astuple(files)} == {path.name for path in tmp_path.iterdir()}
    assert files.html.name == "report.html"
    assert files.markdown.name == "report.md"
    assert files.csv.name == "table.csv"
    assert files.scores.name == "scores.csv"


def test_the_page_is_whole_and_fetches_nothing(tmp_path: Path, make_record) -> None:
    examples = {"misses": [example(tmp_path, "a")], "false_alarms": [], "caught": []}
    html = write_report(tmp_path, [make_record(examples=examples)]).html.read_text("utf-8")
    page = Page(html)
    assert all(target.startswith(("#", "data:")) for target in page.targets)
    assert {target[1:] for target in page.targets if target[0] == "#"} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert "script" not in page.tags
    assert "url(" not in html
    assert "@import" not in html
    assert sum(target.startswith("data:image/jpeg;base64,") for target in page.targets) == 2


def test_text_of_records_cannot_become_markup(tmp_path: Path, make_record, failed_record) -> None:
    evil = "<script>alert('x')</script>"
    record = make_record(
        {
            "figures.notes": [evil],
            "figures.per_type": {evil: {"images": 1}},
            "figures.undefined": {"pixel.ap": evil},
            "figures.regions.smallest_found": {"image": evil, "defect_type": evil, "area_px": 1},
            "dataset.notes": [evil],
            "settings": {evil: evil},
            "calibration.method": evil,
            "machine.processor": evil,
            "examples.misses": [example(tmp_path, "a", path=evil, defect_type=evil)],
        },
        category=evil,
        detector=evil,
        job=evil,
        date=evil,
    )
    records = [record, replace(failed_record, error=evil, category=evil + "2")]
    files = write_report(tmp_path, records)
    assert "script" not in Page(files.html.read_text("utf-8")).tags
    assert "<script" not in files.markdown.read_text("utf-8").replace("\\<script", "")


def test_f1_max_is_named_and_its_peeking_is_told(tmp_path: Path, make_record) -> None:
    files = write_report(tmp_path, [make_record()])
    for written in (files.html, files.markdown):
        content = written.read_text("utf-8")
        assert "F1-max" in content
        assert "it peeks" in content
        assert "good training images alone" in content


def test_intervals_regions_curves_and_reasons_are_shown(tmp_path: Path, make_record) -> None:
    files = write_report(tmp_path, [make_record()])
    html, markdown = (path.read_text("utf-8") for path in (files.html, files.markdown))
    for content in (html, markdown):
        assert "4 of 5 labelled regions were found. The smallest found has 80 px" in content
        assert "[0.850, 0.950]" in content
        assert "as the good test images have too few pixels: AUPIMO." in content
        assert "stratified bootstrap" in content
        assert "fits the promise" in content
    assert "part-1-pro-title" in html


def test_the_protocol_tells_what_the_records_know(tmp_path: Path, make_record) -> None:
    def told(*records: Record) -> str:
        return write_report(tmp_path, records).markdown.read_text("utf-8")

    one = told(make_record())
    assert "images become 256 x 256 pixels, stretched" in one
    assert "is not zero in any channel" in one
    assert "Training and test images are those of the data set's own folders." in one
    assert "mtd: leave-one-out, 762 images, for 1.0% of false alarms" in one
    note = "2 of 9 good images are kept for testing"
    folders = {"dataset.layout": "folders", "dataset.notes": [note], "settings.resize": "longer"}
    assert f"mtd: {note}" in told(make_record(folders))
    assert "256 pixels at their longer side" in told(make_record(folders))
    wide = make_record({"settings.image_size": [128, 512]}, seed=3)
    assert "128 x 512 pixels" in told(wide, make_record())
    assert "**Seeds**: 0, 3." in told(wide, make_record())


def test_a_training_is_shown_and_told_where_it_did_not_converge(
    tmp_path: Path, make_record
) -> None:
    history = [[100, 0.5], [200, 0.4]]
    losses = {"names": ["step", "student", "penalty"], "history": [[20, 1, 0.5], [200, 0.2, 0.1]]}
    for converged, told in ((False, True), (True, False), (None, False)):
        unexplained = {"history": history, "converged": converged}
        record = make_record(details={"losses": losses, "unexplained": unexplained})
        page = write_report(tmp_path, [record]).html.read_text("utf-8")
        assert "The training: loss on its images" in page
        assert ("not converged" in page) is told
    for details in ({}, {"losses": "none", "unexplained": None}):
        page = write_report(tmp_path, [make_record(details=details)]).html.read_text("utf-8")
        assert "The training: loss" not in page


def test_a_record_without_intervals_or_regions_is_shown_without_them(
    tmp_path: Path, make_record
) -> None:
    record = make_record({"figures.intervals": {}, "figures.regions": None})
    files = write_report(tmp_path, [record])
    Page(files.html.read_text("utf-8"))
    markdown = files.markdown.read_text("utf-8")
    assert "stratified bootstrap" not in markdown
    assert "labelled regions were found" not in markdown
    assert "0.938" in markdown


def test_published_figures_have_a_block_of_their_own(tmp_path: Path, make_record) -> None:
    title = "Published for MVTec AD's category of this name"
    assert title not in write_report(tmp_path, [make_record()]).markdown.read_text("utf-8")
    tile = make_record({"dataset.test_good": 33, "dataset.test_defect": 84}, category="tile")
    files = write_report(tmp_path, [tile])
    assert title in files.markdown.read_text("utf-8")
    assert "Batzner et al." in files.html.read_text("utf-8")


def test_a_failed_job_is_told_and_has_no_section(
    tmp_path: Path, make_record, failed_record
) -> None:
    files = write_report(tmp_path, [make_record(), failed_record])
    html = files.html.read_text("utf-8")
    assert "The folder has no good images to fit on." in html
    assert "The folder has no good images to fit on." in files.markdown.read_text("utf-8")
    assert html.count('class="part" id=') == 1


def test_failed_jobs_alone_still_make_a_report(tmp_path: Path, failed_record) -> None:
    html = write_report(tmp_path, [failed_record]).html.read_text("utf-8")
    assert "No job ended well" in html


@pytest.mark.parametrize(
    "changes",
    [
        *({name: None} for name in ("request", "calibration")),
        *({name: {}} for name in ("settings", "curves", "draws", "examples", "seconds", "bytes")),
        {"images": []},
        {"sources": [], "details": {}},
        {"figures": {"image": {}, "pixel": {}}},
        {"model_sha256": None},
        {"machine.processor": None, "machine.memory_bytes": None},
    ],
    ids="-".join,
)
def test_whatever_a_record_may_lack_the_page_is_whole(changes, tmp_path: Path, make_record) -> None:
    Page(write_report(tmp_path, [make_record(changes)]).html.read_text("utf-8"))


def test_several_seeds_are_told(tmp_path: Path, make_record) -> None:
    html = write_report(tmp_path, [make_record(seed=s) for s in (0, 1)]).html.read_text("utf-8")
    assert "Charts and images are of seed 0, the first of 2" in html


def test_worst_examples_come_first_and_the_rest_is_counted(tmp_path: Path, make_record) -> None:
    found = [example(tmp_path, f"e{i}", score=float(i)) for i in range(10)]
    record = make_record(examples={"false_alarms": found, "misses": found})
    html = write_report(tmp_path, [record]).html.read_text("utf-8")
    shown = re.findall(r"<figcaption><b>crack, score (\d)</b>", html)
    assert shown == list("98765432") + list("01234567")
    assert html.count("2 more are in the record.") == 2


def test_images_that_are_missing_or_outside_of_the_folder_are_not_shown(
    tmp_path: Path, make_record
) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    folder = tmp_path / "run"
    folder.mkdir()
    entry = example(folder, "a", image="examples/gone.jpg", map="../secret.jpg")
    record = make_record(examples={"misses": [entry]})
    page = Page(write_report(folder, [record]).html.read_text("utf-8"))
    assert "img" not in page.tags


def test_no_records_are_an_error_with_a_next_step(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="blemish benchmark DATA -o"):
        write_report(tmp_path, [])


def test_an_old_report_is_replaced_and_a_failed_write_leaves_it(
    tmp_path: Path, make_record, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_report(tmp_path, [make_record(category="old")])
    write_report(tmp_path, [make_record(category="new")])
    before = files.html.read_text("utf-8")
    assert "new" in before

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(BlemishError, match="No space"):
        write_report(tmp_path, [make_record(category="newer")])
    assert files.html.read_text("utf-8") == before
    assert len(list(tmp_path.iterdir())) == 4


def test_the_next_step_can_be_pasted_and_a_file_is_no_folder(tmp_path: Path, make_record) -> None:
    with pytest.raises(DataError, match=r"-o '.*/my runs'"):
        write_report(tmp_path / "my runs", [])
    (tmp_path / "record.json").touch()
    with pytest.raises(DataError, match="is a file"):
        write_report(tmp_path / "record.json", [])


def test_long_names_break_and_leave_room_for_figures(tmp_path: Path, make_record) -> None:
    html = write_report(tmp_path, [make_record(category="x" * 240)]).html.read_text("utf-8")
    (rule,) = re.findall(r"th:first-child, td:first-child \{(.*?)\}", html)
    assert "overflow-wrap: anywhere" in rule
    assert "max-width" in rule


def test_maps_of_another_tool_are_not_said_to_have_learned(make_record, tmp_path: Path) -> None:
    peer = make_record({"maps_sha256": "ab" * 32}, detector="peer", job="mtd-peer", model_sha256="")
    alone = write_report(tmp_path, [peer]).html.read_text("utf-8")
    assert "Maps that peer wrote were measured by the same code." in alone
    assert "learned" not in alone.partition("</header>")[0]
    assert "Fitted on" not in alone
    both = write_report(tmp_path, [make_record(), peer]).html.read_text("utf-8")
    assert "The detector patchcore learned from 762 images" in both
    assert "Maps that peer wrote" in both
