"""Names of images that say something else than the folder around them."""

from __future__ import annotations

from pathlib import Path

import pytest

from blemish.data.image_names import contrary_note, drawings_among, odd_images


def named(*stems: str, suffix: str = ".png") -> list[Path]:
    return [Path("folder", stem + suffix) for stem in stems]


PLAIN = [f"IMG_{number:03}" for number in range(6)]


@pytest.mark.parametrize(
    "name",
    ["IMG_050_scratch", "IMG_050_Kratzer", "IMG_050_划痕", "IMG_050_キズ", "050_上面キズ",
     "IMG_050_N", "IMG_050_F", "crazing_50", "n.i.O._50", "50_n. i. O.", "不良50",
     "xNG50", "50-ng-cam1"],
)  # fmt: skip
def test_some_names_of_images_without_a_folder_say_defective(name: str) -> None:
    assert odd_images(named(*PLAIN, name), alone=True) == f"'{name}.png' (1 of 7)"


@pytest.mark.parametrize(
    "names",
    [
        PLAIN,
        ["cam_F_1", "cam_F_2"],
        ["plate_crack_detector_1", "plate_crack_detector_2"],  # the part is called so
        ["a_0", "a_1", "b_0", "b_1"],  # two images of each part
        ["part_0", "part_1"],
        ["scratchless_1", "scratchless_2"],
        ["シミュレーション1", "2"],  # has the word for a stain in it
        ["キズなし1", "2", "異常なし3"],
        ["i.O._1", "i.O._2"],
        ["crack_free_0", "crack_free_1"],
        ["without_defect_0", "without_defect_1"],
        ["ohne_Kratzer_0", "ohne_Kratzer_1"],
    ],
)
def test_names_of_images_that_say_nothing(names: list[str]) -> None:
    assert odd_images(named(*names), alone=True) == ""


@pytest.mark.parametrize(
    ("bad", "good"),
    [("{}_N", "{}_P"), ("{}_F", "{}_P"), ("{}_1", "{}_0"), ("1_{}", "0_{}"), ("{}_NG", "{}_G")],
)
def test_two_verdicts_in_all_names(bad: str, good: str) -> None:
    names = [*(good.format(f"p{n}") for n in range(4)), bad.format("p9")]
    assert odd_images(named(*names), alone=True) == f"'{names[-1]}.png' (1 of 5)"
    assert odd_images(named(*names)) == ("" if "NG" not in bad else f"'{names[-1]}.png' (1 of 5)")


def test_notes_on_names_against_their_folder() -> None:
    good = named("IMG_0", "IMG_1_scratch", "IMG_2_Riss")
    assert contrary_note(good, "OK", good=True) == (
        "2 images of the good folder 'OK' have names that say otherwise: 'IMG_1_scratch.png', "
        "'IMG_2_Riss.png'."
    )
    bad = named("IMG_0_NG", "IMG_1_OK", "not_ok_2", "2_nicht_gut", "3")
    assert contrary_note(bad, "NG", good=False) == (
        "1 image of the defective folder 'NG' has a name that says otherwise: 'IMG_1_OK.png'."
    )
    assert contrary_note(named("0"), "OK", good=True) == ""


@pytest.mark.parametrize("word", ["result", "annotated", "vis", "overlay", "marked", "pred_2"])
def test_drawings_beside_their_images(word: str) -> None:
    images = [*named("0", "1", suffix=".bmp"), *named(f"0_{word}", "2_result", suffix=".jpg")]
    assert drawings_among(images) == [(Path(f"folder/0_{word}.jpg"), Path("folder/0.bmp"))]


def test_a_word_for_drawings_may_come_first() -> None:
    images = [*named("0", "1", suffix=".bmp"), *named("vis_0", "annotated-1", suffix=".jpg")]
    assert [drawing.stem for drawing, _ in drawings_among(images)] == ["vis_0", "annotated-1"]
