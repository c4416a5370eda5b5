from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blemish.data.audit import Audit, audit
from blemish.data.findings import Finding
from blemish.data.opening import open_dataset
from blemish.errors import DataError

Draw = Callable[..., Path]


@pytest.fixture
def sound(tmp_path: Path, draw: Draw, mask: Draw) -> Path:
    """A data set with which nothing is wrong."""
    for number in range(99):
        draw(f"train/good/{number:03}.png")
    draw("test/good/000.png")
    draw("test/dent/000.png")
    mask("ground_truth/dent/000_mask.png")
    return tmp_path


def only(found: Audit) -> Finding:
    assert len(found.findings) == 1, found.findings
    return found.findings[0]


def test_a_sound_data_set_has_no_findings(sound: Path) -> None:
    found = audit(sound)
    assert found.findings == ()
    assert found.counts == {"train": {"good": 99}, "test": {"dent": 1, "good": 1}}
    assert found.sizes_hw == {(24, 20): 101}
    assert found.bit_depths == {8: 101}


def test_an_audit_is_json(sound: Path, draw: Draw) -> None:
    shutil.copy(sound / "train/good/000.png", sound / "test/good/copy.png")
    values = json.loads(json.dumps(audit(sound).to_dict()))
    assert values["findings"][0]["groups"] == [["test/good/copy.png", "train/good/000.png"]]
    assert values["sizes_hw"] == [{"size_hw": [24, 20], "count": 102}]


def test_unreadable_images_are_errors_and_the_rest_goes_on(sound: Path) -> None:
    (sound / "train/good/text.png").write_text("not an image")
    half = (sound / "train/good/000.png").read_bytes()[:200]
    (sound / "train/good/half.png").write_bytes(half)
    finding = only(audit(sound))
    assert (finding.severity, finding.code) == ("error", "unreadable")
    assert finding.ids == ("train/good/half.png", "train/good/text.png")
    assert "half.png" in finding.message
    assert "(and 1 more)" in finding.message


@pytest.mark.parametrize(
    ("copy", "severity", "code"),
    [
        ("train/good/copy.png", "warning", "duplicates"),
        ("test/good/copy.png", "error", "duplicates-across-splits"),
        ("test/dent/copy.png", "error", "duplicates-good-and-defect"),
    ],
)
def test_exact_duplicates_are_told_by_what_they_cost(
    sound: Path, mask: Draw, copy: str, severity: str, code: str
) -> None:
    shutil.copy(sound / "train/good/007.png", sound / copy)
    if "dent" in copy:
        mask("ground_truth/dent/copy_mask.png")
    finding = only(audit(sound))
    assert (finding.severity, finding.code) == (severity, code)
    assert set(finding.ids) == {"train/good/007.png", copy}


