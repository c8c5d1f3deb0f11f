"""What a project uses of each resource that its quota limits, counted as Kubernetes' own evaluator counts it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

from modelfleet.capacity.amounts import added, resource_amounts, times
from modelfleet.capacity.pods import Pod, PodUnit
from modelfleet.kubernetes.kinds import counted_kinds
from modelfleet.kubernetes.objects import Object, group_of, mapping
from modelfleet.records import dataclass
from modelfleet.resolve.environment import Environment

_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_PER_CONTAINER = tuple(f"{part}{name}" for part in ("", "requests.", "limits.") for name in ("cpu", "memory"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceUse:
    """A resource of a quota: what is used of it at most, and beside that while the hungriest model rolls."""

    resource: str
    used: Fraction
    hard: Fraction
    rolling: Fraction

    @property
    def over(self) -> bool:
        """Whether more is used than there may be."""
        return self.used > self.hard


def quota_of_project(environment: Environment, project: str) -> dict[str, Fraction]:
    """The quota of a project: its own amounts over those that every project has."""
    return resource_amounts(environment.quota.of(project))


def pod_usage(pod: Pod) -> dict[str, Fraction]:
    """What one pod counts for, by the names that a quota has for it."""
    found = {"pods": Fraction(1), "count/pods": Fraction(1)}
    for name, amount in pod.requests.items():
        if name in _COMPUTE or name.startswith("hugepages-"):
            found[name] = amount
        found[f"requests.{name}"] = amount
    for name, amount in pod.limits.items():
        if name in _COMPUTE:
            found[f"limits.{name}"] = amount
    return found


def unit_usage(unit: PodUnit, hard: Collection[str]) -> dict[str, Fraction]:
    """What one replica counts for, of the resources of a quota."""
    usages = ((pod_usage(pod), count) for pod, count in unit.pods)
    return added({name: amount * count for name, amount in usage.items() if name in hard} for usage, count in usages)


def objects_usage(objects: Iterable[Object], units: Sequence[PodUnit]) -> dict[str, Fraction]:
    """What objects count for beside the pods: their number by kind, claims and their storage."""
    items = tuple(objects)
    found: dict[str, Fraction] = {}
    claims = {claim for unit in units for pod, _ in unit.pods for claim in pod.claims}
    for (group, kind), number in Counter((group_of(item), str(item["kind"])) for item in items).items():
        for name in _counted(group, kind):
            found[name] = found.get(name, Fraction(0)) + number
    for item in items:
        if item["kind"] == "PersistentVolumeClaim":
            claims.add(str(item["metadata"]["name"]))
            asked = mapping(mapping(mapping(item.get("spec")).get("resources")).get("requests"))
            storage = resource_amounts(asked).get("storage", Fraction(0))
            found["requests.storage"] = found.get("requests.storage", Fraction(0)) + storage
    for name in ("persistentvolumeclaims", "count/persistentvolumeclaims"):
        found[name] = Fraction(len(claims))
    return found


def _counted(group: str, kind: str) -> Iterator[str]:
    """The names under which a quota counts an object of a kind; a Secret is also what an ExternalSecret makes."""
    plural = plural_of(kind)
    if kind != "PersistentVolumeClaim":
        yield f"count/{plural}.{group}" if group else f"count/{plural}"
    if kind == "ExternalSecret" or (kind == "Secret" and not group):
        yield "secrets"
    if kind == "ExternalSecret":
        yield "count/secrets"
    if not group and kind in counted_kinds()["byPlural"]:
        yield plural


def plural_of(kind: str) -> str:
    """The resource of a kind, by the rule that the API machinery guesses with."""
    name = kind.lower()
    if name.endswith("s"):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def quota_uses(
    hard: Mapping[str, Fraction], units: Sequence[PodUnit], objects: Iterable[Object]
) -> tuple[ResourceUse, ...]:
    """Each resource of a quota, with what is used of it by all pods at most and by the objects."""
    usages = [(unit, unit_usage(unit, hard)) for unit in units]
    of_pods = added(times(usage, unit.most) for unit, usage in usages)
    used = added([of_pods, objects_usage(objects, units)])
    surges = [times(usage, unit.beside(unit.most)) for unit, usage in usages]
    return tuple(
        ResourceUse(
            resource=name,
            used=used.get(name, Fraction(0)),
            hard=amount,
            rolling=max((surge.get(name, Fraction(0)) for surge in surges), default=Fraction(0)),
        )
        for name, amount in hard.items()
        if _judged(name)
    )


def _judged(name: str) -> bool:
    """Whether everything that counts for it is known: controllers make Services and other objects that no file names."""
    return name not in counted_kinds()["alsoMade"]


def unnamed(hard: Mapping[str, Fraction], pod: Pod) -> dict[str, tuple[str, ...]]:
    """Resources that the quota wants every container to name, and the containers that do not: such a pod is refused."""
    found: dict[str, tuple[str, ...]] = {}
    for resource in (name for name in _PER_CONTAINER if name in hard):
        part, _, plain = resource.rpartition(".")
        lacking = tuple(
            one.name for one in pod.containers if plain not in (one.limits if part == "limits" else one.requests)
        )
        if lacking:
            found[resource] = lacking
    return found


def missing_room(
    hard: Mapping[str, Fraction], used: Mapping[str, Fraction], more: Mapping[str, Fraction]
) -> str | None:
    """The first resource that is not used up already, and of which more would be used than there may be."""
    for name, amount in more.items():
        already = used.get(name, Fraction(0))
        if amount and name in hard and already <= hard[name] < already + amount:
            return name
    return None
