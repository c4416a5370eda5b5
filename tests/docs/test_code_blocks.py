"""What the README and the pages of how-to tell a reader to type is typed here."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import blemish
from blemish.cli.main import app
from blemish.data.write_surfaces import write_surfaces
from ledgers import written
from rendering import code_blocks

ROOT = Path(__file__).parents[2]
HOW_TO = sorted((ROOT / "docs" / "how-to").glob("*.md"))
OTHERS = (ROOT / "docs" / "how-to" / "other-languages.md").read_text()
# A training of minutes becomes one of steps.
SHORT = ["--set", "efficientad.steps=2", "--set", "efficientad.image_size=128"]
README_WORDS = {"DATA...": "data/tile", "DATA": "data/tile", "NEW/": "new"}


def as_run(page):
    """A page; the one that starts a cluster for each of its commands is a long test."""
    return pytest.param(page, marks=pytest.mark.long) if page.stem == "cluster" else page


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder as the pages suppose it: data, new images, a model."""
    folder = tmp_path_factory.mktemp("place")
    write_surfaces(
        folder / "data", categories=["tile"], good=110, test_good=4, defects_a_type=1, size_px=64
    )
    tile = folder / "data" / "tile"
    write_surfaces(
        folder / "other", categories=["tile"], good=105, test_good=0, defects_a_type=6, size_px=64,
        seed=1,
    )  # fmt: skip
    shutil.copytree(folder / "other" / "tile" / "train" / "good", folder / "data" / "another-day")
    shutil.copytree(folder / "other" / "tile" / "test" / "crack", folder / "data" / "known")
    shutil.copytree(tile / "test" / "crack", folder / "new")
    shutil.copytree(tile / "test", folder / "data" / "golden")
    shutil.copy(tile / "test" / "crack" / "000.png", folder / "new.png")
    (folder / "grey").mkdir()
    (folder / "site").mkdir()
    written(folder / "site" / "ledger.db")
    model = blemish.fit(blemish.open_dataset(tile), blemish.PatchCore(image_size=64))
    model.save(folder / "tile.onnx")
    return folder


@pytest.fixture
def here(place, tmp_path, monkeypatch):
    shutil.copytree(place, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def type_commands(text):
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] != ["blemish"]:
            continue
        if "-o" in words and words[1] in ("fit", "predict", "calibrate", "golden"):
            words += ["--force"]
        if "efficientad" in words:
            words += SHORT
        result = CliRunner().invoke(app, words[1:], prog_name="blemish")
        assert result.exit_code == 0, f"{line}\n{result.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("page", [*map(as_run, HOW_TO)], ids=lambda page: page.stem)
def test_pages_of_how_to_do_what_they_say(page, here):
    text = page.read_text()
    blocks = [(line, "sh", code) for line, code in code_blocks(text, "sh")]
    blocks += [(line, "python", code) for line, code in code_blocks(text, "python")]
    scope = {"__name__": "__main__"}
    for line, language, code in sorted(blocks):
        if "efficientad" in code and find_spec("torch") is None:
            continue
        if ("--engine ray" in code or "RayWorkers" in code) and find_spec("ray") is None:
            continue
        if "import openvino" in code and find_spec("openvino") is None:
            continue
        if language == "sh":
            type_commands(code)
        else:
            exec(compile("\n" * line + code, str(page), "exec"), scope)


@pytest.mark.slow
def test_commands_of_the_readme_do_what_they_say(here):
    readme = (ROOT / "README.md").read_text()
    lines = [line.strip() for line in readme.splitlines() if line.startswith("    blemish ")]
    assert len(lines) >= 5
    for line in lines:
        if line.split()[1] == "download":
            continue  # the one that needs a network; see tests/data/test_download.py
        command = line.partition("#")[0]
        for word, path in README_WORDS.items():
            command = re.sub(rf"(?<!\S){re.escape(word)}(?!\S)", path, command)
        type_commands(command)


