"""What an image is, by all columns that say so."""

from __future__ import annotations

import pytest

from blemish.data.manifest.columns import sort_columns
from blemish.data.manifest.labels import against_folders, read_kinds
from blemish.data.manifest.told import Told
from blemish.data.tables import Row, Table


def read(names, *rows, path="a.png", paths=()):
    told = Told()
    paths = paths or [path] * len(rows)
    cells = [(path, *row) for path, row in zip(paths, rows, strict=True)]
    places = [f"line {n}" for n in range(2, 2 + len(rows))]
    lines = tuple(Row(place, row) for place, row in zip(places, cells, strict=True))
    columns = sort_columns(Table(("path", *names.split(",")), lines, "line 1"), told)
    assert columns is not None, told.problems
    told.notes.clear()
    kinds = read_kinds(columns, places, told)
    against_folders(kinds, paths, places, told)
    return kinds.kinds, told


@pytest.mark.parametrize(
    ("names", "rows", "kinds"),
    [
        ("label", [["OK"], ["NG"], ["Kratzer"]], ["good", "defect", "Kratzer"]),
        ("label", [["Good"], ["normal"], ["anomaly"]], ["good", "good", "defect"]),
        ("label", [["0"], ["1"]], ["good", "defect"]),
        ("label", [[0], [1]], ["good", "defect"]),
        ("label", [[0.0], ["1.0"]], ["good", "defect"]),
        ("label,defect_type", [["ok", None], ["ng", "dent"]], ["good", "dent"]),
        ("label,defect_type", [[0, "nan"], [1, "None"], [1, "dent"]], ["good", "defect", "dent"]),
        ("label,label_index", [["good", 0], ["dent", 1]], ["good", "dent"]),
        ("label,defect_type", [["Big Dent", "big_dent"]], ["big_dent"]),
        ("is_anomaly", [["yes"], ["no"]], ["defect", "good"]),
        ("is_good", [["1"], ["0"]], ["good", "defect"]),
        ("defect", [["dent"], ["ok"]], ["dent", "good"]),
        ("label", [["ok"], ["Gut"], ["gold"]], ["good", "good", "gold"]),
        ("label", [["solder mask"], ["other defect"]], ["solder mask", "other defect"]),
        ("label,defect_type", [["NG", "other"], ["ok", None]], ["other", "good"]),
        ("label,class", [["good", "cat"], ["dent", "dog"]], ["good", "dent"]),
        ("label,class", [[0, "good"], [1, "dent"], [1, "NG"]], ["good", "defect", "defect"]),
        ("label,class", [["good", 1], ["dent", 0]], ["good", "dent"]),
        ("label,quality", [["good", "PASS"], ["dent", "FAIL"]], ["good", "dent"]),
        ("label,grade", [["good", "bad"], ["dent", "C"]], ["good", "dent"]),
        ("is_anomaly,defect_type", [[True, "dent"], [False, None]], ["dent", "good"]),
        ("scratch,dent", [["0", "0"], ["1", "0"], [1, 1]], ["good", "scratch", "defect"]),
        ("good,odd", [[1, 0], [0, 1]], ["good", "odd"]),
        ("ok,ng", [["1", "0"], ["0", "1"]], ["good", "defect"]),
        ("defects", [["0"], ["3"], ["1"]], ["good", "defect", "defect"]),
        ("Defect Code", [["0"], ["17"]], ["good", "defect"]),
        ("Prüfergebnis", [["i.O."], ["n.i.O."]], ["good", "defect"]),
        ("判定", [["良"], ["不良"]], ["good", "defect"]),
        ("labels", [[[]], [["dent"]], [["dent", "crack"]]], ["good", "dent", "defect"]),
        ("label,relabel", [["OK", None], ["NG", "NG"]], ["good", "defect"]),
        ("label,final", [["OK", None], ["NG", "yes"]], ["good", "defect"]),
        ("label,backlight", [["OK", 1], ["NG", 0]], ["good", "defect"]),
        ("label", [["OK"], ["NG"], ["OK"], ["gap"]], ["good", "defect", "good", "gap"]),
    ],
)
def test_usual_labels_say_what_they_mean(names, rows, kinds):
    found, told = read(names, *rows)
    assert (list(found), told.problems) == (kinds, [])


