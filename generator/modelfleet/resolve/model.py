"""The resolved form: what will be made, complete, for one project in one environment.

Everything here is a frozen value. A field that is None is not known (the base leaves facts open) or not wanted; which of
the two decides nothing further down, because a manifest then simply lacks the key. `pointer` says where in the merged spec
a thing was written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from modelfleet.finding import Pointer
from modelfleet.kubernetes.names import DISPLAY_NAME, access_name
from modelfleet.kubernetes.objects import Object
from modelfleet.layout import overlay_folder
from modelfleet.resolve.connections import Carrier, ConnectionKind
from modelfleet.resolve.consumers import Consumer
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.hardware import Hardware
from modelfleet.resolve.option_tables import OptionParser, option_parser
from modelfleet.resolve.weights import Weights
from modelfleet.spec.merge import Merged

if TYPE_CHECKING:
    from modelfleet.resolve.distributed import Llm
    from modelfleet.resolve.shared_runtimes import SharedRuntime
    from modelfleet.spec.load import Document


SERVING_CONTAINER = "kserve-container"
"""The container of a ServingRuntime that serves, over which KServe lays that of the model."""

Platform = Literal["single-model", "multi-model"]
Mode = Literal["standard", "advanced"]


@dataclass(frozen=True, slots=True)
class Format:
    """A model format that a runtime serves."""

    name: str
    version: str | None

    def __str__(self) -> str:
        return f"{self.name}-{self.version}" if self.version else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What is known of the program that serves, whatever runtime wraps it; `version` is None where nothing tells it."""

    name: str
    facts: Mapping[str, Any]
    version: str | None = None

    @property
    def reserved_args(self) -> Mapping[str, str]:
        """Options that are set already, and why they are refused."""
        found: Mapping[str, str] = self.facts["reservedArgs"]
        return found

    @property
    def parser(self) -> OptionParser | None:
        """What reads its command line, where that is known."""
        name = self.facts["parser"]
        return option_parser(name, self.version) if name else None

    def option(self, arg: str) -> str:
        """The option of an argument as its parser understands it: in full, for a short name or an abbreviation too."""
        if self.parser is None:
            return arg.partition("=")[0]
        named = self.parser.named(arg)
        return named[0] if len(named) == 1 else self.parser.spelling(arg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A serving runtime that can be chosen by name: of the release's catalogue, or the user's own.

    `object` is the ServingRuntime (or LLMInferenceServiceConfig) as it stands in its template. `images` are those that are
    chosen for its containers. `document` is a user's own file, `pointer` says where in it the object stands.
    """

    name: str
    object: Object
    engine: Engine
    template_name: str
    api_protocol: str | None
    platforms: frozenset[str]
    accelerator: Literal["required", "optional", "none"]
    model_types: tuple[str, ...]
    images: Mapping[str, str] = field(default_factory=dict)
    document: Document | None = None
    pointer: Pointer = ()

    @property
    def kind(self) -> str:
        """ServingRuntime or LLMInferenceServiceConfig."""
        return str(self.object["kind"])

    @property
    def spec(self) -> Mapping[str, Any]:
        """The runtime's spec."""
        return self.object.get("spec") or {}

    @property
    def display_name(self) -> str:
        """The display name, or the resource name where it has none."""
        return str((self.object["metadata"].get("annotations") or {}).get(DISPLAY_NAME) or self.name)

    @property
    def formats(self) -> tuple[Format, ...]:
        """What it serves, in the order of its list."""
        listed = self.spec.get("supportedModelFormats") or ()
        found = (Format(str(item["name"]), _text(item.get("version"))) for item in listed)
        return tuple(dict.fromkeys(found))

    @property
    def containers(self) -> tuple[Mapping[str, Any], ...]:
        """Its containers, the worker's after the head's."""
        worker = self.spec.get("workerSpec") or {}
        return (*(self.spec.get("containers") or ()), *(worker.get("containers") or ()))

    @property
    def serving(self) -> Mapping[str, Any]:
        """The container that serves; empty where none has its name."""
        return next((container for container in self.containers if container.get("name") == SERVING_CONTAINER), {})

    @property
    def multi_node(self) -> bool:
        """Whether it can spread one model over several nodes."""
        return bool(self.spec.get("workerSpec"))

    @property
    def multi_model(self) -> bool:
        """Whether it is a ModelMesh runtime."""
        return bool(self.spec.get("multiModel"))

    @property
    def recommended(self) -> tuple[str, ...]:
        """The identifiers of the accelerators that it is made for."""
        annotations = self.object["metadata"].get("annotations") or {}
        return json_list(annotations.get("opendatahub.io/recommended-accelerators"))


def json_list(text: Any) -> tuple[str, ...]:
    """The strings of a JSON list in an annotation; none where it is something else."""
    try:
        found = json.loads(text) if isinstance(text, str) else ()
    except ValueError:
        return ()
    return tuple(item for item in found if isinstance(item, str)) if isinstance(found, list) else ()


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


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
            return f"pvc://{self.pvc}/{self.path}" if self.path else f"pvc://{self.pvc}"
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
    """A deployment on the single-model platform. `pod_spec` is what its fields add to the spec of each of its pods,
    `container_spec` what they add to each container that serves; `as_written` has the fields that are only put into a
    template, by their names there.
    """

    description: str | None
    engine: Engine | None
    format: Format | None
    mode: Mode
    location: ModelLocation
    args: tuple[str, ...]
    env: tuple[Mapping[str, Any], ...]
    pipeline: int | None = None
    tensor: int | None = None
    served_name: str | None = None
    queue: str | None = None
    pod_spec: Mapping[str, Any] = field(default_factory=dict)
    container_spec: Mapping[str, Any] = field(default_factory=dict)
    as_written: Mapping[str, Any] = field(default_factory=dict)
    stopped: bool = False
    told_to_run: bool = False
    omit: tuple[str, ...] = ()
    model_type: str | None = None
    gen_ai_asset: bool = False
    strategy: str | None = None
    timeout: int | None = None
    return_401: bool = False
    weights: Weights | None = None
    llm: Llm | None = None

    @property
    def multi_node(self) -> bool:
        """Whether one replica spreads over several nodes."""
        return self.pipeline is not None

    @property
    def waits_in(self) -> str | None:
        """The LocalQueue of its pods: its own, else that into which its hardware profile puts them."""
        profile = self.hardware.profile
        return self.queue or (profile.queue if profile else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A model on a model server."""

    name: str
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
