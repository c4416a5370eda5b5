from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blemish.data.audit import Audit, MaskCounts, audit
from blemish.data.dataset import Dataset
from blemish.data.findings import Finding
from blemish.data.masks import MaskFile
from blemish.data.sample import Sample

SIZE_HW = (40, 56)
MARKED = np.zeros(SIZE_HW, np.uint8)
MARKED[9:21, 14:33] = 255
NONE = np.zeros_like(MARKED)
CODES = ("mask-", "two-valued", "named-like")

Add = Callable[..., Sample]


class DataSet:
    """A data set of noise, to which images with masks are added."""

    def __init__(self, root: Path) -> None:
        self.root, self.samples = root, []
        self._rng = np.random.default_rng(0)
        for number in range(20):
            self.add(f"good/{number}.png", defect_type="good")

    def add(
        self,
        name: str,
        *masks: np.ndarray | Image.Image,
        defect_type: str = "dent",
        image: np.ndarray | None = None,
        orientation: int = 1,
        suffix: str = "png",
        mask_orientation: int = 1,
    ) -> str:
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        image = self._rng.integers(0, 256, SIZE_HW, dtype=np.uint8) if image is None else image
        Image.fromarray(image).save(path, **turned(orientation))
        files = []
        for number, mask in enumerate(masks):
            files.append(path.with_name(f"{path.stem} marked {number}.{suffix}"))
            drawn = Image.fromarray(mask) if isinstance(mask, np.ndarray) else mask
            drawn.save(files[-1], **turned(mask_orientation))
        good = defect_type == "good"
        self.samples.append(
            Sample(
                id=name,
                path=path,
                split="train" if good else "test",
                label="good" if good else "defect",
                defect_type=defect_type,
                masks=tuple(map(MaskFile, files)),
            )
        )
        return name

    def audit(self) -> Audit:
        samples = sorted(self.samples, key=lambda sample: sample.id)
        return audit(Dataset("made", self.root, "folders", tuple(samples)))

    def findings(self) -> dict[str, Finding]:
        return {f.code: f for f in self.audit().findings if f.code.startswith(CODES)}

    def only(self) -> Finding:
        (finding,) = self.findings().values()
        return finding


def turned(orientation: int) -> dict[str, Image.Exif]:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return {} if orientation == 1 else {"exif": exif}


@pytest.fixture
def made(tmp_path: Path) -> DataSet:
    return DataSet(tmp_path)


