"""What is rendered is taken by a real API server and by KServe's own webhooks, as it is, and stays as it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from golden_release import spec_of
from lab.conftest import REPOSITORY
from lab.controlplane.ask import Object, Refused
from lab.controlplane.fleet import modelfleet
from lab.controlplane.lab import Lab, documents
from matrix import CLUSTER, repository_of
from modelfleet.resolve import catalog
from modelfleet.resolve.catalog import release_names
from repository import laid_over, write

OVERLAYS = sorted(path.parent for path in REPOSITORY.glob("environments/*/*/modelfleet-application.yaml"))
ENVIRONMENTS = sorted({folder.parent.name for folder in OVERLAYS})
# Said by the CRDs of a newer External Secrets, which has the version only for those who upgrade.
_WARNINGS = {"external-secrets.io/v1beta1 ExternalSecret is deprecated; use external-secrets.io/v1 ExternalSecret"}


def is_of_older_line(name: str) -> bool:
    """Whether a release has the modes that KServe 0.15.2 has; the newest calls them otherwise."""
    return str(catalog.release(name).terms["modeStandard"]) == "RawDeployment"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_object_of_the_example_is_taken_unchanged(
    lab: Lab, build: Callable[[Path], bytes], environment: str
) -> None:
    objects = [item for folder in OVERLAYS if folder.parent.name == environment for item in documents(build(folder))]
    taken_unchanged(lab, [_moved(item, f"{environment}.") for item in objects])


FLEETS = {"features": spec_of, "runtimes": repository_of}
"""Generated ones: all that a release can do is in the one, and every runtime with every framework in the other."""

BEYOND: Mapping[str, Callable[[Object], bool]] = {
    "the server has no LLMInferenceService": lambda item: item["kind"] == "LLMInferenceService",
    "Multinode only supports 'none' autoscaler": lambda item: (
        item["metadata"].get("annotations", {}).get("serving.kserve.io/autoscalerClass") == "external"
    ),
    r"external\.authenticationRef: field not declared in schema": lambda item: "authenticationRef" in json.dumps(item),
}
"""What KServe 0.15.2 does not take: of a kind and a field that came later, and an older line's word for no autoscaler."""


@pytest.mark.parametrize(
    ("release", "fleet"),
    [
        *((name, "features") for name in release_names() if is_of_older_line(name)),
        *((name, "runtimes") for name in ("rhoai-2.19", "rhoai-2.25", "rhoai-3.3")),
    ],
)
def test_every_object_of_a_generated_fleet_is_taken_unchanged(
    lab: Lab, build: Callable[[Path], bytes], tmp_path: Path, release: str, fleet: str
) -> None:
    generated_is_taken_unchanged(lab, generated(build, tmp_path, release, fleet), BEYOND)


def generated_is_taken_unchanged(
    lab: Lab, objects: list[Object], beyond: Mapping[str, Callable[[Object], bool]]
) -> None:
    """What is beyond the line of KServe is refused in these words; all else is taken."""
    for item in objects:
        lab.api.ensure_namespace(item["metadata"].get("namespace", item["metadata"]["name"]))
    refused = [(item, words) for item in objects for words, applies in beyond.items() if applies(item)]
    for item, words in refused:
        with pytest.raises(Refused, match=words):
            lab.api.apply(item)
    names = {_name(item) for item, _ in refused}
    taken_unchanged(lab, [item for item in objects if _name(item) not in names])


def generated(build: Callable[[Path], bytes], root: Path, release: str, fleet: str) -> list[Object]:
    """The objects of a generated fleet, in namespaces of its own."""
    files = FLEETS[fleet](release)
    for path in [path for path in files if path.startswith("projects/")]:
        namespace = f"{path.partition('/')[2]}-{release.rpartition('-')[2]}".replace(".", "-")
        files[path] = without_empty(laid_over(files[path], {"environments": {CLUSTER: {"namespace": namespace}}}))
    modelfleet(write(root, files), "render")
    return [item for folder in overlays(root) for item in documents(build(folder))]


def without_empty(spec: Any) -> Any:
    """Without the empty lists that a spec writes out so as to render what was there: KServe's webhook drops them."""
    if not isinstance(spec, dict):
        return spec
    return {key: without_empty(value) for key, value in spec.items() if value or key not in ("args", "env")}


def overlays(root: Path) -> list[Path]:
    """The folders of a generated fleet that Argo CD builds."""
    return sorted(path.parent for path in root.glob(f"environments/{CLUSTER}/*/modelfleet-application.yaml"))


def test_a_field_that_the_server_does_not_know_would_be_found(lab: Lab, build: Callable[[Path], bytes]) -> None:
    model = _model(build)
    lab.api.ensure_namespace(model["metadata"]["namespace"])
    model["spec"]["predictor"]["model"]["unheardOf"] = 1
    with pytest.raises(Exception, match=r"unheardOf: field not declared in schema"):
        lab.api.apply(model)


def test_what_the_webhook_takes_away_would_be_found(lab: Lab, build: Callable[[Path], bytes]) -> None:
    model = _model(build)
    model["spec"]["predictor"]["model"]["args"] = []
    with pytest.raises(AssertionError, match=r"\.spec\.predictor\.model\.args: \[\] is lost"):
        taken_unchanged(lab, [model])


def _model(build: Callable[[Path], bytes]) -> Object:
    objects = documents(build(REPOSITORY / "environments/nerc-ocp-edu/granite"))
    return next(item for item in objects if item["kind"] == "InferenceService")


def taken_unchanged(lab: Lab, objects: list[Object]) -> None:
    """Every object is created and applied again; nothing is refused, dropped or changed, nor touched by the second time."""
    namespaces = sorted({item["metadata"]["namespace"] for item in objects if "namespace" in item["metadata"]})
    assert namespaces
    for name in namespaces:
        lab.api.ensure_namespace(name)
    lab.api.warnings.clear()
    sent = [(item, lab.api.apply(item)) for item in objects]
    assert [line for item, live in sent for line in _lost(item, live, _name(item))] == []
    assert set(lab.api.warnings) <= _WARNINGS
    for item, live in sent:
        again = lab.api.apply(item)
        assert again["metadata"].get("generation") == live["metadata"].get("generation"), _name(item)


def _moved(value: Any, prefix: str) -> Any:
    """The same in a namespace of the environment's own, since clusters of their own have the same ones."""
    if isinstance(value, list):
        return [_moved(item, prefix) for item in value]
    if not isinstance(value, dict):
        return value
    moved = {key: _moved(item, prefix) for key, item in value.items()}
    return {**moved, "namespace": f"{prefix}{value['namespace']}".replace(".", "-")} if "namespace" in value else moved


def _name(item: Mapping[str, Any]) -> str:
    return f"{item['kind']}/{item['metadata']['name']}"


def _lost(sent: Any, live: Any, at: str) -> Iterator[str]:
    """Where the server did not keep what was sent; what it adds is its own."""
    if isinstance(sent, dict) and isinstance(live, dict):
        for key, value in sent.items():
            if key not in live:
                yield f"{at}.{key}: {value!r} is lost"
            else:
                yield from _lost(value, live[key], f"{at}.{key}")
    elif isinstance(sent, list) and isinstance(live, list) and len(sent) == len(live):
        for index, (one, other) in enumerate(zip(sent, live, strict=True)):
            yield from _lost(one, other, f"{at}[{index}]")
    elif sent != live:
        yield f"{at}: {sent!r} became {live!r}"
