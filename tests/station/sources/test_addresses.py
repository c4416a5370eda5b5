"""What may be opened, and by which protocols."""

from pathlib import Path

import pytest

from blemish.errors import UsageError
from blemish.station.sources.addresses import address_of

BASE = Path("/site")


@pytest.mark.parametrize(
    "text",
    [
        "concat:a.ts|b.ts",
        "file:/etc/passwd",
        "ftp://camera/x",
        "udp://camera:1",
        "subfile,,start,0,end,0,,:/etc/passwd",
        "data:video/mp4;base64,AAAA",
        "http:/nohost",
        "rtsp://",
        "rtsp://me:secret@camera/x",
        "http://camera/x\r\nHost: other",
        "hls+http://camera/x",
        "gopher://camera",
        "crypto+file:/etc/passwd",
    ],
)
def test_what_is_no_camera_is_refused_without_its_password(text):
    with pytest.raises(UsageError, match="'address'") as error:
        address_of(text, BASE)
    assert "secret" not in str(error.value)


def test_each_kind_has_the_protocols_that_it_needs_and_no_more():
    options = {
        text: address_of(text, BASE).options.get("protocol_whitelist")
        for text in ("rtsp://c/1", "http://c/1", "https://c/1", "clip.mp4", "/dev/video0")
    }
    assert options == {
        "rtsp://c/1": "rtsp,tcp",
        "http://c/1": "http,tcp",
        "https://c/1": "https,tls,tcp",
        "clip.mp4": "file",
        "/dev/video0": None,
    }


def test_paths_are_files_whatever_their_names():
    assert address_of("clips/a.mp4", BASE).path == BASE / "clips/a.mp4"
    assert address_of("clips/http:x.mp4", BASE).file == "file:/site/clips/http:x.mp4"
    assert address_of("/dev/videos/x", BASE).path == Path("/dev/videos/x")
    assert address_of("/dev/video12", BASE).format == "v4l2"


def test_what_is_shown_has_neither_password_nor_query():
    address = address_of("http://camera/live?pwd=1", BASE, user="me", password="p/w")
    assert address.file == "http://me:p%2Fw@camera/live?pwd=1"
    assert address.shown == "http://camera/live"
