"""`blemish serve`: models as a service over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blemish.cli import console
from blemish.cli.command import FAILED
from blemish.cli.options import (
    JudgingMemory,
    MaxPixels,
    Raw,
    Threads,
    read_limits,
    read_megabytes,
    read_raw,
    use_threads,
)
from blemish.errors import MissingExtraError
from blemish.memory import MEGABYTE

PORT = 8421

Served = Annotated[
    list[str],
    typer.Argument(
        metavar="MODEL",
        help="Model files, by the names of which they are asked for; or NAME=FILE.",
        show_default=False,
    ),
]
Host = Annotated[str, typer.Option(metavar="ADDRESS", help="Address of this machine to serve on.")]
Port = Annotated[
    int, typer.Option(metavar="N", min=0, max=65535, help="Its port; 0 takes a free one.")
]
TokensFile = Annotated[
    Path | None,
    typer.Option(
        "--tokens",
        metavar="FILE.toml",
        help="Who may do what (blemish token); needed where other machines reach ADDRESS.",
        show_default=False,
    ),
]
Cert = Annotated[
    Path | None,
    typer.Option(metavar="FILE.pem", help="Certificate, for https.", show_default=False),
]
Key = Annotated[
    Path | None,
    typer.Option(metavar="FILE.pem", help="Its key, if not in there.", show_default=False),
]
Places = Annotated[
    int,
    typer.Option(metavar="N", min=1, help="Requests that may wait; others are told 503."),
]
Seconds = Annotated[
    float, typer.Option(metavar="S", min=0.1, help="That a request may take, with waiting.")
]
MaxBody = Annotated[
    int, typer.Option("--max-body-mb", metavar="N", min=1, help="Largest body of a request.")
]
MonitorFolder = Annotated[
    Path | None,
    typer.Option(
        "--monitor",
        metavar="DIR",
        help="Watch for drift, and keep the state of each model's monitor in this folder.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print address and models as JSON.")]


def serve(
    models: Served,
    *,
    host: Host = "127.0.0.1",
    port: Port = PORT,
    tokens: TokensFile = None,
    cert: Cert = None,
    key: Key = None,
    places: Places = 64,
    seconds: Seconds = 30.0,
    max_body_mb: MaxBody = 64,
    max_pixels: MaxPixels = None,
    memory: JudgingMemory = None,
    raw: Raw = None,
    threads: Threads = None,
    monitor: MonitorFolder = None,
    as_json: AsJson = False,
) -> None:
    """Judge images that come over HTTP.

    POST an image to /v1/inspect, and the answer is what blemish predict says of it; or use any
    client of the Open Inference Protocol (KServe, Triton) at /v2. /docs describes it all, /metrics
    is for Prometheus. It ends at Ctrl-C or SIGTERM, with exit code 0 once what it has begun has
    come to its end.
    """
    use_threads(threads)
    try:
        from blemish.serving.app import Limits, make_app
    except ModuleNotFoundError as error:
        raise MissingExtraError("A service", "serve") from error
    from blemish.serving.drift import Drift
    from blemish.serving.guard import bind_error
    from blemish.serving.models import Models, names_of
    from blemish.serving.server import Address
    from blemish.serving.server import serve as run
    from blemish.serving.tokens import Tokens

    address = Address(host, port, cert, key)
    known = None if tokens is None else Tokens.load(tokens)
    refused = bind_error(host, known)
    if refused is not None:
        raise refused
    megabytes = read_megabytes(memory)
    loaded = Models.load(
        names_of(models),
        limits=read_limits(max_pixels),
        raw=read_raw(raw),
        memory_bytes=None if megabytes is None else megabytes * MEGABYTE,
    )
    limits = Limits(
        most_bytes=max_body_mb * MEGABYTE, seconds=seconds, body_seconds=seconds, places=places
    )
    drift = None if monitor is None else Drift(monitor)
    app = make_app(loaded, tokens=known, limits=limits, secure=address.secure, drift=drift)

    def ready(url: str) -> None:
        if as_json:
            hashes = {name: loaded.get(name).model.sha256 for name in loaded.names}
            console.write_json_line({"url": url, "models": hashes})
        console.say(f"serving {', '.join(loaded.names)} at {url} ({url}/docs)")

    if not run(app, address, tokens=known, ready=ready, end_seconds=seconds):
        console.error("Not all that was begun came to its end.")
        raise typer.Exit(FAILED)