@pytest.mark.parametrize(
    ("copy", "code"),
    [
        ("train/good/copy.bmp", "near-duplicates"),
        ("test/good/copy.bmp", "near-duplicates-across-splits"),
    ],
)
def test_near_duplicates_are_warnings(sound: Path, copy: str, code: str) -> None:
    Image.open(sound / "train/good/007.png").point(lambda v: v // 2 + 40).save(sound / copy)
    finding = only(audit(sound))
    assert (finding.severity, finding.code) == ("warning", code)
    assert set(finding.ids) == {"train/good/007.png", copy}


def test_images_of_one_part_alone_are_told_of(sound: Path) -> None:
    first, *others = sorted((sound / "train/good").iterdir())
    part = np.asarray(Image.open(first)).astype(np.float64)
    for number, path in enumerate(others):
        noise = np.random.default_rng(number).normal(0, 0.7, part.shape)
        Image.fromarray(np.clip(np.rint(part + noise), 0, 255).astype(np.uint8)).save(path)
    found = {finding.code: finding for finding in audit(sound).findings}["nearly-one"]
    assert found.severity == "warning"
    assert found.ids == tuple(f"train/good/{path.name}" for path in [first, *others])


def test_masks_are_checked(sound: Path, draw: Draw, mask: Draw) -> None:
    for name in ("empty", "large", "faint", "none"):
        draw(f"test/dent/{name}.png")
    mask("ground_truth/dent/empty_mask.png", value=0)
    mask("ground_truth/dent/large_mask.png", size_hw=(30, 20))
    mask("ground_truth/dent/faint_mask.png", value=1)
    mask("ground_truth/dent/nowhere_mask.png")
    by_code = {finding.code: finding for finding in audit(sound).findings}
    assert {code: finding.ids for code, finding in by_code.items()} == {
        "mask-unusable": ("test/dent/large.png",),
        "mask-missing": ("test/dent/none.png",),
        "mask-empty": ("test/dent/empty.png",),
        "mask-without-image": ("ground_truth/dent/nowhere_mask.png",),
    }


def test_no_masks_at_all_are_a_note(sound: Path) -> None:
    shutil.rmtree(sound / "ground_truth")
    finding = only(audit(sound))
    assert (finding.severity, finding.code) == ("note", "no-masks")


def test_mixed_depth_and_alpha_are_errors(sound: Path) -> None:
    rng = np.random.default_rng(0)
    deep = rng.integers(0, 65536, (24, 20), dtype=np.uint16)
    clear = rng.integers(0, 255, (24, 20, 4), dtype=np.uint8)
    Image.fromarray(deep).save(sound / "train/good/deep.png")
    Image.fromarray(clear).save(sound / "train/good/clear.png")
    clear[:, :, 3] = 0
    Image.fromarray(clear).save(sound / "train/good/nothing.png")
    found = audit(sound)
    assert {f.code: f.ids for f in found.of_severity("error")} == {
        "alpha": ("train/good/clear.png", "train/good/nothing.png"),
        "mixed-depth": ("train/good/deep.png",),
    }
    assert found.bit_depths == {8: 103, 16: 1}


@pytest.mark.parametrize(("size_hw", "severity"), [((48, 40), "note"), ((20, 24), "warning")])
def test_sizes_that_differ_matter_by_their_proportions(
    sound: Path, draw: Draw, size_hw: tuple[int, int], severity: str
) -> None:
    draw("train/good/odd.png", size_hw=size_hw)
    finding = only(audit(sound))
    assert (finding.severity, finding.code) == (severity, "sizes-differ")


def test_too_few_images_say_what_they_can_promise(sound: Path) -> None:
    for number in range(80):
        (sound / f"train/good/{number:03}.png").unlink()
    assert (
        "19 good training images can promise a false-alarm rate of 5.0%"
        in only(audit(sound)).message
    )


def test_a_test_split_without_one_kind_is_told(sound: Path) -> None:
    shutil.rmtree(sound / "test")
    shutil.rmtree(sound / "ground_truth")
    assert {f.code for f in audit(sound).findings} == {"no-defects", "no-good-test"}


def test_what_was_passed_over_is_told(sound: Path, draw: Draw) -> None:
    (sound / "test/scratch").mkdir()
    (sound / "license.txt").touch()
    draw("train/odd/a.png")
    assert {f.code: f.ids for f in audit(sound).findings} == {
        "empty-folder": ("test/scratch",),
        "unused-images": ("train/odd/a.png",),
        "not-images": ("license.txt",),
    }


def test_groups_across_splits_are_told(tmp_path: Path, draw: Draw) -> None:
    rows = [f"{draw(f'{n}.png').name},good,{'train' if n % 2 else 'test'},p{n}" for n in range(4)]
    rows += [f"{draw('x.png').name},good,train,p0"]
    (tmp_path / "list.csv").write_text("\n".join(["path,label,split,group", *rows]))
    by_code = {finding.code: finding for finding in audit(tmp_path / "list.csv").findings}
    assert set(by_code["group-across-splits"].ids) == {"0.png", "x.png"}


def test_an_opened_data_set_is_taken_and_no_data_set_is_an_error(sound: Path) -> None:
    assert audit(open_dataset(sound)).findings == ()
    with pytest.raises(DataError, match="does not exist"):
        audit(sound / "missing")


def test_known_traps_of_real_data_are_found(shared: Path) -> None:
    found = audit(shared / "data" / "mtd")
    by_code = {finding.code: finding for finding in found.findings}
    assert found.of_severity("error") == ()
    assert {Path(name).stem for name in by_code["mask-empty"].ids} == {
        "exp4_num_45057",
        "exp4_num_352527",
        "exp3_num_45042",
        "exp4_num_124690",
    }
    same_tile = {"train/good/exp5_num_964.jpg", "train/good/exp6_num_1012.jpg"}
    groups = by_code["near-duplicates"].groups + by_code["near-duplicates-across-splits"].groups
    assert any(same_tile <= set(group) for group in groups)


def test_real_plates_without_copies_have_no_duplicates(shared: Path) -> None:
    assert audit(shared / "data" / "lgp").findings == ()


def test_one_of_a_kind_is_told_as_one(sound: Path, draw: Draw, mask: Draw) -> None:
    (sound / "notes.txt").touch()
    (sound / "test" / "scratch").mkdir()
    mask("ground_truth/dent/999_mask.png")
    draw("elsewhere/1.png")
    said = " ".join(finding.message for finding in audit(sound).findings)
    for sentence in ("1 file is no", "1 folder holds", "1 mask belongs", "1 image lies"):
        assert sentence in said
