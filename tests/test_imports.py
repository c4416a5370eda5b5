"""`import blemish` costs next to nothing, and its names are what they say."""

from __future__ import annotations

import subprocess
import sys

import pytest

import blemish

HEAVY = ("torch", "onnxruntime", "onnx", "PIL", "scipy", "timm", "jinja2", "typer", "rich")


def modules_after(code):
    out = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('\\n'.join(sys.modules))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert out.stderr == ""
    return set(out.stdout.split())


def test_import_loads_nothing_heavy_and_warns_of_nothing():
    assert not modules_after("import blemish") & {*HEAVY, "numpy"}


def test_help_of_the_command_line_loads_no_library():
    code = (
        "import sys; sys.argv = ['blemish', '--help']\n"
        "from blemish.cli.main import run\n"
        "import contextlib, io\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit): run()"
    )
    assert not modules_after(code) & {"torch", "onnxruntime", "onnx", "scipy", "timm", "numpy"}


@pytest.mark.parametrize("name", blemish.__all__)
def test_public_names_exist(name):
    assert getattr(blemish, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'fits'"):
        _ = blemish.fits
