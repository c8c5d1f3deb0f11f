"""The command `explain`."""

from __future__ import annotations

import click

from modelfleet.cli.options import complete_codes, text_or_json
from modelfleet.cli.output import print_json, say
from modelfleet.reference import reference
from modelfleet.wording import printable


@click.command(short_help="Explain the code of a finding.")
@click.argument("code", shell_complete=complete_codes)
@text_or_json
def explain(code: str, form: str) -> None:
    """Explain the code of a finding: why it exists, an example that triggers it, the corrected example, and the source."""

    if code.upper() not in reference.codes():
        raise click.UsageError(printable(f"explain {code}: there is no such code; `modelfleet rules` lists them"))
    one = reference.explanation(code.upper())
    if form == "json":
        print_json(reference.explanation_data(one))
        return
    for line in reference.explained(one):
        say(line)
