"""Tiny look-alikes of public data sets and of folders from plants, each with what is true of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

SIZE_HW = (24, 20)
MARKED = 20  # pixels of a mask, 4 x 5
Told = tuple[str | None, str, int | None]  # split, type, pixels marked (None: not known)


@dataclass
class LookAlike:
    """A data set on disk.

    Attributes:
        root: the folder to open.
        layout: what it should be found to be.
        images: by id, the split (`None`: drawn when opened), the type and the pixels marked.
        left_out: ids of images that must not be used.
    """

    root: Path
    layout: str
    images: dict[str, Told] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    _seed: int = 0

    def image(self, name: str, split: str | None, kind: str, marked: int | None = None) -> Path:
        """Draw an image that is to be used; good ones have no defective pixels."""
        self.images[name] = (split, kind, 0 if kind == "good" else marked)
        return self.file(name)

    def spare(self, name: str) -> Path:
        """Draw an image that is not to be used."""
        self.left_out.add(name)
        return self.file(name)

    def file(self, name: str) -> Path:
        """Draw an image of noise."""
        self._seed += 1
        noise = np.random.default_rng(self._seed).integers(60, 200, SIZE_HW, dtype=np.uint8)
        return save(self.root / name, noise)

    def mask(self, name: str, value: int = 255, *, empty: bool = False) -> Path:
        """Draw a mask with a rectangle of 4 x 5 pixels, or none."""
        values = np.zeros(SIZE_HW, np.uint8)
        if not empty:
            values[2:6, 3:8] = value
        return save(self.root / name, values)

    def text(self, name: str, content: str) -> Path:
        """Write a text file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path


def save(path: Path, values: np.ndarray) -> Path:
    """Write an image file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


def mvtec_ad(root: Path) -> LookAlike:
    """As downloaded: `_mask` behind the names of masks."""
    found = LookAlike(root / "tile", "mvtec-ad")
    for number in range(4):
        found.image(f"train/good/{number:03}.png", "train", "good")
    found.image("test/good/000.png", "test", "good")
    for kind in ("crack", "oil"):
        for number in range(2):
            found.image(f"test/{kind}/{number:03}.png", "test", kind, MARKED)
            found.mask(f"ground_truth/{kind}/{number:03}_mask.png")
    found.text("license.txt", "terms")
    return found


def mvtec_ad_2(root: Path) -> LookAlike:
    """With private tests, of which nothing is known."""
    found = LookAlike(root / "can", "mvtec-ad-2")
    for number in range(4):
        found.image(f"train/good/{number:03}_regular.png", "train", "good")
    found.image("validation/good/000_regular.png", "validation", "good")
    found.image("test_public/good/000_regular.png", "test", "good")
    for light in ("regular", "overexposed"):
        found.image(f"test_public/bad/000_{light}.png", "test", "bad", MARKED)
        found.mask(f"test_public/ground_truth/bad/000_{light}_mask.png")
    found.spare("test_private/000.png")
    found.spare("test_private_mixed/000_mixed.png")
    return found


def mvtec_loco(root: Path) -> LookAlike:
    """Several masks for each image, in a folder of its name."""
    found = LookAlike(root / "juice", "mvtec-loco")
    for number in range(4):
        found.image(f"train/good/{number:03}.png", "train", "good")
    found.image("validation/good/000.png", "validation", "good")
    found.image("test/good/000.png", "test", "good")
    for kind in ("logical_anomalies", "structural_anomalies"):
        found.image(f"test/{kind}/000.png", "test", kind, MARKED + 4)
        found.mask(f"ground_truth/{kind}/000/000.png", value=254)
        corner = np.zeros(SIZE_HW, np.uint8)
        corner[20:22, 10:12] = 251
        save(found.root / f"ground_truth/{kind}/000/001.png", corner)
    kinds = [
        {
            "defect_name": "x",
            "pixel_value": v,
            "saturation_threshold": 4,
            "relative_saturation": False,
        }
        for v in (254, 251)
    ]
    found.text("defects_config.json", json.dumps(kinds))
    return found


def mvtec_3d(root: Path) -> LookAlike:
    """Photos, depth and masks in folders of a class."""
    found = LookAlike(root / "bagel", "mvtec-3d")
    for number in range(4):
        found.image(f"train/good/rgb/{number:03}.png", "train", "good")
        found.spare(f"train/good/xyz/{number:03}.tiff")
    for kind, split in (("good", "test"), ("hole", "test")):
        found.image(f"test/{kind}/rgb/000.png", split, kind, MARKED)
        found.spare(f"test/{kind}/xyz/000.tiff")
        found.mask(f"test/{kind}/gt/000.png", empty=kind == "good")
    return found


def visa(root: Path) -> LookAlike:
    """Low values in masks, the split in a list beside the categories."""
    found = LookAlike(root / "candle", "visa")
    lines = ["object,split,label,image,mask"]
    for number in range(5):
        split = "train" if number < 4 else "test"
        name = f"Data/Images/Normal/{number:04}.JPG"
        found.image(name, split, "good")
        lines.append(f"candle,{split},normal,candle/{name},")
    for number in range(2):
        name, mask = f"Data/Images/Anomaly/{number:03}.JPG", f"Data/Masks/Anomaly/{number:03}.png"
        found.image(name, "test", "anomaly", MARKED)
        found.mask(mask, value=number + 1)
        lines.append(f"candle,test,anomaly,candle/{name},candle/{mask}")
    found.text("../split_csv/1cls.csv", "\n".join(lines))
    return found


def visa_prepared(root: Path) -> LookAlike:
    """As the authors' script writes it."""
    found = LookAlike(root / "candle", "mvtec-ad")
    for number in range(4):
        found.image(f"train/good/{number:04}.JPG", "train", "good")
    found.image("test/good/0000.JPG", "test", "good")
    found.image("test/bad/000.JPG", "test", "bad", MARKED)
    found.mask("ground_truth/bad/000.png", value=1)
    return found


