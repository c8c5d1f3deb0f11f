"""What has to hold at every moment: each release that runs takes what is in Git, and nothing is more open than it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from modelfleet.finding import Severity
from modelfleet.kubernetes.objects import Object, mappings
from modelfleet.migrate.migrate import RepositoryState
from modelfleet.migrate.step import Move
from modelfleet.rehearse.stop import in_environment
from modelfleet.resolve import catalog
from modelfleet.resolve.fleet import DeployedProject
from modelfleet.rules.admission.rulebook import Rulebook, rulebook
from modelfleet.serving.workloads import SERVICE, RunningWorkload, project_state, running_workloads


def not_admitted(state: RepositoryState, environment: str, release: str) -> Iterator[str]:
    """What a release would refuse of an environment, or take and never serve."""
    facts = catalog.release(release)
    rules = rulebook(facts.capabilities, facts.terms)
    for project, one in in_environment(state, environment).items():
        for text in _refused(rules, one.objects):
            yield f"{project}: {facts.title} refuses {text}"


def _refused(rules: Rulebook, objects: Iterable[Object]) -> Iterator[str]:
    objects = list(objects)
    peers = {(str(item["kind"]), str(item["metadata"]["name"])): item for item in objects}
    for item in objects:
        for rule, violation in rules.check(rules.request(item, peers=peers)):
            never_served = rule.stage == "reconcile" and item["kind"] == SERVICE
            if never_served or violation.severity is Severity.ERROR:
                yield f"{item['kind']} {item['metadata']['name']} ({rule.code}): {violation.message}; {violation.hint}"


# ---- exposure and authorization --------------------------------------------------------------------------------------


def openings(
    before: RepositoryState, after: RepositoryState, environment: str, moves: Iterable[Move] = ()
) -> Iterator[str]:
    """What can be reached or called afterwards by somebody who could not reach or call it before."""
    old, new = in_environment(before, environment), in_environment(after, environment)
    successors = {move.new: move.old for move in moves if move.environment == environment}
    for project, one in new.items():
        if project not in old:
            continue
        was, now = _models(old[project]), _models(one)
        for name, model in now.items():
            origin = name if name in was else successors.get(name)
            if origin is not None and origin in was:
                yield from (f"{project}/{name} {text}" for text in _opened(was[origin], model))
        yield from _more_callers(project, old[project].objects, one.objects)


def _models(one: DeployedProject) -> Mapping[str, RunningWorkload]:
    state = project_state(one.project.environment, one.project.namespace, one.objects, one.project)
    return {name: workload for (_, name), workload in running_workloads(state).items() if workload.model}


def _opened(before: RunningWorkload, after: RunningWorkload) -> Iterator[str]:
    if before.address is None or after.address is None:
        return
    if after.address.external and not before.address.external:
        yield "could be reached from outside"
    if before.address.guarded and not after.address.guarded:
        yield "would ask for no token"


def _more_callers(project: str, before: Iterable[Object], after: Iterable[Object]) -> Iterator[str]:
    old = {str(item["metadata"]["name"]): item for item in before if item["kind"] == "RoleBinding"}
    for item in after:
        name = str(item["metadata"]["name"])
        if item["kind"] == "RoleBinding" and name in old:
            known = [subject for _, subject in mappings(old[name].get("subjects"))]
            if any(subject not in known for _, subject in mappings(item.get("subjects"))):
                yield f"{project}: RoleBinding {name} would let others call"
