"""What goes out as JSON keeps to the schemas that are shipped."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

import blemish
from blemish.ledger.entry import Entry, Kind, Row
from blemish.station.outputs import messages
from blemish.station.outputs.display import Shown
from station_outputs import inspection, row

jsonschema = pytest.importorskip("jsonschema", reason="needs the extra 'dev'")

FOLDER = Path(blemish.__file__).parent / "station" / "outputs" / "schemas"


def kept_to(name, content):
    """The message, which keeps to a schema that is shipped."""
    said = json.loads(content, parse_constant=pytest.fail)
    jsonschema.Draft202012Validator(
        json.loads((FOLDER / name).read_text()),
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    ).validate(said)
    return said


@pytest.mark.parametrize("name", messages.SCHEMAS)
def test_the_schemas_that_are_shipped_are_those_of_the_code(name):
    """After a change: write `msgspec.json.schema(...)`, indented by 2, in its place."""
    made = msgspec.json.schema(messages.SCHEMAS[name])
    assert json.loads((FOLDER / name).read_text()) == made


def test_a_row_says_all_that_the_ledger_has():
    of = row(17)
    said = kept_to("row-1.json", messages.of_row(of, "line 3"))
    assert said["id"] == of.entry.body["id"]
    assert (said["number"], said["sha256"], said["station"]) == (17, of.sha256, "line 3")
    assert (said["verdict"], said["part"], said["body"]) == ("good", "A-17", of.entry.body)


def test_rows_that_are_no_inspections_are_told_apart_by_their_hash():
    of = row(3)
    entry = Entry(Kind.REVIEW, of.entry.time, {"id": "something"}, refers_to=2, verdict="overruled")
    said = kept_to("row-1.json", messages.of_row(Row(3, entry, of.sha256), "line"))
    assert (said["id"], said["refers_to"], said["kind"]) == (of.sha256, 2, "review")


def test_odd_numbers_and_names_are_json_still():
    of = row(1)
    body = {"name": "caf\udce9.png", "score": 1.0}
    entry = replace(of.entry, score=math.inf, threshold=math.nan, body=body)
    said = kept_to("row-1.json", messages.of_row(replace(of, entry=entry), "line"))
    assert said["score"] is None
    assert said["threshold"] is None
    assert said["body"]["name"] == "caf\udce9.png"


def test_a_state_says_what_may_be_acted_upon():
    said = kept_to(
        "state-1.json",
        messages.of_state(Shown(), "line", beat=3, inspection=inspection().to_dict()),
    )
    assert (said["alive"], said["verdict"], said["score"], said["beat"]) == (
        True,
        "not inspected",
        None,
        3,
    )
    said = kept_to("state-1.json", messages.of_stop("line"))
    assert (said["alive"], said["verdict"], said["time"]) == (False, "not inspected", None)
