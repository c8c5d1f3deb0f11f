"""Turns a merged spec and an environment into what will be made: every default and all arithmetic stand here.

Resolving never refuses: what an environment does not offer stays None, and the rules say so. That is also how the base is
resolved, whose environment (`base.yaml`) leaves most facts open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.kubernetes.quantity import NotAQuantity, canonical_quantities, canonical_quantity
from modelfleet.resolve.canary import as_model, canary_of
from modelfleet.resolve.catalog import RuntimeCatalog, as_served, engines
from modelfleet.resolve.connections import connection_kinds
from modelfleet.resolve.consumers import consumers_of
from modelfleet.resolve.distributed import Group, Llm, Pods
from modelfleet.resolve.environment import Environment, Size
from modelfleet.resolve.hardware import Accelerator, Amounts, Hardware
from modelfleet.resolve.load_scaling import group_scaling, load_scaling
from modelfleet.resolve.model import Connection, EnvSecret, Model, ModelLocation, Project, ServedModel, Server
from modelfleet.resolve.runtime import Engine, Format, Runtime
from modelfleet.resolve.shared_runtimes import (
    SharedRuntime,
    engine_of_format,
    env_entry,
    shared_runtimes,
    spelled_format,
)
from modelfleet.resolve.weights import weights_from
from modelfleet.spec.fields import copied_fields, is_distributed
from modelfleet.spec.merge import Merged


def resolve(name: str, file: str, spec: Merged, environment: Environment, runtime_catalog: RuntimeCatalog) -> Project:
    """One project in one environment."""
    data = spec.data
    namespace = str(data.get("namespace") or name)
    resolver = _Resolver(environment, namespace, runtime_catalog, data)
    connections = dict(resolver.connections(data.get("connections") or {}))
    secrets = dict(resolver.secrets(data.get("secrets") or {}))
    models = tuple(
        resolver.model(key, model, ("models", key), connections) for key, model in (data.get("models") or {}).items()
    )
    servers = tuple(
        resolver.server(key, server, ("servers", key), connections)
        for key, server in (data.get("servers") or {}).items()
    )
    return Project(
        name=name,
        file=file,
        spec=spec,
        environment=environment,
        display_name=_display(data, name),
        description=data.get("description"),
        namespace=namespace,
        namespace_labels=data.get("namespaceLabels") or {},
        namespace_annotations=data.get("namespaceAnnotations") or {},
        platform=data.get("platform") or "single-model",
        connections=connections,
        secrets=secrets,
        runtimes=resolver.shared,
        models=models,
        servers=servers,
        consumers=tuple(consumers_of(data.get("consumers") or {})),
    )


class _Resolver:
    """The facts that every part of a project is resolved with."""

    def __init__(
        self, environment: Environment, namespace: str, runtime_catalog: RuntimeCatalog, project: Mapping[str, Any]
    ) -> None:
        self.environment = environment
        self.project = project
        self.namespace = namespace
        self.runtime_catalog = runtime_catalog
        self.prefix = environment.secrets.key_prefix
        self.from_store = environment.secrets.by_operator
        self.served: dict[str, Runtime | None] = {}
        self.shared: Mapping[str, SharedRuntime] = dict(
            shared_runtimes(project.get("runtimes") or {}, environment, runtime_catalog)
        )

    def store_key(self, name: str) -> str | None:
        return f"{self.prefix}/{self.namespace}/{name}" if self.prefix else None

    def connections(self, written: Mapping[str, Any]) -> Iterator[tuple[str, Connection]]:
        kinds = tuple(connection_kinds().values())
        for name, data in written.items():
            kind = next((kind for kind in kinds if kind.name in data), kinds[0])
            settings = data.get(kind.name)
            yield (
                name,
                Connection(
                    name=name,
                    pointer=("connections", name),
                    kind=kind,
                    display_name=_display(data, name),
                    description=data.get("description") or "",
                    settings=settings if isinstance(settings, dict) else {kind.name: settings} if settings else {},
                    existing=bool(data.get("existing")) or not (self.from_store or kind.secret is None),
                    key=(data.get("credentials") or {}).get("key") or self.store_key(name),
                ),
            )

    def secrets(self, written: Mapping[str, Any]) -> Iterator[tuple[str, EnvSecret]]:
        for name, data in written.items():
            yield (
                name,
                EnvSecret(
                    name=name,
                    pointer=("secrets", name),
                    keys=tuple(data.get("keys") or ()),
                    existing=bool(data.get("existing")) or not self.from_store,
                    key=(data.get("credentials") or {}).get("key") or self.store_key(name),
                ),
            )

    def runtime(self, data: Mapping[str, Any]) -> Runtime | None:
        release = self.environment.release
        name = data.get("runtime")
        if name is None:
            return None
        if name in self.shared:
            return self.shared[name].runtime
        if name not in self.served:
            found = self.runtime_catalog.find(name, self.environment.name, release.name if release else None)
            choice = self.environment.runtimes.get(name)
            self.served[name] = as_served(found, choice.images if choice else {}) if found else None
        return self.served[name]

    def metadata(self, data: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
        """Labels and annotations of an entry, laid over those of the project."""
        return {
            part: {**(self.project.get(part) or {}), **(data.get(part) or {})} for part in ("labels", "annotations")
        }

    def workload(self, name: str, data: Mapping[str, Any], pointer: Pointer) -> dict[str, Any]:
        """The fields that deployments and model servers share."""
        route = data.get("route") or False
        low, high = replicas(data.get("replicas"))
        return {
            "name": name,
            "pointer": pointer,
            "display_name": _display(data, name),
            "runtime_name": data.get("runtime"),
            "runtime": self.runtime(data),
            "shared": self.shared.get(data.get("runtime") or ""),
            "hardware": self.hardware(data),
            "minimum": low,
            "maximum": high,
            "route": bool(route),
            "route_timeout": route.get("timeout") if isinstance(route, dict) else None,
            "tokens": tuple(data.get("tokens") or ()),
            "callers": None if data.get("callers") is None else tuple(data["callers"]),
            **self.metadata(data),
            "patches": {kind: tuple(steps) for kind, steps in (data.get("patch") or {}).items()},
        }

    def model(
        self, name: str, data: Mapping[str, Any], pointer: Pointer, connections: Mapping[str, Connection]
    ) -> Model:
        data = _with_canonical_pods(data)
        shared = self.workload(name, data, pointer)
        runtime: Runtime | None = shared["runtime"]
        served, engine = self.served_by(data, runtime, shared["shared"])
        return Model(
            **shared,
            written=data,
            engine=engine,
            format=served,
            mode=data.get("mode") or "standard",
            location=location(data.get("location") or {}, connections),
            args=named_args(data.get("args") or (), engine, data.get("servedName")),
            env=tuple(env_entry(key, value) for key, value in (data.get("env") or {}).items()),
            scaling=load_scaling(data.get("replicas")),
            canary=None
            if (written := data.get("canary")) is None
            else canary_of(written, self.model(name, as_model(data, written), (*pointer, "canary"), connections)),
            model_type=data.get("modelType") or model_type(runtime),
            weights=weights_from(data.get("weights")),
            llm=self.llm(data, runtime),
        )

    def served_by(
        self, data: Mapping[str, Any], runtime: Runtime | None, shared: SharedRuntime | None
    ) -> tuple[Format | None, Engine | None]:
        """The format of a model and the engine that serves it; of a runtime that is not ours as far as the spec says it."""
        if runtime is not None:
            return chosen_format(runtime, data.get("framework")), runtime.engine
        if (shared is not None and shared.existing) or "runtime" in (data.get("omit") or ()):
            served = spelled_format(data.get("framework"))
            return served, engine_of_format(served, workers=bool(data.get("multiNode")))
        return None, Engine(name="llm-d", facts=engines()["llm-d"]) if is_distributed(data) else None

    def llm(self, data: Mapping[str, Any], runtime: Runtime | None) -> Llm | None:
        """Distributed inference, or an administrator's configuration of it that was chosen as runtime."""
        config = runtime is not None and runtime.kind == "LLMInferenceServiceConfig"
        if not is_distributed(data) and not config:
            return None
        written = data["llmd"] if isinstance(data.get("llmd"), dict) else {}
        low, _ = replicas(data.get("replicas"))
        scaling = written.get("scaling") or group_scaling(data.get("replicas"), self.environment.autoscaling.keda)
        scaled = {"scaling": scaling}
        prefill = written.get("prefill")
        scheduler = written.get("scheduler")
        tracing = written.get("tracing")
        found = Llm(
            main=self.group({**data, **server_of(written)}, written, {"replicas": None if scaling else low, **scaled}),
            prefill=None if prefill is None else self.group(prefilling(data, written, prefill), prefill, prefill),
            traffic=written.get("traffic"),
            gateway=written.get("gateway"),
            scheduler=False if config else True if scheduler is None else scheduler,
            base_refs=tuple(written.get("baseRefs") or ()),
            config=config,
            lora=written.get("lora"),
            tracing={} if tracing is True else tracing,
            topology_config=written.get("topologyConfig"),
            routing_config=written.get("routingConfig"),
            pinned=bool(written.get("pinPreset")),
            presets={},
        )
        return replace(found, presets=self.presets(found)) if found.pinned else found

    def presets(self, llm: Llm) -> dict[str, Runtime]:
        """The presets of a deployment as runtimes/ holds them; one that is there twice is none."""
        held = {name: self.runtime_catalog.presets(name, self.environment.name) for name in llm.preset_names}
        return {name: found[0] for name, found in held.items() if len(found) == 1}

    def group(self, data: Mapping[str, Any], written: Mapping[str, Any], scale: Mapping[str, Any]) -> Group:
        """A head and its workers, which are like the head but for what is written."""
        worker = written.get("worker")
        over = {**dict.fromkeys(("command", "ports", "probes")), **(worker if isinstance(worker, dict) else {})}
        scaling, count = scale.get("scaling"), scale.get("replicas")
        return Group(
            head=self.pods(data),
            worker=self.pods({**data, **over}) if worker else None,
            parallelism=written.get("parallelism") or {},
            replicas=None if scaling else (1 if count is None else count),
            scaling=scaling,
            cache_offload=written.get("cacheOffload"),
        )

    def pods(self, data: Mapping[str, Any]) -> Pods:
        return Pods(
            hardware=self.hardware(data),
            args=tuple(data.get("args") or ()),
            env=tuple(env_entry(key, value) for key, value in (data.get("env") or {}).items()),
            spec=copied_fields(data, "pod"),
            container=copied_fields(data, "container"),
            image=data.get("image"),
            command=tuple(data.get("command") or ()),
            ports=tuple(data.get("ports") or ()),
            probes=data.get("probes") or {},
            beside=tuple(data.get("containers") or ()),
        )

    def server(
        self, name: str, data: Mapping[str, Any], pointer: Pointer, connections: Mapping[str, Connection]
    ) -> Server:
        shared = self.workload(name, data, pointer)
        models = tuple(
            ServedModel(
                name=key,
                written=model,
                pointer=(*pointer, "models", key),
                display_name=_display(model, key),
                description=model.get("description"),
                format=chosen_format(shared["runtime"], model.get("framework")),
                location=location(model.get("location") or {}, connections),
                **self.metadata(model),
                patches={kind: tuple(steps) for kind, steps in (model.get("patch") or {}).items()},
            )
            for key, model in (data.get("models") or {}).items()
        )
        return Server(**shared, models=models)

    def hardware(self, data: Mapping[str, Any]) -> Hardware:
        """Size and accelerator, as tolerations or as a hardware profile, whichever the release reads."""
        written = data.get("size")
        size = self.environment.sizes.get(written) if isinstance(written, str) else _own_size(written)
        accelerator, unsaid = self.accelerator(data.get("accelerator")), data.get("omit") or ()
        unprofiled = "hardwareProfile" in unsaid
        if accelerator is not None and unprofiled:
            accelerator = replace(accelerator, profile=None)
        inline = accelerator is not None and (
            accelerator.profile is None or bool(self.environment.can("acceleratorProfiles") and accelerator.tolerations)
        )
        profile = size.hardware_profile if size and not unprofiled else None
        if accelerator is not None and not inline:
            profile = accelerator.profile
        return Hardware(
            size=written if isinstance(written, str) else None,
            requests=amounts(size.requests) if size else None,
            limits=amounts(size.limits) if size else None,
            accelerator=accelerator,
            profile=profile,
            inline=inline,
            own_tolerations=tuple(data.get("tolerations") or ()),
            own_node_selector=data.get("nodeSelector") or {},
            unsaid="size" in unsaid,
        )

    def accelerator(self, written: Any) -> Accelerator | None:
        if written is None:
            return None
        name, count = (written, 1) if isinstance(written, str) else (written["name"], written.get("count", 1))
        offer = self.environment.accelerators.get(name)
        return Accelerator(
            name=name,
            count=count,
            identifier=offer.identifier if offer else None,
            tolerations=offer.tolerations if offer else None,
            node_selector=offer.node_selector if offer else None,
            profile=offer.hardware_profile if offer else None,
            per_node=offer.per_node if offer else None,
            compute_capability=offer.compute_capability if offer else None,
            memory=offer.memory if offer else None,
            known=offer is not None,
        )