def test_sound_masks_of_any_values_are_not_told_of(made: DataSet) -> None:
    made.add("dent/a.png", MARKED)
    made.add("dent/b.png", MARKED // 255)
    made.add("dent/c.png", MARKED, np.roll(MARKED, 20))
    made.add("dent/d.png", np.dstack([MARKED, NONE, NONE]))
    made.add("dent/e.png", np.where(np.roll(MARKED, 9), MARKED, MARKED // 200).astype(np.uint8))
    assert made.findings() == {}


def test_inverted_masks_are_told_with_what_masks_mark(made: DataSet) -> None:
    names = tuple(made.add(f"dent/{name}.png", ~MARKED) for name in "ab")
    made.add("dent/c.png", MARKED)
    finding = made.only()
    assert (finding.severity, finding.code, finding.ids) == ("error", "mask-inverted", names)
    assert "Of 3 masks that mark anything 2 mark more than half" in finding.message
    assert "marks 89.8% of its image, by the median" in finding.message


def test_a_single_mask_of_many_that_looks_inverted_is_a_warning(made: DataSet) -> None:
    for name in "abc":
        made.add(f"dent/{name}.png", MARKED)
    odd = made.add("dent/d.png", ~MARKED)
    assert (made.only().severity, made.only().ids) == ("warning", (odd,))


def test_a_large_defect_away_from_the_border_is_not_inverted(made: DataSet) -> None:
    large = NONE.copy()
    large[3:-3, 3:-3] = 255
    made.add("dent/a.png", large)
    stripe = NONE.copy()
    stripe[:, 10:] = 255
    made.add("dent/b.png", stripe)
    assert made.findings() == {}


def test_masks_of_every_pixel_tell_whether_they_have_a_background(made: DataSet) -> None:
    full = made.add("dent/a.png", NONE + 255)
    assert made.only().code == "mask-full"
    assert "background" not in made.only().message
    coloured = made.add("dent/b.png", np.dstack([MARKED, NONE + 90, ~MARKED]))
    finding = made.only()
    assert (finding.severity, finding.ids) == ("error", (full, coloured))
    assert "mark every pixel" in finding.message
    assert "1 has several colours or values, none of them zero" in finding.message


def test_several_masks_of_an_image_count_together(made: DataSet) -> None:
    made.add("dent/a.png", MARKED, ~MARKED)
    assert made.only().code == "mask-full"
    assert "background" not in made.only().message


def test_grey_masks_are_told_with_their_pixels(made: DataSet) -> None:
    soft = np.asarray(Image.fromarray(MARKED[:20, :28]).resize(SIZE_HW[::-1]))
    between = np.count_nonzero((soft > 0) & (soft < soft.max()))
    name = made.add("dent/a.png", soft)
    made.add("dent/b.png", MARKED)
    finding = made.only()
    assert (finding.severity, finding.code, finding.ids) == ("warning", "mask-grey", (name,))
    share = 100 * between / np.count_nonzero(soft)
    assert f"{between} pixels, {share:.1f}% of those marked" in finding.message


def test_masks_compressed_with_losses_are_a_note(made: DataSet) -> None:
    name = made.add("dent/a.png", MARKED, suffix="jpg")
    finding = made.only()
    assert (finding.severity, finding.code, finding.ids) == ("note", "mask-lossy", (name,))


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_images_that_exif_turns_without_their_masks_are_told(
    made: DataSet, orientation: int
) -> None:
    name = made.add("dent/a.jpg", MARKED, orientation=orientation)
    made.add("dent/b.jpg", MARKED, orientation=orientation, mask_orientation=orientation)
    made.add("dent/c.jpg", orientation=orientation)
    made.add("dent/d.jpg", MARKED)
    findings = made.findings()
    assert set(findings) == {"mask-turned", "mask-missing"}
    assert findings["mask-turned"].ids == (name,)
    assert f"(1 by orientation {orientation})" in findings["mask-turned"].message


def test_a_size_that_exif_swaps_tells_which_way_the_mask_is_turned(made: DataSet) -> None:
    upright = made.add("dent/a.jpg", np.rot90(MARKED), orientation=6)
    assert made.findings() == {}, upright
    stored = made.add("dent/b.jpg", MARKED, orientation=6)
    assert made.only().code == "mask-unusable"
    assert made.only().ids == (stored,)
    assert "follows it as stored" in made.only().message
    square = np.random.default_rng(5).integers(0, 256, (40, 40), dtype=np.uint8)
    name = made.add("dent/c.jpg", MARKED[:, :40], image=square, orientation=8)
    assert made.findings()["mask-turned"].ids == (name,)


def test_a_good_image_with_a_mask_contradicts_itself(made: DataSet) -> None:
    name = made.add("good/x.png", MARKED, defect_type="good")
    made.add("good/y.png", NONE, defect_type="good")
    finding = made.only()
    assert (finding.severity, finding.code, finding.ids) == ("error", "mask-of-good", (name,))


def test_images_of_a_few_values_are_told(made: DataSet) -> None:
    colours = np.dstack([MARKED, NONE, MARKED // 2])
    names = (
        made.add("good/x.png", image=MARKED, defect_type="good"),
        made.add("good/y.png", image=colours, defect_type="good"),
        made.add("good/z.png", image=NONE, defect_type="good"),
    )
    finding = made.only()
    assert (finding.severity, finding.code, finding.ids) == ("warning", "two-valued", names)
    assert "Of 23 images 3 have 8 values or fewer" in finding.message


def test_images_named_like_masks_are_told(made: DataSet) -> None:
    name = made.add("segs/7_GT.png", MARKED)
    finding = made.only()
    assert (finding.code, finding.ids) == ("named-like-a-mask", (name,))


def test_the_masks_of_each_type_are_counted(made: DataSet) -> None:
    made.add("dent/a.png", MARKED)
    made.add("dent/b.png", ~MARKED)
    made.add("dent/c.png", MARKED[:-1])
    made.add("dent/d.png")
    made.add("scratch/a.png", defect_type="scratch")
    found = made.audit()
    assert found.masks == {
        "dent": MaskCounts(4, 3, 1, pytest.approx(0.5)),
        "scratch": MaskCounts(1, 0, 1, None),
    }
    assert json.loads(json.dumps(found.to_dict()))["masks"]["scratch"] == {
        "images": 1, "with_masks": 0, "without_masks": 1, "median_share": None}  # fmt: skip
    made.add("good/x.png", NONE, defect_type="good")
    assert made.audit().masks["good"] == MaskCounts(21, 1, 20, 0.0)


def test_each_mask_is_decoded_once(made: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    made.add("dent/a.png", MARKED, MARKED, MARKED)
    decoded = []
    real = made.samples[0].decode_masks.__globals__["decode_mask"]

    def counting(source: object, **options: object) -> object:
        decoded.append(source.name)  # type: ignore[attr-defined]
        return real(source, **options)

    monkeypatch.setattr("blemish.data.sample.decode_mask", counting)
    made.audit()
    assert len(decoded) == len(set(decoded)) == 3


def test_a_mask_that_cannot_be_used_hides_no_other(made: DataSet) -> None:
    made.add("dent/a.png", MARKED, MARKED[:-1])
    made.samples[-1] = replace(made.samples[-1], masks=made.samples[-1].masks[::-1])
    assert made.only().code == "mask-unusable"
