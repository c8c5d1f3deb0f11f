"""From ModelMesh to the single-model platform: a deployment beside each model of a server, then the servers go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.migrate.step import (
    MigratedSpec,
    Move,
    NotMigratable,
    Step,
    beside,
    called,
    layered,
    new_name,
    with_models,
)
from modelfleet.resolve.catalog import as_served, images
from modelfleet.resolve.model import Project, ServedModel, Server
from modelfleet.resolve.runtime import Format, Runtime
from modelfleet.wording import listed

_OF_SERVER = ("replicas", "size", "accelerator", "route", "tokens")
"""What the server decides for its models, and each deployment for itself."""

_ORDER = ("displayName", "description", "runtime", "framework", *_OF_SERVER, "location")


def add_deployments(subject: MigratedSpec) -> Step | None:
    """The step that puts a deployment beside each model; None where there is nothing to do."""
    names = _names(subject)
    targets = [name for name in _environments(subject) if _lacks(subject.projects[name])]
    if not targets:
        return None
    wanted: dict[str, dict[str, Any]] = {}
    moves, remarks = [], list[str]()
    for environment in targets:
        project = subject.projects[environment]
        wanted[environment] = {}
        for server, model in _served(project):
            new = names[server.name, model.name]
            runtime = _successor(subject, project, server)
            framework = _framework(runtime, model.format)
            data = project.spec.data["servers"][server.name]
            wanted[environment][new] = _deployment(data, model.name, runtime.name, framework)
            moves.append(
                Move(environment=environment, pointer=model.pointer, old=model.name, new=new, server=server.name)
            )
            remarks += _remarks(server, model, runtime, framework, new)
    shared, copies = {}, dict[Pointer, Pointer]()
    for (server_name, model_name), new in names.items():
        written = ((subject.shared.get("servers") or {}).get(server_name) or {}).get("models") or {}
        first = next((models[new] for models in wanted.values() if new in models), None)
        if first is None:
            continue
        source: Pointer = ("servers", server_name, "models", model_name)
        if written.get(model_name) is not None and new not in (subject.shared.get("models") or {}):
            shared[new] = _deployment(
                subject.shared["servers"][server_name], model_name, first["runtime"], first["framework"]
            )
            copies["models", new] = source
        for environment in targets:
            if _holds(subject.overrides[environment], source):
                copies["environments", environment, "models", new] = ("environments", environment, *source)
    models, overrides = layered(subject, shared, wanted, dict.fromkeys(names.values()))
    data = with_models(subject, models, overrides, "servers")
    if len(targets) == len(subject.projects):
        data = called(data, {move.old: move.new for move in moves}, keep=True)
    return Step(wanted=data, moves=tuple(moves), copies=copies, remarks=tuple(dict.fromkeys(remarks)))


def remove_servers(subject: MigratedSpec) -> Step | None:
    """The step that removes the servers; None where there are none."""
    targets = _environments(subject)
    if not targets:
        return None
    moves = []
    for environment in targets:
        project = subject.projects[environment]
        for server, model in _served(project):
            new = beside(model, project)
            if new is None:
                message = (
                    f"in {environment} {model.name!r} has no counterpart yet; run `modelfleet migrate multi-model "
                    f"--project {subject.name} --step add` first"
                )
                raise NotMigratable(project.spec.key_at(model.pointer), message)
            moves.append(
                Move(environment=environment, pointer=model.pointer, old=model.name, new=new, server=server.name)
            )
    everywhere = targets == [name for name, project in subject.projects.items() if project.servers]
    data = {key: value for key, value in subject.document.data.items() if not (everywhere and key == "servers")}
    if everywhere and data.get("platform") == "multi-model":
        data["platform"] = "single-model"
    data["environments"] = {
        name: _without_servers(subject, written, everywhere=everywhere, target=name in targets)
        for name, written in subject.overrides.items()
    }
    if everywhere:
        data = called(data, {move.old: move.new for move in moves}, keep=False)
    return Step(wanted=data, moves=tuple(moves))


def _without_servers(
    subject: MigratedSpec, written: Mapping[str, Any], *, everywhere: bool, target: bool
) -> dict[str, Any]:
    if not everywhere and not target:
        return dict(written)
    found = {key: value for key, value in written.items() if key != "servers"}
    if not everywhere:
        if subject.shared.get("servers"):
            found["servers"] = None
        found["platform"] = "single-model"
    elif found.get("platform") == "multi-model":
        found["platform"] = "single-model"
    return found


# ---- what there is ---------------------------------------------------------------------------------------------------


def _environments(subject: MigratedSpec) -> list[str]:
    return [name for name, project in subject.projects.items() if name in subject.chosen and project.servers]


def _lacks(project: Project) -> bool:
    """Whether there is a model that nothing stands beside."""
    return any(beside(model, project) is None for _, model in _served(project))


def _served(project: Project) -> Iterator[tuple[Server, ServedModel]]:
    for server in project.servers:
        for model in server.models:
            yield server, model


def _names(subject: MigratedSpec) -> dict[tuple[str, str], str]:
    """What each model's deployment is called: as it is somewhere already, else by a new name."""
    found: dict[tuple[str, str], str] = {}
    projects = subject.projects.values()
    taken = {name for project in projects for name in project.model_names}
    taken |= {server.name for project in projects for server in project.servers}
    olds = [(server, model) for project in projects for server, model in _served(project)]
    for server, model in olds:  # in another environment it may have gone its way already
        known = next((name for project in projects if (name := beside(model, project)) is not None), None)
        if known is not None:
            found[server.name, model.name] = known
    for server, model in olds:
        if (server.name, model.name) not in found:
            found[server.name, model.name] = new_name(subject, model.name, {*taken, *found.values()})
    return found


