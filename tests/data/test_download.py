"""A download against a local server: whole, interrupted, changed, and archives that mean harm."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import subprocess
import sys
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from blemish.data import unpacking
from blemish.data.download import MVTEC_AD, Archive, choose_archives, fetch, size_bytes
from blemish.data.opening import open_dataset
from blemish.errors import BlemishError, DataError, SettingError, UsageError
from tiny import tiny_dataset


class Server(ThreadingHTTPServer):
    """Serves one body; `cut` ends the next answer after so many bytes, `asked` holds its ranges."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.cut, self.ranges, self.asked = b"", None, True, []
        self.etag, self.ignores_if_range, self.tells_length = None, False, True
        self.stall = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/" + "{category}.tar.xz"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.ranges else 0
        condition = self.headers.get("If-Range")
        if condition and condition != server.etag and not server.ignores_if_range:
            first = 0
        if first and first >= len(server.body):
            self.send_error(416)
            return
        rest = server.body[first:]
        self.send_response(206 if first else 200)
        if server.tells_length:
            self.send_header("Content-Length", str(len(rest)))
        if server.etag:
            self.send_header("ETag", server.etag)
        if first:
            last = len(server.body) - 1
            self.send_header("Content-Range", f"bytes {first}-{last}/{last + 1}")
        self.end_headers()
        cut, server.cut = server.cut, None
        if server.stall:
            self.wfile.write(rest[: len(rest) // 2])
            rest = rest[len(rest) // 2 :]
            server.stall.wait()
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
    (work,) = tmp_path.glob(".tile.*.download")
    (work / "archive").write_bytes(body)
    assert fetch(archive, tmp_path).checked
    assert len(server.asked) == 1


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
        packed("tile/" + "d/" * 20 + "x"),
        packed("tile/sparse", kind=tarfile.GNUTYPE_SPARSE),
        packed("tile"),
    ],
    ids=[
        "climbs",
        "absolute",
        "other",
        "link",
        "hard link",
        "device",
        "no archive",
        "no folder",
        "deep",
        "sparse",
        "no folder but a file",
    ],
)
def test_an_archive_that_means_harm_leaves_nothing(server, harm, tmp_path):
    server.body = harm
    with pytest.raises(DataError):
        fetch(Archive("tile", server.url.replace("{category}", "tile")), tmp_path / "data")
    assert not list((tmp_path / "data").iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


KINDS = {"xz": lzma.compress, "gz": gzip.compress, "bz2": bz2.compress, "plain": bytes}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The same, not compressed; its last file is random and so are all checks of it."""
    folder = tiny_dataset(tmp_path_factory.mktemp("data") / "tile", good=2, test_good=1, defects=1)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(folder, "tile")
    return stream.getvalue()


def fetched(server, body, folder):
    server.body = body
    return fetch(Archive("tile", server.url.replace("{category}", "tile")), folder).folder


@pytest.mark.parametrize("kind", KINDS)
def test_archives_of_every_kind_are_unpacked(server, plain, tmp_path, kind):
    folder = fetched(server, KINDS[kind](plain), tmp_path)
    assert len(open_dataset(folder).train) == 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", ["cut", "end", "check", "header", "trailing", "second"])
def test_a_damaged_archive_is_one_clear_error_and_leaves_nothing(
    server, plain, tmp_path, kind, damage
):
    used = len(plain.rstrip(b"\0"))
    whole = KINDS[kind](plain)
    harm = {
        "cut": whole[: len(whole) * 2 // 3],
        "end": KINDS[kind](plain[: -(-used // 512) * 512]),  # all files, no end
        "check": whole[:-6] + bytes(255 - byte for byte in whole[-6:]),
        "header": KINDS[kind](plain[: used // 2 // 512 * 512] + b"x" * 512 + plain[used // 2 :]),
        "trailing": KINDS[kind](plain + b"x"),
        "second": KINDS[kind](plain + plain),
    }[damage]
    with pytest.raises(DataError, match=r"archive of 'tile' .*damaged"):
        fetched(server, harm, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bomb", ["files", "bytes", "names", "recursion"])
def test_an_archive_that_is_too_much_is_refused_while_it_is_read(
    server, tmp_path, bomb, monkeypatch
):
    monkeypatch.setattr(unpacking, "MOST_FILES", 10)
    monkeypatch.setattr(unpacking, "MOST_BYTES", 10_000_000)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        member = tarfile.TarInfo("tile/x")
        for number in range(12 if bomb == "files" else 1):
            member.name = f"tile/{number}"
            member.size = 11_000_000 if bomb == "bytes" else 0
            if bomb == "names":
                member.pax_headers = {"comment": "x" * 50_000_000}
            if bomb == "recursion":
                header = member.create_pax_global_header({"a": "b"})
                archive.fileobj.write(header * 20_000)
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    with pytest.raises(DataError, match=r"holds more than|damaged"):
        fetched(server, stream.getvalue(), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ignores", [False, True])
def test_versions_are_never_joined(server, body, tmp_path, ignores):
    other = b"!" + body[1:]  # damaged, if anything of it were used
    archive = Archive("tile", server.url.replace("{category}", "tile"))
    server.body, server.etag, server.cut, server.ignores_if_range = other, '"1"', 999, ignores
    with pytest.raises(DataError, match="goes on"):
        fetch(archive, tmp_path)
    server.body, server.etag = body, '"2"'
    assert fetch(archive, tmp_path).sha256 == sha256_of(body)


def test_the_same_version_is_gone_on_with_even_if_its_hash_is_not_known(server, body, tmp_path):
    archive = Archive("tile", server.url.replace("{category}", "tile"))
    server.body, server.etag, server.cut = body, '"1"', 999
    with pytest.raises(DataError, match="goes on"):
        fetch(archive, tmp_path)
    assert fetch(archive, tmp_path).sha256 == sha256_of(body)
    assert server.asked == [None, "bytes=999-"]


@pytest.mark.parametrize("etag", [None, 'W/"1"'])
def test_without_a_version_and_a_hash_it_begins_anew(server, body, tmp_path, etag):
    archive = Archive("tile", server.url.replace("{category}", "tile"))
    server.body, server.cut, server.etag = body, 999, etag
    with pytest.raises(DataError):
        fetch(archive, tmp_path)
    fetch(archive, tmp_path)
    assert server.asked == [None, None]


def test_more_than_there_is_by_now_is_thrown_away(server, body, tmp_path):
    archive = Archive("tile", server.url.replace("{category}", "tile"))
    server.body, server.etag, server.cut = body + bytes(99), '"1"', len(body) + 50
    with pytest.raises(DataError):
        fetch(archive, tmp_path)
    server.body, server.etag, server.ignores_if_range = body, '"2"', True
    fetch(archive, tmp_path)
    assert server.asked == [None, f"bytes={len(body) + 50}-", None]


def test_a_body_cut_off_by_a_server_that_tells_no_length_is_damaged(server, body, tmp_path):
    server.tells_length, server.cut = False, len(body) // 2
    with pytest.raises(DataError, match="damaged"):
        fetched(server, body, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_was_fetched_is_kept_where_it_could_not_be_unpacked(
    server, archive, tmp_path, monkeypatch, error
):
    def fail(*_, **__):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(tarfile.TarFile, "extract", fail)
        with pytest.raises((DataError, KeyboardInterrupt)):
            fetch(archive, tmp_path)
    assert not (tmp_path / "tile").exists()
    assert fetch(archive, tmp_path).checked
    assert len(server.asked) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["tile"]


@pytest.mark.skipif(os.name == "nt", reason="signals and locks of POSIX")
def test_a_download_that_is_killed_is_gone_on_with_and_never_done_twice_at_once(
    server, archive, body, tmp_path
):
    server.stall = threading.Event()
    program = (
        "import sys; from pathlib import Path; from blemish.data.download import Archive, fetch\n"
        "fetch(Archive('tile', sys.argv[1], sys.argv[2]), Path(sys.argv[3]))"
    )
    words = [sys.executable, "-c", program, archive.url, archive.sha256, str(tmp_path)]
    process = subprocess.Popen(words)
    while not list(tmp_path.glob(".tile.*.download/archive")):
        time.sleep(0.01)
    with pytest.raises(BlemishError, match="already"):
        fetch(archive, tmp_path)
    process.kill()
    process.wait()
    server.stall.set()
    assert fetch(archive, tmp_path).checked
    assert [path.name for path in tmp_path.iterdir()] == ["tile"]


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
