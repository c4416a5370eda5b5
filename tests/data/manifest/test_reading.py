from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from blemish.data.manifest import is_manifest, open_manifest, read_manifest
from blemish.data.masks import MaskFile
from blemish.data.opening import open_dataset
from blemish.errors import DataError

Draw = Callable[..., Path]


@pytest.fixture
def images(draw: Draw, mask: Draw) -> None:
    draw("a/1.png")
    draw("a/2.png")
    mask("m/2.png")


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def problems_of(path: Path) -> list[str]:
    with pytest.raises(DataError) as caught:
        read_manifest(path)
    return str(caught.value).splitlines()


@pytest.mark.usefixtures("images")
def test_all_formats_give_the_same_entries(tmp_path: Path) -> None:
    rows = [
        {"path": "a/1.png", "label": "good", "group": "7"},
        {"path": "a/2.png", "label": "dent", "mask": "m/2.png", "split": "test"},
    ]
    written = {
        "list.jsonl": "\n".join(json.dumps(row) for row in rows) + "\n\n",
        "list.json": json.dumps(rows, indent=2),
        "list.csv": "\ufeffPath, label,mask,split,group\r\na/1.png,Good,,,7\r\n"
        "a\\2.png,dent,m/2.png,TEST,\r\n",
        "semicolon.csv": "path;label;mask;split;group\na/1.png;good;;;7\n"
        "./a/2.png;dent;m/2.png;test;\n",
        "list.tsv": "group\tmask_path\tlabel\timage_path\tsubset\n7\t\tOK\ta/1.png\t\n"
        f"\t{tmp_path / 'm/2.png'}\tdent\t{tmp_path / 'a/2.png'}\ttesting\n",
    }
    for name, text in written.items():
        write(tmp_path / name, text)
    entries = read_manifest(tmp_path / "list.jsonl")
    assert [(e.id, e.defect_type, e.split, e.group) for e in entries] == [
        ("a/1.png", "good", None, "7"),
        ("a/2.png", "dent", "test", None),
    ]
    assert entries[1].masks == (MaskFile(tmp_path / "m/2.png"),)
    assert {name for name in written if read_manifest(tmp_path / name) != entries} == set()


@pytest.mark.usefixtures("images")
def test_parquet_gives_the_same_entries(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra 'parquet'")
    columns = {"path": ["a/1.png", "a/2.png"], "label": [0, 1], "masks": [None, ["m/2.png"]],
               "group": [7.0, None], "exposure": [0.5, 2.0]}  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "list.parquet")
    one, two = read_manifest(tmp_path / "list.parquet")
    assert (one.defect_type, one.group, one.metadata) == ("good", "7", (("exposure", "0.5"),))
    assert (two.defect_type, two.group, two.metadata) == ("defect", None, (("exposure", "2"),))
    assert two.masks == (MaskFile(tmp_path / "m/2.png"),)


@pytest.mark.usefixtures("images")
def test_other_columns_are_metadata_of_the_sample(tmp_path: Path) -> None:
    path = write(tmp_path / "list.jsonl", json.dumps({"path": "a/1.png", "label": "good",
        "camera": 3, "place": {"x": 1}, "by": "Jürgen", "ok": True}) + "\n"
        + json.dumps({"path": "a/2.png", "label": "good", "camera": None}))  # fmt: skip
    manifest = open_manifest(path)
    assert manifest.entries[0].metadata == (
        ("camera", "3"), ("place", '{"x": 1}'), ("by", "Jürgen"), ("ok", "true"),
    )  # fmt: skip
    assert {text for _, text in manifest.entries[1].metadata} == {""}
    assert manifest.notes == ("Columns kept as metadata: camera, place, by, ok.",)
    assert open_dataset(path).samples[0].metadata == manifest.entries[0].metadata


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize(
    "cell", ['["m/2.png", "m/3.npy", "m/2.png"]', "m/2.png;m/3.npy", "m\\2.png | m/3.npy"]
)
def test_an_image_may_have_several_masks(tmp_path: Path, cell: str) -> None:
    (tmp_path / "m/3.npy").touch()
    quoted = cell.replace('"', '""')
    path = write(tmp_path / "list.csv", f'path,label,mask\na/2.png,dent,"{quoted}"\n')
    masks = (MaskFile(tmp_path / "m/2.png"), MaskFile(tmp_path / "m/3.npy"))
    assert read_manifest(path)[0].masks == masks
    rows = [{"path": "a/2.png", "label": "dent", "mask": ["m/2.png", "m/3.npy"]}]
    assert read_manifest(write(tmp_path / "list.json", json.dumps(rows)))[0].masks == masks


