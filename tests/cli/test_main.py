from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

COMMANDS = [
    "check", "plan", "fit", "inspect", "calibrate", "golden", "verify", "learn", "forget", "undo",
    "predict", "drift",
    "evaluate", "benchmark", "report", "export", "surfaces", "download", "audit",
    "serve", "station", "token", "ledger",
]  # fmt: skip


def test_help_lists_the_commands_in_the_order_of_the_work(blemish):
    found = blemish("--help")
    assert found.code == 0
    assert re.findall(r"^  ([a-z]+)  +[A-Z]", found.out, re.MULTILINE) == COMMANDS
    assert "..." not in found.out.split("Commands:")[1]  # no description is cut off


IN_GROUPS = [
    "ledger key",
    "ledger head",
    "ledger backup",
    "ledger export",
    "ledger archive",
    "ledger report",
]


@pytest.mark.parametrize("command", [*COMMANDS[:-1], *IN_GROUPS])
def test_every_command_has_help_and_json(blemish, command):
    found = blemish(*command.split(), "--help")
    assert found.code == 0
    assert "--json" in found.out


def test_version(blemish):
    assert blemish("--version").out == f"blemish {metadata.version('blemish')}\n"


def test_wrong_usage_is_exit_code_2_and_nothing_on_standard_output(blemish):
    for words in (["fitt"], ["fit"], ["check", "--no-such-option", "x"]):
        found = blemish(*words)
        assert found.code == 2
        assert not found.out
    assert "Did you mean 'fit'" in blemish("fitt").err


def test_help_imports_nothing_heavy():
    heavy = ["numpy", "PIL", "onnx", "onnxruntime", "jinja2", "torch", "rich.progress"]
    program = (
        "import sys\n"
        "from blemish.cli.main import app\n"
        "app(['fit', '--help'], standalone_mode=False)\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ended.stderr.strip() == b"[]"


def test_an_error_of_the_users_is_one_sentence_without_a_traceback(start):
    process = start("check", "/no/such/folder")
    out, err = process.communicate()
    assert process.returncode == 1
    assert not out
    assert err.startswith("error: /no/such/folder does not exist")
    assert err.count("\n") == 1


def test_with_json_an_error_is_on_standard_output_as_well(blemish):
    found = blemish("check", "/no/such/folder", "--json")
    assert found.code == 1
    assert "does not exist" in found.json["error"]
    assert "does not exist" in found.err


def test_an_error_of_ours_keeps_its_traceback(blemish, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("blemish.data.opening.find_layout", fail)
    monkeypatch.setattr("blemish.data.opening.categories_in", fail)
    with pytest.raises(ZeroDivisionError):
        blemish("check", ".")


def test_it_runs_as_a_module():
    ended = subprocess.run(
        [sys.executable, "-m", "blemish", "--version"], capture_output=True, check=True, text=True
    )
    assert ended.stdout.startswith("blemish ")


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX")
@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_closed_or_full_streams_change_no_exit_code(data, streams):
    program = "from blemish.cli.main import run; run()"
    for path, code in ((data, 0), ("/no/such/folder", 1)):
        words = shlex.join([sys.executable, "-c", program, "check", str(path)])
        ended = subprocess.run(f"{words} {streams}", shell=True, capture_output=True, check=False)
        assert ended.returncode == code
        assert b"Traceback" not in ended.stderr + ended.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_that_cannot_be_written_is_one_error(option):
    program = Path(sys.executable).with_name("blemish")
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [program, option], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: Cannot write to standard output")


def test_more_threads_than_a_machine_has_are_refused(blemish, fitted, good):
    found = blemish("predict", fitted, good, "--threads", "99999999999")
    assert found.code == 2
    assert "--threads" in found.err
