"""Where a video comes from, and what FFmpeg may do to get it.

FFmpeg opens whatever an address or a stream leads to: playlists name other hosts and files, servers
send it elsewhere. So only these kinds of addresses are taken, each with the few protocols that it
needs and formats that hold pictures themselves; no redirection is followed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from blemish.errors import UsageError

_RTSP = "rtsp"
_PROTOCOLS = {
    "rtsp": "rtsp,tcp",
    "rtsps": "rtsp,rtsps,tls,tcp",
    "http": "http,tcp",
    "https": "https,tls,tcp",
}
_DEVICE = re.compile(r"/dev/(video\d+|v4l/by-(id|path)/[\w.:+-]+)")
FORMATS = "mpegts,mpjpeg,mjpeg,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,avi,flv,mpeg,h264,hevc"
_TRY = "give rtsp://, rtsps://, http://, https://, /dev/videoN or the path of a video file"


@dataclass(frozen=True)
class Address:
    """Something that FFmpeg opens.

    Attributes:
        file: what it is given.
        format: of the stream; `None` where its first bytes tell.
        options: for it; among them what it may reach.
        shown: for people, without user and password.
        path: of the file, if it is one; everything else is live.
    """

    file: str
    format: str | None
    options: dict[str, str]
    shown: str
    path: Path | None = None


def address_of(
    text: str, base: Path, *, user: str | None = None, password: str | None = None
) -> Address:
    """What is meant by an address.

    Args:
        text: as the site file has it.
        base: folder that a relative path starts from.
        user: of the camera.
        password: of that user.

    Raises:
        UsageError: it is none that may be opened.
    """
    if _DEVICE.fullmatch(text):
        return Address(text, "v4l2", {}, text)
    scheme, colon, rest = text.partition(":")
    if not colon or "/" in scheme or len(scheme) == 1:  # a drive of Windows
        return _file(base / Path(text).expanduser())
    if scheme not in _PROTOCOLS:
        raise UsageError(f"'address' must not begin with '{scheme}:'; {_TRY}.")
    if not text.isprintable() or " " in text:
        raise UsageError(f"'address' must not have spaces; {_TRY}.")
    parts = urlsplit(text)
    if not rest.startswith("//") or not parts.hostname:
        raise UsageError(f"'address' names no host; {_TRY}.")
    if "@" in parts.netloc:
        raise UsageError("'address' must not hold a password; 'user' and 'password' are settings.")
    options = {"protocol_whitelist": _PROTOCOLS[scheme]}
    if scheme.startswith(_RTSP):
        options["rtsp_transport"] = "tcp"  # UDP loses packets without a word
    else:
        options |= {"format_whitelist": FORMATS, "max_redirects": "0"}
    who = "" if user is None else f"{quote(user, safe='')}:{quote(password or '', safe='')}@"
    file = text.replace("//", f"//{who}", 1)
    return Address(file, _RTSP if scheme.startswith(_RTSP) else None, options, _shown(text))


def _file(path: Path) -> Address:
    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
    return Address(f"file:{path}", None, options, str(path), path)


def _shown(text: str) -> str:
    """Without what comes after `?`: some cameras take a password there."""
    return text.partition("?")[0]