def btad(root: Path) -> LookAlike:
    """`ok` and `ko`."""
    found = LookAlike(root / "01", "btad")
    for number in range(4):
        found.image(f"train/ok/{number:04}.bmp", "train", "good")
    found.image("test/ok/0000.bmp", "test", "good")
    found.image("test/ko/0000.bmp", "test", "ko", MARKED)
    found.mask("ground_truth/ko/0000.png")
    return found


def kolektor_sdd(root: Path) -> LookAlike:
    """Items with labelled images; no split."""
    found = LookAlike(root / "KolektorSDD", "kolektor-sdd")
    for item in range(1, 4):
        for part in range(3):
            bad = part == 2 and item < 3
            found.image(
                f"kos{item:02}/Part{part}.jpg", *((None, "good"), (None, "defect", MARKED))[bad]
            )
            found.mask(f"kos{item:02}/Part{part}_label.bmp", empty=not bad)
    return found


def kolektor_sdd2(root: Path) -> LookAlike:
    """Images and `_GT` side by side; defects in the training part."""
    found = LookAlike(root / "KolektorSDD2", "kolektor-sdd2")
    for number in range(5):
        found.image(f"train/{10000 + number}.png", "train", "good")
        found.mask(f"train/{10000 + number}_GT.png", empty=True)
    found.spare("train/10005.png")
    found.mask("train/10005_GT.png")
    for number, kind in enumerate(("good", "defect")):
        found.image(f"test/{20000 + number}.png", "test", kind, MARKED)
        found.mask(f"test/{20000 + number}_GT.png", empty=kind == "good")
    return found


def dagm(root: Path) -> LookAlike:
    """Labels by a list; defects in the training part."""
    found = LookAlike(root / "Class1", "dagm")
    for split in ("Train", "Test"):
        lines = ["1"]
        for number in range(1, 6):
            name, bad = f"{number:04}.PNG", number == 5
            if bad and split == "Train":
                found.spare(f"{split}/{name}")
            else:
                found.image(f"{split}/{name}", split.lower(), "defect" if bad else "good", MARKED)
            label = f"{number:04}_label.PNG" if bad else "0"
            lines.append(f"{number}\t{int(bad)}\t{name}\t0\t{label}")
            if bad:
                found.mask(f"{split}/Label/{label}")
        found.text(f"{split}/Label/Labels.txt", "\n".join(lines))
    return found


