"""What the operator and its webhooks write into models by themselves when the operator is upgraded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelfleet.capacity.amounts import ResourceAmounts, resource_amounts
from modelfleet.kubernetes.names import ACCELERATOR_NAME, DEPLOYMENT_MODE, HARDWARE_PROFILE
from modelfleet.kubernetes.objects import Object, mapping
from modelfleet.migrate.accelerator_profiles import profile_name
from modelfleet.migrate.migrate import RepositoryState
from modelfleet.rehearse.stop import OperatorUpgrade, in_environment
from modelfleet.resolve import catalog
from modelfleet.resolve.environment import Environment
from modelfleet.serving.addresses import way_of
from modelfleet.serving.workloads import RUNTIME, SERVICE


def operator_upgrade(state: RepositoryState, environment: str, start: str, goal: str) -> OperatorUpgrade:
    """The upgrade of the operator from one release to the next, with what it writes into the models that are in Git."""
    profiles: dict[str, list[str]] = {}
    modes: dict[tuple[str, str], list[str]] = {}
    before, after = catalog.release(start), catalog.release(goal)
    for project, one in in_environment(state, environment).items():
        for item in one.objects:
            if item["kind"] != SERVICE:
                continue
            model = f"{project}/{item['metadata']['name']}"
            if before.capabilities["acceleratorProfiles"] and after.upgrade["profiles"] is not None:
                found = _profile(item, one.objects, one.project.environment, after.upgrade["profiles"])
                for name in found:
                    profiles.setdefault(name, []).append(model)
            for words in _mode(item, after.capabilities["rewritesModes"]):
                modes.setdefault(words, []).append(model)
    return OperatorUpgrade(
        start=start,
        goal=goal,
        state=state,
        profiles={name: tuple(models) for name, models in profiles.items()},
        modes={words: tuple(models) for words, models in modes.items()},
    )


def _annotations(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(item["metadata"].get("annotations"))


def _profile(
    item: Object, objects: Iterable[Object], environment: Environment, facts: Mapping[str, Any]
) -> Iterator[str]:
    """The profile that it writes into a model: that of its accelerator, else of its size, else a common one."""
    if _annotations(item).get(HARDWARE_PROFILE) or way_of(item) == "advanced":
        return
    model = mapping(mapping(mapping(item.get("spec")).get("predictor")).get("model"))
    runtime = next(
        (one for one in objects if one["kind"] == RUNTIME and one["metadata"]["name"] == model.get("runtime")), None
    )
    accelerator = _annotations(runtime).get(ACCELERATOR_NAME) if runtime is not None else None
    if accelerator:
        yield profile_name(facts["accelerator"], str(accelerator))
        return
    written = _amounts(mapping(model.get("resources")))
    for name, size in environment.sizes.items():
        if written == _amounts({"requests": size.requests, "limits": size.limits}):
            yield profile_name(facts["size"], name)
            return
    yield str(facts["other"])


def _amounts(resources: Mapping[str, Any]) -> list[ResourceAmounts]:
    return [resource_amounts(resources.get(part)) for part in ("requests", "limits")]


def _mode(item: Object, rewritten: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    written = str(_annotations(item).get(DEPLOYMENT_MODE))
    if written in rewritten:
        yield written, rewritten[written]
