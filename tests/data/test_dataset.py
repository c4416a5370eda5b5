from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blemish.data.opening import find_categories, open_dataset
from blemish.errors import DataError, ImageError, SettingError

Draw = Callable[..., Path]


def places(path: Path, **options: object) -> dict[str, str]:
    return {s.id: s.split for s in open_dataset(path, **options).samples}  # type: ignore[arg-type]


def test_samples_are_sorted_and_sorted_apart(tmp_path: Path, draw: Draw, mask: Draw) -> None:
    for name in ("train/good/b.png", "train/good/a.png", "test/good/c.png", "test/dent/d.png"):
        draw(name)
    mask("ground_truth/dent/d_mask.png")
    dataset = open_dataset(tmp_path)
    assert (dataset.name, dataset.layout, dataset.notes) == (tmp_path.name, "mvtec-ad", ())
    assert [s.id for s in dataset.train] == ["train/good/a.png", "train/good/b.png"]
    assert [s.id for s in dataset.test] == ["test/dent/d.png", "test/good/c.png"]
    assert dataset.defect_types == ("dent",)


def test_samples_read_their_image_and_mask(tmp_path: Path, draw: Draw, mask: Draw) -> None:
    draw("good/a.png")
    draw("good/b.png")
    draw("dent/c.png")
    draw("dent/d.png")
    mask("masks/c.png")
    by_id = {s.id: s for s in open_dataset(tmp_path, test_fraction=0).samples}
    assert by_id["good/a.png"].read().shape == (24, 20, 3)
    good = by_id["good/a.png"].read_mask((24, 20))
    assert good is not None
    assert good.shape == (24, 20)
    assert not good.any()
    defect = by_id["dent/c.png"].read_mask((24, 20))
    assert defect is not None
    assert defect.sum() == 20
    assert by_id["dent/d.png"].read_mask((24, 20)) is None


def test_adding_images_moves_none_but_at_the_cut(tmp_path: Path, draw: Draw) -> None:
    for number in range(40):
        draw(f"good/{number:03}.png")
    draw("dent/a.png")
    before = places(tmp_path)
    assert list(before.values()).count("test") == 13  # 12 of 40 good ones, and the dent
    assert before["dent/a.png"] == "test"
    for number in range(5):
        draw(f"good/0_{number}.png")
    after = places(tmp_path)
    assert sum(after[name] != before[name] for name in before) <= 5
    assert places(tmp_path, seed=1) != after


def test_no_side_of_a_drawn_split_is_empty(tmp_path: Path, draw: Draw) -> None:
    for number in range(5):
        draw(f"good/{number}.png")
    draw("dent/a.png")
    for seed, (fraction, tested) in enumerate(((None, 1), (0.01, 1), (0.5, 2), (0.99, 4), (0, 0))):
        split = places(tmp_path, seed=seed, test_fraction=fraction)
        assert list(split.values()).count("test") == tested + 1  # the dent


def test_copies_whose_files_differ_stay_together(tmp_path: Path, draw: Draw) -> None:
    for number in range(10):
        original = draw(f"good/{number}.png")
        with Image.open(original) as image:
            image.save(tmp_path / f"good/{number}_copy.bmp")
            image.save(tmp_path / f"good/{number}_small.png", compress_level=9)
    (tmp_path / "good" / "text.png").write_text("not an image")
    (tmp_path / "good" / "text_copy.png").write_text("not an image")
    draw("dent/a.png")
    for seed in range(2):
        split = places(tmp_path, seed=seed, test_fraction=0.5)
        for number in range(10):
            names = (f"{number}.png", f"{number}_copy.bmp", f"{number}_small.png")
            assert len({split[f"good/{name}"] for name in names}) == 1
        assert split["good/text.png"] == split["good/text_copy.png"]


def test_duplicates_and_groups_stay_together(tmp_path: Path, draw: Draw) -> None:
    lines = ["path,label,group"]
    for number in range(30):
        original = draw(f"{number}.png")
        shutil.copy(original, tmp_path / f"copy{number}.png")
        other = draw(f"other{number}.png")
        again = draw(f"again{number}.png")
        lines += [f"{original.name},good,", f"copy{number}.png,good,"]
        lines += [f"{other.name},good,g{number}", f"{again.name},good,g{number}"]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    split = places(tmp_path / "list.csv", test_fraction=0.5)
    for number in range(30):
        assert split[f"{number}.png"] == split[f"copy{number}.png"]
        assert split[f"other{number}.png"] == split[f"again{number}.png"]
    assert set(split.values()) == {"train", "test"}


def test_a_drawn_split_is_told(tmp_path: Path, draw: Draw) -> None:
    for number in range(30):
        draw(f"good/{number}.png")
    draw("scratch/a.png")
    dataset = open_dataset(tmp_path)
    good = sum(sample.label == "good" for sample in dataset.test)
    assert dataset.notes == (
        f"{good} of 30 good images are kept for testing, drawn by content "
        "(test_fraction 0.3, seed 0).",
    )


def test_without_defects_every_good_image_is_learned_from(tmp_path: Path, draw: Draw) -> None:
    for number in range(30):
        draw(f"{number}.png")
    dataset = open_dataset(tmp_path)
    assert len(dataset.train) == 30
    assert dataset.notes == ()
    assert len(open_dataset(tmp_path, test_fraction=0.5).test) > 5


