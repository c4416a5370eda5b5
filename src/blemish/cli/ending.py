"""How `blemish predict` ends, whichever engine judged: its summary and its exit code."""

from __future__ import annotations

import typer

from blemish.cli import console
from blemish.cli.command import DEFECTS_FOUND, FAILED
from blemish.predictions.summary import Summary


def tell_summary(summary: Summary, seconds: float) -> None:
    """Say what was counted, what is not inspectable, and what is unlike all training images."""
    console.say(summary.spell(seconds))
    for sentence in (*summary.spell_not_inspectable(), *summary.spell_unlike()):
        console.note(sentence)


def end_as(summary: Summary, *, fail_on_defect: bool, others: int = 0) -> None:
    """Exit with 1 where something failed, an image or one of `others`.

    Exit with 3 where an image does not pass: a defect, or not inspectable.
    """
    if summary.failures or others:
        raise typer.Exit(FAILED)
    if fail_on_defect and summary.rejected:
        raise typer.Exit(DEFECTS_FOUND)