@pytest.mark.parametrize(
    ("names", "rows", "said"),
    [
        ("label", [["0"], ["good"]], "'label' mixes numbers (0) and words (good); write good"),
        ("label", [[1], ["dent"]], "'label' mixes numbers (1) and words (dent)"),
        ("label", [["1"], ["2"]], "'label' holds 1, 2, and only 0 (good) and 1 (defect)"),
        ("label", [[0], [1], [2]], "'label' holds 0, 1, 2, and only"),
        ("label", [[-1], [1]], "'label' holds -1, 1, and only"),
        ("label", [["none"]], "line 2: 'label' says 'none', which may be good or not"),
        ("label", [["negative"]], "'label' says 'negative', which may be good or not"),
        ("label", [["train"]], "'label' says 'train', which is no kind of defect"),
        ("label", [["m/1.png"]], "'label' says 'm/1.png', which is no kind of defect"),
        ("label", [["a\nb"]], "'label' must be one line"),
        ("label", [[["a", "ok"]]], "'label' must be a text; got ['a', 'ok']"),
        ("label", [["OK"], ["NG"], ["0K"]], "line 4: 'label' says '0K', which is one letter"),
        ("label", [["OK"], ["NG"], ["OKK"]], "is one letter from 'OK'"),
        ("label,relabel", [["OK", "NG"], ["OK", None]], "line 2: 'relabel' says 'NG'"),
        ("label,label_new", [["OK", "scratch"], ["OK", None]], "'label_new' says 'scratch'"),
        ("label,corrected", [["OK", None], ["NG", "OK"]], "line 3: 'corrected' says 'OK'"),
        ("label,after", [["OK", None], ["OK", "NG"]], "line 3: 'after' says 'NG'"),
        ("label,dent", [["OK", "0"], ["OK", "1"]], "line 3: 'dent' says '1', and by 'label' it"),
        ("good,scratch", [[1, 1], [0, 1]], "line 2: of the columns 'good' and 'scratch', good and"),
        ("good,scratch", [[0, 0], [1, 0]], "line 2: of the columns 'good' and 'scratch', none is"),
        ("label", [["good"], [None]], "line 3: 'label' is empty; write good, or the kind"),
        ("defect_type", [["dent"], [None]], "line 3: 'defect_type' is empty"),
        ("label,is_anomaly", [[None, None]], "line 2: 'label' and 'is_anomaly' are empty"),
        ("is_anomaly", [["maybe"]], "line 2: 'is_anomaly' must be 0 or 1; got 'maybe'"),
        ("label,label_index", [["good", 1]], "'label' says 'good' and 'label_index' says '1', wh"),
        ("label,defect_type", [["ok", "dent"]], "contradict each other"),
        ("label,defect_type", [["dent", "crack"]], "contradict each other"),
        ("label", [["true"], ["False"]], "'label' says true and False, which may mean good or a"),
        ("label", [[True]], "call the column is_good or is_anomaly"),
        ("class", [[False]], "'class' says false, which may mean good or a defect"),
        (
            "label,class",
            [[1, "good"], [0, "bad"]],
            "line 2: 'class' says 'good', and by 'label' it",
        ),
        ("label,class", [[1, "good"], [0, "bad"]], "is a defect, as in 1 other row; mend the one"),
        ("label,class", [[1, "good"], [0, "scratch"]], "'class' says 'good', and by 'label' it is"),
        ("label,result", [[0, "FAIL"]], "'result' says 'FAIL', and by 'label' it is good; mend"),
        ("label,status", [[1, "PASS"], [0, "FAIL"]], "'status' says 'PASS', and by 'label' it is"),
        ("is_ok,x", [[1, "OK"], [1, "NG"]], "line 3: 'x' says 'NG', and by 'is_ok' it is good"),
        ("label", [["OK_2024"], ["OK"], ["OK_2024"]], "line 2: 'label' says 'OK_2024' (and in 1 o"),
        ("label", [["OK"], ["OK?"]], "line 3: 'label' says 'OK?', which seems to mean a good"),
        ("label", [["OK/NG"]], "says 'OK/NG', which has words for good and for bad in it; write"),
        ("label", [["Good!"]], "says 'Good!', which seems to mean a good image"),
        ("label", [["goood"]], "says 'goood', which is one letter from 'good'"),
        ("label", [["noraml"]], "says 'noraml', which is one letter from 'normal'"),
        ("label", [["not checked"]], "says 'not checked', which tells nothing of the image"),
        ("label", [["no scratch"]], "which may mean no defect, or that something is missing"),
        ("label", [["G"], ["B"]], "line 2: 'label' says 'G', which may be good or not"),
        ("label", [["review"]], "says 'review', which tells nothing of the image"),
        ("label", [["??"]], "says '??', which tells nothing of the image"),
        ("label", [["keine Fehler"]], "says 'keine Fehler', which seems to mean a good image"),
        ("label,is_anomaly", [["goood", 1]], "says 'goood', which is one letter from 'good'"),
        ("label,defect_type", [["ng", "2"]], "'defect_type' holds numbers (2); write the kind"),
    ],
)
def test_what_may_be_either_is_asked_about(names, rows, said):
    _, told = read(names, *rows)
    assert any(said in problem for problem in told.problems), told.problems


