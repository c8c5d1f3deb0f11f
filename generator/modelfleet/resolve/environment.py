"""What a cluster is and offers: base.yaml with the environment's file over it, read once into typed values.

Defaults stand here and nowhere else. A value of None is open: base.yaml leaves most facts to the environments, and so may an
environment of an older commit. Where a fact is written is asked of `Environment.facts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from modelfleet.finding import Pointer
from modelfleet.records import dataclass
from modelfleet.resolve.maas import MaasFacts, maas_facts
from modelfleet.resolve.release import Capability, Release, Term
from modelfleet.spec.merge import Merged

Toleration = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """How Argo CD knows the cluster, by name or by the address of its API, and the domain of its routes."""

    name: str | None
    server: str | None
    apps_domain: str | None

    @property
    def destination(self) -> dict[str, str]:
        """The cluster in Argo CD's words."""
        both = {"name": self.name, "server": self.server}
        return {key: text for key, text in both.items() if text is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformSwitches:
    """Which platforms the cluster has; None where that is left to its release."""

    serverless: bool | None
    model_mesh: bool | None
    headless: bool
    """Whether the Services of models in standard mode have no address of their own, which is OpenShift AI's default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareProfile:
    """A hardware profile of the cluster, what it allows of each resource, and the LocalQueue into which it puts pods."""

    name: str
    namespace: str | None
    minimum: Mapping[str, str]
    maximum: Mapping[str, str]
    queue: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A named size: amounts as they are written, and the hardware profile that stands for it."""

    requests: Mapping[str, Any] | None
    limits: Mapping[str, Any] | None
    hardware_profile: HardwareProfile | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceleratorOffer:
    """An accelerator that the environment offers. `tolerations` is None where nothing is said of them."""

    identifier: str | None
    tolerations: tuple[Toleration, ...] | None
    node_selector: Mapping[str, str] | None
    hardware_profile: HardwareProfile | None
    per_node: int | None
    compute_capability: str | None
    memory: str | None
    rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeChoice:
    """What the environment says of a serving runtime: that it is switched off, and images for its containers."""

    disabled: bool
    images: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Amounts as they are written: for every project, and for those that have some of their own."""

    default: Mapping[str, str]
    projects: Mapping[str, Mapping[str, str]]

    def of(self, project: str) -> Mapping[str, str]:
        """The amounts of a project: its own over those of every project."""
        return {**self.default, **self.projects.get(project, {})}

    def pointer(self, project: str, resource: str) -> Pointer:
        """Where an amount is written that holds for a project."""
        if resource in self.projects.get(project, {}):
            return ("quota", "projects", project, resource)
        return ("quota", "default", resource)

    def amount(self, project: str, identifier: str) -> str | None:
        """How much of an accelerator a project may have; None where that is not limited."""
        key = f"requests.{identifier}"
        return self.projects.get(project, {}).get(key, self.default.get(key))


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRange:
    """What containers get that name nothing, and what they may name, as it is written."""

    default: Mapping[str, str]
    default_request: Mapping[str, str]
    minimum: Mapping[str, str]
    maximum: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOffer:
    """Nodes that are alike: how many, what each gives, and what keeps pods away. `spare`: nodes that may be away."""

    count: int
    amounts: Mapping[str, str]
    accelerators: Mapping[str, int]
    labels: Mapping[str, str]
    taints: tuple[Mapping[str, Any], ...]
    spare: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretStore:
    """Where the Secrets come from: `provider` says who makes them, `name` and `kind` are those of the store."""

    provider: Literal["external-secrets", "existing"] | None
    api_version: str
    refresh_interval: str
    kind: str | None
    name: str | None
    key_prefix: str | None

    @property
    def by_operator(self) -> bool:
        """Whether Secrets are made from the store; otherwise they are in the namespaces already."""
        return self.provider != "existing"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgocdInstance:
    """The Argo CD that syncs the environment, and how it does so."""

    namespace: str | None
    repository: str | None
    revision: str | None
    version: str | None
    prune: bool
    secrets_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayFacts:
    """A Gateway of the cluster: the host under which it is reached, and its class."""

    host: str | None
    gateway_class: str


OTHER_GATEWAY = GatewayFacts(host=None, gateway_class="openshift-default")
"""A Gateway of which nothing is said: OpenShift's own class, and no host that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoscalingFacts:
    """What the cluster has to scale models by their load; None where that is not said."""

    keda: bool | None
    prometheus: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOffer:
    """A LocalQueue that projects have: its ClusterQueue, and what that gives to all of its queues together."""

    cluster_queue: str | None
    nominal: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What one cluster is and offers. `facts` is base.yaml with the environment's file laid over it, and says where what is."""

    name: str
    facts: Merged
    release: Release | None
    cluster: Cluster
    platforms: PlatformSwitches
    sizes: Mapping[str, Size]
    accelerators: Mapping[str, AcceleratorOffer]
    runtimes: Mapping[str, RuntimeChoice]
    quota: Quota
    limit_range: LimitRange | None
    """None: nothing is known of one."""
    nodes: Mapping[str, NodeOffer]
    secrets: SecretStore
    managed: bool
    """Whether the Namespaces are made here."""
    argocd: ArgocdInstance
    gateways: Mapping[str, GatewayFacts]
    autoscaling: AutoscalingFacts
    queues: Mapping[str, QueueOffer] | None
    """None: nothing is known of them."""
    maas: MaasFacts
    acknowledged: tuple[str, ...]

    @property
    def cluster_key(self) -> str:
        """What tells this cluster from others: Argo CD's name of it, or its address."""
        return (self.cluster.name or self.cluster.server or self.name).rstrip("/").lower()

    def gateway(self, name: str) -> GatewayFacts:
        """What is known of a Gateway."""
        found = self.gateways.get(name, OTHER_GATEWAY)
        return (
            replace(found, host=self.maas.host) if found.host is None and name == self.maas.gateway["name"] else found
        )

    @property
    def profiles(self) -> Mapping[str, HardwareProfile]:
        """What is known of hardware profiles, by their names: those of sizes and of accelerators."""
        sizes = (size.hardware_profile for size in self.sizes.values())
        accelerators = (offer.hardware_profile for offer in self.accelerators.values())
        return {profile.name: profile for profile in (*sizes, *accelerators) if profile is not None}

    def can(self, capability: Capability) -> Any:
        """A capability of the release; None where the release is open."""
        return None if self.release is None else self.release.capabilities[capability]

    def term(self, name: Term) -> Any:
        """How the release spells something; None where the release is open."""
        return None if self.release is None else self.release.terms[name]


# ---- from what is written --------------------------------------------------------------------------------------------


def environment_from(name: str, facts: Merged, release: Release | None) -> Environment:
    """The environment that facts describe. They have the shape of the schema; what they leave out stays open."""
    data = _map(facts.data)
    platforms, autoscaling = _map(data.get("platforms")), _map(data.get("autoscaling"))
    nodes = {key: _nodes(entry) for key, entry in _entries(data.get("nodes"))}
    return Environment(
        name=name,
        facts=facts,
        release=release,
        cluster=_cluster(_map(data.get("cluster"))),
        platforms=PlatformSwitches(
            serverless=platforms.get("serverless"),
            model_mesh=platforms.get("modelMesh"),
            headless=platforms.get("rawServiceConfig") != "Headed",
        ),
        sizes={key: _size(entry) for key, entry in _entries(data.get("sizes"))},
        accelerators={
            key: _accelerator(entry, _per_node(nodes, key)) for key, entry in _entries(data.get("accelerators"))
        },
        runtimes={
            key: RuntimeChoice(disabled=bool(entry.get("disabled")), images=_texts(entry.get("images")))
            for key, entry in _entries(data.get("runtimes"))
        },
        quota=_quota(_map(data.get("quota"))),
        limit_range=_limit_range(data.get("limitRange")),
        nodes=nodes,
        secrets=_secrets(_map(data.get("secrets"))),
        managed=data.get("namespaces") == "managed",
        argocd=_argocd(_map(data.get("argocd"))),
        gateways={
            key: GatewayFacts(
                host=entry.get("host"), gateway_class=str(entry.get("class") or OTHER_GATEWAY.gateway_class)
            )
            for key, entry in _entries(data.get("gateways"))
        },
        autoscaling=AutoscalingFacts(keda=autoscaling.get("keda"), prometheus=autoscaling.get("prometheus")),
        queues=None
        if data.get("queues") is None
        else {
            key: QueueOffer(cluster_queue=entry.get("clusterQueue"), nominal=_texts(entry.get("nominal")))
            for key, entry in _entries(data["queues"])
        },
        maas=maas_facts(_map(data.get("maas")), _map(data.get("cluster")).get("appsDomain")),
        acknowledged=tuple(data.get("acknowledge") or ()),
    )


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _entries(value: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """The entries of a map, without those that base.yaml leaves empty."""
    return [(key, entry) for key, entry in _map(value).items() if isinstance(entry, dict)]


def _texts(value: Any) -> dict[str, str]:
    return {key: str(text) for key, text in _map(value).items() if text is not None}


def _cluster(written: Mapping[str, Any]) -> Cluster:
    return Cluster(name=written.get("name"), server=written.get("server"), apps_domain=written.get("appsDomain"))


def _profile(written: Any) -> HardwareProfile | None:
    if not isinstance(written, dict):
        return None
    return HardwareProfile(
        name=written["name"],
        namespace=written.get("namespace"),
        queue=written.get("queue"),
        minimum=_texts(written.get("minimum")),
        maximum=_texts(written.get("maximum")),
    )


def _size(written: Mapping[str, Any]) -> Size:
    return Size(
        requests=written.get("requests"),
        limits=written.get("limits"),
        hardware_profile=_profile(written.get("hardwareProfile")),
    )


def _accelerator(written: Mapping[str, Any], per_node: int | None) -> AcceleratorOffer:
    tolerations = written.get("tolerations")
    return AcceleratorOffer(
        identifier=written.get("identifier"),
        tolerations=None if tolerations is None else tuple(map(without_empty, tolerations)),
        node_selector=written.get("nodeSelector") or None,
        hardware_profile=_profile(written.get("hardwareProfile")),
        per_node=written.get("perNode") if per_node is None else per_node,
        compute_capability=written.get("computeCapability"),
        memory=None if written.get("memory") is None else str(written["memory"]),
        rate=written.get("rate"),
    )


def _per_node(nodes: Mapping[str, NodeOffer], accelerator: str) -> int | None:
    """How many of an accelerator a node has, where nodes say it."""
    return max(
        (kind.accelerators[accelerator] for kind in nodes.values() if accelerator in kind.accelerators), default=None
    )


def _nodes(written: Mapping[str, Any]) -> NodeOffer:
    given = {key: written.get(key) for key in ("cpu", "memory", "ephemeral-storage", "pods")}
    return NodeOffer(
        count=written.get("count") or 0,
        amounts=_texts(given),
        accelerators={key: count for key, count in _map(written.get("accelerators")).items() if count},
        labels=_texts(written.get("labels")),
        taints=tuple(written.get("taints") or ()),
        spare=written.get("spare") or 0,
    )


def _limit_range(written: Any) -> LimitRange | None:
    if not isinstance(written, dict):
        return None
    return LimitRange(
        default=_texts(written.get("default")),
        default_request=_texts(written.get("defaultRequest")),
        minimum=_texts(written.get("min")),
        maximum=_texts(written.get("max")),
    )


def without_empty(toleration: Toleration) -> Toleration:
    """A toleration as the API server hands it on: an empty value is none."""
    return {key: value for key, value in toleration.items() if value != ""}


def _quota(written: Mapping[str, Any]) -> Quota:
    projects = {key: _texts(block) for key, block in _entries(written.get("projects"))}
    return Quota(default=_texts(written.get("default")), projects=projects)


def _secrets(written: Mapping[str, Any]) -> SecretStore:
    """Without a word External Secrets' own current version, and the store read every hour."""
    store = _map(written.get("store"))
    return SecretStore(
        provider=written.get("provider"),
        api_version=written.get("apiVersion") or "external-secrets.io/v1",
        refresh_interval=written.get("refreshInterval") or "1h",
        kind=store.get("kind"),
        name=store.get("name"),
        key_prefix=written.get("keyPrefix"),
    )


def _argocd(written: Mapping[str, Any]) -> ArgocdInstance:
    """Without a word what disappears from Git stays on the cluster, and there is one sync wave."""
    return ArgocdInstance(
        namespace=written.get("namespace"),
        repository=written.get("repoURL"),
        revision=written.get("revision"),
        version=written.get("version"),
        prune=written.get("prune") is True,
        secrets_first=written.get("secretsFirst") is True,
    )