@pytest.mark.usefixtures("images")
def test_splits_go_by_their_usual_names(tmp_path: Path) -> None:
    for word in ("val", "valid", "Validation", "dev"):
        path = write(tmp_path / "x.csv", f"path,label,split\na/1.png,good,{word}\n")
        assert read_manifest(path)[0].split == "validation"
    for word in ("train", "val"):
        path = write(tmp_path / "x.csv", f"path,label,split\na/1.png,dent,{word}\n")
        assert "line 2: 'dent' is a defect and must not be in the" in problems_of(path)[0]


@pytest.mark.usefixtures("images")
def test_a_list_may_lie_beside_the_images_or_in_a_folder_of_its_own(tmp_path: Path) -> None:
    text = "image,label\na/1.png,good\na/2.png,dent\n"
    (tmp_path / "lists").mkdir()
    beside = open_manifest(write(tmp_path / "list.csv", text))
    apart = open_manifest(write(tmp_path / "lists" / "list.csv", text))
    up = write(tmp_path / "lists" / "up.csv", text.replace("a/", "../a/"))
    assert (beside.root, apart.root, open_manifest(up).root) == (tmp_path, tmp_path, tmp_path / "a")
    assert beside.entries == apart.entries
    assert [e.id for e in read_manifest(up)] == ["1.png", "2.png"]


@pytest.mark.usefixtures("images")
def test_all_problems_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path / "list.csv",
        "path,label,mask,split,group\n"
        "a/1.png,good,m/2.png,,\n"
        "a/1.png,good,,,\n"
        "../1.png,good,,,\n"
        "/etc/1.png,good,,,\n"
        "a/9.png,good,,,\n"
        "a/notes.txt,good,,,\n"
        "a/2.png,,,,\n"
        "a/2.png,dent,,train,\n"
        "a/2.png,dent,,tests,\n"
        "a/2.png,dent,,test,x,y\n"
        ",dent,,,\n"
        "a/2.png,dent,m/9.png,,\n"
        "m/2.png,good,,,\n"
        "a/2.png,dent,a/2.png,,\n",
    )
    told = problems_of(path)
    for line, reason in {
        2: "a good image has no mask",
        3: "listed in line 2 already",
        4: "does not exist",
        5: "does not exist: '/etc/1.png'; paths may be relative",
        6: "does not exist",
        7: "must be an image",
        8: "'label' is empty",
        9: "must not be in the training split",
        10: "must be train, validation, test or empty",
        11: "has 6 fields, and line 1 names 5 columns",
        12: "'path' is empty",
        13: "'mask' does not exist",
        14: "'2.png' is listed as an image, and as the mask of another in line 2",
        15: "is image and mask at once",
    }.items():
        assert any(f"line {line}: " in text and reason in text for text in told), line
    assert [text for text in told if "line" in text] == told


@pytest.mark.usefixtures("images")
def test_problems_come_from_the_top_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "path,label\nz.png,good\na/1.png\na/1.png,none\ny.png,good\n")
    told = problems_of(path)
    assert [text.split(": ")[1] for text in told] == ["line 2", "line 3", "line 4", "line 5"]


@pytest.mark.usefixtures("images")
def test_an_image_that_is_listed_twice_is_told_by_what_differs(tmp_path: Path) -> None:
    for rows, said in {
        "a/1.png,OK,\na/1.png,NG,": "another label: there it is 'good', here 'defect'; leave the",
        "a/1.png,OK,\na/1.png,OK,": "listed in line 2 already; leave one.",
        "a/1.png,NG,m/2.png\na/1.png,NG,": "already; list several masks of an image in one cell",
    }.items():
        (told,) = problems_of(write(tmp_path / "list.csv", f"path,label,mask\n{rows}\n"))
        assert "line 3: 'a/1.png' is listed in line 2 already" in told
        assert said in told


