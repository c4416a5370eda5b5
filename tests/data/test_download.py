"""A download against a local server: whole, interrupted, changed, and archives that mean harm."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from blemish.data.dataset import open_dataset
from blemish.data.download import MVTEC_AD, Archive, choose_archives, fetch, size_bytes
from blemish.errors import DataError, SettingError, UsageError
from tiny import tiny_dataset


class Server(ThreadingHTTPServer):
    """Serves one body; `cut` ends the next answer after so many bytes, `asked` holds its ranges."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.cut, self.ranges, self.asked = b"", None, True, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/" + "{category}.tar.xz"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.ranges else 0
        if first and first >= len(server.body):
            self.send_error(416)
            return
        rest = server.body[first:]
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(rest)))
        if first:
            last = len(server.body) - 1
            self.send_header("Content-Range", f"bytes {first}-{last}/{last + 1}")
        self.end_headers()
        cut, server.cut = server.cut, None
        self.wfile.write(rest if cut is None else rest[:cut])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    """A category as MVTec packs it: its folder, read-only, with a licence beside it."""
    folder = tiny_dataset(tmp_path_factory.mktemp("data") / "tile", good=3)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:xz") as archive:
        archive.add(folder, "tile", filter=lambda member: member.replace(mode=0o555, deep=False))
        archive.addfile(member := tarfile.TarInfo("license.txt"), io.BytesIO())
        assert member.isfile()
    return stream.getvalue()


@pytest.fixture
def archive(server, body):
    server.body = body
    return Archive("tile", server.url.replace("{category}", "tile"), sha256_of(body))


def sha256_of(data):
    return hashlib.sha256(data).hexdigest()


def packed(*members, kind=tarfile.REGTYPE, link=""):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, link
            archive.addfile(member, io.BytesIO())
    return stream.getvalue()


def test_a_category_is_fetched_checked_and_can_be_opened(archive, tmp_path):
    found = fetch(archive, tmp_path)
    assert (found.checked, found.sha256) == (True, archive.sha256)
    dataset = open_dataset(tmp_path / "tile")
    assert (dataset.layout, len(dataset.train), len(dataset.test)) == ("mvtec-ad", 3, 6)
    assert [path.name for path in tmp_path.iterdir()] == ["tile"]


def test_the_size_is_known_before(archive, body):
    assert size_bytes(archive) == len(body)


def test_what_broke_off_is_gone_on_with(server, archive, body, tmp_path):
    server.cut = len(body) // 3
    with pytest.raises(DataError, match="goes on"):
        fetch(archive, tmp_path)
    assert not (tmp_path / "tile").exists()
    fetch(archive, tmp_path)
    assert server.asked == [None, f"bytes={len(body) // 3}-"]
    assert (tmp_path / "tile").is_dir()


def test_a_server_without_ranges_starts_again(server, archive, body, tmp_path):
    server.cut, server.ranges = len(body) // 2, False
    with pytest.raises(DataError):
        fetch(archive, tmp_path)
    assert fetch(archive, tmp_path).checked


def test_an_archive_that_is_already_whole_is_not_fetched_again(server, archive, body, tmp_path):
    server.cut = 0
    with pytest.raises(DataError):
        fetch(archive, tmp_path)
    (partial,) = tmp_path.glob(".tile.*.part")
    partial.write_bytes(body)
    assert fetch(archive, tmp_path).checked


def test_another_content_is_refused_and_thrown_away(server, archive, tmp_path):
    server.body = packed("tile/train/good/000.png")
    with pytest.raises(DataError, match=f"tile={sha256_of(server.body)}"):
        fetch(archive, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_unknown_hash_is_told_as_such(server, body, tmp_path):
    server.body = body
    (archive,) = choose_archives(["tile"], url=server.url, sha256={})
    assert archive.sha256 == MVTEC_AD["tile"].sha256
    found = fetch(Archive("tile", archive.url), tmp_path)
    assert (found.checked, found.sha256) == (False, sha256_of(body))


@pytest.mark.parametrize(
    "harm",
    [
        packed("tile/../../out.png"),
        packed("/tile/out.png"),
        packed("wood/out.png"),
        packed("tile/link", kind=tarfile.SYMTYPE, link="../.."),
        packed("tile/link", kind=tarfile.LNKTYPE, link="tile/../../x"),
        packed("tile/device", kind=tarfile.CHRTYPE),
        b"no archive at all",
        packed("license.txt"),
    ],
    ids=["climbs", "absolute", "other", "link", "hard link", "device", "no archive", "no folder"],
)
def test_an_archive_that_means_harm_leaves_nothing(server, harm, tmp_path):
    server.body = harm
    with pytest.raises(DataError):
        fetch(Archive("tile", server.url.replace("{category}", "tile")), tmp_path / "data")
    assert not list((tmp_path / "data").iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_what_is_there_is_never_replaced(archive, tmp_path):
    (tmp_path / "tile").mkdir()
    with pytest.raises(UsageError, match="exists"):
        fetch(archive, tmp_path)


def test_a_server_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match="cannot be reached"):
        fetch(Archive("tile", "http://127.0.0.1:9/tile.tar.xz"), tmp_path)


def test_archives_are_chosen_by_name():
    with pytest.raises(SettingError, match="Did you mean 'tile'"):
        choose_archives(["tyle"])
    with pytest.raises(UsageError, match="not asked for"):
        choose_archives(["tile"], sha256={"grid": "0" * 64})
    with pytest.raises(UsageError, match="64 hexadecimal"):
        choose_archives(["tile"], sha256={"tile": "abc"})
    with pytest.raises(UsageError, match="no name"):
        choose_archives(["../tile"], url="http://localhost/x")
    with pytest.raises(UsageError, match="at least one"):
        choose_archives([])
    (wood,) = choose_archives(["wood"], url="http://localhost/{category}.tar")
    assert (wood.url, wood.sha256) == ("http://localhost/wood.tar", None)
