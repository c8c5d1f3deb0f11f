"""What `verify` does and `render --verify` does last: prove all overlays, and print what came of it."""

from __future__ import annotations

import sys

from modelfleet.cli.output import DOCUMENT_FORMATS, DRIFT, WRONG, Exit, say, show_findings, tell
from modelfleet.cli.sharing import FleetRun
from modelfleet.layout import EVERYTHING, Scope
from modelfleet.resolve.fleet import Fleet
from modelfleet.tree.compare import stale_reason
from modelfleet.verify.fleet import verify_fleet
from modelfleet.wording import plural


def prove(run: FleetRun, found: Fleet, form: str, scope: Scope = EVERYTHING) -> None:
    """Verifies what was meant, which the tree must be; ends the command where something is wrong."""
    root = run.root
    if reason := stale_reason(root, found.files, scope):
        tell(f"modelfleet: {reason}")
        raise Exit(DRIFT)
    verified, tools = verify_fleet(root, found, tell, tell if sys.stderr.isatty() else lambda text: None, run.memory)
    show_findings([*(found.warnings if form in DOCUMENT_FORMATS else ()), *verified.findings], form)
    if verified.findings:
        raise Exit(WRONG)
    if form in DOCUMENT_FORMATS:
        return
    overlays, objects, unchanged = run.counted((verified.overlays, verified.objects, verified.unchanged))
    before = f", {unchanged} of them unchanged since they were verified before" if unchanged else ""
    say(
        f"{run.said_before}verified {plural(overlays, 'overlay')} with {plural(objects, 'object')}{before}: "
        f"{tools['kustomize']} builds what was meant, {tools['kubeconform']} finds "
        "nothing invalid and nothing skipped"
    )
