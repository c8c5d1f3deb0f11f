"""Rules on the containers and volumes that a spec gives the pods of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.kubernetes.objects import items
from modelfleet.resolve.model import Model
from modelfleet.resolve.runtime import SERVING_CONTAINER
from modelfleet.rules import Violation, lacking
from modelfleet.rules.spec.subjects import OfModel, spec_rule
from modelfleet.wording import choices, did_you_mean

_LLM_CONTAINER = "main"


@spec_rule("CAP051", "The release runs no containers beside a model's", when=lacking("predictorSidecars"))
def no_sidecars(subject: OfModel) -> Iterator[Violation]:
    model, release = subject.model, subject.environment.release
    if model.containers and model.runtime_name is not None and model.llm is None:
        title = release.title if release else "the release"
        yield Violation(
            pointer=(*model.pointer, "containers"),
            key=True,
            message=f"{title} takes containers instead of a runtime, but not beside one",
            hint="put them into a runtime of your own, or remove runtime where they serve the model",
        )


@spec_rule("CAP052", "The container that serves is not the first")
def serving_container_first(subject: OfModel) -> Iterator[Violation]:
    """Several containers are looked through for the name, and that one is put into the first place."""
    model = subject.model
    pods: list[tuple[Pointer, Sequence[Mapping[str, Any]]]] = [
        ((*model.pointer, "containers"), model.containers if model.own_program else ()),
        ((*model.pointer, "transformer", "containers"), (model.transformer or {}).get("containers") or ()),
    ]
    for pointer, containers in pods:
        if len(containers) > 1 and containers[0]["name"] != SERVING_CONTAINER:
            yield Violation(
                pointer=(*pointer, 0, "name"),
                message=f"of several containers the first serves, and has to be called {SERVING_CONTAINER!r}",
                hint=f"put the container that serves first, and write name: {SERVING_CONTAINER}",
            )


@spec_rule("CAP053", "Two containers of a pod have the same name")
def same_container_name(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    taken = {_LLM_CONTAINER} if model.llm is not None else set() if model.own_program else _of_runtime(model)
    for pointer, container in _written(subject, ("initContainers", "containers")):
        name = str(container["name"])
        if name in taken:
            yield Violation(
                pointer=(*pointer, "name"),
                message=f"another container of the pods is called {name!r}, and the cluster would refuse the pods",
                hint="rename this one",
            )
        taken.add(name)


def _of_runtime(model: Model) -> set[str]:
    return {str(one.get("name")) for one in model.runtime.containers} if model.runtime else {SERVING_CONTAINER}


@spec_rule("CAP054", "A volume that is mounted is not there")
def unknown_volume(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    known = {str(one["name"]) for one in subject.written.get("volumes") or ()}
    open_end = (model.runtime is None and model.runtime_name is not None) or (model.llm and model.llm.base_refs)
    shared = model.shared.patches if model.shared is not None else {}
    if open_end or "volumes" in str((model.patches, shared)):
        return  # a runtime of the namespace, a configuration or a patch may bring it
    if model.runtime is not None:
        known |= {str(one.get("name")) for one in model.runtime.spec.get("volumes") or ()}
    found = [((*model.pointer, "volumeMounts"), subject.written.get("volumeMounts") or ())]
    for pointer, container in _written(subject, ("initContainers", "containers")):
        found.append(((*pointer, "volumeMounts"), items(container.get("volumeMounts"))))
    for pointer, mounts in found:
        for index, mount in enumerate(mounts):
            name = str(mount.get("name")) if isinstance(mount, dict) else ""
            if name and name not in known | _GIVEN:
                there = choices(sorted(known)) if known else "the model has no volumes"
                yield Violation(
                    pointer=(*pointer, index, "name"),
                    message=f"the pods have no volume {name!r}",
                    hint=did_you_mean(name, known, there),
                )


_GIVEN = frozenset(
    {"kserve-provision-location", "kserve-pvc-source", "shm", "model-cache", "home", "dshm", "tls-certs"}
)
"""Volumes that controllers, the dashboard's runtimes or the presets of llm-d bring."""


def _written(subject: OfModel, fields: Sequence[str]) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    for field in fields:
        for index, container in enumerate(subject.written.get(field) or ()):
            yield (*subject.model.pointer, field, index), container
