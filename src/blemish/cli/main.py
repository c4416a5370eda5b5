"""The console script `blemish`: all commands, and how it is started."""

from __future__ import annotations

import codecs
import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from blemish.cli import (
    audit,
    benchmark,
    calibrate,
    check,
    console,
    download,
    drift,
    evaluate,
    export,
    fit,
    forget,
    golden,
    inspect,
    learn,
    ledger,
    plan,
    predict,
    report,
    serve,
    station,
    surfaces,
    token,
    undo,
    verify,
)
from blemish.cli.command import FAILED, Command
from blemish.cli.detector_options import FitsDetectors
from blemish.cli.signals import ended_by_ctrl_c
from blemish.names import shown

SHOWN = "blemish.shown"  # how streams take names of files that are no text

app = typer.Typer(
    name="blemish",
    help="Learn what a good surface looks like, and find where a new image departs from it.",
    epilog="Start with: blemish check DATA",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

for _command, _kind in (
    (check.check, Command),
    (plan.plan, FitsDetectors),
    (fit.fit, FitsDetectors),
    (inspect.inspect, Command),
    (calibrate.calibrate, Command),
    (golden.golden, Command),
    (verify.verify, Command),
    (learn.learn, Command),
    (forget.forget, Command),
    (undo.undo, Command),
    (predict.predict, Command),
    (drift.drift, Command),
    (evaluate.evaluate, Command),
    (benchmark.benchmark, FitsDetectors),
    (report.report, Command),
    (export.export, Command),
    (surfaces.surfaces, Command),
    (download.download, Command),
    (audit.audit, Command),
    (serve.serve, Command),
    (station.station, Command),
    (token.token, Command),
):
    app.command(cls=_kind)(_command)
app.add_typer(ledger.app)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        typer.echo(f"blemish {metadata.version('blemish')}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


def _show(error: UnicodeError) -> tuple[str, int]:
    """What a stream cannot take, in characters that any can."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = shown(error.object[error.start : error.end])
    return text.encode("ascii", "backslashreplace").decode(), error.end


def run() -> None:
    """Run the command line and end the process with its exit code."""
    for name in ("stdin", "stdout", "stderr"):  # in the order of the descriptors that they take
        if getattr(sys, name) is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, "r+"))  # noqa: PTH123, SIM115 - until the end
    codecs.register_error(SHOWN, _show)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a name of a file may be no text at all
            stream.reconfigure(errors=SHOWN)
    with ended_by_ctrl_c():
        try:
            app(prog_name="blemish")
        except OSError as error:  # of --help and --version; commands tell of their own
            console.error(f"Cannot write to standard output: {error.strerror or error}.")
            os._exit(FAILED)  # Python would try to write the rest once more
