"""Archives on a cluster: what one machine's `predict` says, whatever is killed meanwhile."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.cluster import pool
from blemish.cluster.connect import ClusterError, connected
from blemish.cluster.pool import Places, through_pool
from blemish.errors import BlemishError, UsageError
from blemish.predictions import archive
from blemish.predictions.archive import judge_archive
from blemish.predictions.part import How
from blemish.predictions.places import Folder
from clusters import cluster
from heard import Heard
from lossy import doing

pytest.importorskip("ray", reason="needs the extra 'ray'")
pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra 'ray'")
pytestmark = pytest.mark.slow

TESTS = str(Path(__file__).parents[1])
SIDE = 600  # of images that take long enough for something to be killed meanwhile
PORT = 5000 + random.Random(os.getpid()).randrange(3000)
STORE = {
    "AWS_ENDPOINT_URL": f"http://127.0.0.1:{PORT}",
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="module")
def machines():
    """A cluster of two machines, which is connected with; the second one may be killed."""
    with pytest.MonkeyPatch.context() as patch:
        path = os.pathsep.join(filter(None, (TESTS, os.environ.get("PYTHONPATH"))))
        for name, value in (STORE | {"PYTHONPATH": path}).items():
            patch.setenv(name, value)
        with cluster(num_cpus=1) as one:
            one.second = one.add_node(num_cpus=1)
            with connected(one.address):
                yield one


@pytest.fixture(scope="module")
def model_file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.onnx"
    model.save(path)
    return path


@pytest.fixture
def images(category, tmp_path):
    """Six images of which three have a defect, two that are none, and one that is damaged."""
    folder = shutil.copytree(category / "test", tmp_path / "in")
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("no image")
    whole = (folder / "good" / "000.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture
def large(tmp_path):
    """Many names of one image that takes long."""
    folder = tmp_path / "large"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(40, 80, (SIDE, SIDE, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "000.png", compress_level=1)
    for number in range(1, 72):
        os.link(folder / "000.png", folder / f"{number:03}.png")
    return folder


def judge(model, sources, folder, *, progress=None, resume=False, force=False, **how):
    sources = [str(source) for source in sources]
    return judge_archive(
        model, sources, Folder.named(str(folder)), How("m", here=str(Path.cwd()), **how),
        resume=resume, force=force, progress=progress or Heard(),
    )  # fmt: skip


def rows_of(folder):
    """What the parts hold, as lines of `predict` do; each image once."""
    files = sorted(Path(folder).glob("part-*.parquet"))
    rows = [as_line(row) for file in files for row in pq.read_table(file).to_pylist()]
    found = {row["path"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def as_line(row):
    of_parts = ("model_sha256", "map", "map_offset", "map_scale")
    if row["error"] is not None:
        return {"path": row["path"], "error": row["error"]}
    line = {name: value for name, value in row.items() if name not in ("error", *of_parts)}
    if line["reasons"] is None:
        del line["reasons"]
    regions = [{k: v for k, v in one.items() if v is not None} for one in line["regions"]]
    return line | {"regions": regions, "seconds": 0}


def lines_of(model, paths, **options):
    results = model.predict_each([str(path) for path in paths], **options)
    lines = [json.loads(json.dumps(result.to_dict())) for result in results]
    return {line["path"]: line | ({"seconds": 0} if "score" in line else {}) for line in lines}


def test_parts_hold_what_one_machine_says_to_the_bit(machines, model, model_file, images, tmp_path):
    words = ["predict", model_file, images, "--engine", "ray", "-o", tmp_path / "out",
             "--outlines", "--maps-as", "png16", "--json"]  # fmt: skip
    ended = CliRunner().invoke(app, [str(word) for word in words])
    assert ended.exit_code == 1, ended.output
    expected = lines_of(model, sorted(images.rglob("*.png")), outlines=True)
    assert rows_of(tmp_path / "out") == expected
    assert sum("error" in line for line in expected.values()) == 3
    counts = json.loads(ended.stdout)
    assert (counts["images"], counts["failures"], counts["parts"]) == (9, 3, 1)
    assert "9 images, " in ended.stderr
    table = pq.read_table(tmp_path / "out" / "part-00000.parquet").to_pylist()
    assert {row["model_sha256"] for row in table} == {model.sha256}
    for row in (row for row in table if row["map"]):
        levels = np.asarray(Image.open(tmp_path / "out" / row["map"]), np.float64)
        raw = model.predict(row["path"]).score_map
        found = row["map_offset"] + row["map_scale"] * levels
        assert np.abs(found - raw).max() <= 0.51 * row["map_scale"]


def test_an_archive_that_is_done_is_gone_on_with_by_the_same_alone(
    machines, model, images, tmp_path, monkeypatch
):
    monkeypatch.setattr(archive, "LEAST_IN_A_PART", 2)
    out = tmp_path / "out"
    listed = tmp_path / "list.jsonl"
    listed.write_text("".join(json.dumps({"path": str(p)}) + "\n" for p in images.rglob("*.png")))
    first, heard = judge(model, [listed], out), Heard()
    parts = {path.name: path.read_bytes() for path in out.glob("part-*")}
    assert first.parts == len(parts) == 5
    (out / "part-00001.parquet").unlink()
    (out / "part-00002.parquet").write_bytes(b"PAR1 damaged")
    again = judge(model, [listed], out, resume=True, progress=heard)
    assert "4 of 5 parts are there and stay as they are." in heard.said
    assert again.summary.total == first.summary.total == 9
    assert again.summary.earlier == 5
    untouched = {name for name in parts if parts[name] == (out / name).read_bytes()}
    assert untouched == {f"part-0000{number}.parquet" for number in (0, 3, 4)}
    assert rows_of(out) == lines_of(model, images.rglob("*.png"))
    with pytest.raises(UsageError, match="outlines False there, True here"):
        judge(model, [listed], out, resume=True, outlines=True)
    with pytest.raises(UsageError, match="is not empty"):
        judge(model, [listed], out)


def test_what_cannot_be_begun_leaves_no_folder(machines, model, tmp_path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(BlemishError, match="names no image"):
        judge_archive(
            model,
            [str(tmp_path / "nothing")],
            Folder.named(str(tmp_path / "out")),
            How("model"),
            progress=Heard(),
        )
    assert not (tmp_path / "out").exists()


def test_another_model_another_source_and_another_folder_are_refused(
    machines, model, images, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    monkeypatch.setattr(archive, "connected", None)  # all this is told before
    out.mkdir()
    (out / "mine.txt").write_text("precious")
    with pytest.raises(UsageError, match="holds no predictions to go on with"):
        judge(model, [images], out, resume=True)
    run = {"model_sha256": "0" * 64, "provider": "cpu", "outlines": False, "maps": None,
           "max_pixels": None, "sources": ["/elsewhere"]}  # fmt: skip
    run = {"blemish": "0", "asked": run, "images_a_part": 2, "list_sha256": "0" * 64}
    (out / archive.RUN).write_text(json.dumps(run))
    with pytest.raises(UsageError) as found:
        judge(model, [images], out, resume=True)
    assert f"model_sha256 {'0' * 64} there, {model.sha256} here" in str(found.value)
    assert f"sources /elsewhere there, {images} here" in str(found.value)
    with pytest.raises(UsageError, match="must be cuda alone with Ray"):
        judge(model, [images], tmp_path / "other", provider="cuda:1")


DRIVER = """
import sys
from blemish.cli.main import run
from blemish.predictions import archive
archive.LEAST_IN_A_PART = 4
run()
"""


@pytest.mark.long
def test_what_ends_an_actor_is_tried_again_and_stops_no_other_piece(
    machines, tmp_path, monkeypatch
):
    monkeypatch.setattr(pool, "FRUITLESS", 1)
    ends = {0: "always", 2: "once", 5: "once"}
    pieces = [{"name": str(i), "do": ends.get(i, "well")} for i in range(8)]
    found = []
    with (
        connected() as ray,
        pytest.raises(ClusterError, match=r"1 of 8 parts are not done \(.* number 0\)"),
    ):
        found.extend(through_pool(ray, partial(doing, str(tmp_path)), pieces, Places(1, 1)))
    assert sorted(one["name"] for one in found) == [str(i) for i in range(1, 8)]
    assert {one["cores"] for one in found} == {"1"}


@pytest.mark.parametrize(
    ("what", "error", "said"),
    [
        ("wrong", BlemishError, "^a sentence for users$"),
        ("fault", RuntimeError, "ZeroDivisionError: one of ours"),
    ],
)
def test_what_a_piece_raises_is_raised_where_it_was_asked_for(tmp_path, what, error, said):
    actor = pool._Actor(partial(doing, str(tmp_path)))
    (text,) = actor({"piece": [json.dumps([0, {"name": "x", "do": what}])]})["told"]
    with pytest.raises(error, match=said):
        pool._raise_what(json.loads(text)[1])


def test_an_object_store_gives_and_takes_the_same(machines, model, images, tmp_path):
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
    server = moto.ThreadedMotoServer(port=PORT, verbose=False)
    server.start()
    try:
        client = boto3.client("s3")
        client.create_bucket(Bucket="plates")
        for path in images.rglob("*.png"):
            client.upload_file(str(path), "plates", f"in/{path.relative_to(images)}")
        judge(model, ["s3://plates/in"], "s3://plates/out")
        names = [one["Key"] for one in client.list_objects_v2(Bucket="plates")["Contents"]]
        assert [name for name in names if name.startswith("out/")] == [
            "out/_images.jsonl", "out/_run.json", "out/part-00000.parquet",
        ]  # fmt: skip
        body = client.get_object(Bucket="plates", Key="out/part-00000.parquet")["Body"].read()
        rows = [as_line(row) for row in pq.read_table(io.BytesIO(body)).to_pylist()]
    finally:
        server.stop()
    expected = lines_of(model, images.rglob("*.png"))
    here = {row["path"].replace("s3://plates/in", str(images)): row for row in rows}
    assert {path: row.get("score") for path, row in here.items()} == {
        path: line.get("score") for path, line in expected.items()
    }


class Kills(Heard):
    """Kills a machine when the first part is done."""

    def __init__(self, machines):
        super().__init__()
        self.machines = machines

    @contextmanager
    def stage(self, name, total):
        def advance(steps):
            if self.machines.second is not None:
                self.machines.remove_node(self.machines.second, allow_graceful=False)
                self.machines.second = None

        yield advance


def test_a_driver_and_then_a_machine_that_are_killed_leave_each_image_once(
    machines, model, model_file, large, tmp_path
):
    out = tmp_path / "out"
    words = ["predict", model_file, large, "--engine", "ray", "--ray-address", machines.address,
             "-o", out]  # fmt: skip
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, *map(str, words)])
    while not list(out.glob("part-*")):
        assert driver.poll() is None
        time.sleep(0.05)
    time.sleep(random.uniform(0, 1.5))
    driver.kill()
    driver.wait()
    left = len(list(out.glob("part-*.parquet")))
    judged = judge(model, [large], out, resume=True, progress=Kills(machines))
    assert machines.second is None
    assert judged.parts_before >= left > 0
    found = rows_of(out)
    assert len(found) == judged.summary.total == 72
    (expected,) = lines_of(model, [large / "000.png"]).values()
    assert all(row | {"path": expected["path"]} == expected for row in found.values())
