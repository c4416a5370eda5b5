"""Manifests in every dialect, and broken ones: each is right or refused, none wrong in silence."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from blemish.data.manifest import read_manifest
from blemish.data.masks import MaskFile
from blemish.errors import DataError

SEEDS = 200
COLUMNS = {
    "path": ["path", "image", "image_path", "Image Path", "imagePath", "FILE", "file_name", "img"],
    "label": ["label", "Label", "labels", "class", "target"],
    "type": ["defect_type", "Anomaly Type", "defectClass"],
    "flag": ["is_anomaly", "anomaly", "defective", "label_index"],
    "mask": ["mask", "mask_path", "gt", "Ground Truth", "MASK"],
    "split": ["split", "Split", "subset", "set"],
    "group": ["group", "GROUP"],
}
WORDS = {"good": ["good", "OK", "Normal", "0"], "defect": ["NG", "anomaly", "bad", "1"]}
SPLITS = {"train": ["train", "Training"], "validation": ["val", "valid", "dev"],
          "test": ["test", "TESTING"]}  # fmt: skip
WORDS_OF_SPLITS = {word.lower() for words in SPLITS.values() for word in words}
NOTES = ["", 'said "so"', "two\nlines", "a, b", "a\u2028b"]
TYPES = ["scratch", "Riß", "dent, deep", "ein 'Loch'", "a;b", "x|y"]


@dataclass
class Case:
    """A manifest that is right, and what it says."""

    rows: list[dict[str, str]]
    names: dict[str, str]
    truth: dict[str, tuple]
    dialect: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mutated")
    for name in ("img/ok", "img/ng", "gt"):
        (folder / name).mkdir(parents=True)
    for n in range(8):
        for name in (f"img/ok/{n}.png", f"img/ng/{n}.JPG", f"gt/{n}.png", f"gt/{n}.npy"):
            (folder / name).touch()
    return folder


def written_path(rng, root, path):
    form = rng.choice(["plain", "plain", "dot", "back", "absolute", "detour"])
    return {
        "plain": path,
        "dot": f"./{path}",
        "back": path.replace("/", "\\"),
        "absolute": str(root / path),
        "detour": f"img/../{path}",
    }[form]


def right_one(rng, root, *, tame=False):
    """A manifest; a tame one has no character in a text that separates fields or quotes."""
    named = {"path", *rng.sample(["mask", "split", "group", "camera", "note"], rng.randint(0, 5))}
    says = rng.choice([["label"], ["label"], ["flag"], ["flag", "type"], ["label", "flag"]])
    named |= set(says)
    names = {key: rng.choice(COLUMNS.get(key, [key])) for key in named}
    if len(says) > 1 and names.get("label") in ("class", "target"):
        names["label"] = "label"  # of which those are no other name where something else says it
    word = {kind: rng.choice(words) for kind, words in WORDS.items()}
    if "0" in word.values() or "1" in word.values():
        word = {"good": "0", "defect": "1"}
    rows, truth = [], {}
    for bad, n in rng.sample([(bad, n) for bad in (0, 1) for n in range(8)], rng.randint(3, 16)):
        path = f"img/ng/{n}.JPG" if bad else f"img/ok/{n}.png"
        split = rng.choice(["test", None] if bad else ["train", "validation", "test", None])
        kind = rng.choice(TYPES[:2] if tame else TYPES) if bad else "good"
        masks = rng.sample([f"gt/{n}.png", f"gt/{n}.npy"], rng.randint(0, 2)) if bad else []
        names_kind = "type" in says or ("label" in says and word["good"] != "0")
        row = {
            "path": written_path(rng, root, path),
            "label": (kind if rng.random() < 0.7 and word["good"] != "0" else word["defect"])
            if bad
            else word["good"],
            "flag": str(bad),
            "type": kind if bad else rng.choice(["", "good"]),
            "mask": json.dumps(masks) if len(masks) > 1 else "".join(masks),
            "split": rng.choice(SPLITS[split]) if split else "",
            "group": rng.choice(["", "7", "plate ü"]),
            "camera": rng.choice(["1", "left", ""]),
            "note": rng.choice(["", "a b"] if tame else NOTES),
        }
        if "type" not in says and (not names_kind or row["label"] == word["defect"]):
            kind = "defect" if bad else "good"
        rows.append(row)
        truth[path] = (
            kind,
            tuple(root / mask for mask in masks) if "mask" in named else (),
            split if "split" in named else None,
            (row["group"] or None) if "group" in named else None,
        )
    return Case(rows, names, truth)


def as_table(rng, case, end):
    delimiter = case.dialect["delimiter"] = rng.choice([",", ";", "\t", "|"])
    keys = case.dialect["keys"] = rng.sample(sorted(case.names), len(case.names))
    stream = io.StringIO(newline="")
    writer = csv.writer(
        stream, delimiter=delimiter, lineterminator=end,
        quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    )  # fmt: skip
    writer.writerow([case.names[key] for key in keys])
    writer.writerows([row[key] for key in keys] for row in case.rows)
    stated = f"sep={delimiter}{end}" if rng.random() < 0.2 else ""
    return stated + stream.getvalue()


def as_json(rng, case):
    """Rows as a program writes them: what is empty is left out or null, masks are an array."""
    rows = []
    for row in case.rows:
        value = {}
        for key in case.names:
            text = row[key]
            if key == "mask" and text.startswith("["):
                value[case.names[key]] = json.loads(text)
            elif text or rng.random() < 0.5:
                number = key in ("label", "flag", "camera") and text.isdigit()
                value[case.names[key]] = int(text) if number else text or None
        rows.append(value)
    return rows


def write(rng, case, root, spoil=lambda rng, text: text):
    end = rng.choice(["\n", "\r\n"])
    if rng.random() < 0.65:
        suffix, text = rng.choice([".csv", ".tsv", ".CSV"]), as_table(rng, case, end)
    else:
        rows = as_json(rng, case)
        ascii_only = rng.random() < 0.5
        suffix = rng.choice([".jsonl", ".json"])
        if suffix == ".json":
            text = json.dumps(rows, ensure_ascii=ascii_only, indent=rng.choice([None, 1]))
        else:
            text = "".join(json.dumps(row, ensure_ascii=ascii_only) + end for row in rows)
    text = spoil(rng, text)
    encodings = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]
    if "\u2028" not in text and "ü" not in text.encode("ascii", "ignore").decode():
        encodings.append("cp1252")
    path = root / f"list{suffix}"
    path.write_bytes(text.encode(rng.choice(encodings)))
    return path


def said(path):
    return {
        entry.id: (
            entry.defect_type,
            tuple(mask.path for mask in entry.masks if isinstance(mask, MaskFile)),
            entry.split,
            entry.group,
        )
        for entry in read_manifest(path)
    }


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_manifest_in_any_dialect_says_what_it_says(root, seed):
    rng = random.Random(seed)
    case = right_one(rng, root)
    path = write(rng, case, root)
    assert said(path) == case.truth
    more = [key for key in ("camera", "note") if key in case.names]
    for entry, row in zip(read_manifest(path), case.rows, strict=True):
        assert dict(entry.metadata) == {key: row[key] for key in more if key in row}


def lose(rng, text, pattern):
    """The text without one of the places where a pattern matches; the same without any."""
    found = list(re.finditer(pattern, text))
    if not found:
        return text
    one = rng.choice(found)
    return text[: one.start()] + text[one.end() :]


def twist_rows(rng, case, root):
    """Say something wrong in a row or a column; false where that was not to be had."""
    row = rng.choice(case.rows)
    keys = sorted(case.names)
    twist = rng.choice(
        ["twice", "gone", "swap", "empty", "number", "unclear", "split", "mask", "misspelt", "both"]
    )
    if twist == "twice":
        case.rows.append(dict(row))
    elif twist == "gone":
        row["path"] = "img/ok/gone.png"
    # A swap with a mask that could be an image is only noted: see the tests of reading.
    elif twist == "swap" and "mask" in keys and not row["mask"].endswith(".png"):
        row["path"], row["mask"] = row["mask"], row["path"]
    elif twist == "empty":
        row["path"] = ""
    elif twist == "number" and "label" in keys:
        row["label"] = "2"
    elif twist == "unclear" and "label" in keys:
        row["label"] = rng.choice(["none", "?", "unknown", ""])
        if "flag" in keys:
            row["flag"] = ""
    elif twist == "split" and "split" in keys:
        row["split"] = "trian"
        return any(other["split"].lower() in WORDS_OF_SPLITS for other in case.rows)
    elif twist == "mask" and "mask" in keys:
        row["mask"] = row["path"]
    elif twist == "misspelt":
        says = [key for key in ("label", "flag", "type") if key in keys]
        key = rng.choice(["path", says[0]])
        if key != "path" and len(says) > 1:
            return False
        case.names[key] = "x" + case.names[key] + "z"
    elif twist == "both" and "flag" in keys and "label" in keys:
        row["flag"] = "1" if row["flag"] == "0" else "0"
    else:
        return False
    return True


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_manifest_that_says_something_wrong_is_refused(root, seed):
    rng = random.Random(1000 + seed)
    case = right_one(rng, root)
    while not twist_rows(rng, case, root):
        case = right_one(rng, root)
    with pytest.raises(DataError):
        read_manifest(write(rng, case, root))


def spoil(rng, text):
    """Break the text as editors, transfers and merges do."""
    how = rng.choice(["delimiter", "quote", "cut", "line end", "more", "nul", "brace", "blank"])
    if how == "delimiter":
        return lose(rng, text, r"[,;|\t]")
    if how == "quote":
        at = rng.randrange(len(text))
        return text[:at] + '"' + text[at:]
    if how == "cut":  # within what stands before the last delimiter, so that something is missing
        return text[: max(text.rfind(mark) for mark in ",;|\t")]
    if how == "line end":
        return lose(rng, text.rstrip(), r"\r?\n")
    if how == "more":
        at = rng.choice([one.start() for one in re.finditer(r"[,;|\t]", text)] or [0])
        return text[:at] + text[at : at + 1] * 2 + text[at + 1 :]
    if how == "nul":
        at = rng.randrange(2, len(text))
        return text[:at] + "\0" + text[at:]
    if how == "brace":
        return lose(rng, text, r"[{}\[\]:]")
    return text.replace("\n", "\n\n", 1) + "\n \n"


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_manifest_that_is_broken_is_right_or_refused(root, seed):
    rng = random.Random(2000 + seed)
    case = right_one(rng, root, tame=True)
    path = write(rng, case, root, spoil)
    try:
        found = said(path)
    except DataError:
        return
    wrong = {image: says for image, says in found.items() if case.truth[image] != says}
    assert (wrong, set(case.truth) - set(found)) == ({}, set()), path.read_bytes()


def test_most_broken_ones_are_indeed_broken(root):
    refused = 0
    for seed in range(SEEDS):
        rng = random.Random(2000 + seed)
        try:
            read_manifest(write(rng, right_one(rng, root, tame=True), root, spoil))
        except DataError:
            refused += 1
    assert refused > SEEDS // 2


def test_a_list_of_the_wrong_place_is_refused(root, tmp_path):
    path = Path(tmp_path / "list.csv")
    path.write_text("path,label\nimg/ok/0.png,good\n")
    with pytest.raises(DataError, match="does not exist"):
        read_manifest(path)
