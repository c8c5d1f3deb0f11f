"""Runtimes that several models of a project share, under names of their own: made here, or there already."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass
from modelfleet.resolve.catalog import RuntimeCatalog, as_served, engines, release, release_names, shipped_runtime
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.runtime import SERVING_CONTAINER, Engine, Format, Runtime
from modelfleet.resolve.variables import env_sources

_VERSIONED = lazy_pattern(r"(?P<name>.+)-(?P<version>(?:opset)?[0-9]+(?:\.[0-9]+)*)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRuntime:
    """A ServingRuntime that models of a project name. `runtime` is what it is made of, with everything that is written for it;
    None where it is `existing` (`clustered`: for the whole cluster), or made of something that is not there.

    `source` and `release` are what it is made of, as it is written.
    """

    name: str
    pointer: Pointer
    source: str | None
    release: str | None
    existing: bool
    clustered: bool
    runtime: Runtime | None
    display_name: str | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    patches: Mapping[str, tuple[Mapping[str, Any], ...]]

    @property
    def as_filed(self) -> bool:
        """Whether it is a ServingRuntime in a file of the user's, which is taken as it is: no dashboard instantiates it."""
        return self.runtime is not None and self.runtime.document is not None and self.runtime.pointer == ()


def shared_runtimes(
    written: Mapping[str, Any], environment: Environment, runtime_catalog: RuntimeCatalog
) -> Iterator[tuple[str, SharedRuntime]]:
    """Those of a project by name."""
    for name, data in written.items():
        existing = data.get("existing") or False
        yield (
            name,
            SharedRuntime(
                name=name,
                pointer=("runtimes", name),
                source=data.get("runtime"),
                release=data.get("release"),
                existing=bool(existing),
                clustered=existing == "cluster",
                runtime=None if existing else _made(data, environment, runtime_catalog),
                display_name=data.get("displayName"),
                labels=data.get("labels") or {},
                annotations=data.get("annotations") or {},
                patches={kind: tuple(steps) for kind, steps in (data.get("patch") or {}).items()},
            ),
        )


def _made(data: Mapping[str, Any], environment: Environment, runtime_catalog: RuntimeCatalog) -> Runtime | None:
    """What it is made of, with its images, arguments and variables. What another release ships has none of this cluster's."""
    source, pinned = data.get("runtime"), data.get("release")
    chosen: Mapping[str, str] = {}
    found: Runtime | None = None
    if pinned is not None:
        ships = pinned in release_names() and source in release(pinned).runtimes
        found = shipped_runtime(pinned, source) if ships and source else None
    elif source is not None:
        here = environment.release
        found = runtime_catalog.find(source, environment.name, here.name if here else None)
        choice = environment.runtimes.get(source)
        chosen = choice.images if choice else {}
    if found is None:
        return None
    served = as_served(found, {**chosen, **(data.get("images") or {})})
    return _with_options(served, data.get("args") or (), data.get("env") or {})


def _with_options(runtime: Runtime, args: Sequence[str], env: Mapping[str, Any]) -> Runtime:
    if not args and not env:
        return runtime
    again = {runtime.engine.option(arg) for arg in args if arg.startswith("-")}
    containers = []
    for container in runtime.spec.get("containers") or ():
        if container.get("name") == SERVING_CONTAINER:
            said: dict[str, Any] = (
                {"args": [*_without(runtime.engine, container.get("args") or (), again), *args]} if args else {}
            )
            said |= {"env": _with_variables(container.get("env") or (), env)} if env else {}
            container = {**container, **said}
        containers.append(container)
    return replace(runtime, object={**runtime.object, "spec": {**runtime.spec, "containers": containers}})


def _without(engine: Engine, args: Sequence[str], again: Collection[str]) -> list[str]:
    """The arguments without these options, and without values that stand behind them."""
    kept: list[str] = []
    dropped = False
    for arg in map(str, args):
        if arg.startswith("-"):
            dropped = engine.option(arg) in again
            kept += [] if dropped else [arg]
            dropped = dropped and "=" not in arg
        elif not dropped:
            kept.append(arg)
        else:
            dropped = False
    return kept


def _with_variables(there: Sequence[Mapping[str, Any]], written: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The variables of a container, with those that are written in the place of others of their names or behind them."""
    own = {name: env_entry(name, value) for name, value in written.items()}
    known = {str(entry.get("name")) for entry in there}
    kept = [own.get(str(entry.get("name")), entry) for entry in there]
    return [*kept, *(entry for name, entry in own.items() if name not in known)]


def env_entry(name: str, value: Any) -> Mapping[str, Any]:
    """An environment variable as a container lists it; KServe's webhook drops an empty value, and none means the same."""
    if isinstance(value, dict):
        source = next(one for one in env_sources() if one.field in value)
        return {"name": name, "valueFrom": {source.key: source.reference(value)}}
    return {"name": name, "value": str(value)} if value != "" else {"name": name}


def spelled_format(framework: str | None) -> Format | None:
    """What a framework means where nothing is known of the runtime: a name, perhaps with a version behind it."""
    if framework is None:
        return None
    match = _VERSIONED.fullmatch(framework)
    return Format(match["name"], match["version"]) if match else Format(framework, None)


def engine_of_format(served: Format | None, *, workers: bool) -> Engine | None:
    """The engine that alone serves a format, where nothing is known of the runtime."""
    for name, facts in engines().items():
        if served is not None and served.name in facts["formats"] and facts["workers"] == workers:
            return Engine(name=name, facts=facts)
    return None
