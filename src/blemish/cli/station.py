"""`blemish station`: from cameras to verdicts to machines, unattended."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blemish.cli import console
from blemish.cli.command import FAILED
from blemish.cli.options import Threads, use_threads
from blemish.errors import BlemishError, DataError, MissingExtraError, UsageError, raise_some

if TYPE_CHECKING:
    from blemish.serving.tokens import Tokens
    from blemish.station.site import Site


class Plc(StrEnum):
    """What a PLC speaks."""

    MODBUS = "modbus"
    OPCUA = "opcua"


SiteFile = Annotated[
    Path | None,
    typer.Argument(metavar="SITE.toml", help="What the station is made of.", show_default=False),
]
Check = Annotated[
    bool, typer.Option("--check", help="Look at the files and say what would run; run nothing.")
]
New = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Write a first site file into a new folder; it works at once.",
        show_default=False,
    ),
]
OfNew = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="Of --new: model that judges; without, the page leads to a first one.",
        show_default=False,
    ),
]
SimulatePlc = Annotated[
    Plc | None,
    typer.Option(help="Be a PLC that reads a station, to try a connection.", show_default=False),
]
PlcAddress = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="Of --simulate-plc: where the station's output is.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print address or findings as JSON.")]


def station(
    site: SiteFile = None,
    *,
    check: Check = False,
    new: New = None,
    model: OfNew = None,
    simulate_plc: SimulatePlc = None,
    address: PlcAddress = None,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Inspect what comes from cameras, record it, and tell machines.

    SITE.toml names cameras (folders, HTTP, RTSP, USB, GigE Vision), outputs (PLC, MQTT, OPC UA,
    webhooks, databases, pictures) and where the page is. Recipes beside it name models. It ends at
    Ctrl-C or SIGTERM, with exit code 0 once what has come is judged and recorded.
    """
    if sum((site is not None, new is not None, simulate_plc is not None)) != 1:
        raise UsageError(
            "Name a site file (blemish station line.toml), or have a first one written "
            "(blemish station --new DIR)."
        )
    use_threads(threads)
    try:
        if simulate_plc is not None:
            _simulate(simulate_plc, address)
        elif new is not None:
            _write(new, model, as_json=as_json)
        elif site is not None:
            _run(site, check=check, as_json=as_json)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("blemish"):
            raise
        raise MissingExtraError("A station", "station") from error


def _write(folder: Path, model: Path | None, *, as_json: bool) -> None:
    from blemish.station.first_site import new_site

    path = new_site(folder, model)
    if as_json:
        console.write_json({"site": str(path)})
    console.say(f"wrote {path}; images go to {folder / 'inbox'}")
    console.next_steps(["station", path])


def _run(path: Path, *, check: bool, as_json: bool) -> None:
    from blemish.station.site import read_site

    site = read_site(path)
    tokens = _tokens(site)
    if check:
        _tell(site, as_json=as_json)
        return
    from blemish.serving.server import Address, serve
    from blemish.station.http import station_app
    from blemish.station.station import Station

    page = site.page
    where = Address(page.host, page.port, page.cert, page.key)

    def ready(url: str) -> None:
        if as_json:
            console.write_json_line({"url": url})
        console.say(f"{site.station.name} inspects; its page: {url}")

    app = station_app(Station(site, say=console.say), tokens)
    seconds = site.station.drain_seconds
    if not serve(app, where, tokens=tokens, ready=ready, end_seconds=seconds):
        console.error("Not all that was begun came to its end.")
        raise typer.Exit(FAILED)


def _tokens(site: Site) -> Tokens | None:
    """Who may what. Raises `UsageError` where everybody on the network might do everything."""
    from blemish.serving.guard import bind_error
    from blemish.serving.tokens import Tokens

    page = site.page
    tokens = None if page.tokens is None else Tokens.load(page.tokens)
    if bind_error(page.host, tokens) is not None:
        raise UsageError(
            f"{site.path}: page: 'host' is '{page.host}', which other machines reach, and without "
            "tokens everybody there may do everything. Below [page] name a file of them "
            '(tokens = "tokens.toml"; blemish token tokens.toml NAME --role operator makes one), '
            'or stay on this machine (host = "127.0.0.1").'
        )
    return tokens


def _check_models(models: dict[str, bool]) -> None:
    """Load models that are there. Raises `DataError`: which are none, and why."""
    from blemish.serving.models import Models

    told = []
    for path in (path for path, there in models.items() if there):
        try:
            Models().reload(Path(path).stem, path)
        except BlemishError as error:
            told.append(str(error))
    raise_some(told, DataError)


def _tell(site: Site, *, as_json: bool) -> None:
    """Say what would run."""
    models = {
        str(path): path.is_file()
        for recipe in site.recipes.values()
        for path in (site.models / file for file in recipe.models)
    }
    _check_models(models)
    if as_json:
        found: dict[str, Any] = {
            "site": str(site.path),
            "folder": str(site.folder),
            "cameras": {camera.name: camera.kind for camera in site.cameras},
            "outputs": {output.name: output.kind for output in site.outputs},
            "recipes": {name: list(recipe.models) for name, recipe in site.recipes.items()},
            "first": site.recipe,
            "models": models,
        }
        console.write_json(found)
    else:
        facts: list[tuple[str, object]] = [("folder", site.folder)]
        facts += [("camera", f"{one.name} ({one.kind})") for one in site.cameras]
        facts += [("output", f"{one.name} ({one.kind})") for one in site.outputs]
        facts += [
            ("recipe", f"{name}: {', '.join(recipe.models)}")
            for name, recipe in site.recipes.items()
        ]
        facts.append(("page", f"{site.page.host}, port {site.page.port}"))
        console.write_facts(facts)
    for path in (path for path, there in models.items() if not there):
        console.note(f"There is no model '{path}' yet: nothing is inspected before there is.")


def _simulate(kind: Plc, address: str | None) -> None:
    from blemish.station.plc_simulator import simulate

    asyncio.run(simulate(kind.value, address, console.say))
