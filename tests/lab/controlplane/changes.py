"""What `modelfleet plan` says of a change beside what the controllers then do with it.

All cases of one environment are models of one project: it is applied as it was, then as it is to be, and what became of what
KServe had made of each model is compared with what the plan said of it.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.controlplane.argocd import git
from lab.controlplane.ask import Object, Refused, wait_until
from lab.controlplane.fleet import modelfleet
from lab.controlplane.lab import Lab, documents

NAMESPACE = "cases"
NOTHING, ROLLS, SCALES, STOPS, STARTS, REFUSED = "nothing", "rolls", "scales", "stops", "starts", "refused"
BESIDE = "rolls beside the model"
Patch = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """A change of one model: what the plan says of it, and what happens to what KServe made of the model.

    `happens` is what _happened says once the controllers have looked at everything again.
    """

    change: str
    says: tuple[str, ...]
    happens: str
    after: Mapping[str, Any] | None  # None where the model leaves Git
    before: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "standard"

    @property
    def model(self) -> str:
        """The name of its model."""
        return f"{self.kind}-{self.change.replace(' ', '-')}"


@dataclass(frozen=True)
class Outcome:
    """What became of one model."""

    said: tuple[str, ...]
    happened: str
    changed: list[str]


def add(path: str, value: Any) -> Patch:
    """A step of a patch."""
    return {"op": "add", "path": path, "value": value}


def patched(*operations: Patch, kind: str = "InferenceService") -> dict[str, Any]:
    """What a spec says of such a patch."""
    return {"patch": {kind: [dict(one) for one in operations]}}


def outcomes(
    lab: Lab, files: ProjectFiles, kinds: Mapping[str, Mapping[str, Any]], cases: Sequence[Case]
) -> Mapping[str, Outcome]:
    """What is said of every model and what becomes of it, by name."""
    lab.api.ensure_namespace(NAMESPACE)
    for item in files.build({case.model: {**kinds[case.kind], **case.before} for case in cases}):
        lab.api.apply(item)
    expected = {case.model for case in cases if not case.before.get("stopped")}
    wait_until("KServe has looked at all models", lambda: expected <= _seen(lab).keys(), 400)
    before = _settled(lab)
    files.commit()
    after = {case.model: {**kinds[case.kind], **case.after} for case in cases if case.after is not None}
    objects = files.build(after)
    said = files.said()
    refused = {item["metadata"]["name"] for item in objects if not _applied(lab, item)}
    _settled(lab)
    lab.restart_kserve()  # a changed runtime counts when it looks at the model again
    later = _settled(lab)
    return {
        name: Outcome(
            said.get(name, ("nothing",)),
            REFUSED if name in refused else _happened(before.get(name, {}), later.get(name, {})),
            list(_differences(before.get(name, {}), later.get(name, {}))),
        )
        for name in (case.model for case in cases)
    }


@dataclass(frozen=True)
class ProjectFiles:
    """A repository of one project in one environment."""

    root: Path
    environment: str
    kustomize: Path

    def build(self, models: Mapping[str, Any]) -> list[Object]:
        """The objects of a project of these models."""
        project = {
            "version": 1,
            "platform": "single-model",
            "models": models,
            "environments": {"lab": {"namespace": NAMESPACE}},
        }
        (self.root / "projects").mkdir(exist_ok=True)
        (self.root / "environments").mkdir(exist_ok=True)
        (self.root / "environments" / "lab.yaml").write_text(self.environment)
        (self.root / "projects" / "cases.yaml").write_text(json.dumps(project, indent=1))
        modelfleet(self.root, "render")
        folder = self.root / "environments" / "lab" / "cases"
        return documents(subprocess.run([self.kustomize, "build", folder], check=True, capture_output=True).stdout)

    def commit(self) -> None:
        """Commits what is there."""
        git(self.root, "init", "--quiet", "--initial-branch=main")
        git(self.root, "add", "--all")
        who = ["-c", "user.name=lab", "-c", "user.email=lab@example.com"]
        git(self.root, *who, "commit", "--quiet", "--message", "before")

    def said(self) -> Mapping[str, tuple[str, ...]]:
        """The effects that the plan says of each model, the heaviest first."""
        text = modelfleet(self.root, "plan", "--against", "HEAD", "--format", "json", codes=(0, 4))
        (environment,) = json.loads(text)["environments"]
        return {change["name"]: tuple(one["effect"] for one in change["effects"]) for change in environment["changes"]}


def _applied(lab: Lab, item: Object) -> bool:
    try:
        lab.api.apply(item)
    except Refused:
        return False
    return True


_PODS = (
    ("apps/v1", "Deployment"),
    ("serving.knative.dev/v1", "Service"),
    ("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet"),
)
_SCALERS = (
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("keda.sh/v1alpha1", "ScaledObject"),
    ("llmd.ai/v1alpha1", "VariantAutoscaling"),
)
_SCHEDULER = "-router-scheduler"  # which picks a pod of the model, and is not one of them
_TRANSFORMER = "-transformer"


def _seen(lab: Lab) -> dict[str, dict[str, Object]]:
    """What KServe has made of each model, by model and by kind and name."""
    found: dict[str, dict[str, Object]] = {}
    for version, kind in (*_PODS, *_SCALERS):
        for item in _items(lab, version, kind):
            if item["metadata"]["name"].endswith(_SCHEDULER):
                continue
            model = item["metadata"].get("labels", {}).get("serving.kserve.io/inferenceservice") or _owner(item)
            found.setdefault(model, {})[f"{kind}/{item['metadata']['name']}"] = {
                "uid": item["metadata"]["uid"],
                **item["spec"],
            }
    return found


def _items(lab: Lab, version: str, kind: str) -> list[Object]:
    """None where the API server of this line of KServe does not have the kind."""
    try:
        return lab.api.items(version, kind, NAMESPACE)
    except Refused as refused:
        if refused.code != 404:
            raise
        return []


def _owner(item: Object) -> str:
    return next((str(one["name"]) for one in item["metadata"].get("ownerReferences", [])), "")


def _settled(lab: Lab) -> dict[str, dict[str, Object]]:
    def quiet() -> dict[str, dict[str, Object]] | None:
        before = _seen(lab)
        time.sleep(3)
        lab.place.all_run()
        return before if _seen(lab) == before and not _behind(lab) else None

    return wait_until("the controllers have settled", quiet, 400)


def _behind(lab: Lab) -> bool:
    """Whether the controller of LLMInferenceServices, which takes seconds for each, has still to look at one."""
    found = _items(lab, "serving.kserve.io/v1alpha2", "LLMInferenceService")
    return any(item.get("status", {}).get("observedGeneration") != item["metadata"]["generation"] for item in found)


def _differences(before: Any, after: Any, at: str = "") -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _differences(before.get(key), after.get(key), f"{at}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differences(one, other, f"{at}[{index}]")
    elif before != after:
        yield f"{at}: {before!r} -> {after!r}"


def _happened(before: Mapping[str, Object], after: Mapping[str, Object]) -> str:
    """In one word, what became of what KServe had made of a model."""
    if before == after:
        return NOTHING
    kinds = {kind for _, kind in _PODS}
    pods = {name for name in before.keys() | after.keys() if name.partition("/")[0] in kinds}
    if any(name not in after for name in pods):
        return STOPS
    if any(name not in before for name in pods):
        return STARTS
    if any(before[name].get("uid") != after[name].get("uid") for name in pods):
        return "made anew"
    rolled = {name for name in pods if _template(before[name]) != _template(after[name])}
    if rolled:
        return BESIDE if all(name.endswith(_TRANSFORMER) for name in rolled) else ROLLS
    sizes = [
        [(name, one.get("replicas"), name in pods or one) for name, one in side.items()] for side in (before, after)
    ]
    return SCALES if sizes[0] != sizes[1] else NOTHING


def _template(item: Object) -> Any:
    """What pods are made of; another size of a group is another group."""
    groups = item.get("leaderWorkerTemplate")
    return groups or item["template"]
