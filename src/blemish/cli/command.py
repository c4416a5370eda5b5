"""What every command shares: how it ends when something goes wrong, and what the user typed.

Exit codes: 0 fine, 1 failed, 2 wrong usage, 3 defects were found, 4 a quality gate was not met (a
figure, golden samples, or a record), 130 interrupted (Ctrl-C), 143 ended by SIGTERM, 129 by SIGHUP.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from blemish.cli import console
from blemish.cli.flags import Flags
from blemish.cli.signals import EndsLikeCtrlC, exit_code
from blemish.errors import BlemishError

FAILED, DEFECTS_FOUND, GATE_NOT_MET = 1, 3, 4

_TYPED = "blemish.typed"


class Command(TyperCommand):
    """A command that tells errors of the user's in one sentence, and ours with a traceback.

    With `--json` such an error is also a result: `{"error": "..."}` on standard output.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments, and keep them as they were typed."""
        ctx.meta[_TYPED] = list(args)
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """What follows the name in the line of usage; a metavar of several words as it is."""
        pieces = super().collect_usage_pieces(ctx)
        return [piece.strip("{}.") if " " in piece else piece for piece in pieces]

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        console.flags = Flags(_options(ctx))
        try:
            with EndsLikeCtrlC():
                return super().invoke(ctx)
        except KeyboardInterrupt as error:
            _end_line()
            console.say("interrupted")
            raise typer.Exit(exit_code(error)) from None
        except BlemishError as error:
            told = console.flags.of_error(error)
            console.error(told)
            if ctx.params.get("as_json"):
                with suppress(BlemishError):  # standard output may be what is wrong
                    console.write_json_line({"error": told})
            raise typer.Exit(error.exit_code) from None


def _options(ctx: Any) -> set[str]:
    """Names of what has an option in any command."""
    commands = getattr(ctx.find_root().command, "commands", {ctx.command.name: ctx.command})
    of_groups = (getattr(group, "commands", {}).values() for group in commands.values())
    every = chain(commands.values(), *of_groups)
    params = (param for command in every for param in command.params)
    options = (opt for param in params for opt in param.opts if opt.startswith("--"))
    return {option.removeprefix("--").replace("-", "_") for option in options}


def typed(ctx: typer.Context) -> list[str]:
    """The arguments of a command as the user typed them, without its name and `--json`."""
    words: list[str] = ctx.meta[_TYPED]
    return [word for word in words if word != "--json"]


def typed_so_far(ctx: Any) -> list[str]:
    """The arguments of a command as the user typed them, while they are read."""
    words: list[str] = ctx.meta.get(_TYPED, [])
    return words


def with_option(words: Sequence[str], *option: str | Path) -> list[str | Path]:
    """Arguments with an option added; before a `--`, after which nothing is an option."""
    end = words.index("--") if "--" in words else len(words)
    return [*words[:end], *option, *words[end:]]


def _end_line() -> None:
    """Leave the `^C` that a terminal shows on a line of its own."""
    if sys.stderr.isatty():
        console.say(" ")
