"""The facts of environments as they are committed at a revision, as far as these can be read today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from modelfleet.finding import Rejected, Severity
from modelfleet.layout import BASE_FILE, environment_file
from modelfleet.plan import git as plan_git
from modelfleet.plan.git import Tree
from modelfleet.resolve import catalog
from modelfleet.resolve.environment import Environment, environment_from
from modelfleet.spec.load import parse
from modelfleet.spec.merge import Merged, Source, as_layer, overlay_document


def revision_of(environment: Environment | None) -> str | None:
    """What Argo CD syncs there."""
    return environment.argocd.revision if environment is not None else None


def environment_files(name: str) -> tuple[str, str]:
    """The files of an environment's facts: what all environments share, and its own."""
    return BASE_FILE, environment_file(name)


def same_on_disk(root: Path, tree: Tree, files: Sequence[str]) -> bool:
    """Whether files are on disk as they are committed."""
    for file in files:
        path = root / file
        text = {file: path.read_text("utf-8")} if path.is_file() else {}
        if plan_git.blob_ids(text, tree.commit).get(file) != tree.blobs.get(file):
            return False
    return True


def committed_environment(name: str, texts: Mapping[str, bytes], files: Sequence[str]) -> Environment:
    """An environment as it was committed; what is wrong in itself, or was for an older version of the tool, is left out."""
    from modelfleet.spec.schema import validate

    layers = []
    for file in files:
        if file in texts:
            try:
                document = parse(texts[file], file)
            except Rejected:
                continue
            if not any(finding.severity is Severity.ERROR for finding in validate(document, "environment")):
                layers.append(document)
    if not layers:
        return environment_from(name, Merged({}, Source(parse(b"{}", files[1]), ())), None)
    facts = as_layer(layers[0])
    for layer in layers[1:]:
        facts, _ = overlay_document(facts, layer, "environment")
    written = facts.data.get("release") if isinstance(facts.data, dict) else None
    known = isinstance(written, str) and written in catalog.release_names()
    return environment_from(name, facts, catalog.release(str(written)) if known else None)
