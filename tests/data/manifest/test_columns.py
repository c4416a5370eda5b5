"""Which column says what."""

from __future__ import annotations

import pytest

from blemish.data.manifest.columns import sort_columns
from blemish.data.manifest.told import Told
from blemish.data.tables import Row, Table


def table(text):
    lines = [tuple(cell or None for cell in line.split(",")) for line in text.split()]
    names = tuple(name or "" for name in lines[0])
    rows = tuple(Row(f"line {n}", cells) for n, cells in enumerate(lines[1:], start=2))
    return Table(names, rows, "line 1")


def sort(text):
    told = Told()
    return sort_columns(table(text), told), told


def named(columns):
    """The name of the column of each meaning."""
    single = {
        meaning: getattr(columns, meaning).name
        for meaning in ("path", "label", "defect_type", "mask", "split", "group")
        if getattr(columns, meaning)
    }
    flags = [column.name for column in (*columns.bad_flags, *columns.good_flags)]
    metadata = [column.name for column in columns.metadata]
    return single | ({"flags": flags} if flags else {}) | ({"more": metadata} if metadata else {})


@pytest.mark.parametrize(
    ("text", "meanings"),
    [
        ("path,label,mask,split,group a.png,good,,,", {
            "path": "path", "label": "label", "mask": "mask", "split": "split", "group": "group"}),
        ("Image_Path,LABEL,Mask-Path a.png,good,", {
            "path": "Image_Path", "label": "LABEL", "mask": "Mask-Path"}),
        ("imagePath,isAnomaly,gt a.png,1,m.png", {
            "path": "imagePath", "mask": "gt", "flags": ["isAnomaly"]}),
        ("image_path,label,label_index,mask_path,split a.png,good,0,,train", {
            "path": "image_path", "label": "label", "mask": "mask_path", "split": "split",
            "flags": ["label_index"]}),
        ("path,label,label_index a.png,scratch,4", {
            "path": "path", "label": "label", "more": ["label_index"]}),
        ("file,is_good a.png,1", {"path": "file", "flags": ["is_good"]}),
        ("file,defect a.png,1", {"path": "file", "flags": ["defect"]}),
        ("file,defect a.png,dent", {"path": "file", "defect_type": "defect"}),
        ("file,anomaly,defect a.png,1,dent", {
            "path": "file", "defect_type": "defect", "flags": ["anomaly"]}),
        ("file,class a.png,dent", {"path": "file", "label": "class"}),
        ("file,class,label a.png,bottle,dent", {
            "path": "file", "label": "label", "more": ["class"]}),
        ("file,label,set a.png,good,test", {"path": "file", "label": "label", "split": "set"}),
        ("file,label,set a.png,good,7", {"path": "file", "label": "label", "more": ["set"]}),
        ("object,split,label,image,mask x,train,normal,a.png,", {
            "path": "image", "label": "label", "mask": "mask", "split": "split",
            "more": ["object"]}),
        ("file,result a.png,PASS b.png,FAIL", {"path": "file", "label": "result"}),
        ("file,Verdict a.png,OK", {"path": "file", "label": "Verdict"}),
        ("file,label,result a.png,dent,FAIL", {
            "path": "file", "label": "label", "more": ["result"]}),
        (",path,label, 0,a.png,good,", {
            "path": "path", "label": "label", "more": ["column 1"]}),
    ],
)  # fmt: skip
def test_usual_names_are_known_however_they_are_written(text, meanings):
    columns, told = sort(text)
    assert not told.problems
    assert named(columns) == meanings


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("path,image,label a.png,,good", "path"),
        ("path,image_path,label /data/tile,a.png,good", "image_path"),
        ("filename,path,label a.png,x/a.png,good b.png,x/b.png,good", "path"),
        ("image,path,label a.png,a.png,good", "image"),
    ],
)
def test_of_two_columns_for_one_thing_the_emptier_gives_way(text, path):
    columns, told = sort(text)
    assert not told.problems
    assert columns.path.name == path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,image,label a.png,b.png,good", "line 1: 'path' and 'image' may each be the 'path'"),
        ("path,label,Label a.png,good,bad", "'label' and 'Label' may each be the 'label'"),
        ("path,label,x,X a.png,good,1,2", "column 'x' comes 2 times"),
        ("path,lable a.png,good", "needs a column 'label'; others are lable. If it is 'lable'"),
        ("path,finding a.png,OK", "needs a column 'label'; others are finding. If it is 'finding'"),
        ("path,status a.png,OK b.png,ok", "needs a column 'label'; others are status. If it"),
        ("path,status a.png,OK b.png,", "needs a column 'label'; others are status."),
        ("path,status a.png,OK b.png,dent", "needs a column 'label'; others are status."),
        ("path,a,b a.png,OK,NG b.png,NG,OK", "'a' and 'b' may each be the 'label'; call the one"),
        ("path,result a.png,PASS b.png,7", "needs a column 'label'; others are result."),
        ("path,result,verdict a.png,OK,OK", "'result' and 'verdict' may each be the 'label'"),
        ("Bild,label a.png,good", "If it is 'Bild', call it 'path'"),
        ("picture,label a.png,good", "needs a column 'path'; others are picture. If it is"),
        ("a.png,good b.png,good", "must name the columns, as path,label,mask does"),
        ("path,label,maks a.png,dent,m.png", "column 'maks' holds what 'mask' would; call it"),
        ("path,label,mask,maks a.png,dent,,m.png", "column 'maks' holds what 'mask' would"),
        ("path,label,spilt a.png,good,train b.png,good,tset", "column 'spilt' holds what 'split'"),
    ],
)
def test_what_could_be_meant_otherwise_is_asked_about(text, said):
    columns, told = sort(text)
    assert columns is None
    assert [problem for problem in told.problems if said in problem], told.problems


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,label,camera,x a.png,good,1,2", "Columns kept as metadata: camera, x."),
        ("path,label,phase a.png,good,train", "The column 'phase' holds what 'split' would"),
        ("path,label,overlay a.png,good,o.png", "The column 'overlay' holds what 'mask' would"),
        ("path,label,part_id a.png,good,7", "If images of one 'part_id' belong together"),
        ("path,label,goup a.png,good,7", "If images of one 'goup' belong together"),
        ("path,OK/NG a.png,OK b.png,NG", "'OK/NG' says good or bad of every image, and is taken"),
        ("path,Ergebnis a.png,gut b.png,NG", "'Ergebnis' says good or bad of every image"),
        ("path,lable,n a.png,good,1 b.png,bad,2", "'lable' says good or bad of every image"),
        ("path,label,object a.png,good,x b.png,good,y", "'object' names several objects (x, y)"),
    ],
)
def test_what_is_taken_for_granted_is_told(text, said):
    columns, told = sort(text)
    assert columns is not None
    assert [note for note in told.notes if said in note], told.notes
