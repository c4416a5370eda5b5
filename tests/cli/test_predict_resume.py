"""Predictions that were interrupted are gone on with: nothing is judged twice, nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import time

import pytest
from PIL import Image

from blemish.errors import BlemishError
from blemish.predictions.line_file import LineFile

LINES = "predictions.jsonl"


@pytest.fixture
def images(data, tmp_path):
    """Six, of which three have a defect; made before any run begins."""
    folder = shutil.copytree(data / "test", tmp_path / "in")
    time.sleep(0.02)  # longer than a tick of the clock of files
    return folder


@pytest.fixture
def out(blemish, fitted, images, tmp_path):
    """The folder of a whole run."""
    assert blemish("predict", fitted, images, "-o", tmp_path / "out").code == 0
    return tmp_path / "out"


def shorten(path, lines, torn=""):
    kept = path.read_text().splitlines(keepends=True)[:lines]
    path.write_text("".join(kept) + torn)
    return kept


def test_whole_lines_stay_a_torn_one_goes_and_the_rest_is_judged(blemish, fitted, images, out):
    whole = [json.loads(line) for line in (out / LINES).read_text().splitlines()]
    kept = shorten(out / LINES, 4, torn='{"path": "')
    found = blemish("predict", fitted, images, "-o", out, "--resume", "--fail-on-defect")
    assert found.code == 3  # the defects found before count
    assert "note: 4 of 6 images were judged before and stay as they are." in found.err
    assert "6 images, 3 good, 3 defects" in found.err
    assert len(found.lines) == 2
    assert (out / LINES).read_text().startswith("".join(kept))
    printed = [json.loads(line) for line in found.out.splitlines()]
    assert [without_file(line) for line in read_lines(out)[4:]] == printed
    again = [json.loads(line) for line in (out / LINES).read_text().splitlines()]
    assert [line | {"seconds": 0} for line in again] == [line | {"seconds": 0} for line in whole]


def test_all_done_is_nothing_to_do_but_to_take_away_what_a_kill_left(blemish, fitted, images, out):
    before = (out / LINES).read_bytes()
    left = [out / f".{LINES}.{'0' * 16}.tmp", out / "spot" / f".000.png.jpg.{'1' * 16}.tmp"]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = blemish("predict", fitted, images, "-o", out, "--resume")
    assert (found.code, found.out) == (0, "")
    assert (out / LINES).read_bytes() == before
    assert not [path for path in left if path.exists()]


def test_an_image_that_changed_is_judged_again_even_if_its_time_is_set_back(
    blemish, fitted, images, out
):
    changed = images / "good" / "000.png"
    times = changed.stat()
    shutil.copy(images / "spot" / "000.png", changed)
    os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))
    found = blemish("predict", fitted, images, "-o", out, "--resume")
    assert [line["path"] for line in found.lines] == [str(changed)]
    lines = [json.loads(line) for line in (out / LINES).read_text().splitlines()]
    assert len(lines) == len({line["path"] for line in lines}) == 6
    assert lines[-1]["verdict"] == "defect"


def test_what_could_not_be_judged_is_tried_again(blemish, fitted, images, out):
    broken = images / "good" / "000.png"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:100])
    assert blemish("predict", fitted, images, "-o", out, "--force").code == 1
    broken.write_bytes(whole)
    found = blemish("predict", fitted, images, "-o", out, "--resume")
    assert found.code == 0
    assert [line["verdict"] for line in found.lines] == ["good"]


def test_lines_of_other_images_stay(blemish, fitted, images, out):
    before = (out / LINES).read_text()
    found = blemish("predict", fitted, images / "spot", images / "good" / "000.png", "-o", out,
                    "--resume")  # fmt: skip
    assert "4 of 4 images were judged before and stay as they are, as do 2 lines" in found.err
    assert (out / LINES).read_text() == before


def test_a_drawing_that_is_not_there_is_made(blemish, fitted, images, out):
    words = ["predict", fitted, images, "-o", out, "--resume", "--overlay", "--maps-as", "tiff"]
    assert len(blemish(*words).lines) == 6
    assert not blemish(*words).lines
    (out / "spot" / "001.png.jpg").unlink()
    (out / "good" / "002.tiff").unlink()
    assert [line["path"][-12:] for line in blemish(*words).lines] == [
        "good/002.png",
        "spot/001.png",
    ]
    assert len((out / LINES).read_text().splitlines()) == 6


def test_what_another_model_said_is_refused(blemish, fitted, data, images, out, tmp_path):
    other = tmp_path / "other.onnx"
    assert blemish("calibrate", fitted, data / "train" / "good", "-o", other).code == 0
    before = (out / LINES).read_bytes()
    found = blemish("predict", other, images, "-o", out, "--resume")
    assert found.code == 2
    assert "made otherwise (model_sha256 " in found.err
    assert (out / LINES).read_bytes() == before


def test_lines_without_outlines_are_refused_where_these_are_asked_for(blemish, fitted, images, out):
    found = blemish("predict", fitted, images, "-o", out, "--resume", "--outlines")
    assert found.code == 2
    assert "made otherwise (outlines False there, True here)" in found.err


def test_what_is_no_earlier_run_is_refused_and_nothing_is_begun_anew(
    blemish, fitted, images, tmp_path
):
    out = tmp_path / "out"
    found = blemish("predict", fitted, images, "-o", out, "--resume")
    assert found.code == 0
    assert "it begins anew" in found.err
    (out / "predictions.run.json").unlink()
    found = blemish("predict", fitted, images, "-o", out, "--resume")
    assert found.code == 2
    assert "holds no predictions to go on with" in found.err
    (out / "predictions.run.json").write_text("{")
    assert "is damaged" in blemish("predict", fitted, images, "-o", out, "--resume").err
    for words in (["--resume"], ["-o", out, "--resume", "--force"]):
        assert blemish("predict", fitted, images, *words).code == 2


def test_a_run_killed_before_its_first_verdict_is_begun_anew(blemish, fitted, images, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "predictions.jsonl").touch()
    (out / ".predictions.run.json.0123456789abcdef.tmp").write_text("{")
    assert blemish("predict", fitted, images, "-o", out, "--resume").code == 0
    assert {path.name for path in out.iterdir()} == {"predictions.jsonl", "predictions.run.json"}


@pytest.mark.skipif(os.name == "nt", reason="limits and locks of POSIX")
def test_a_full_disk_is_one_error_and_leaves_whole_lines(start, fitted, images, tmp_path):
    first = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))"
    process = start("predict", fitted, images, "-o", tmp_path / "out", first=first)
    out, err = process.communicate()
    assert process.returncode == 1
    assert f"error: Cannot write '{tmp_path}/out/{LINES}': " in err
    assert "Traceback" not in err
    assert (tmp_path / "out" / LINES).read_text().endswith("}\n")
    lines = [without_file(line) for line in read_lines(tmp_path / "out")]
    printed = [json.loads(line) for line in out.splitlines()]
    assert 0 < len(lines) < 6
    assert lines == printed[:-1]  # the last was in flight


@pytest.mark.skipif(os.name == "nt", reason="limits and locks of POSIX")
def test_two_runs_never_write_to_one_folder(blemish, start, fitted, images, tmp_path):
    wait = (
        "import sys; from blemish.predictions.sinks import FolderSink\n"
        "FolderSink.add = lambda *_: (print('here', file=sys.stderr, flush=True), sys.stdin.read())"
    )
    process = start("predict", fitted, images, "-o", tmp_path / "out", first=wait, stdin=-1)
    while process.stderr.readline() not in ("here\n", ""):
        pass
    for option in ("--force", "--resume"):
        found = blemish("predict", fitted, images, "-o", tmp_path / "out", option)
        assert found.code == 1
        assert "Another process writes to" in found.err
    process.communicate()


def test_a_line_file_gives_up_what_could_not_be_written_whole(tmp_path, monkeypatch):
    lines = LineFile(tmp_path / "a", ["1\n"])
    lines.append("2\n")
    write = os.write

    def nearly_full(file, data):
        if len(data) < 3:
            raise OSError(28, "No space left on device")
        return write(file, data[:3])

    monkeypatch.setattr(os, "write", nearly_full)
    with pytest.raises(BlemishError, match="No space left on device"):
        lines.append("long\n")
    monkeypatch.undo()
    assert (tmp_path / "a").read_text() == "1\n2\n"
    lines.append("3\n")
    lines.close()
    assert (tmp_path / "a").read_text() == "1\n2\n3\n"


def test_another_folder_under_the_same_name_is_judged_again(blemish, fitted, images, out):
    """Renaming it changes the time of no file in it."""
    before = {line["path"]: line["verdict"] for line in read_lines(out)}
    (images / "good").rename(images / "kept")
    (images / "spot").rename(images / "good")
    (images / "kept").rename(images / "spot")
    found = blemish("predict", fitted, images, "-o", out, "--resume")
    assert "6 images, 3 good, 3 defects" in found.err
    assert len(found.lines) == 6
    after = {line["path"]: line["verdict"] for line in read_lines(out)}
    assert all(after[path] != verdict for path, verdict in before.items())


def test_what_holds_no_lines_of_ours_is_passed_over_or_told(blemish, fitted, images, out):
    deep = "[" * 100_000 + "]" * 100_000
    with (out / LINES).open("a") as lines:
        lines.write(f'{{"path": {deep}}}\n')
    assert blemish("predict", fitted, images, "-o", out, "--resume").code == 0
    (out / "predictions.run.json").write_text(deep)
    assert "is damaged" in blemish("predict", fitted, images, "-o", out, "--resume").err


def read_lines(out):
    return [json.loads(line) for line in (out / LINES).read_text().splitlines()]


def without_file(line):
    """As it is printed."""
    return {name: value for name, value in line.items() if name != "file"}


@pytest.mark.parametrize("named", [("a", "b"), ("a/x.tiff",)])
def test_no_map_takes_the_place_of_an_image_to_judge(blemish, fitted, images, tmp_path, named):
    where = tmp_path / "there"
    for name in ("a/x.tiff", "b/y.tiff"):
        (where / name).parent.mkdir(parents=True)
        with Image.open(next((images / "good").iterdir())) as image:
            image.save(where / name)
    before = {path: path.read_bytes() for path in where.rglob("*.tiff")}
    output = where / "a" if len(named) == 1 else where
    words = ("--maps-as", "tiff", "-o", output, "--force")
    found = blemish("predict", fitted, *(where / name for name in named), *words)
    assert found.code == 2
    assert "is an image to judge, and would be replaced" in found.err
    assert {path: path.read_bytes() for path in where.rglob("*.tiff")} == before
