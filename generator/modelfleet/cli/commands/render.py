"""The command `render`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click

from modelfleet.cli.output import DOCUMENT_FORMATS, DRIFT, POLICY, Exit, say, show_findings, tell
from modelfleet.cli.sharing import FleetChoice, FleetRun, fleet_options, run_options
from modelfleet.finding import Finding, MachineFailed, Severity, merged
from modelfleet.layout import EVERYTHING, Scope
from modelfleet.report.render import rendered
from modelfleet.tree import write
from modelfleet.tree.compare import changed_bases, compare_tree
from modelfleet.tree.conflicts import conflicts


@click.command(short_help="Write the overlays and say what changed.")
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 3 and show the diff where files differ.")
@click.option(
    "--overwrite", is_flag=True, help="Overwrite files that were edited by hand or that modelfleet did not write."
)
@click.option("--verify", "also_verify", is_flag=True, help="Verify everything with the real tools afterwards.")
@fleet_options
@run_options
def render(choice: FleetChoice, run: FleetRun, only_check: bool, overwrite: bool, also_verify: bool) -> None:
    """Render the overlays of every environment and say what changed."""
    started = os.times()
    root, form = run.root, choice.form
    if not only_check:
        write.recover(root)
    found = run.fleet()
    scope = _with_all_overlays(root, found.files, run.scope(choice.scope(found)))
    shown = tuple(run.untold(found.warnings))
    if form == "text" or (form == "github" and not only_check):
        show_findings(shown, form)
    files = {path: text for path, text in found.files.items() if scope.covers(path)}
    if only_check:
        _show_drift(root, files, scope, (form, shown))
        choice.refuse(shown if run.is_shard else found.warnings)
        return
    if choice.strict and found.open_warnings:
        if form in DOCUMENT_FORMATS:
            show_findings(shown, form)
        tell("modelfleet: nothing is written, since --strict refuses warnings that are not accepted")
        choice.refuse(found.warnings)
    changes = write.write(root, files, scope, overwrite=overwrite)
    replaced = merged(conflicts(changes, overwrite=True)) if overwrite else []
    if form in DOCUMENT_FORMATS:
        show_findings([*shown, *replaced], form)
        return
    show_findings(replaced, form)
    for line in rendered(found, changes, os.times().elapsed - started.elapsed):
        say(line)
    if also_verify:
        from modelfleet.cli.proof import prove  # the tools' modules are loaded only where they are wanted

        whole = run.scope(EVERYTHING)
        prove(run, run.narrowed(found, whole), form, whole)


def _with_all_overlays(root: Path, files: Mapping[str, str], scope: Scope) -> Scope:
    """The scope, widened to every overlay of the projects whose base changes."""
    if scope.environments is None:
        return scope
    touched = changed_bases(root, files, scope)
    if touched:
        tell(f"modelfleet: the base of {', '.join(sorted(touched))} changes too, so all overlays on it are written")
    return replace(scope, everywhere=touched)


def _show_drift(root: Path, files: Mapping[str, str], scope: Scope, shown: tuple[str, tuple[Finding, ...]]) -> None:
    """The words about drift go to stderr where stdout is for machines."""
    from modelfleet.plan.git import untracked
    from modelfleet.report import drift

    form, warnings = shown
    words = tell if form in DOCUMENT_FORMATS else say
    changes = compare_tree(root, files, scope)
    if reason := write.unfinished(root):
        raise MachineFailed(reason)
    found = [finding for finding in conflicts(changes) if form in DOCUMENT_FORMATS or finding.code != "OUT004"]
    drifted = drift.drift_findings(root, files, changes) if form in DOCUMENT_FORMATS else ()
    show_findings([*(warnings if form in DOCUMENT_FORMATS else ()), *found, *drifted], form)
    found = [finding for finding in found if finding.code != "OUT004"]
    refused = any(finding.severity is Severity.ERROR for finding in found)
    if changes.links or changes.blocked or (refused and not changes.writes):
        raise Exit(POLICY)
    if not changes.writes and not changes.edited:
        missing = [path for path in untracked(root) if path in files]
        if not missing:
            words(f"up to date: {changes.unchanged} files are as they would be rendered")
            return
        for path in missing:
            words(f"{path}: not tracked by Git")
        words("run `git add environments`, so that the commit has what it refers to")
        raise Exit(DRIFT)
    for line in drift.drift(root, files, changes):
        words(line)
    for line in drift.drift_github(root, files, changes) if form == "github" else ():
        say(line)
    if form not in DOCUMENT_FORMATS:
        for line in drift.diffs(root, files, changes):
            say(line)
    words(drift.remedy(changes))
    raise Exit(POLICY if refused else DRIFT)
