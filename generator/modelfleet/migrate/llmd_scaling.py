"""From the workload variant autoscaler (`llmd.scaling`, and `replicas.when` of distributed models) to a fixed number of replicas.

It has no future, and no release offers the autoscaling that comes next beside it. Every release of llm-d takes a fixed number, so
that is the bridge between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.migrate.step import MigratedSpec, Step, layered, with_models
from modelfleet.spec.fields import is_distributed


def fix_replicas(subject: MigratedSpec) -> Step | None:
    """The step that writes as many replicas as the scaling allowed; None where nothing is scaled."""
    wanted: dict[str, dict[str, Any]] = {}
    names: dict[str, None] = {}
    remarks: list[str] = []
    for environment, project in subject.projects.items():
        models = project.spec.data.get("models") or {}
        wanted[environment] = dict(models)
        for name, data in models.items() if environment in subject.chosen else ():
            if bounds := list(_bounds(data)):
                wanted[environment][name] = _fixed(data)
                names[name] = None
                remarks += [
                    f"{name} in {environment}: {low} to {high} {what} become {high}, all the time"
                    for what, low, high in bounds
                ]
    if not names:
        return None
    everywhere = subject.chosen >= subject.projects.keys()
    written = subject.shared.get("models") or {}
    shared = {name: _fixed(written[name]) for name in names if everywhere and name in written}
    models, overrides = layered(subject, shared, wanted, names)
    return Step(wanted=with_models(subject, models, overrides, "connections"), moves=(), remarks=tuple(remarks))


def keep_fixed(subject: MigratedSpec) -> Step | None:
    """There is no second step: the first one leaves nothing behind."""
    return None


def _bounds(data: Mapping[str, Any]) -> Iterator[tuple[str, int, int]]:
    llmd, replicas = data.get("llmd"), data.get("replicas")
    if is_distributed(data) and isinstance(replicas, dict) and replicas.get("when"):
        yield "replicas", replicas["min"], replicas["max"]
    parts = {"replicas": llmd, "replicas of prefill": llmd.get("prefill")} if isinstance(llmd, dict) else {}
    for what, part in parts.items():
        scaling = part.get("scaling") if isinstance(part, dict) else None
        if scaling:
            yield what, scaling["min"], scaling["max"]


def _fixed(data: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(data)
    llmd, replicas = found.get("llmd"), found.get("replicas")
    if is_distributed(found) and isinstance(replicas, dict) and replicas.get("when"):
        found["replicas"] = replicas["max"]
    if not isinstance(llmd, dict):
        return found
    llmd = dict(llmd)
    if scaling := llmd.pop("scaling", None):
        found["replicas"] = scaling["max"]
    prefill = llmd.get("prefill")
    if isinstance(prefill, dict) and prefill.get("scaling"):
        rest = {key: value for key, value in prefill.items() if key != "scaling"}
        llmd["prefill"] = {**rest, "replicas": prefill["scaling"]["max"]}
    found["llmd"] = llmd or True
    return found
