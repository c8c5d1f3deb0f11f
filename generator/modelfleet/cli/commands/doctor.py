"""The command `doctor`."""

from __future__ import annotations

from pathlib import Path

import click

from modelfleet import __version__
from modelfleet.cli.output import DRIFT, MACHINE, WRONG, Exit, say
from modelfleet.start.doctor import diagnoses

_CODES = {"machine": MACHINE, "files": WRONG, "drift": DRIFT}


@click.command(short_help="Check that everything the commands need is there.")
@click.pass_obj
def doctor(root: Path) -> None:
    """Check that everything the commands need is there, and say what to do if it is not. Nothing is written."""
    codes = []
    for found in diagnoses(root, __version__):
        mark = "ok" if not found.remedy else "!!" if found.blames else "--"
        say(f"{mark}  {found.subject}: {found.state}")
        if found.remedy:
            say(f"      {found.remedy}")
        if found.blames:
            codes.append(_CODES[found.blames])
    if codes:
        raise Exit(max(codes))
