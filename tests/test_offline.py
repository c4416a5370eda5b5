"""Nothing goes to the network, and nothing is written beside what was asked for."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import blemish
from blemish.cli.main import app
from ledgers import written
from tiny import LEVELS, SIDE, tiny_backbone, tiny_dataset
from tiny_efficientad import tiny_teacher
from traced import Machine, require_strace

ROOT = Path(blemish.__file__).parents[2]
SOURCES = ROOT / "src" / "blemish"

SMALL = {
    "pdn": "extra_small", "steps": 4, "batch_size": 2, "crop": 64, "penalty_weight": 1,
    "penalty_images": 4, "autoencoder_width": 8,
    "autoencoder_weight": 0.5, "checkpoint_seconds": 0, "precision": "float32", "device": "cpu",
}  # fmt: skip
PATCHCORE = ["--backbone", "tiny.onnx", "--levels", ",".join(LEVELS), "--image-size", SIDE]
PATCHCORE += ["--set", "coreset_ratio=0.1", "--set", "calibration_folds=2"]
EFFICIENTAD = ["--detector", "efficientad", "--preset", "quick", "--teacher", "teacher.onnx"]
EFFICIENTAD += ["--image-size", 128]
EFFICIENTAD += [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]

# What is typed, and what it may leave in the folder to work in.
COMMANDS = [
    (["--version"], ""),
    (["surfaces", "drawn", "--good", 3, "--size", 64], "drawn"),
    (["check", "tile"], ""),
    (["plan", "tile", *PATCHCORE], ""),
    (["fit", "tile", "-o", "new.onnx", *PATCHCORE], "new.onnx"),
    (["fit", "tile", "-o", "int8.onnx", *PATCHCORE, "--set", "precision=int8"], "int8.onnx"),
    (["fit", "tile", "-o", "trained.onnx", *EFFICIENTAD], "trained.onnx"),
    (["inspect", "m.onnx", "--verify"], ""),
    (["calibrate", "m.onnx", "tile", "-o", "again.onnx"], "again.onnx"),
    (["golden", "m.onnx", "tile/test", "-o", "golden.onnx"], "golden.onnx"),
    (["verify", "kept.onnx", "tile/test"], ""),
    (["learn", "m.onnx", "tile/test/good/000.png", "--whole", "-o", "taught.onnx"], "taught.onnx"),
    (["forget", "learned.onnx", "tile/test/spot/001.png", "-o", "less.onnx"], "less.onnx"),
    (["undo", "learned.onnx", "-o", "as-before.onnx"], "as-before.onnx"),
    (["drift", "maps", "--model", "m.onnx"], ""),
    (["predict", "m.onnx", "tile/test"], ""),
    (["predict", "m.onnx", "tile/test", "-o", "out", "--overlay", "--maps"], "out"),
    (["evaluate", "m.onnx", "tile", "-o", "measured"], "measured"),
    (["evaluate", "tile", "--maps", "maps"], ""),
    (["benchmark", "tile", "-o", "bench", *PATCHCORE], "bench"),
    (["report", "records", "-o", "page"], "page"),
    (["export", "tile", "--to", "coco", "-o", "coco"], "coco"),
    (["audit", "record/ledger.db"], ""),
    (["ledger", "key", "-o", "keys/private.pem"], "keys"),
    (["ledger", "head", "record/ledger.db"], ""),
    (["ledger", "backup", "record/ledger.db", "-o", "copy.db"], "copy.db"),
    (["ledger", "export", "record/ledger.db", "-o", "rows.csv"], "rows.csv"),
    (["ledger", "report", "record/ledger.db", "-o", "s.pdf", "--since", "2026-12-01"], "s.pdf"),
    (["ledger", "archive", "record/ledger.db", "-o", "record/old.db", "--older-than", 0], "record"),
    (["station", "--new", "line", "--model", "m.onnx"], "line"),
    (["token", "tokens.toml", "line 3", "--role", "operator"], "tokens.toml"),
]
PROGRAM = """
import blemish
dataset = blemish.open_dataset("tile")
settings = {"image_size": 64, "levels": ["fine", "coarse"], "calibration_folds": 2}
blemish.fit(dataset, blemish.PatchCore(backbone="tiny.onnx", **settings)).save("from-python.onnx")
model = blemish.load("from-python.onnx")
model.predict("tile/test/good/000.png")
blemish.evaluate(model, dataset)
"""


@pytest.fixture(scope="module")
def machine(model, tmp_path_factory):
    """A machine with images, a backbone, a teacher, a model, maps and records."""
    require_strace()
    made = Machine(tmp_path_factory.mktemp("machine"))
    data = tiny_dataset(made.here / "tile", good=12)
    tiny_backbone(made.here / "tiny.onnx")
    tiny_teacher(made.here / "teacher.onnx")
    model.save(made.here / "m.onnx")
    (made.here / "keys").mkdir()
    (made.here / "record").mkdir()
    written(made.here / "record" / "ledger.db")
    for words in (["predict", "m.onnx", data / "test", "-o", "maps", "--maps"],
                  ["golden", "m.onnx", data / "test", "-o", "kept.onnx"],
                  ["learn", "m.onnx", data / "test" / "spot" / "001.png", "--whole",
                   "-o", "learned.onnx"],
                  ["evaluate", "m.onnx", "tile", "-o", "records"]):  # fmt: skip
        command = [sys.executable, "-m", "blemish", *words]
        subprocess.run(command, cwd=made.here, env=made.environment, check=True)
    return made


@pytest.mark.slow
@pytest.mark.parametrize(("words", "asked"), COMMANDS)
def test_a_command_reaches_for_no_network_and_leaves_what_was_asked_for(machine, words, asked):
    if "efficientad" in words:
        pytest.importorskip("torch", reason="needs the extra 'train'")
    check(machine.run("-m", "blemish", *words), asked)


def test_a_program_reaches_for_no_network_and_leaves_what_was_asked_for(machine):
    check(machine.run("-c", PROGRAM), "from-python.onnx")


@pytest.mark.slow
def test_a_backbone_of_timm_is_exported_without_a_network_where_weights_are_given(machine, timm):
    from safetensors.torch import save_file

    save_file(timm.create_model("resnet10t").state_dict(), machine.here / "weights.safetensors")
    export = "from conftest import _torchvision_ops; import torch; ops = _torchvision_ops(torch)\n"
    export += "from blemish.backbones.timm_export import export_timm; from pathlib import Path\n"
    export += "export_timm('resnet10t', weights=Path('weights.safetensors'), cache=Path('cache'))"
    path = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    check(machine.run("-c", path + export), "cache")


def test_download_reaches_for_no_network_before_the_licence_is_accepted(machine):
    check(machine.run("-m", "blemish", "download", "mvtec-ad"), "", code=2)


def test_a_service_is_reached_by_no_other_machine_unless_tokens_are_named(machine):
    pytest.importorskip("fastapi", reason="needs the extra 'serve'")
    check(machine.run("-m", "blemish", "serve", "m.onnx", "--host", "0.0.0.0"), "", code=2)


def test_every_command_is_looked_at():
    names = {command.callback.__name__ for command in app.registered_commands}
    assert names - {words[0] for words, _ in COMMANDS} == {"download", "serve"}
    looked_at = {tuple(words[:2]) for words, _ in COMMANDS}
    for group in app.registered_groups:
        inner = group.typer_instance.registered_commands
        names = {(group.typer_instance.info.name, one.callback.__name__) for one in inner}
        assert names <= looked_at


def test_what_reaches_or_writes_is_seen(machine):
    program = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
    program += f"open({str(machine.root / 'elsewhere')!r}, 'w'); open('here', 'w')"
    found = machine.run("-c", program)
    assert len(found.reached) == 1
    assert found.wrote == [str(machine.root / "elsewhere")]
    assert found.changed == {"here/here"}


def check(found, asked, code=0):
    assert found.code == code, found.err
    assert not found.reached
    assert not found.wrote
    roots = {"/".join(path.split("/")[:2]) for path in found.changed}
    assert roots == ({f"here/{asked}"} if asked else set()), found.changed


def test_who_asks_for_the_statistics_of_onnx_runtime_has_them():
    program = "from blemish.graph.runtime import onnxruntime; onnxruntime()\n"
    program += "import os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    for environment, kept in (({}, "1"), ({"ORT_DISABLE_TELEMETRY": "0"}, "0")):
        ended = subprocess.run(
            [sys.executable, "-c", program], env=environment | {"CI": "1"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert ended.stdout.strip() == kept


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def importing(*modules, below):
    return {
        path.relative_to(below).as_posix()
        for path in below.rglob("*.py")
        for name in imported(path)
        if name.split(".")[0] in modules and name != "urllib.parse"  # which only takes texts apart
    }


def test_only_what_a_user_gives_an_address_knows_how_to_reach_a_network():
    reaching = ("urllib", "http", "socket", "requests", "ftplib")
    told = {"cluster/connect.py", "station/outputs/webhook.py"}  # by an option, by a site file
    listens = {"serving/server.py"}  # an option of sockets that others have opened
    assert importing(*reaching, below=SOURCES) == {"data/download.py", *told, *listens}


def test_onnx_runtime_is_imported_in_one_place_which_turns_its_statistics_off():
    for folder in (SOURCES, *(ROOT / name for name in ("benchmarks", "tools", "training"))):
        # In an environment with nothing of blemish; whoever starts it turns them off.
        assert importing("onnxruntime", below=folder) <= {"portability/judge.py"}
    by_name = re.compile(r"""["']onnxruntime[."']""")
    named = {path.name for path in SOURCES.rglob("*.py") if by_name.search(path.read_text())}
    assert named == {"runtime.py", "machine.py"}  # the latter tells its version
