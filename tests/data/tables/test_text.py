"""In which encoding a text is."""

from __future__ import annotations

import codecs

import pytest

from blemish.data.tables.text import encoding_of, read_text
from blemish.errors import DataError

TEXT = "path,label\r\na.png,Riß\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
        codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"),
    ],
)
def test_what_the_bytes_say_is_read_without_a_word(tmp_path, content):
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    assert read_text(path) == (TEXT, ())


def test_what_is_no_utf_8_is_read_as_windows_writes_it_and_quoted(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes(TEXT.encode("cp1252"))
    text, (note,) = read_text(path)
    assert text == TEXT
    assert note == (
        "list.csv is no UTF-8 and was read as Windows-1252, where it says 'Riß'; if that is "
        "wrong, save it as UTF-8."
    )


@pytest.mark.parametrize("encoding", ["shift_jis", "gbk"])
@pytest.mark.parametrize("label", ["良品", "不良"])
def test_encodings_of_eastern_asia_are_refused(tmp_path, encoding, label):
    path = tmp_path / "list.csv"
    path.write_bytes(f"path,label\n写真/1.png,{label}\n".encode(encoding, "ignore"))
    with pytest.raises(DataError, match=r"(?s)Shift-JIS or GBK.*Save it as UTF-8|neither UTF-8"):
        read_text(path)


@pytest.mark.parametrize("text", ["Größe", "naïve, créée", "10 µm „klein“", "Jürgen", "5 €", "¼"])
def test_letters_of_western_europe_are_none_of_these(tmp_path, text):
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode("cp1252"))
    assert read_text(path)[0] == text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "path,label\na.png,Kratzer ü\nb.png,".encode() + b"Ri\xdf\n",
            "line 3 is no UTF-8, though",
        ),
        (b"path,label\na.png,\x81\n", "line 2 is neither UTF-8 nor Windows-1252"),
        (b"\xff\xfe\x00", "cannot be read as UTF-16"),
        (b"PK\x03\x04\x00\x00\x08", "holds NUL characters"),
        (b"path,label\na.png,go\0d\n", "holds NUL characters"),
    ],
)
def test_what_is_damaged_or_no_text_is_refused(tmp_path, content, said):
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_text(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_text(tmp_path / "gone.csv")


def test_a_short_start_is_utf_8():
    assert {encoding_of(start) for start in (b"", b"a", b"ab", b"{")} == {"utf-8-sig"}