def test_a_manifest_keeps_its_splits_and_is_named_by_its_file(tmp_path: Path, draw: Draw) -> None:
    rows = [f"{draw(f'{n}.png').name},good,{'train' if n % 2 else 'test'}" for n in range(10)]
    (tmp_path / "plates.csv").write_text("\n".join(["path,label,split", *rows]))
    dataset = open_dataset(tmp_path / "plates.csv")
    assert (dataset.name, dataset.layout, dataset.root) == ("plates", "manifest", tmp_path)
    assert [sample.id for sample in dataset.train] == [f"{n}.png" for n in range(1, 10, 2)]


def test_the_fingerprint_follows_contents_and_labels_but_not_the_place(
    tmp_path: Path, draw: Draw, mask: Draw
) -> None:
    draw("x/good/a.png", seed=1)
    draw("x/dent/b.png", seed=2)
    mask("x/masks/b.png")
    shutil.copytree(tmp_path / "x", tmp_path / "y")
    options = {"test_fraction": 0.0}
    first = open_dataset(tmp_path / "x", **options).fingerprint  # type: ignore[arg-type]
    assert open_dataset(tmp_path / "y", **options).fingerprint == first  # type: ignore[arg-type]
    mask("y/masks/b.png", value=254)
    assert open_dataset(tmp_path / "y", **options).fingerprint != first  # type: ignore[arg-type]
    (tmp_path / "x/dent").rename(tmp_path / "x/scratch")
    assert open_dataset(tmp_path / "x", **options).fingerprint != first  # type: ignore[arg-type]


def test_opening_decodes_nothing(tmp_path: Path, draw: Draw) -> None:
    draw("good/a.png")
    (tmp_path / "good" / "text.png").write_text("not an image")
    by_id = {s.id: s for s in open_dataset(tmp_path, test_fraction=0).samples}
    with pytest.raises(ImageError, match=r"text\.png"):
        by_id["good/text.png"].read()


def test_categories_are_listed_and_chosen(tmp_path: Path, draw: Draw) -> None:
    for category in ("tile", "leather"):
        draw(f"{category}/train/good/a.png")
    assert find_categories(tmp_path) == ["leather", "tile"]
    assert find_categories(tmp_path / "tile") == ["tile"]
    assert open_dataset(tmp_path, category="tile").name == "tile"
    assert open_dataset(tmp_path / "tile", category="tile").name == "tile"
    with pytest.raises(DataError, match=r"several categories; name one.*: leather, tile"):
        open_dataset(tmp_path)
    with pytest.raises(DataError, match="Did you mean 'leather'"):
        open_dataset(tmp_path, category="lether")
    shutil.rmtree(tmp_path / "leather")
    assert open_dataset(tmp_path).name == "tile"


def test_what_cannot_be_learnt_from_is_an_error(tmp_path: Path, draw: Draw) -> None:
    with pytest.raises(DataError, match="does not exist"):
        open_dataset(tmp_path / "missing")
    with pytest.raises(DataError, match="holds no images"):
        open_dataset(tmp_path)
    with pytest.raises(DataError, match="holds no images"):
        find_categories(tmp_path)
    (tmp_path / "good").mkdir()
    draw("dent/a.png")
    with pytest.raises(DataError, match="no good images; found only dent"):
        open_dataset(tmp_path)
    with pytest.raises(SettingError, match=r"'test_fraction' must be in \[0, 1\); got 1"):
        open_dataset(tmp_path, test_fraction=1)
    (tmp_path / "list.csv").write_text(f"path,label,split\n{draw('a.png').name},good,test\n")
    with pytest.raises(
        DataError, match="no good image to learn from: all 1 are for testing or validation"
    ):
        open_dataset(tmp_path / "list.csv")


def test_good_images_of_other_formats_are_told_by_suffix(tmp_path: Path, draw: Draw) -> None:
    draw("dent/a.png")
    (tmp_path / "good").mkdir()
    for name in ("a.gif", "b.GIF", "c.raw", "notes.txt"):
        (tmp_path / "good" / name).write_bytes(b"...")
    with pytest.raises(DataError, match=r"no good images; .*: 2 \.gif, 1 \.raw; .*raw='WxH"):
        open_dataset(tmp_path)
    (tmp_path / "good" / "c.raw").unlink()
    with pytest.raises(
        DataError, match=r"2 \.gif; save them in a format that is read, such as PNG"
    ):
        open_dataset(tmp_path)


def test_pixels_of_a_sample_are_those_of_its_file(tmp_path: Path, draw: Draw) -> None:
    draw("a.png", seed=5)
    sample = open_dataset(tmp_path, test_fraction=0).samples[0]
    expected = np.random.default_rng(5).integers(0, 256, (24, 20), dtype=np.uint8)
    np.testing.assert_array_equal(sample.read()[:, :, 0], expected)


@pytest.mark.parametrize(
    ("folder", "layout", "train", "good", "defect", "types"),
    [
        ("mvtec/bottle", "mvtec-ad", 209, 20, 63, 3),
        ("mtd", "mvtec-ad", 762, 190, 392, 5),
        ("lgp", "folders", None, None, 141, 1),
    ],
)
def test_real_data_sets_have_the_counts_that_are_known(
    shared: Path,
    folder: str,
    layout: str,
    train: int | None,
    good: int | None,
    defect: int,
    types: int,
) -> None:
    dataset = open_dataset(shared / "data" / folder)
    tested = [sample.label for sample in dataset.test]
    assert dataset.layout == layout
    assert (tested.count("defect"), len(dataset.defect_types)) == (defect, types)
    assert all(s.masks for s in dataset.test if s.label == "defect")
    if train is None:
        assert len(dataset.train) + tested.count("good") == 300
    else:
        assert (len(dataset.train), tested.count("good")) == (train, good)
