"""Rules on who owns a namespace of a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from modelfleet.finding import Finding, Pointer, dotted
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.model import Project
from modelfleet.rules.claims import Claim, claim_at


def namespace_claims(project: Project) -> Iterator[Claim]:
    """The namespace of a project on the cluster of its environment, which may have two names."""
    environment = project.environment
    pointer: Pointer = ("namespace",) if "namespace" in project.spec.data else ()
    clusters = sorted({environment.cluster_key, str(environment.cluster.apps_domain)})
    yield claim_at(project, pointer, namespace=project.namespace, cluster=environment.cluster_key, clusters=clusters)


def owners(claims: Sequence[Claim], environments: Mapping[str, Environment]) -> Iterator[Finding]:
    """A namespace of a cluster belongs to one project in one environment."""
    first: dict[tuple[str, str], Claim] = {}
    told: set[tuple[str, str]] = set()
    for claim in claims:
        namespace = claim.facts["namespace"]
        taken = [first.setdefault((cluster, namespace), claim) for cluster in claim.facts["clusters"]]
        owner = next((other for other in taken if other is not claim), claim)
        if owner is claim:
            continue
        if owner.project == claim.project:
            if (pair := (claim.environment, owner.environment)) not in told:
                yield _same_cluster(claim, environments[claim.environment], environments[owner.environment])
            told.add(pair)
            continue
        yield Finding(
            at=claim.at,
            code="OWN002",
            path=dotted(claim.pointer),
            message=f"namespace {namespace!r} on cluster {claim.facts['cluster']} would be {claim.project}'s "
            f"in {claim.environment} and {owner.project}'s in {owner.environment}",
            hint="give each its own namespace",
            see=owner.at,
            policy=True,
        )


def _same_cluster(claim: Claim, here: Environment, there: Environment) -> Finding:
    """Two environments on one cluster: said where the second names it, and once for all projects."""
    named = ("cluster", "name" if here.cluster.name else "server")
    return Finding(
        at=here.facts.at(named),
        code="OWN002",
        path=dotted(named),
        message=(
            f"cluster {here.cluster_key!r} is also that of environments/{there.name}.yaml, and {claim.project} "
            f"would have namespace {claim.facts['namespace']!r} in both"
        ),
        hint="correct the cluster, or give each project another namespace in one of them",
        see=there.facts.at(named),
        policy=True,
    )
