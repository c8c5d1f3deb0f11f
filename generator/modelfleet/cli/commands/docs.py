"""The command `docs`."""

from __future__ import annotations

from pathlib import Path

import click

from modelfleet.cli.output import DRIFT, Exit, say
from modelfleet.reference import pages


@click.command(hidden=True)
@click.option("--write", is_flag=True, help="Write the pages in docs/ that are generated from the data.")
@click.pass_obj
def docs(root: Path, write: bool) -> None:
    """Say which pages of the documentation are stale, or write them."""

    stale = pages.stale_pages(root)
    for path in stale:
        if write:
            pages.write_page(root, path)
        say(f"{path}: {'written' if write else 'stale'}")
    if stale and not write:
        raise Exit(DRIFT)
