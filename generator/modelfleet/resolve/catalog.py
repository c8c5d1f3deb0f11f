"""The facts that come with the tool: releases, their serving runtimes, engines; and the user's own runtimes beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from modelfleet.finding import Finding, Pointer, dotted
from modelfleet.kubernetes.images import image_reference
from modelfleet.packaged import packaged, packaged_data
from modelfleet.records import dataclass
from modelfleet.resolve.option_tables import version_in
from modelfleet.resolve.release import Release
from modelfleet.resolve.release import short as short
from modelfleet.resolve.runtime import SERVING_CONTAINER, Engine, Runtime, json_list
from modelfleet.wording import choices

if TYPE_CHECKING:
    from modelfleet.spec.load import Document

RUNTIME_VERSION = "opendatahub.io/runtime-version"
"""The annotation with the version of a runtime's engine."""


def release_names() -> tuple[str, ...]:
    """All releases that the tool knows, oldest first."""
    found = [path.stem for path in (packaged("data") / "releases").iterdir() if path.suffix == ".yaml"]
    return tuple(sorted(found, key=lambda name: [int(step) for step in name.rpartition("-")[2].split(".")]))


def likely_releases(name: str) -> str:
    """The releases that a name which is not known may stand for, in words: those of its major version, else all."""
    major = short(name).partition(".")[0]
    same = tuple(known for known in release_names() if short(known).partition(".")[0] == major)
    return choices(same or release_names(), most=len(release_names()))


def _successor(name: str) -> str | None:
    names = release_names()
    return next(iter(names[names.index(name) + 1 :]), None)


@cache
def release(name: str) -> Release:
    """A release by name. Raises KeyError where the tool does not know it."""
    if name not in release_names():
        raise KeyError(name)
    data = packaged_data(f"releases/{name}")
    return Release(
        name=data["release"],
        title=data["title"],
        successor=_successor(name),
        support=data["support"],
        upgrade=data["upgrade"],
        templates=tuple(data["templates"]),
        kubernetes=data["kubernetes"],
        crds=tuple(data["crds"]),
        capabilities=data["capabilities"],
        terms=data["terms"],
        forms=data["forms"],
        lifecycle=tuple(data["lifecycle"]),
        injected=data["injected"],
        runtimes=data["runtimes"],
    )


def shipping_releases(runtime: str) -> list[Release]:
    """The releases that ship a serving runtime of this name, oldest first."""
    return [found for name in release_names() if runtime in (found := release(name)).runtimes]


@lru_cache(maxsize=1)
def _common() -> Mapping[str, Any]:
    found: Mapping[str, Any] = packaged_data("engines")
    return found


def engines() -> Mapping[str, Mapping[str, Any]]:
    """What is known of each engine; `generic` stands for one that is not known."""
    found: Mapping[str, Mapping[str, Any]] = _common()["engines"]
    return found


def reserved_env(advanced: bool) -> Mapping[str, str]:
    """Environment variables that KServe (and in advanced mode Knative) sets in every model, and why they are refused."""
    common = _common()["common"]
    return {**common["reservedEnv"], **(common["reservedEnvAdvanced"] if advanced else {})}


def moving_tags() -> tuple[str, ...]:
    """Tags under which a registry offers another image later on."""
    return tuple(_common()["common"]["movingTags"])


def needs_home(image: str) -> bool:
    """Whether a program of this image writes to its home folder, without a variable HOME to /."""
    return image_reference(image).repository.endswith(tuple(_common()["common"]["needHome"]))


def protocols() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """The paths of each protocol."""
    found: Mapping[str, Mapping[str, Mapping[str, str]]] = _common()["protocols"]
    return found


def multi_model_endpoints() -> Mapping[str, Any]:
    """Ports and protocols of the one Service through which ModelMesh serves all models of a project."""
    found: Mapping[str, Any] = _common()["common"]["multiModelEndpoints"]
    return found


@cache
def shipped_runtime(release_name: str, name: str) -> Runtime:
    """A runtime of a release's own catalogue. Raises KeyError where the release does not ship it."""
    entry = release(release_name).runtimes[name]
    data = packaged_data(f"runtimes/{entry['file']}")
    served = data["servingRuntime"]
    metadata = served["metadata"]
    annotations = dict(metadata.get("annotations") or {})
    if entry.get("version"):
        annotations[RUNTIME_VERSION] = entry["version"]
    template = data["template"]
    version = version_in(entry.get("engineVersion", entry["version"]))
    engine = Engine(name=data["engine"], facts=engines()[data["engine"]], version=version)
    return Runtime(
        name=name,
        object={**served, "metadata": {**metadata, "annotations": annotations}},
        engine=engine,
        template_name=template["name"],
        api_protocol=(template.get("annotations") or {}).get("opendatahub.io/apiProtocol"),
        platforms=frozenset(data["platforms"]),
        accelerator=data.get("accelerator") or engine.facts["accelerator"],
        model_types=tuple(data["modelTypes"]),
    )


def own_runtime(document: Document) -> Runtime:
    """The runtime that a user's file holds: a ServingRuntime, or the one object of an OpenShift Template."""
    data: Any = document.data
    pointer: Pointer = ()
    template_metadata: Mapping[str, Any] = {}
    if data["kind"] == "Template":
        template_metadata = data["metadata"]
        data, pointer = data["objects"][0], ("objects", 0)
    annotations = template_metadata.get("annotations") or {}
    engine = engine_of_runtime(data)
    platforms = _platforms(annotations.get("opendatahub.io/modelServingSupport"), data)
    return Runtime(
        name=data["metadata"]["name"],
        object=_without_cluster_fields(data),
        engine=engine,
        template_name=template_metadata.get("name") or data["metadata"]["name"],
        api_protocol=annotations.get("opendatahub.io/apiProtocol"),
        platforms=platforms,
        accelerator="optional",
        model_types=json_list(annotations.get("opendatahub.io/model-type")) or tuple(engine.facts["modelTypes"]),
        document=document,
        pointer=pointer,
    )


