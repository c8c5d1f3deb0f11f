"""What Argo CD needs to sync an environment: an AppProject that allows what is rendered and no more, an ApplicationSet.

Each project has a small file of its own that the ApplicationSet's generator reads, so a new project changes no file
that another one shares. What the versions of Argo CD differ in stands in `data/argocd.yaml`, health checks beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from modelfleet.kubernetes.objects import group_of
from modelfleet.layout import APPLICATION_FILE, overlay_folder
from modelfleet.packaged import packaged, packaged_data
from modelfleet.records import dataclass
from modelfleet.resolve.environment import ArgocdInstance

if TYPE_CHECKING:
    from modelfleet.render.templates import RenderedTemplate, Templates


_LONGEST_NAME = 63
"""Where a label tracks objects, its value is the Application's name, and Kubernetes takes no longer one."""


class Kind(NamedTuple):
    """A kind of rendered object; `group` is empty for the core."""

    group: str
    kind: str
    cluster_scoped: bool = False


NAMESPACE = Kind("", "Namespace", cluster_scoped=True)
"""The one kind outside of namespaces that is ever rendered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgocdFacts:
    """What is known of an environment when everything in it is rendered.

    `destination` is Argo CD's word for the cluster: `{"name": …}` or `{"server": …}`. `projects` maps each project to its
    namespace.
    `kinds` and `conditions` are what `observed` says of the rendered objects.
    """

    environment: str
    destination: Mapping[str, str]
    argocd: ArgocdInstance
    projects: Mapping[str, str]
    kinds: frozenset[Kind]
    conditions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgocdLine:
    """A line of versions of Argo CD: what of `data/argocd.yaml` the objects depend on."""

    version: str
    tracking: str
    sync_options: tuple[str, ...]
    retry: Mapping[str, Any]
    generate_paths: bool
    named_cluster_kinds: bool


@lru_cache(maxsize=1)
def _data() -> Mapping[str, Any]:
    found: Mapping[str, Any] = packaged_data("argocd")
    return found


def versions() -> tuple[str, ...]:
    """The lines of versions that are known, oldest first."""
    return tuple(_data()["lines"])


def argocd_line(version: str) -> ArgocdLine:
    """A line by its name, such as `2.14`. Raises KeyError where it is not known."""
    data = _data()["lines"][version]
    return ArgocdLine(
        version=version,
        tracking=data["tracking"],
        sync_options=tuple(data["syncOptions"]),
        retry=data["retry"],
        generate_paths=data["generatePaths"],
        named_cluster_kinds=data["namedClusterKinds"],
    )


# ---- what is rendered ------------------------------------------------------------------------------------------------


def observed(objects: Iterable[Mapping[str, Any]]) -> tuple[frozenset[Kind], frozenset[str]]:
    """The kinds of rendered objects, and which conditions of `ignoreDifferences` in `data/argocd.yaml` they meet."""
    kinds: set[Kind] = set()
    conditions: set[str] = set()
    for item in objects:
        kind = Kind(group_of(item), item["kind"])
        kinds.add(NAMESPACE if kind == NAMESPACE._replace(cluster_scoped=False) else kind)
        if kind == ("", "ServiceAccount", False) and "imagePullSecrets" in item:
            conditions.add("serviceAccountPullSecrets")
    return frozenset(kinds), frozenset(conditions)


# ---- names -----------------------------------------------------------------------------------------------------------


def set_name(environment: str) -> str:
    """The name of an environment's AppProject and ApplicationSet."""
    return _short(f"models-{environment}")


def application_name(environment: str, project: str) -> str:
    """The name of a project's Application.

    The dot keeps `a` in `x-y` apart from `y-a` in `x`: a project's name has none.
    """
    return _short(f"models-{environment}.{project}")


def _short(name: str) -> str:
    """The name, or where it is too long its beginning and a digest of the whole."""
    if len(name) <= _LONGEST_NAME:
        return name
    import hashlib

    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST_NAME - 9].rstrip('-.')}-{digest}"


# ---- objects ---------------------------------------------------------------------------------------------------------


def application_file(facts: ArgocdFacts, project: str) -> dict[str, str]:
    """What `APPLICATION_FILE` in the project's overlay holds: the parameters of the ApplicationSet's template."""
    return {
        "application": application_name(facts.environment, project),
        "project": project,
        "namespace": facts.projects[project],
    }


def argocd_objects(facts: ArgocdFacts, templates: Templates) -> tuple[RenderedTemplate, ...]:
    """The AppProject and the ApplicationSet of an environment. Raises KeyError for an unknown version."""
    chosen = argocd_line(str(facts.argocd.version))
    rendered = (
        templates.render("argocd-appproject", _appproject(facts, chosen)),
        templates.render("argocd-applicationset", _applicationset(facts, chosen)),
    )
    return tuple(one for one in rendered if one is not None)


def _appproject(facts: ArgocdFacts, chosen: ArgocdLine) -> dict[str, Any]:
    namespaces = sorted(set(facts.projects.values()))
    cluster_kinds: list[dict[str, str]] = []
    if NAMESPACE in facts.kinds:
        whole = {"group": NAMESPACE.group, "kind": NAMESPACE.kind}
        cluster_kinds = [{**whole, "name": name} for name in namespaces] if chosen.named_cluster_kinds else [whole]
    return {
        "name": set_name(facts.environment),
        "namespace": facts.argocd.namespace,
        "description": f"Models of {facts.environment}: the kinds and namespaces that are rendered, no others",
        "repository": facts.argocd.repository,
        "destinations": [{**facts.destination, "namespace": name} for name in namespaces],
        "cluster_kinds": cluster_kinds,
        "namespaced_kinds": [
            {"group": kind.group, "kind": kind.kind} for kind in sorted(facts.kinds) if not kind.cluster_scoped
        ],
    }


def _applicationset(facts: ArgocdFacts, chosen: ArgocdLine) -> dict[str, Any]:
    return {
        "name": set_name(facts.environment),
        "namespace": facts.argocd.namespace,
        "repository": facts.argocd.repository,
        "revision": facts.argocd.revision,
        "pattern": f"{overlay_folder(facts.environment, '*')}/{APPLICATION_FILE}",
        "cluster_name": facts.destination.get("name"),
        "cluster_server": facts.destination.get("server"),
        "generate_paths": chosen.generate_paths,
        "prune": facts.argocd.prune,
        "sync_options": list(chosen.sync_options),
        "retry": chosen.retry,
        "ignored": _ignored(facts.conditions) or None,
    }


def _ignored(conditions: frozenset[str]) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in entry.items() if key not in ("when", "reason")}
        for entry in _data()["ignoreDifferences"]
        if entry["when"] in conditions
    ]


# ---- health ----------------------------------------------------------------------------------------------------------


def health_checks() -> list[dict[str, str]]:
    """The checks in Lua as the ArgoCD resource lists them: `group`, `kind`, `check`."""
    folder = packaged("data") / "argocd"
    return [
        {"group": entry["group"], "kind": entry["kind"], "check": (folder / entry["file"]).read_text(encoding="utf-8")}
        for entry in _data()["healthChecks"]
    ]


def health_yaml() -> str:
    """A patch for the ArgoCD resource (v1alpha1 and v1beta1 alike) that makes Argo CD judge models by our checks."""
    from modelfleet.kubernetes.emit import dump

    return dump({"spec": {"resourceHealthChecks": health_checks()}})