def _holds(written: Any, pointer: Pointer) -> bool:
    for step in pointer:
        written = written.get(step) if isinstance(written, dict) else None
    return isinstance(written, dict)


# ---- what becomes of a model -----------------------------------------------------------------------------------------


def _deployment(server: Mapping[str, Any], name: str, runtime: str, framework: str) -> dict[str, Any]:
    served = server["models"][name]
    found = {key: served[key] for key in ("displayName", "description", "location") if key in served}
    found |= {key: server[key] for key in _OF_SERVER if key in server} | {"runtime": runtime, "framework": framework}
    if patch := _carried(served):
        found["patch"] = {"InferenceService": patch}
    return {key: found[key] for key in (*_ORDER, "patch") if key in found}


def _carried(served: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The steps of a patch that mean the same on a deployment: labels and annotations of people's own."""
    steps = ((served.get("patch") or {}).get("InferenceService")) or []
    return [step for step in steps if _is_own(str(step.get("path")))]


def _is_own(path: str) -> bool:
    return path.startswith(("/metadata/labels/", "/metadata/annotations/")) and "kserve.io" not in path


def _successor(subject: MigratedSpec, project: Project, server: Server) -> Runtime:
    """The runtime for single models that serves what a server serves: of the same engine if there is one."""
    environment = project.environment
    release = environment.release.name if environment.release else None
    needed = {model.format.name for model in server.models if model.format}
    fitting = []
    for name in subject.runtime_catalog.names(environment.name, release):
        runtime, choice = subject.runtime_catalog.find(name, environment.name, release), environment.runtimes.get(name)
        if runtime is None or runtime.kind != "ServingRuntime" or runtime.multi_node or (choice and choice.disabled):
            continue
        complete = all(image for _, image in images(as_served(runtime, choice.images if choice else {})))
        suits = runtime.accelerator != "required" or server.hardware.accelerator is not None
        serves = needed <= {item.name for item in runtime.formats}
        if "single-model" in runtime.platforms and complete and suits and serves:
            fitting.append(runtime)
    engine = server.runtime.engine.name if server.runtime else None
    fitting.sort(key=lambda runtime: (runtime.engine.name != engine, runtime.name))
    if not fitting:
        message = (
            f"no runtime of {environment.name} serves {listed(sorted(needed))} as single models; give one its image in "
            "the environment's runtimes, or add one of your own to runtimes/"
        )
        raise NotMigratable(project.spec.at((*server.pointer, "runtime")), message)
    return fitting[0]


def _framework(runtime: Runtime, old: Format | None) -> str:
    """The format as the new runtime spells it; of several versions the newest where it lacks the old one."""
    offered = [item for item in runtime.formats if old is not None and item.name == old.name]
    exact = [item for item in offered if old is not None and item.version == old.version]
    return str((exact or sorted(offered, key=lambda item: str(item.version)))[-1])


def _remarks(server: Server, model: ServedModel, runtime: Runtime, framework: str, new: str) -> Iterator[str]:
    if model.format is not None and str(model.format) != framework:
        yield f"{new} has framework {framework}, since {runtime.name} does not offer {model.format}: check that it loads"
    if (runtime.engine.layout or {}).get("folders"):
        yield (
            f"{runtime.name} looks for a folder with a number, the version, below the path of a model (<path>/1/<files>), "
            "which ModelMesh created itself: put the files into such a folder before the new models are synced"
        )
    if len(server.models) > 1:
        yield (
            f"each deployment has the size and the replicas of server {server.name}, which {len(server.models)} models shared: "
            "write smaller ones where a model needs less"
        )
    if server.patches:
        yield (
            f"the patches of server {server.name} are not carried over: they are for a ModelMesh runtime, and "
            f"{new} has none of them"
        )
    for step in model.patches.get("InferenceService", ()):
        if not _is_own(str(step.get("path"))):
            yield f"the patch of {step.get('path')} of {model.name} is not carried over, since it is about ModelMesh"
