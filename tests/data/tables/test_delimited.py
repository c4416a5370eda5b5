"""CSV in its dialects."""

from __future__ import annotations

import pytest

from blemish.data.tables.delimited import parse_delimited


def parse(text):
    return parse_delimited(text, {"path", "label"}.__contains__)


def rows(text):
    table = parse(text)
    assert not table.problems
    return [row.cells for row in table.rows]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_header_tells_what_separates_fields(delimiter, end):
    lines = [("path", "label", "a, b; c"), ("1.png", "good", ""), ("2.png", "x", "3")]
    text = end.join(delimiter.join(f'"{cell}"' for cell in line) for line in lines) + end
    table = parse(text)
    assert table.columns == lines[0]
    assert [(row.place, row.cells) for row in table.rows] == [
        ("line 2", ("1.png", "good", None)),
        ("line 3", ("2.png", "x", "3")),
    ]


def test_a_delimiter_in_the_name_of_a_column_does_not_count():
    assert parse("path;label;size, mm\na;b;c\n").columns == ("path", "label", "size, mm")


@pytest.mark.parametrize("line", ["sep=|", "sep=|\r", '"sep=|"', "SEP=|"])
def test_a_first_line_may_say_what_separates_fields(line):
    table = parse(f"{line}\npath|label,x\n1.png|good\n")
    assert table.columns == ("path", "label,x")
    assert (table.header, table.rows[0].place) == ("line 2", "line 3")


def test_a_header_that_could_be_read_in_two_ways_is_asked_about():
    (problem,) = parse("path;x,label\n").problems
    assert "separated by commas or semicolons" in problem
    assert parse("sep=;\npath;x,label\n").columns == ("path", "x,label")


def test_blanks_around_and_empty_lines_do_not_count():
    assert rows('\n path , label\n\n a.png,  "x, y"\n,\n') == [("a.png", "x, y")]


def test_a_quoted_text_may_have_lines():
    table = parse('path,label,note\na,b,"one\ntwo"\nc,d,\n')
    assert [row.place for row in table.rows] == ["line 2", "line 4"]
    assert table.rows[0].cells[2] == "one\ntwo"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,label,x\na,b\n", "line 2: has 2 fields, and line 1 names 3 columns"),
        ("path,label\na,b,c\n", "line 2: has 3 fields, and line 1 names 2 columns"),
        ('path,label\na,"b\nc,d\n', "line 2: is not valid CSV"),
        ('path,label\na,"b"c\n', "line 2: is not valid CSV"),
        ('path,label\na,b"\n', "line 2: has a quotation mark that nothing closes"),
        ('path,label,note\na,b,"c\nd,e,f"\n', "line 2: a text in quotation marks goes on"),
    ],
)
def test_what_may_have_shifted_is_refused(text, said):
    assert [problem for problem in parse(text).problems if said in problem]


def test_characters_that_unicode_calls_ends_of_lines_end_none():
    assert rows("path,label\na,b\u2028c\x85\n") == [("a", "b\u2028c")]


def test_an_empty_text_is_an_empty_table():
    assert parse("").columns == parse("\n\n").columns == ()


@pytest.mark.parametrize(
    ("text", "columns", "first"),
    [
        ("# a list, of parts\n#\npath,label\na,good\n", ("path", "label"), "line 4"),
        ("# path,label: see below\n\npath,label\na,good\n", ("path", "label"), "line 4"),
        ("sep=;\n# parts\npath;label\na;good\n", ("path", "label"), "line 4"),
        ("# path,label\na,good\n", ("path", "label"), "line 2"),
        ("#path;label\na;good\n", ("path", "label"), "line 2"),
        ("#,path,label\n1,a,good\n", ("#", "path", "label"), "line 2"),
    ],
)
def test_comments_above_the_header_are_passed_over(text, columns, first):
    table = parse(text)
    assert not table.problems
    assert table.columns == columns
    assert table.rows[0].place == first


def test_comments_are_told_and_those_further_down_are_rows():
    table = parse("# made by hand\n# twice\npath,label\n# end\n")
    assert table.notes == ("Passed over as comments: 2 lines ('# made by hand').",)
    assert "line 4: has 1 field" in table.problems[0]
    assert not parse("# nothing").rows