_OF_PODS = frozenset({"containers", "initContainers", "volumes", "transformer", "llmd"})


def _with_canonical_pods(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is written of pods in the API's own words, with its quantities as KServe's webhook would write them."""
    here = _OF_PODS & data.keys()
    return {**data, **{key: canonical_quantities(data[key]) for key in here}} if here else data


def server_of(written: Mapping[str, Any]) -> dict[str, Any]:
    """What a part of `llmd` says of its model server."""
    return {key: written[key] for key in ("image", "command", "ports", "probes") if key in written}


def prefilling(data: Mapping[str, Any], written: Mapping[str, Any], prefill: Mapping[str, Any]) -> dict[str, Any]:
    """What the pods that read prompts are made of: the model's own image too, but its ports and scripts are others."""
    return {**data, **({"image": written["image"]} if "image" in written else {}), **prefill}


def _own_size(written: Any) -> Size | None:
    """A size that the spec writes out; only one of the environment has a hardware profile."""
    if not isinstance(written, dict):
        return None
    return Size(requests=written.get("requests"), limits=written.get("limits"), hardware_profile=None)


def _display(data: Mapping[str, Any], name: str) -> str:
    return str(data.get("displayName") or name).strip()


def replicas(written: Any) -> tuple[int, int]:
    """Least and most replicas; one where nothing is said."""
    if written is None:
        return 1, 1
    if isinstance(written, dict):
        low = written.get("min", 1)
        return low, written.get("max", max(low, 1))
    return written, written


def amounts(written: Mapping[str, Any] | None) -> Amounts | None:
    """Quantities in canonical spelling; one that is none stays as it is, for the rules to refuse."""
    if written is None:
        return None
    found = {}
    for key, text in written.items():
        try:
            found[key] = canonical_quantity(str(text))
        except NotAQuantity:
            found[key] = str(text)
    return found


def model_type(runtime: Runtime | None) -> str | None:
    """What a runtime is made for, where that is one thing."""
    return runtime.model_types[0] if runtime and runtime.model_types else None


def chosen_format(runtime: Runtime | None, framework: str | None) -> Format | None:
    """The one format that `name-version` or `name` means, or the only one there is; None where that is not one."""
    offered: Sequence[Format] = runtime.formats if runtime else ()
    if framework is None:
        return offered[0] if len(offered) == 1 else None
    exact = [item for item in offered if str(item) == framework]
    named = exact or [item for item in offered if item.name == framework]
    return named[0] if len(named) == 1 else None


def named_args(args: Sequence[str], engine: Engine | None, name: str | None) -> tuple[str, ...]:
    """The arguments with the name under which a model answers, unless they hold it; of two such arguments the last counts."""
    option = engine.facts["servedNameArg"] if engine is not None and engine.name != "llm-d" else None
    if engine is None or not option or not name or option in engine.passed(args):
        return tuple(args)
    there = engine.passed(args)
    needed = (need for need in engine.facts["servedNameNeeds"] if engine.option(need) not in there)
    return (*args, *needed, f"{option}={name}")


def location(written: Mapping[str, Any] | str, connections: Mapping[str, Connection]) -> ModelLocation:
    """Where a model's files are, if anything brings them. As in the dashboard, one leading slash of a path is dropped."""
    if isinstance(written, str):
        written = {}
    path = written.get("path")
    name = written.get("connection")
    return ModelLocation(
        connection=connections.get(name) if name is not None else None,
        connection_name=name,
        path=path.removeprefix("/") if path is not None else None,
        uri=written.get("uri"),
        pvc=written.get("pvc"),
    )
