"""In which encoding a text file is, by its bytes; nothing is guessed in silence.

A mark at the start says it; so do the NUL bytes of UTF-16 between the letters of a header. What has
neither is UTF-8. If it is not, it is what spreadsheets write in western Europe and America,
Windows-1252, and a note quotes it; what looks like Shift-JIS or GBK is refused. A file that is
UTF-8 but for some bytes is damaged: read in another encoding, all its other letters would be wrong.
"""

from __future__ import annotations

import codecs
import re
from functools import partial
from pathlib import Path

from blemish.errors import DataError

# Longer ones first: that of UTF-32 begins as that of UTF-16 does.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
UTF_8 = "utf-8-sig"  # with or without a mark
WINDOWS = "cp1252"
ASIAN = ("shift_jis", "gbk", "big5", "euc_kr")
_RUN = re.compile(rb"[\x80-\xff]+")
_BEYOND_ASCII = re.compile(r"[^,;|\t\n\"]*[^\x00-\x7f][^,;|\t\n\"]*")


def encoding_of(start: bytes) -> str:
    """The encoding of a text that begins with some bytes, by Python's name for it."""
    for mark, encoding in MARKS:
        if start.startswith(mark):
            return encoding
    first_two = start[:2].ljust(2, b"x")
    return {(False, True): "utf-16-le", (True, False): "utf-16-be"}.get(
        (first_two[0] == 0, first_two[1] == 0), UTF_8
    )


def read_text(path: Path) -> tuple[str, tuple[str, ...]]:
    """The text of a file, line ends as they are, and what was taken for granted.

    Raises:
        DataError: it cannot be read, or is no text in any of these encodings.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}).") from error
    encoding = encoding_of(content[:4])
    notes: tuple[str, ...] = ()
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != UTF_8:
            raise DataError(f"{path} cannot be read as {encoding.upper()} ({error}).") from error
        text = _of_windows(path, content, error)
        notes = (_note(path, text),)
    if "\0" in text:
        raise DataError(
            f"{path} cannot be read as text: it holds NUL characters; save it as CSV, JSON lines "
            "or Parquet, text in UTF-8."
        )
    return text, notes


def _of_windows(path: Path, content: bytes, error: UnicodeDecodeError) -> str:
    """The text by Windows-1252. Raises `DataError` where it is damaged UTF-8, or neither."""
    line = content.count(b"\n", 0, error.start) + 1
    rest = content.decode("utf-8", "ignore")
    if not rest.isascii():
        raise DataError(
            f"{path} cannot be read: line {line} is no UTF-8, though other lines are; it is "
            "damaged, put together from files in different encodings, or in another altogether, "
            "such as Shift-JIS or GBK. Save it as UTF-8."
        ) from error
    if _may_be_asian(content):
        raise DataError(
            f"{path} cannot be read: line {line} is no UTF-8, and looks like an encoding of "
            "eastern Asia, such as Shift-JIS or GBK. Save it as UTF-8."
        ) from error
    try:
        return content.decode(WINDOWS)
    except UnicodeDecodeError:
        raise DataError(
            f"{path} cannot be read: line {line} is neither UTF-8 nor Windows-1252. "
            "Save it as UTF-8."
        ) from error


def _may_be_asian(content: bytes) -> bool:
    """Whether bytes are a text in an encoding of eastern Asia, and an odd one in Windows-1252."""
    odd = any(
        not letters.isalpha() or letters[0] in "\u201a\u0192"
        for found in _RUN.findall(content)
        if len(letters := found.decode(WINDOWS, "replace")) > 1 or found[0] in b"\x82\x83"
    )
    return odd and any(map(partial(_decodes, content), ASIAN))


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _note(path: Path, text: str) -> str:
    found = _BEYOND_ASCII.search(text)
    quoted = found[0].strip()[:60] if found else ""
    return (
        f"{path.name} is no UTF-8 and was read as Windows-1252, where it says '{quoted}'; if that "
        "is wrong, save it as UTF-8."
    )