def real_iad(root: Path) -> LookAlike:
    """Views of parts, and the split in a JSON file beside the category."""
    found = LookAlike(root / "plug", "real-iad")
    lists: dict[str, list[dict[str, str | None]]] = {"train": [], "test": []}
    for part in range(4):
        split = "train" if part < 3 else "test"
        for view in (1, 2):
            name = f"OK/S{part:04}/plug_{part:04}_OK_C{view}.jpg"
            found.image(name, split, "good")
            row = {"category": "plug", "anomaly_class": "OK", "image_path": name, "mask_path": None}
            lists[split].append(row)
    name = "NG/QS/S0050/plug_0050_NG_QS_C1.jpg"
    found.image(name, "test", "QS", MARKED)
    found.mask(name.replace(".jpg", ".png"))
    lists["test"].append(
        {"category": "plug", "anomaly_class": "QS", "image_path": name,
         "mask_path": name.replace(".jpg", ".png")}
    )  # fmt: skip
    found.text("../plug.json", json.dumps({"meta": {"normal_class": "OK"}, **lists}))
    return found


def aitex(root: Path) -> LookAlike:
    """Fabrics by number."""
    found = LookAlike(root / "AITEX", "aitex")
    for number in range(4):
        found.image(f"NODefect_images/2306881-210020u/{number:04}_000_00.png", None, "good")
    found.image("Defect_images/0001_002_00.png", None, "defect-002", MARKED)
    found.mask("Mask_images/0001_002_00_mask.png")
    found.image("Defect_images/0100_025_08.png", None, "defect-025")
    return found


def magnetic_tiles(root: Path) -> LookAlike:
    """Photos with their masks of the same stem beside them."""
    found = LookAlike(root / "tiles", "magnetic-tiles")
    for number in range(4):
        found.image(f"MT_Free/Imgs/exp1_num_{number}.jpg", None, "good")
        found.mask(f"MT_Free/Imgs/exp1_num_{number}.png", empty=True)
    found.image("MT_Blowhole/Imgs/exp1_num_9.jpg", None, "blowhole", MARKED)
    found.mask("MT_Blowhole/Imgs/exp1_num_9.png")
    return found


def plant(root: Path) -> LookAlike:
    """Two folders as plants have them, masks apart."""
    found = LookAlike(root / "line 4", "folders")
    for number in range(4):
        found.image(f"OK/{number}.bmp", None, "good")
    for number in range(2):
        found.image(f"NG/n{number}.bmp", None, "NG", MARKED)
        found.mask(f"masks/NG/n{number}.png", value=1)
    return found


def by_type(root: Path) -> LookAlike:
    """A folder for each type of defect, with folders of days below, masks beside the images."""
    found = LookAlike(root / "plates", "folders")
    for day in ("monday", "tuesday"):
        for number in range(3):
            found.image(f"good/{day}/{number}.png", None, "good")
        found.image(f"dent/{day}/a.png", None, "dent", MARKED)
        found.mask(f"dent/{day}/a_gt.png")
    found.image("rust/b.png", None, "rust")
    return found


def images_and_masks(root: Path) -> LookAlike:
    """As for segmentation: an empty mask for each good image."""
    found = LookAlike(root / "welds", "images-and-masks")
    for number in range(5):
        bad = number == 4
        found.image(f"images/{number}.jpg", None, "defect" if bad else "good", MARKED)
        found.mask(f"masks/{number}.png", empty=not bad)
    return found


LOOK_ALIKES: dict[str, Callable[[Path], LookAlike]] = {
    make.__name__: make
    for make in (
        mvtec_ad, mvtec_ad_2, mvtec_loco, mvtec_3d, visa, visa_prepared, btad, kolektor_sdd,
        kolektor_sdd2, dagm, real_iad, aitex, magnetic_tiles, plant, by_type, images_and_masks,
    )
}  # fmt: skip
