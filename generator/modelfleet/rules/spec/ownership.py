"""Rules on who owns a namespace of a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelfleet.finding import Finding, Pointer, dotted
from modelfleet.resolve.model import Project


def owners(projects: Sequence[Project]) -> Iterator[Finding]:
    """A namespace of a cluster belongs to one project in one environment."""
    first: dict[tuple[str, str], Project] = {}
    told: set[tuple[str, str]] = set()
    for project in projects:
        environment = project.environment
        clusters = {environment.cluster_key, str(environment.cluster.apps_domain)}  # two names may be one cluster
        taken = [first.setdefault((cluster, project.namespace), project) for cluster in sorted(clusters)]
        owner = next((other for other in taken if other is not project), project)
        if owner is project:
            continue
        if owner.name == project.name:
            if (pair := (environment.name, owner.environment.name)) not in told:
                yield _same_cluster(project, owner)
            told.add(pair)
            continue
        pointer: Pointer = ("namespace",) if "namespace" in project.spec.data else ()
        yield Finding(
            at=project.spec.at(pointer),
            code="OWN002",
            path=dotted(pointer),
            message=f"namespace {project.namespace!r} on cluster {environment.cluster_key} would be {project.name}'s "
            f"in {environment.name} and {owner.name}'s in {owner.environment.name}",
            hint="give each its own namespace",
            see=owner.spec.at(("namespace",) if "namespace" in owner.spec.data else ()),
            policy=True,
        )


def _same_cluster(project: Project, other: Project) -> Finding:
    """Two environments on one cluster: said where the second names it, and once for all projects."""
    facts, named = project.environment.facts, ("cluster", "name" if project.environment.cluster.name else "server")
    return Finding(
        at=facts.at(named),
        code="OWN002",
        path=dotted(named),
        message=f"cluster {project.environment.cluster_key!r} is that of environments/{other.environment.name}.yaml, too, "
        f"and {project.name} would have namespace {project.namespace!r} in both",
        hint="correct the cluster, or give each project another namespace in one of them",
        see=other.environment.facts.at(named),
        policy=True,
    )
