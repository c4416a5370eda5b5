from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from blemish.data.masks import MaskFile
from blemish.data.sample import Sample
from blemish.errors import ImageError

Draw = Callable[..., Path]
CHANGED = r"\.png: was changed while it was in use.*run again"


def sample_of(path: Path, mask: Path | None = None) -> Sample:
    masks = () if mask is None else (MaskFile(mask),)
    return Sample(path.name, path, "test", "defect", "dent", masks)


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_hash_is_that_of_the_bytes_that_were_decoded(draw: Draw) -> None:
    path = draw("a.png", seed=1)
    sample, first = sample_of(path), hash_of(path)
    sample.read()
    draw("a.png", seed=2)
    assert sample.sha256 == first
    with pytest.raises(ImageError, match=CHANGED):
        sample.read()
    draw("a.png", seed=1)
    sample.read()  # it is that file again


def test_an_image_that_is_no_more_what_was_hashed_is_refused(draw: Draw) -> None:
    sample = sample_of(draw("a.png", seed=1))
    assert sample.sha256
    draw("a.png", seed=2)
    with pytest.raises(ImageError, match=CHANGED):
        sample.read()


def test_a_mask_that_was_changed_is_refused(draw: Draw, mask: Draw) -> None:
    path = mask("a_mask.png")
    sample, first = sample_of(draw("a.png"), path), hash_of(path)
    sample.read_mask((24, 20))
    assert sample.mask_sha256 == first
    mask("a_mask.png", value=254)
    with pytest.raises(ImageError, match=r"a_mask" + CHANGED):
        sample.read_mask((24, 20))


def test_the_file_is_read_once_a_decoding(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    path = draw("a.png")
    opened = []
    real = Path.open

    def counting(self: Path, *args: object, **options: object) -> object:
        opened.append(self)
        return real(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", counting)
    sample = sample_of(path)
    sample.read()
    assert sample.sha256
    assert opened == [path]


def test_copies_in_other_files_hold_the_same(tmp_path: Path, draw: Draw) -> None:
    path = draw("a.png", seed=1)
    text = PngImagePlugin.PngInfo()
    text.add_text("line", "7")
    with Image.open(path) as image:
        image.save(tmp_path / "text.png", pnginfo=text)
        image.save(tmp_path / "other.bmp")
        image.save(tmp_path / "other.tif", compression="tiff_lzw")
        image.convert("RGB").save(tmp_path / "colour.png", compress_level=1)
        exif = Image.Exif()
        exif[0x0112] = 3  # stored the other way round
        image.transpose(Image.Transpose.ROTATE_180).save(tmp_path / "turned.png", exif=exif)
    copies = [sample_of(p) for p in sorted(tmp_path.iterdir())]
    assert len(copies) == len({copy.sha256 for copy in copies}) == 6
    assert len({copy.content().pixels for copy in copies}) == 1
    assert sample_of(draw("b.png", seed=2)).content().pixels != copies[0].content().pixels
    reshaped = np.asarray(Image.open(path)).reshape(20, 24)
    Image.fromarray(reshaped).save(tmp_path / "reshaped.png")
    assert sample_of(tmp_path / "reshaped.png").content() != copies[0].content()