@pytest.mark.usefixtures("images")
def test_an_address_of_a_file_is_its_path(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", f"uri,label\n{(tmp_path / 'a/1.png').as_uri()},good\n")
    assert [entry.id for entry in read_manifest(path)] == ["a/1.png"]


@pytest.mark.parametrize("lost", ["path", "label"])
def test_a_column_of_bytes_that_is_needed_is_told(tmp_path: Path, lost: str) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra 'parquet'")
    columns = {"path": ["a/1.png"], "label": ["good"]}
    columns[lost] = [b"x"]
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    (told,) = problems_of(tmp_path / "x.parquet")
    assert f"needs texts in '{lost}', which holds bytes or structures; write the {lost} of" in told


@pytest.mark.usefixtures("images")
def test_a_mask_of_several_images_is_told(tmp_path: Path) -> None:
    text = "path,label,mask\na/1.png,dent,m/2.png\na/2.png,dent,m/2.png\n"
    manifest = open_manifest(write(tmp_path / "list.csv", text))
    assert manifest.notes == ("Masks of several images: '2.png' (line 2, line 3).",)


@pytest.mark.parametrize(
    ("row", "swapped"),
    [
        ("gt/2.png,dent,a/2.png", True),
        ("b/2.png,dent,a/2.png", True),
        ("a/2.png,dent,gt/2.png", False),
        ("a/2.png,dent,a/3.png", False),
        ("gt/2.png,dent,gt/3.png", False),
    ],
)
def test_image_and_mask_that_seem_to_be_swapped_are_told(
    tmp_path: Path, row: str, swapped: bool
) -> None:
    for name in ("a/1.png", "a/2.png", "a/3.png", "b/2.png", "gt/2.png", "gt/3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    path = write(tmp_path / "list.csv", f"path,label,mask\na/1.png,good,\n{row}\n")
    notes = open_manifest(path).notes
    assert ["swapped" in note and "line 3" in note for note in notes] == [True] * swapped


def test_wrong_json_is_told_with_its_line(tmp_path: Path) -> None:
    lines = write(
        tmp_path / "list.jsonl",
        '{"path": "a.png", "label": "good"}\n[1]\n{"path"\n{"path": 3, "label": "x"}',
    )
    told = problems_of(lines)
    assert "line 1: 'path' does not exist" in told[0]
    assert "line 2: must be a JSON object" in told[1]
    assert "line 3: it is no JSON" in told[2]
    assert "line 4: 'path' must be a text; got 3" in told[3]


def test_many_problems_are_cut_short(tmp_path: Path) -> None:
    path = write(
        tmp_path / "list.csv", "path,label\n" + "".join(f"{n}.png,good\n" for n in range(100))
    )
    with pytest.raises(DataError, match="and 80 more problems"):
        read_manifest(path)


@pytest.mark.parametrize("name", ["list.csv", "list.jsonl", "list.json"])
@pytest.mark.parametrize("content", [b"", b"path,label\n", b"\xff\xfe\x00path", b"[]"])
def test_empty_and_binary_manifests_are_errors(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=name):
        read_manifest(path)


@pytest.mark.parametrize("value", ["[" * 100_000 + "]" * 100_000, "9" * 10_000, "NaN"])
def test_json_that_would_do_harm_is_told_with_its_line(tmp_path: Path, value: str) -> None:
    (tmp_path / "list.jsonl").write_text(f'{{"path": "a.png", "label": {value}}}\n')
    with pytest.raises(DataError, match=r"list\.jsonl: line 1: "):
        read_manifest(tmp_path / "list.jsonl")


@pytest.mark.usefixtures("images")
def test_metadata_too_long_to_be_kept_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", f"path,label,x\na/1.png,good,{'x' * 70_000}\n")
    assert "line 2: 'x' has 70,000 characters" in problems_of(path)[0]


def test_what_is_no_manifest_is_left_to_others(tmp_path: Path) -> None:
    rows = [{"image_path": "a.png", "label": "good"}]
    coco = {"images": [{"file_name": "a.png", "id": 1}], "annotations": [], "categories": []}
    written = {
        "list.json": (json.dumps(rows), True),
        "held.json": (json.dumps({"samples": rows}), True),
        "lines.json": (json.dumps(rows[0]) + "\n" + json.dumps(rows[0]), True),
        "coco.json": (json.dumps(coco), False),
        "labelme.json": (json.dumps({"imagePath": "a.png", "shapes": []}), False),
        "package.json": (json.dumps({"name": "x"}), False),
        "list.csv": ("", True),
        "list.NDJSON": ("", True),
        "list.txt": ("a.png", False),
    }
    for name, (text, expected) in written.items():
        assert is_manifest(write(tmp_path / name, text)) is expected, name
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    assert not is_manifest(tmp_path / "binary.json")
    assert not is_manifest(tmp_path / "gone.csv")


def test_a_file_is_found_by_its_name_where_it_is_the_only_one(tmp_path: Path, draw: Draw) -> None:
    for name in ("x/1.png", "y/2.png", "y/deep/3.png"):
        draw(name)
    path = write(tmp_path / "list.csv", "path,label\n1.png,good\n2.png,good\ndeep/3.png,dent\n")
    manifest = open_manifest(path)
    assert [entry.id for entry in manifest.entries] == ["x/1.png", "y/2.png", "y/deep/3.png"]
    assert "3 files are found by their names in a folder below: '1.png' is x/1.png." in (
        manifest.notes
    )
    draw("z/1.png")
    assert problems_of(path) == [
        f"{path}: line 2: 'path' is '1.png', which could be any of 2 files: 'x/1.png', 'z/1.png'; "
        "write its path from the manifest's folder."
    ]
    draw("1.png")
    assert open_manifest(path).entries[0].id == "1.png"
    wrong = write(tmp_path / "list.csv", "path,label\nz/2.png,good\n")
    assert "does not exist: 'z/2.png'" in problems_of(wrong)[0]
