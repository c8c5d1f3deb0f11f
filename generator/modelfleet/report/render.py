"""What a render did, as lines for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from shlex import quote
from typing import TYPE_CHECKING

from modelfleet.layout import ARGOCD, BASE
from modelfleet.report.table import table
from modelfleet.resolve.release import short
from modelfleet.tree.compare import Changes
from modelfleet.wording import plural

if TYPE_CHECKING:
    from modelfleet.resolve.fleet import Fleet, ProjectBrief
    from modelfleet.resolve.model import Project


# ---- what a render did -----------------------------------------------------------------------------------------------


def rendered(found: Fleet, changes: Changes, seconds: float) -> Iterator[str]:
    """What a render did: a row an environment, what else is to be done, and how many files it wrote."""
    states = _states(found, changes)
    yield from table(_rows(found, states))
    for name in sorted(states.keys() - {*found.environments, BASE}):
        yield f"{name}: {changed_projects(states[name])}; the environment has no file any more"
    new = [one.project for one in found.deployed if states.get(one.brief.environment, {}).get(one.brief.name) == "new"]
    if commands := list(label_commands(new)):
        yield ""
        yield "These namespaces are made elsewhere. Without the labels their models are not shown, or never load:"
        yield from (f"  {command}" for command in commands)
    yield ""
    if changes.writes:
        yield (
            f"{plural(len(changes.added), 'file')} added, {len(changes.changed)} changed, "
            f"{len(changes.removed)} removed, {changes.unchanged} as before, in {seconds:.1f} s"
        )
    else:
        yield f"nothing to write: all {changes.unchanged} files are as they were, {seconds:.1f} s"


def _rows(found: Fleet, states: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, ...]]:
    """The table of the environments; of accelerators how many are used at most, and the projects' quota."""
    yield ("ENVIRONMENT", "RELEASE", "PROJECTS", "MODELS", "OBJECTS", "ACCELERATORS", "CHANGES")
    for name in sorted(found.environments):
        release = found.facts[name].release
        here = [one.brief for one in found.deployed if one.brief.environment == name]
        used = ", ".join(
            f"{count} of {quota} {identifier}" if quota is not None else f"{count} {identifier}"
            for identifier, (count, quota) in accelerators_of(here).items()
        )
        yield (
            name,
            short(release) if release else "-",
            str(len(here)),
            str(sum(brief.served for brief in here)),
            str(sum(brief.objects for brief in here)),
            used or "-",
            changed_projects(states.get(name, {})),
        )


def _states(found: Fleet, changes: Changes) -> dict[str, dict[str, str]]:
    """For each environment and project: whether its files are new, removed, or some of them changed."""
    words: dict[tuple[str, str], set[str]] = {}
    for word, paths in (("new", changes.added), ("changed", changes.changed), ("removed", changes.removed)):
        for path in paths:
            _, environment, project, name = path.split("/", 3)
            whole = word if name == "kustomization.yaml" else "changed"
            words.setdefault((environment, project), set()).add(whole)
    states: dict[str, dict[str, str]] = {}
    for (environment, project), said in words.items():
        state = next((word for word in ("removed", "new") if word in said), "changed")
        states.setdefault(environment, {})[project] = state
    for one in found.deployed:
        if one.brief.name in states.get(BASE, {}):  # every overlay builds on the base
            states.setdefault(one.brief.environment, {}).setdefault(one.brief.name, "changed")
    return states


def accelerators_of(briefs: Iterable[ProjectBrief]) -> dict[str, tuple[int, int | None]]:
    """For each identifier: how many the projects use at most, and the sum of their quotas where all have one."""
    found: dict[str, tuple[int, int | None]] = {}
    for brief in briefs:
        for identifier, used, quota in brief.accelerators:
            before, limit = found.get(identifier, (0, 0))
            found[identifier] = (before + used, None if quota is None or limit is None else limit + quota)
    return found


MAX_NAMED = 4


def changed_projects(states: Mapping[str, str]) -> str:
    """What happened to which project, in a few words; whatever is removed is named."""
    words = []
    for state in ("removed", "changed", "new"):
        names = sorted(name for name, found in states.items() if found == state and (name, state) != (ARGOCD, "new"))
        if state != "removed" and len(names) > MAX_NAMED:
            words.append(f"{len(names)} {state}")
        elif names:
            words.append(f"{', '.join(names)} {state}")
    return "; ".join(words) or (f"{ARGOCD} new" if states.get(ARGOCD) == "new" else "none")


def label_commands(projects: Iterable[Project]) -> Iterator[str]:
    """The labels that namespaces made elsewhere need, without which models never load or are not shown; and what specs add."""
    for project in projects:
        if project.environment.managed:
            continue
        needed = {
            "opendatahub.io/dashboard": "true",
            "modelmesh-enabled": "true" if project.platform == "multi-model" else "false",
        }
        for verb, entries in (
            ("label", {**needed, **project.namespace_labels}),
            ("annotate", project.namespace_annotations),
        ):
            if entries:
                pairs = " ".join(quote(f"{key}={value}") for key, value in entries.items())
                yield f"oc {verb} namespace {project.namespace} {pairs} --overwrite  # {project.environment.name}"
