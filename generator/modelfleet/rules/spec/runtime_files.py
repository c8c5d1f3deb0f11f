"""A user's own runtime file: what KServe needs of it, judged in the file itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from modelfleet.finding import Pointer, Severity
from modelfleet.patterns import lazy_pattern
from modelfleet.resolve.catalog import as_served, own_runtime
from modelfleet.resolve.runtime import Runtime
from modelfleet.rules import Violation
from modelfleet.rules.spec.command_line import deprecated_options, unknown_options, values_of_options
from modelfleet.rules.spec.images import moving_images
from modelfleet.rules.spec.options import passes_arguments
from modelfleet.spec.load import Document

_PARAMETER = lazy_pattern(r"\$\{\{?([A-Za-z_][A-Za-z0-9_]*)\}?\}", re.ASCII)


def judge_file(document: Document) -> Iterator[Violation]:
    """Everything that is wrong with a runtime file whose shape is right."""
    data: Any = document.data
    pointer: Pointer = ()
    parameters: dict[str, Any] = {}
    if data["kind"] == "Template":
        parameters = {item["name"]: item for item in data.get("parameters") or ()}
        data, pointer = data["objects"][0], ("objects", 0)
    yield from _unfilled(data, pointer, parameters)
    if data["kind"] != "ServingRuntime":
        return
    yield from _beside(data, pointer)
    spec, at = data["spec"], (*pointer, "spec")
    if spec.get("disabled") is True:
        yield Violation(
            pointer=(*at, "disabled"),
            message="the runtime is disabled: KServe would never start a model on it",
            hint="remove disabled",
        )
    containers = spec.get("containers") or []
    if not spec.get("multiModel") and not any(item.get("name") == "kserve-container" for item in containers):
        first = containers[0].get("name") if containers else None
        yield Violation(
            pointer=(*at, "containers", 0, "name"),
            message=f"no container is called kserve-container (the first is {first!r})",
            hint="KServe looks for the container of that name: rename the one that serves",
        )
    for index, container in enumerate(containers):
        yield from _twice(container, (*at, "containers", index))
    yield from _serving(own_runtime(document), (*at, "containers"))
    worker = (spec.get("workerSpec") or {}).get("containers") or []
    for index, container in enumerate(worker):
        yield from _twice(container, (*at, "workerSpec", "containers", index))


def _beside(data: dict[str, Any], pointer: Pointer) -> Iterator[Violation]:
    """What stands beside the parts of an object, where nothing reads it."""
    for key in data:
        if key not in ("apiVersion", "kind", "metadata", "spec", "status"):
            belongs = key in ("labels", "annotations", "name", "namespace")
            yield Violation(
                pointer=(*pointer, key),
                key=True,
                message=f"{key} beside metadata and spec is dropped: a ServingRuntime has no such field",
                hint=f"write it under metadata: {{{key}: ...}}" if belongs else "remove it",
                severity=Severity.WARNING,
            )


def _serving(runtime: Runtime, at: Pointer) -> Iterator[Violation]:
    """What stands in a runtime as it might in an environment and a model: images, and the options of its engine."""
    parser = as_served(runtime, {}).engine.parser
    for index, container in enumerate(runtime.spec.get("containers") or ()):
        if isinstance(image := container.get("image"), str) and "$" not in image:
            yield from moving_images((*at, index, "image"), image)
        if parser is None or container.get("name") != "kserve-container" or not passes_arguments(runtime):
            continue
        arguments = [((*at, index, "args", place), str(arg)) for place, arg in enumerate(container.get("args") or ())]
        for violations_of in (unknown_options, deprecated_options, values_of_options):
            yield from violations_of(parser, arguments)


def _twice(container: dict[str, Any], pointer: Pointer) -> Iterator[Violation]:
    seen: set[str] = set()
    for index, item in enumerate(container.get("env") or ()):
        name = item.get("name")
        if name in seen:
            yield Violation(
                pointer=(*pointer, "env", index, "name"),
                message=f"variable {name!r} is listed twice in one container",
                hint="the cluster refuses that: keep one",
            )
        seen.add(name)


def _unfilled(data: Any, pointer: Pointer, parameters: dict[str, Any]) -> Iterator[Violation]:
    if isinstance(data, dict):
        for key, item in data.items():
            yield from _unfilled(item, (*pointer, key), parameters)
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from _unfilled(item, (*pointer, index), parameters)
    elif isinstance(data, str) and "${" in data:
        for name in _PARAMETER.findall(data):
            if name in parameters:
                yield Violation(
                    pointer=pointer,
                    message=f"the template's parameter {name} has no value here",
                    hint="put the value in its place: the dashboard uses the text as it is, and so does modelfleet",
                )
