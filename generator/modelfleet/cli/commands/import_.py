"""The command `import`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from modelfleet.cli.output import DRIFT, FINE, Exit, say, show_findings
from modelfleet.finding import merged
from modelfleet.importer.command import ImportOutcome, difference_line, project_import
from modelfleet.importer.environment import EnvironmentImport, environment_import
from modelfleet.importer.model_facts import ModelFactsImport, model_facts_import
from modelfleet.importer.proof import effect_lines
from modelfleet.importer.write import written_files
from modelfleet.layout import CRDS
from modelfleet.patterns import lazy_pattern
from modelfleet.spec import secrets
from modelfleet.wording import listed, plural, printable

_NAME = lazy_pattern(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@click.group(name="import", short_help="Write specs for what is already running.")
def import_() -> None:
    """Write specs, environments and facts of models from what is already in a cluster or a repository."""


def _legal(context: click.Context, parameter: click.Parameter, name: str) -> str:
    if not _NAME.fullmatch(name):
        message = f"{name!r} is not a valid name: lower-case letters, digits and '-', beginning and ending with a letter or digit"
        raise click.BadParameter(printable(message))
    return name


@import_.command(short_help="Write a project from the objects of a namespace.")
@click.argument("name", callback=_legal)
@click.argument("sources", nargs=-1, required=True, metavar="FILE|DIR|-...")
@click.option(
    "--env",
    "environment",
    required=True,
    callback=_legal,
    metavar="ENV",
    help="The environment that the objects belong to.",
)
@click.option("--dry-run", is_flag=True, help="Write nothing; show what would be written.")
@click.option("--write", "anyway", is_flag=True, help="Write even if differences remain.")
@click.pass_obj
def project(  # noqa: PLR0913 - one parameter an option, as click passes them
    root: Path, name: str, sources: tuple[str, ...], environment: str, dry_run: bool, anyway: bool
) -> None:
    """Write projects/NAME.yaml and the files that it needs from objects, and prove that it renders to the same objects.

    Exit code 0: it renders to exactly these objects. 3: differences remain, and each is named; the files are written
    only with --write. 1: the input cannot be read.
    """
    outcome = project_import(root, name, environment, sources, sys.stdin.buffer.read)
    show_findings(merged(outcome.refused), "text")
    _report(outcome)
    if dry_run:
        for file, content in outcome.files.items():
            say(f"--- {file}")
            say(content)
    elif outcome.whole or anyway:
        for file in written_files(root, outcome.files):
            say(f"wrote {file}")
    else:
        say("nothing was written: --write writes it even though differences remain")
    raise Exit(FINE if outcome.whole else DRIFT)


def _report(outcome: ImportOutcome) -> None:
    """The proof, and what else there is to know."""
    proof, result = outcome.proof, outcome.result
    say(f"{plural(proof.equal, 'object')} of {result.namespace} will be as given")
    for one in result.kept:
        say(f"{one.label}: its values stay in the cluster; the spec says existing: true where a model uses it")
    for label in result.older:
        say(f"{label}: its framework is read as predictor.model, which is what KServe makes of the older form")
    for file, definition in result.definitions.written.items():
        if definition.stand_in:
            remedy = f"replace it by `oc get crd {definition.name} -o yaml`"
            say(f"{CRDS}/{file}.yaml lets every field pass, as nothing is known of the kind: {remedy}")
    for one_unsaid in result.unsaid:
        say(f"not in the spec: {difference_line(one_unsaid)}")
    for difference in proof.differences:
        say(f"differs: {difference_line(difference)}")
    effects = list(effect_lines(proof))
    for line in effects:
        say(f"first sync: {line}")
    for text in proof.acks:
        say(f"first sync: to be acknowledged as {text}")
    if not effects and not outcome.refused:
        say("first sync: no pod restarts")


@import_.command(short_help="Write an environment from the objects that describe a cluster.")
@click.argument("name", callback=_legal)
@click.argument("sources", nargs=-1, required=True, metavar="FILE|DIR|-...")
@click.option("--dry-run", is_flag=True, help="Write nothing; show what would be written.")
@click.pass_obj
def environment(root: Path, name: str, sources: tuple[str, ...], dry_run: bool) -> None:
    """Write or update environments/NAME.yaml, and runtimes/NAME/, from objects that describe the cluster.

    Your comments and facts stay. A fact that the objects contradict is replaced, and the change is reported.
    """
    found = environment_import(root, name, sources, sys.stdin.buffer.read)
    _report_facts(found)
    if dry_run:
        for file, content in found.files.items():
            say(f"--- {file}")
            say(content)
        return
    for file in written_files(root, found.files):
        say(f"wrote {file}")


def _report_facts(found: EnvironmentImport) -> None:
    """What was read, and what was not."""
    for fact in found.new:
        say(f"new: {'.'.join(fact.pointer)} (from {fact.source})")
    for fact, before in found.changed:
        for way, old, new in _changes(fact.pointer, before, fact.value):
            say(f"changed: {'.'.join(way)}: {old} becomes {new} (from {fact.source})")
    for fact, reason in found.refused:
        say(f"not taken: {'.'.join(fact.pointer)}: {reason} (from {fact.source})")
    say(f"{plural(len(found.same), 'fact')} already there")
    for finding in found.unread:
        say(f"{printable(finding.at.file)}:{finding.at.line}: not read: {finding.message}")
    for one, reason in found.left:
        say(f"{one.label}: {reason}")


def _changes(way: tuple[str, ...], before: Any, after: Any) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Where a fact is otherwise than before, as far down as both are maps."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in after.items():
            if before.get(key) != value:
                yield from _changes((*way, str(key)), before.get(key), value)
    else:
        old, new = ("nothing" if value is None else secrets.redacted(value, way[-1]) for value in (before, after))
        yield way, old, new


@import_.command(short_help="Write the facts of a model from its config.json.")
@click.argument("name", callback=_legal, metavar="ID")
@click.argument("sources", nargs=-1, required=True, metavar="CONFIG.JSON|DIR|- [INDEX.JSON]")
@click.option("--source", metavar="URL", help="Where the model comes from; written beside the facts.")
@click.option("--revision", metavar="REVISION", help="The revision of the model; written beside the facts.")
@click.option("--dry-run", is_flag=True, help="Write nothing; show what would be written.")
@click.pass_obj
def model(  # noqa: PLR0913 - one parameter an option, as click passes them
    root: Path, name: str, sources: tuple[str, ...], source: str | None, revision: str | None, dry_run: bool
) -> None:
    """Write or update models/ID.yaml, which `weights: {from: ID}` of a model names.

    Reads the config.json of the model's repository, and its model.safetensors.index.json if there is one. A folder
    means these two files in it. Your comments stay.
    """
    found = model_facts_import(root, name, sources, sys.stdin.buffer.read, source, revision)
    _report_model(found)
    if dry_run:
        say(f"--- {found.file}")
        say(found.content)
        return
    for file in written_files(root, {found.file: found.content}):
        say(f"wrote {file}")


def _report_model(found: ModelFactsImport) -> None:
    """What was read, and what is still missing."""
    for fact, value in found.new.items():
        say(f"new: {fact}: {printable(str(value))}")
    for fact, (before, value) in found.changed.items():
        say(f"changed: {fact}: {printable(str(before))} becomes {printable(str(value))}")
    if not found.new and not found.changed:
        say("every fact was already there")
    if found.counted:
        say("parameters: counted from the layers; with model.safetensors.index.json beside it they are exact")
    if found.quantized_as:
        say(
            f"quantization: {printable(found.quantized_as)} needs an unknown amount of memory; the weights count in full"
        )
    if found.open:
        say(f"not known: {listed(found.open)}")
