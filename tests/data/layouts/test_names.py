"""What folders are taken for by names in many ways of writing, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from blemish.data.opening import open_dataset
from blemish.errors import DataError

Draw = Callable[..., Path]


def several(draw: Draw, *folders: str, count: int = 3) -> None:
    for folder in folders:
        for number in range(count):
            draw(f"{folder}/{number}.png")


def refused(path: Path, why: str, **options: object) -> None:
    with pytest.raises(DataError, match=why):
        open_dataset(path, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    ["in Ordnung", "einwandfrei", "freigegeben", "キズなし", "無欠陥", "无缺陷", "良い", "conformi",
     "sain", "bezvadné", "faultless", "nonNG", "OKs", "Goods", "i.O", "i. O.", "Годные",
     "異常なし"],
)  # fmt: skip
def test_words_for_good(tmp_path: Path, draw: Draw, name: str) -> None:
    several(draw, name, "NG")
    dataset = open_dataset(tmp_path)
    assert dataset.defect_types == ("NG",)
    assert sum(sample.label == "good" for sample in dataset.samples) == 3


@pytest.mark.parametrize(
    ("good", "bad"),
    [("Aprovado", "Reprovado"), ("Dobre", "Złe"), ("Годные", "Брак"), ("Sağlam", "Hatal\u0131"),
     ("Pièces bonnes", "Pièces mauvaises"), ("Deckel OK", "Deckel NG"), ("i.O", "n.i.O"),
     ("i. O.", "n. i. O."), ("gut", "nicht gut"), ("gut", "nicht in Ordnung")],
)  # fmt: skip
def test_pairs_of_words(tmp_path: Path, draw: Draw, good: str, bad: str) -> None:
    several(draw, good, bad)
    dataset = open_dataset(tmp_path)
    assert dataset.defect_types == (bad,)
    assert not any("Taken" in note for note in dataset.notes)


@pytest.mark.parametrize(
    "name",
    ["sauber", "その他", "其他", "其它", "未分类", "保留", "要確認", "グレー", "Kalibrierung", "G",
     "Einrichtteile", "Testbilder", "Screenshots", "Stichprobe", "Produktion", "Serie", "baseline",
     "runs", "Auswertung", "verify", "dark", "empty", "leer", "OK - Kopie",
     "NG/verified_good", "NG/OK nach Prüfung", "NG/Pseudofehler", "NG/Pseudo", "NG/reference",
     "NG/ref", "NG/before", "NG/after", "NG/nachher", "NG/cleaned", "NG/overkill"],
)  # fmt: skip
def test_names_that_are_asked_about(tmp_path: Path, draw: Draw, name: str) -> None:
    several(draw, "OK", "NG", name)
    refused(tmp_path, "good=NAME")
    said = name.removeprefix("NG/")
    dataset = open_dataset(tmp_path, good=[said])
    assert sum(sample.label == "good" for sample in dataset.samples) == 6
    assert open_dataset(tmp_path, ignore=[said]).defect_types == ("NG",)
    assert open_dataset(tmp_path, defect=[said]).defect_types == tuple(sorted({"NG", said}))


@pytest.mark.parametrize("name", ["dark_spot", "Serienfehler", "run_in_paint scratch"])
def test_kinds_of_defects_with_such_words(tmp_path: Path, draw: Draw, name: str) -> None:
    several(draw, "OK", name)
    assert open_dataset(tmp_path).defect_types == (name,)


def test_names_that_nobody_knows_are_told(tmp_path: Path, draw: Draw) -> None:
    several(draw, "OK", "OK/D07", "OK/RMA_2024", "OK/cam1", "OK/lot_12")
    several(draw, "Foo", "KR_001", "scratch", "NG")
    notes = open_dataset(tmp_path).notes
    assert (
        "Taken as types of defect by their names: 'Foo', 'KR_001'; if one is none, say good=NAME "
        "or ignore=NAME." in notes
    )
    assert (
        "Taken for good with the folder around it: 'OK/D07', 'OK/RMA_2024'; if one is not, say "
        "defect=NAME or ignore=NAME." in notes
    )
    notes = open_dataset(
        tmp_path, defect=["Foo"], ignore=["KR_001"], good=["D07", "OK", "RMA_2024"]
    ).notes
    assert not any("Taken" in note or "expects none" in note for note in notes)


def test_drawings_are_asked_about_where_they_lie(tmp_path: Path, draw: Draw) -> None:
    several(draw, "one/OK", "one/NG", "two")
    draw("one/NG/0_result.jpg")
    draw("two/0_vis.png")
    refused(tmp_path / "one", r"'0_result.jpg' \(1 such file\) seems to be '0.png' .*defect=NG")
    assert len(open_dataset(tmp_path / "one", defect=["NG"]).samples) == 7
    refused(tmp_path / "two", r"'0_vis.png' \(1 such file\) seems to be '0.png' .*good=two")
    assert len(open_dataset(tmp_path / "two", good=["two"]).samples) == 4


def test_names_of_images_against_their_folder_are_told(tmp_path: Path, draw: Draw) -> None:
    several(draw, "OK", "NG")
    draw("OK/7_scratch.png")
    draw("NG/8_OK.png")
    told = " ".join(open_dataset(tmp_path).notes)
    assert "1 image of the good folder 'OK' has a name that says otherwise: '7_scratch" in told
    assert "1 image of the defective folder 'NG' has a name that says otherwise: '8_OK" in told


def test_images_to_learn_from_in_no_folder_of_a_class(tmp_path: Path, draw: Draw) -> None:
    several(draw, "train", "test/good", "test/bad")
    refused(tmp_path, "in no folder of a class, while 'test' has some; .* good=train, else")
    dataset = open_dataset(tmp_path, good=["train"])
    assert (dataset.layout, dataset.defect_types) == ("split-folders", ("bad",))
    assert {sample.id for sample in dataset.train} == {f"train/{n}.png" for n in range(3)}


@pytest.mark.parametrize(
    ("train", "test"),
    [("Trainingsdaten", "Testdaten"), ("train_data", "test_data"), ("training_set", "testset"),
     ("Train-Set", "Test-Set"), ("训练集", "测试集"), ("01_train", "02_test"),
     ("entrainement", "test"), ("1. Train", "2. Test"), ("学習", "テスト")],
)  # fmt: skip
def test_words_for_splits(tmp_path: Path, draw: Draw, train: str, test: str) -> None:
    several(draw, f"{train}/gut", f"{test}/gut", f"{test}/schlecht")
    dataset = open_dataset(tmp_path)
    assert (len(dataset.train), len(dataset.test)) == (3, 6)


def test_masks_in_a_folder_beside_that_of_their_class(
    tmp_path: Path, draw: Draw, mask: Draw
) -> None:
    several(draw, "folders/good", "folders/scratch", "folders/dent", "noise/solder_mask")
    several(draw, "split/train/good", "split/test/good", "split/test/scratch")
    several(draw, "noise/good", "noise/solder")
    for number in range(2):
        mask(f"folders/scratch_mask/{number}.png")
        mask(f"folders/mask_dent/{number}_mask.png")
        mask(f"split/test/scratch_gt/{number}.png")
    for name, kinds in (("folders", ("dent", "scratch")), ("split", ("scratch",))):
        dataset = open_dataset(tmp_path / name)
        assert dataset.defect_types == kinds
        masked = {s.id for s in dataset.samples if s.masks}
        prefix = "" if name == "folders" else "test/"
        assert masked == {f"{prefix}{kind}/{n}.png" for kind in kinds for n in range(2)}
    refused(tmp_path / "noise", "'solder_mask' seems to hold masks")  # its files hold photographs


@pytest.mark.parametrize(
    ("image", "name"),
    [("7", "7.mask"), ("7", "7.png.mask"), ("7", "7_Maske"), ("7", "7mask"),
     ("7_image", "7_mask"), ("img_7", "mask_7")],
)  # fmt: skip
@pytest.mark.parametrize("folder", ["NG", "マスク", "masks/NG"])
def test_names_of_masks(
    tmp_path: Path, draw: Draw, mask: Draw, image: str, name: str, folder: str
) -> None:
    several(draw, "good")
    draw(f"NG/{image}.png")
    draw("NG/8.png")
    mask(f"{folder}/{name}.png")
    found = {s.id: len(s.masks) for s in open_dataset(tmp_path).samples if s.label == "defect"}
    assert found == {f"NG/{image}.png": 1, "NG/8.png": 0}


def test_days_of_defects_beside_good_images(tmp_path: Path, draw: Draw) -> None:
    several(draw, "OK", "2024-05-01/NG", "2024-05-02/NG")
    dataset = open_dataset(tmp_path, test_fraction=0)
    assert (dataset.defect_types, len(dataset.train), len(dataset.test)) == (("NG",), 3, 6)
    several(draw, "2024-05-02/Teile")
    refused(tmp_path, "'2024-05-02' tells nothing")


def test_questions_about_days_name_what_lies_in_them(tmp_path: Path, draw: Draw) -> None:
    several(draw, "one/2024-05-01/early/Teile", "one/2024-05-01/early/Rest")
    refused(tmp_path / "one", "in those of its days or batches, 'Rest', 'Teile', means good")
    assert open_dataset(tmp_path / "one", good=["Teile"]).defect_types == ("Rest",)
    several(draw, "two/2024-05-01/OK", "two/2024-05-02/OK", "two/Altdaten/OK")
    refused(tmp_path / "two", "read as one set, pass the rest over: ignore=Altdaten")
    assert len(open_dataset(tmp_path / "two", ignore=["Altdaten"]).samples) == 6
    several(draw, "three/20240101/OK", "three/20240101/NG")
    assert not any("read together" in note for note in open_dataset(tmp_path / "three").notes)
    several(draw, "four/Deckel/cam1/OK", "four/Boden/cam1/OK")
    refused(tmp_path / "four", "give .*Boden, and name one of those with category=cam1")


def test_images_without_a_suffix_are_told(tmp_path: Path, draw: Draw) -> None:
    several(draw, "OK", "NG", "none")
    for folder, names in (("OK", "0"), ("none", "012")):
        for name in names:
            (tmp_path / folder / f"{name}.png").rename(tmp_path / folder / name)
    (tmp_path / "OK/README").write_text("nothing")
    told = "1 file without a suffix in OK is an image by its content, .* suffix, as in '0.png'"
    assert any(note for note in open_dataset(tmp_path, ignore=["none"]).notes if "suffix" in note)
    refused(tmp_path / "none", "3 files without a suffix in none are images by their content")
    for name in "12":
        (tmp_path / "OK" / f"{name}.png").unlink()
    refused(tmp_path, told, ignore=["none"])


def test_images_that_lie_in_no_folder_of_a_class_beside_some(tmp_path: Path, draw: Draw) -> None:
    several(draw, "OK", "NG")
    draw("loose.png")
    told = "1 image lies where this layout expects none and will not be used: the folder itself."
    assert told in open_dataset(tmp_path).notes


def test_images_that_the_list_of_dagm_lacks(tmp_path: Path, draw: Draw, mask: Draw) -> None:
    for part in ("Train", "Test"):
        for name in ("0001", "0002", "0003"):
            draw(f"{part}/{name}.PNG")
        mask(f"{part}/Label/0002_label.PNG")
        lines = "1\n1\t0\t0001.PNG\t0\t0\n2\t1\t0002.PNG\t0\t0002_label.PNG\n"
        (tmp_path / part / "Label/Labels.txt").write_text(lines)
    dataset = open_dataset(tmp_path)
    assert [s.id for s in dataset.train] == ["Train/0001.PNG"]
    assert [s.id for s in dataset.test] == ["Test/0001.PNG", "Test/0002.PNG"]
    assert any("1 image is in no line of Train/Label/Labels.txt" in told for told in dataset.notes)
    assert dataset.leftovers.unused_images == ("Test/0003.PNG", "Train/0003.PNG")