@pytest.mark.parametrize(
    ("path", "label", "told_of"),
    [
        ("ok/1.png", 1, True), ("test/NG/x/1.png", 0, True), ("x/1.png", "dent", False),
        ("ok/1.png", 0, False), ("ok/ng/1.png", 1, False), ("0/1.png", 1, False),
    ],
)  # fmt: skip
def test_numbers_the_other_way_round_are_found_by_the_folders(path, label, told_of):
    _, told = read("label", [label], path=path)
    assert any("contradicts the folders of 1 image:" in p for p in told.problems) == told_of


@pytest.mark.parametrize(
    ("labels", "refused", "noted"),
    [
        ({"ok/1.png": "NG"}, 1, 0),
        ({"ok/1.png": "NG", "ng/1.png": "OK", "x/1.png": "OK"}, 2, 0),
        ({"ok/1.png": "NG", "ng/1.png": "OK", "ng/2.png": "OK", "ng/3.png": "dent"}, 3, 0),
        ({"ok/1.png": "OK", "ok/2.png": "dent", "ng/1.png": "NG"}, 0, 1),
        ({"/normal/a/1.png": "NG", "/normal/a/2.png": "NG", "/normal/a/3.png": "OK"}, 0, 2),
        ({"ok/1.png": "OK", "ng/1.png": "dent"}, 0, 0),
    ],
)
def test_words_that_contradict_most_folders_are_refused_and_a_few_noted(labels, refused, noted):
    _, told = read("label", *([label] for label in labels.values()), paths=list(labels))
    text = "Labels contradict the folders of"
    counts = [[f"{text} {n} image" in p for p in told.problems] for n in (refused,) if n]
    assert counts == [[True]] * bool(refused)
    assert [f"{text} {noted} image" in note for note in told.notes] == [True] * bool(noted)


def test_words_that_are_taken_for_one_are_told():
    _, told = read("label", ["OK"], ["good"], ["ok"], ["Dent"], ["dent"])
    assert told.notes == [
        "'label' says ok and good, all taken for good.",
        "Kinds of defects that differ in their spelling alone: Dent and dent.",
    ]
