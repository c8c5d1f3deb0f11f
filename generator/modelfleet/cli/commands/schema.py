"""The command `schema`."""

from __future__ import annotations

from pathlib import Path

import click

from modelfleet.cli.output import say, tell
from modelfleet.finding import Rejected
from modelfleet.start.editor_schemas import SCHEMA_FILES, CompletedNames, editor_schema, names_of
from modelfleet.start.place import replace_file
from modelfleet.wording import printable


@click.command(short_help="Print or write the schemas for editors.")
@click.argument("kind", type=click.Choice(tuple(SCHEMA_FILES)), required=False)
@click.option(
    "--write",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write them into this folder, replacing what is there.",
)
@click.pass_obj
def schema(root: Path, kind: str | None, folder: Path | None) -> None:
    """Print the schema of a hand-written file. With --write, write it, or all of them, into a folder.

    Editors use it to complete the environments, runtimes, sizes and accelerators of this repository, so write it again
    when those change.
    """
    if kind is None and folder is None:
        message = f"say which schema is printed ({', '.join(SCHEMA_FILES)}), or where all are written: --write schemas"
        raise click.UsageError(message)
    try:
        names = names_of(root)
    except Rejected:
        tell(
            "modelfleet: the specs cannot be read yet, so names of this repository are not completed; see `modelfleet check`"
        )
        names = CompletedNames()
    for each in [kind] if kind else SCHEMA_FILES:
        text = editor_schema(each, names)
        if folder is None:
            click.echo(text, nl=False)
        else:
            replace_file(folder / SCHEMA_FILES[each], text)
            say(f"{printable(str(folder / SCHEMA_FILES[each]))}: written")
