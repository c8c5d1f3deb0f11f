"""The resolved form: what will be made, complete, for one project in one environment.

Everything here is a frozen value. A field that is None is not known (the base leaves facts open) or not wanted; which of
the two decides nothing further down, because a manifest then simply lacks the key. `pointer` says where in the merged spec
a thing was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Literal

from modelfleet.finding import Pointer
from modelfleet.kubernetes.names import access_name
from modelfleet.layout import overlay_folder
from modelfleet.records import dataclass
from modelfleet.resolve.canary import Canary
from modelfleet.resolve.connections import Carrier, ConnectionKind
from modelfleet.resolve.consumers import Consumer
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.hardware import Hardware
from modelfleet.resolve.load_scaling import LoadScaling
from modelfleet.resolve.runtime import Engine, Format, Runtime
from modelfleet.resolve.timeouts import seconds
from modelfleet.resolve.weights import Weights
from modelfleet.spec.fields import copied_fields
from modelfleet.spec.merge import Merged

if TYPE_CHECKING:
    from modelfleet.resolve.distributed import Llm
    from modelfleet.resolve.shared_runtimes import SharedRuntime


Platform = Literal["single-model", "multi-model"]
Mode = Literal["standard", "advanced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A connection of the project: where models are read from."""

    name: str
    pointer: Pointer
    kind: ConnectionKind
    display_name: str
    description: str
    settings: Mapping[str, Any]
    existing: bool
    key: str | None

    @property
    def secret(self) -> bool:
        """Whether a Secret is made for it from the store."""
        return not self.existing and self.kind.secret is not None

    def pointer_to(self, setting: str) -> Pointer:
        """Where a setting is written: a kind that has only one is written as that."""
        return (*self.pointer, setting) if setting == self.kind.name else (*self.pointer, self.kind.name, setting)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvSecret:
    """A Secret for environment variables."""

    name: str
    pointer: Pointer
    keys: tuple[str, ...]
    existing: bool
    key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLocation:
    """Where a model's files are: a connection with a path or an address, an address, or a PVC with a path."""

    connection: Connection | None
    connection_name: str | None
    path: str | None
    uri: str | None
    pvc: str | None

    @property
    def address(self) -> str | None:
        """The whole address of the model; None where something of it is open."""
        if self.pvc is not None:
            return f"pvc://{self.pvc}/{self.path or ''}"
        if self.connection is None:
            return self.uri
        parts = {"path": self.path, "uri": self.uri, **self.connection.settings}
        try:
            return self.connection.kind.address.format_map(
                {key: part for key, part in parts.items() if part is not None}
            )
        except KeyError:
            return None

    @property
    def scheme(self) -> str | None:
        """What the model is read with: the scheme of all addresses of its connection's kind, else of its own."""
        if self.connection is not None and self.connection.kind.scheme is not None:
            return self.connection.kind.scheme
        return None if self.address is None else self.address.partition("://")[0]

    def carried(self, by: Carrier) -> dict[str, Any]:
        """The values with which a template says where the model is, by their names there."""
        connection = self.connection
        if connection is None or (connection.kind.secret is None and not connection.existing):
            return {"storage_uri": self.address}
        known = {
            "name": connection.name,
            "references": [{"name": connection.name}],
            "path": self.path,
            "address": self.address,
            "repeated": self.uri,
        }
        return {key: known[what] for key, what in connection.kind.carried[by].items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What a single-model deployment and a model server have in common. `shared`: the project's runtime that it names."""

    name: str
    pointer: Pointer
    display_name: str
    runtime_name: str | None
    runtime: Runtime | None
    shared: SharedRuntime | None
    hardware: Hardware
    minimum: int
    maximum: int
    route: bool
    route_timeout: str | None
    tokens: tuple[str, ...]
    callers: tuple[Mapping[str, str], ...] | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    patches: Mapping[str, tuple[Mapping[str, Any], ...]]

    @property
    def kept_resources(self) -> bool:
        """Whether the runtime's containers keep what they ask for in every release."""
        if self.runtime is not None and self.runtime.multi_node:
            return True
        return self.shared.as_filed if self.shared is not None else not self.hardware.sized

    @property
    def guarded(self) -> bool:
        """Whether callers are asked for a token; that none are named leaves it to others who may call."""
        return bool(self.tokens) or self.callers is not None

    @property
    def serving_runtime(self) -> str:
        """The name of the ServingRuntime that serves it: one that it shares, or the one that is made for it."""
        return self.shared.name if self.shared is not None else self.name

    @property
    def service_account(self) -> str:
        """The ServiceAccount whose tokens open the model."""
        return access_name("ServiceAccount", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model(Workload):
    """A deployment on the single-model platform. `written` is what the merged spec says of it: what means the same in every
    environment is a property that reads it, and what asks for other facts is resolved.
    """

    written: Mapping[str, Any]
    engine: Engine | None
    format: Format | None
    mode: Mode
    location: ModelLocation
    args: tuple[str, ...]
    env: tuple[Mapping[str, Any], ...]
    scaling: LoadScaling | None
    canary: Canary | None
    model_type: str | None
    weights: Weights | None
    llm: Llm | None

    @property
    def description(self) -> str | None:
        """What people read of it."""
        return self._text("description")

    @property
    def served_name(self) -> str | None:
        """The name under which it answers, where that is not its own."""
        return self._text("servedName")

    @property
    def queue(self) -> str | None:
        """The LocalQueue that it names."""
        return self._text("queue")

    @property
    def pipeline(self) -> int | None:
        """The nodes over which one replica spreads, where it does."""
        return self._nodes("pipelineParallelSize")

    @property
    def tensor(self) -> int | None:
        """The accelerators that share each layer, where it spreads over nodes."""
        return self._nodes("tensorParallelSize")

    @property
    def pod_spec(self) -> Mapping[str, Any]:
        """What its fields add to the spec of each of its pods."""
        return copied_fields(self.written, "pod")

    @property
    def container_spec(self) -> Mapping[str, Any]:
        """What its fields add to each container that serves."""
        return copied_fields(self.written, "container")

    @property
    def containers(self) -> tuple[Mapping[str, Any], ...]:
        """Containers beside the one that serves, or in its place."""
        return tuple(self.written.get("containers") or ())

    @property
    def transformer(self) -> Mapping[str, Any] | None:
        """What stands before it, as it is written."""
        found: Mapping[str, Any] | None = self.written.get("transformer")
        return found

    @property
    def stopped(self) -> bool:
        """Whether it has no pods."""
        return bool(self.written.get("stopped"))

    @property
    def omit(self) -> tuple[str, ...]:
        """The fields of which nothing is written."""
        return tuple(self.written.get("omit") or ())

    @property
    def published(self) -> bool:
        """Whether Models-as-a-Service offers it."""
        return bool(self.written.get("maas"))

    @property
    def gen_ai_asset(self) -> bool:
        """Whether the playground offers it."""
        return bool(self.written.get("genAiAsset"))

    @property
    def timeout(self) -> int | None:
        """The seconds of one request, as far as they are written."""
        return seconds(self._text("timeout"))

    @property
    def return_401(self) -> bool:
        """Whether a caller without a token gets an answer, and is not sent to a login page."""
        return bool(self.written.get("return401"))

    def _text(self, name: str) -> str | None:
        found: str | None = self.written.get(name)
        return found

    def _nodes(self, size: str) -> int | None:
        nodes = self.written.get("multiNode")
        return int(nodes.get(size, 1)) if nodes else None

    @property
    def guarded(self) -> bool:
        """Whether callers are asked for a token, or by Models-as-a-Service for a key."""
        return bool(self.tokens) or self.callers is not None or self.published

    @property
    def multi_node(self) -> bool:
        """Whether one replica spreads over several nodes."""
        return self.pipeline is not None

    @property
    def own_program(self) -> bool:
        """Whether its containers are all there is: no runtime serves a model."""
        return bool(self.containers) and self.runtime_name is None and self.llm is None and "runtime" not in self.omit

    @property
    def waits_in(self) -> str | None:
        """The LocalQueue of its pods: its own, else that into which its hardware profile puts them."""
        profile = self.hardware.profile
        return self.queue or (profile.queue if profile else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A model on a model server. `written` is what the merged spec says of it."""

    name: str
    written: Mapping[str, Any]
    pointer: Pointer
    display_name: str
    description: str | None
    format: Format | None
    location: ModelLocation
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    patches: Mapping[str, tuple[Mapping[str, Any], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server(Workload):
    """A model server on the multi-model platform, and its models."""

    models: tuple[ServedModel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One project in one environment."""

    name: str
    file: str
    spec: Merged
    environment: Environment
    display_name: str
    description: str | None
    namespace: str
    namespace_labels: Mapping[str, str]
    namespace_annotations: Mapping[str, str]
    platform: Platform
    connections: Mapping[str, Connection]
    secrets: Mapping[str, EnvSecret]
    runtimes: Mapping[str, SharedRuntime] = field(default_factory=dict)
    models: tuple[Model, ...] = ()
    servers: tuple[Server, ...] = ()
    consumers: tuple[Consumer, ...] = ()

    @property
    def folder(self) -> str:
        """The overlay that Argo CD syncs."""
        return overlay_folder(self.environment.name, self.name)

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """Its deployments and model servers."""
        return (*self.models, *self.servers)

    @property
    def model_names(self) -> tuple[str, ...]:
        """What its models are called: deployments, and those on servers."""
        on_servers = (model.name for server in self.servers for model in server.models)
        return (*(model.name for model in self.models), *on_servers)

    @property
    def served(self) -> int:
        """How many models it has."""
        return len(self.model_names)