def block(language):
    ((_, code),) = code_blocks(OTHERS, language)
    return code


def judged(place, command, **environment):
    """What a program says of the new image, and what blemish says."""
    image = np.asarray(Image.open(place / "new.png").convert("RGB"))
    (place / "new.raw").write_bytes(image.tobytes())
    height, width, _ = image.shape
    words = [*command, "tile.onnx", str(height), str(width), "new.raw"]
    done = subprocess.run(
        words, cwd=place, env=os.environ | environment, check=True, capture_output=True, text=True
    )
    score, verdict = done.stdout.split()
    expected = blemish.load(place / "tile.onnx").predict(place / "new.png")
    assert float(score) == pytest.approx(expected.score, rel=1e-4)
    assert verdict == expected.verdict


def library():
    """ONNX Runtime's shared library, that of the Python package."""
    found = sorted(Path(find_spec("onnxruntime").origin).parent.glob("capi/libonnxruntime.so.*"))
    if not found:
        pytest.skip("this build of ONNX Runtime has no shared library of its own")
    return found[0]


@pytest.mark.slow
def test_the_program_in_cpp(here):
    root = os.environ.get("ONNXRUNTIME_DIR")
    if shutil.which("g++") is None or root is None:
        pytest.skip("needs g++, and ONNX Runtime's headers in the folder ONNXRUNTIME_DIR")
    (here / "judge.cpp").write_text(block("cpp"))
    shared = library()
    subprocess.run(
        ["g++", "-std=c++17", "judge.cpp", f"-I{root}/include", str(shared),
         f"-Wl,-rpath,{shared.parent}", "-o", "judge"],
        cwd=here, check=True,
    )  # fmt: skip
    judged(here, ["./judge"])


@pytest.mark.slow
def test_the_program_in_rust(here):
    if shutil.which("cargo") is None:
        pytest.skip("needs cargo")
    project = here / "judge"
    (project / "src").mkdir(parents=True)
    (project / "src" / "main.rs").write_text(block("rust"))
    head = '[package]\nname = "judge"\nversion = "0.1.0"\nedition = "2021"\n\n'
    (project / "Cargo.toml").write_text(head + block("toml"))
    built = subprocess.run(
        ["cargo", "build", "--offline", "--quiet"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode and "offline" in built.stderr:
        pytest.skip("the crates 'ort' and 'serde_json' are not on this machine (cargo fetch)")
    assert built.returncode == 0, built.stderr
    judged(here, ["judge/target/debug/judge"], ORT_DYLIB_PATH=str(library()))


@pytest.mark.slow
def test_the_program_in_csharp(here):
    if shutil.which("dotnet") is None:
        pytest.skip("needs dotnet")
    project = here / "judge"
    subprocess.run(["dotnet", "new", "console", "-o", str(project)], check=True)
    (project / "Program.cs").write_text(block("csharp"))
    added = subprocess.run(
        ["dotnet", "add", "package", "Microsoft.ML.OnnxRuntime"], cwd=project, check=False
    )
    if added.returncode:
        pytest.skip("the package Microsoft.ML.OnnxRuntime is not on this machine")
    subprocess.run(["dotnet", "build", "-o", "out"], cwd=project, check=True)
    judged(here, ["dotnet", "judge/out/judge.dll"])


def test_every_block_is_of_a_language_that_is_tested():
    for page in HOW_TO:
        found = set(re.findall(r"^```(\w+)", page.read_text(), re.M))
        assert found <= {
            "sh",
            "python",
            "cpp",
            "csharp",
            "rust",
            "toml",
            "js",
            "html",
            "console",
        }, page.name


def test_metadata_has_the_words_that_programs_look_for(place):
    facts = blemish.inspect(place / "tile.onnx").facts
    assert '"image_threshold": ' in json.dumps(facts.to_dict())
    assert sys.byteorder == "little"