def _platforms(support: str | None, data: Mapping[str, Any]) -> frozenset[str]:
    if (data.get("spec") or {}).get("multiModel"):
        return frozenset({"multi-model"})
    names = {"single": "single-model", "multi": "multi-model"}
    return frozenset(names[word] for word in json_list(support) if word in names) or frozenset({"single-model"})


def engine_of_runtime(data: Mapping[str, Any]) -> Engine:
    """By what a ServingRuntime says of itself, else by the program that it starts, else by a format that it serves."""
    spec = data.get("spec") or {}
    told = (spec.get("annotations") or {}).get("opendatahub.io/kserve-runtime")
    version = version_in((data["metadata"].get("annotations") or {}).get(RUNTIME_VERSION))
    formats = {str(item.get("name")) for item in spec.get("supportedModelFormats") or ()}
    containers = [item for item in spec.get("containers") or () if item.get("name") == SERVING_CONTAINER]
    words = {str(word) for item in containers for part in ("command", "args") for word in item.get(part) or ()}
    fitting = {name: facts for name, facts in engines().items() if facts["workers"] == bool(spec.get("workerSpec"))}
    for wanted, field in (({told}, "kserveRuntimes"), (words, "programs"), (formats, "formats")):
        for name, facts in fitting.items():
            if wanted & set(facts[field]):
                return Engine(name=name, facts=facts, version=version)
    return Engine(name="generic", facts=engines()["generic"])


_CLUSTER_KEYS = ("argocd.argoproj.io/", "kubectl.kubernetes.io/", "app.kubernetes.io/instance")


def _without_cluster_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """An exported object without what its cluster, kubectl or Argo CD wrote into it."""
    metadata = {"name": data["metadata"]["name"]}
    for part in ("labels", "annotations"):
        if part in data["metadata"]:
            kept = (data["metadata"][part] or {}).items()
            metadata[part] = {key: text for key, text in kept if not key.startswith(_CLUSTER_KEYS)}
    return {key: value for key, value in data.items() if key != "status"} | {"metadata": metadata}


@dataclass(frozen=True, slots=True)
class RuntimeCatalog:
    """The user's own runtimes: for every environment, or (by its name) for one."""

    runtimes: Mapping[tuple[str | None, str], Runtime]

    def find(self, name: str, environment: str, release_name: str | None) -> Runtime | None:
        """The runtime that a name means in an environment: its own, the user's for all, the release's."""
        for layer in (environment, None):
            if (found := self.runtimes.get((layer, name))) is not None:
                return found
        if release_name is not None and name in release(release_name).runtimes:
            return shipped_runtime(release_name, name)
        return None

    def presets(self, preset: str, environment: str) -> tuple[Runtime, ...]:
        """The copies of a preset of the platform, by the end of its name: the environment's own, else those for all."""
        for layer in (environment, None):
            found = tuple(
                runtime
                for (where, name), runtime in self.runtimes.items()
                if where == layer and name.endswith(f"-{preset}") and runtime.kind == "LLMInferenceServiceConfig"
            )
            if found:
                return found
        return ()

    def names(self, environment: str, release_name: str | None) -> tuple[str, ...]:
        """All names that can be chosen in an environment."""
        own = {name for layer, name in self.runtimes if layer in (environment, None)}
        shipped = release(release_name).runtimes.keys() if release_name is not None else set()
        return tuple(sorted(own | shipped))


def catalog_runtimes(documents: Iterable[tuple[str | None, Document]]) -> tuple[RuntimeCatalog, list[Finding]]:
    """The user's own runtimes by name, and what is wrong among them: one name twice."""
    runtimes: dict[tuple[str | None, str], Runtime] = {}
    files: dict[tuple[str | None, str], str] = {}
    findings: list[Finding] = []
    for environment, document in documents:
        runtime = own_runtime(document)
        key = (environment, runtime.name)
        runtimes.setdefault(key, runtime)
        first = files.setdefault(key, document.file)
        if first != document.file:
            pointer = (*runtime.pointer, "metadata", "name")
            findings.append(
                Finding(
                    at=document.at(pointer),
                    code="RUN001",
                    path=dotted(pointer),
                    message=f"two runtimes are called {runtime.name!r}: {first} and {document.file}",
                    hint="the ServingRuntime's name counts, not the file's; rename one",
                )
            )
    return RuntimeCatalog(runtimes), findings


def images(runtime: Runtime) -> Iterator[tuple[str, str | None]]:
    """Each container's name with its image: the one that is chosen, else what the runtime's file says."""
    for container in runtime.containers:
        yield str(container["name"]), runtime.images.get(container["name"]) or container.get("image")


def as_served(runtime: Runtime, chosen: Mapping[str, str]) -> Runtime:
    """A runtime with images that are chosen for it; its engine has the version that the tag of its image names, if it does."""
    served = replace(runtime, images=chosen)
    serving = dict(images(served)).get(SERVING_CONTAINER)
    version = version_in(image_reference(serving).tag) if serving else None
    return replace(served, engine=replace(served.engine, version=version)) if version else served
