"""Every release: what becomes of one spec on it, of every combination that it claims, and of an upgrade."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from difflib import unified_diff
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from console import example
from golden_release import spec_of
from matrix import CLUSTER, Claim, claims, repository_of
from modelfleet.kubernetes import emit
from modelfleet.pipeline import fleet as pipeline
from modelfleet.resolve.catalog import release, release_names
from repository import findings, write

GOLDEN = Path(__file__).with_name("golden")
RELEASES = release_names()
GONE = "# not there any more\n"


@cache
def rendered(name: str) -> Mapping[str, str]:
    """The overlays' files on a release, without their first lines, which tell where they come from."""
    with TemporaryDirectory() as folder:
        files = pipeline.fleet(write(Path(folder), spec_of(name))).files
    overlays = {path: text for path, text in files.items() if path.startswith(f"environments/{CLUSTER}/")}
    return {
        path.removeprefix(f"environments/{CLUSTER}/"): text.partition("\n")[2]
        for path, text in overlays.items()
        if not path.endswith("/modelfleet-application.yaml") and "/argocd/" not in path
    }


def golden(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in sorted(folder.rglob("*.yaml"))}


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """The files that differ, and a word for those that are gone."""
    found = {path: text for path, text in after.items() if before.get(path) != text}
    return found | dict.fromkeys(before.keys() - after.keys(), GONE)


def diff(wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    lines = [
        line
        for path in sorted(wanted.keys() | found.keys())
        for line in unified_diff(
            wanted.get(path, "").splitlines(keepends=True),
            found.get(path, "").splitlines(keepends=True),
            f"{'golden' if path in wanted else 'not golden'} {path}",
            f"{'rendered' if path in found else 'not rendered'} {path}",
        )
    ]
    return "".join(lines)


@pytest.mark.parametrize("name", RELEASES)
def test_one_spec_on_every_release(name: str, update_golden: bool) -> None:
    """The first release has its whole tree; of every other there is what differs from the one before it."""
    before = next((older for older in RELEASES if release(older).successor == name), None)
    folder = GOLDEN / "releases" / name
    found = changed(rendered(before) if before else {}, rendered(name))
    if update_golden:
        shutil.rmtree(folder, ignore_errors=True)
        write(folder, found)
    assert diff(golden(folder), found) == ""


def test_there_are_golden_trees_of_these_releases_alone() -> None:
    assert {path.name for path in (GOLDEN / "releases").iterdir()} <= set(RELEASES)


# ---- every combination that is claimed -------------------------------------------------------------------------------


def expected(name: str, claim: Claim) -> dict[str, Any]:
    """What tells one combination from others in its InferenceService."""
    terms = release(name).terms
    annotations = {
        "serving.kserve.io/deploymentMode": terms["modeStandard" if claim.mode == "standard" else "modeAdvanced"]
    }
    if claim.platform == "multi-model":
        annotations = {"serving.kserve.io/deploymentMode": "ModelMesh"}
    if claim.runtime.multi_node:
        annotations["serving.kserve.io/autoscalerClass"] = terms["autoscalerMultiNode"]
    version = {"version": claim.framework.version} if claim.framework.version else {}
    return {
        "annotations": annotations,
        "modelFormat": {"name": claim.framework.name} | version,
        "runtime": claim.runtime.name if claim.platform == "multi-model" else claim.name,
        "workers": claim.runtime.multi_node,
        "served": {"name": claim.framework.name} | version,
    }


def observed(objects: Mapping[tuple[str, str, str], Mapping[str, Any]], claim: Claim) -> dict[str, Any]:
    project = {"single-model": "single", "multi-model": "multi"}[claim.platform]
    service = objects[project, "InferenceService", claim.name]
    predictor = service["spec"]["predictor"]
    runtime = objects[project, "ServingRuntime", predictor["model"]["runtime"]]
    served = [
        {key: item[key] for key in ("name", "version") if key in item}
        for item in runtime["spec"]["supportedModelFormats"]
    ]
    telling = ("serving.kserve.io/deploymentMode", "serving.kserve.io/autoscalerClass")
    annotations = service["metadata"]["annotations"]
    return {
        "annotations": {key: annotations[key] for key in telling if key in annotations},
        "modelFormat": predictor["model"]["modelFormat"],
        "runtime": predictor["model"]["runtime"],
        "workers": "workerSpec" in predictor and "workerSpec" in runtime["spec"],
        "served": next((item for item in served if item == predictor["model"]["modelFormat"]), None),
    }


@pytest.mark.parametrize("name", RELEASES)
def test_every_claimed_combination_renders_and_is_admitted(name: str, tmp_path: Path) -> None:
    fleet = pipeline.fleet(write(tmp_path, repository_of(name)))
    objects = {
        (one.project.name, item["kind"], item["metadata"]["name"]): item
        for one in fleet.deployed
        for item in one.objects
    }
    wanted = {claim.name: expected(name, claim) for claim in claims(name)}
    assert {claim.name: observed(objects, claim) for claim in claims(name)} == wanted
    distributed = {key for _, kind, key in objects if kind == "LLMInferenceService"}
    assert bool(distributed) == release(name).capabilities["llm"]
    assert {warning.code for warning in fleet.warnings} <= {
        "ADM124",
        "CAP002",
        "CAP025",
        "LLM009",
        "NET007",
        "SCALE006",
    }, "what is dropped next, one node's tensors, and tokens that never expire"


def test_the_matrix_has_every_runtime_of_every_release() -> None:
    shipped = {(name, runtime) for name in RELEASES for runtime in release(name).runtimes}
    assert {(name, claim.runtime.name) for name in RELEASES for claim in claims(name)} == shipped


# ---- an upgrade ------------------------------------------------------------------------------------------------------


PROD = "nerc-ocp-prod"


def upgraded(root: Path) -> Path:
    """The example with one change: the next line of releases for its production cluster."""
    environment = example(root) / f"environments/{PROD}.yaml"
    environment.write_text(environment.read_text("utf-8").replace("release: rhoai-2.25", "release: rhoai-3.3"), "utf-8")
    return root


def test_what_the_example_has_to_change_for_an_upgrade(tmp_path: Path, update_golden: bool) -> None:
    """Everything that would no longer work is listed at once, each with its way out, and nothing else."""
    found = [finding for finding in findings(upgraded(tmp_path)) if PROD in finding.environments]
    assert [finding.text() for finding in found if not finding.hint] == []
    text = "".join(f"{finding.text()}\n" for finding in found)
    path = GOLDEN / "upgrade-2.25-to-3.3.txt"
    if update_golden:
        path.write_text(text, "utf-8")
    assert diff({"findings": path.read_text("utf-8")}, {"findings": text}) == ""


def test_the_ways_out_lead_out(tmp_path: Path) -> None:
    """With what the findings advise done, the upgraded example renders."""
    root = upgraded(tmp_path)

    def change(file: str, *steps: tuple[tuple[str, ...], Any]) -> None:
        data = yaml.safe_load((root / file).read_text("utf-8"))
        for path, value in steps:
            node = data
            for step in path[:-1]:
                node = node.setdefault(step, {})
            node[path[-1]] = value
        (root / file).write_text(emit.dump(data), "utf-8")

    def profile(name: str) -> tuple[tuple[str, ...], Any]:
        return ("accelerators", name, "hardwareProfile"), {"name": name, "namespace": "redhat-ods-applications"}

    change(
        f"environments/{PROD}.yaml",
        (("platforms",), {"serverless": False, "modelMesh": False, "rawServiceConfig": "Headless"}),
        (("runtimes",), {"vllm-gaudi-runtime": {"disabled": True}, "vllm-rocm-runtime": {"disabled": True}}),
        *(profile(f"nvidia-{kind}-gpu") for kind in ("a100", "h100", "v100")),
    )
    for project, path, model in (
        ("classifiers", "spam", "spam"),
        ("coolstore", "coolstore-model", "coolstore"),
    ):
        data = yaml.safe_load((root / f"projects/{project}.yaml").read_text("utf-8"))
        connection = next(iter(data["connections"]))
        served = {"runtime": "kserve-ovms", "framework": "onnx-1", "size": "Small"}
        namespace = data["environments"][PROD]["namespace"]
        instead = {"location": {"connection": connection, "path": path}} | served
        change(
            f"projects/{project}.yaml",
            (
                ("environments", PROD),
                {"namespace": namespace, "platform": "single-model", "servers": None, "models": {model: instead}},
            ),
        )
    change(
        "projects/llama-on-demand.yaml",
        (("environments", PROD, "models", "llama-3-8b"), {"mode": "standard", "replicas": 1}),
    )
    for project, model in (("granite", "granite-3-8b"), ("llama-on-demand", "llama-3-8b"), ("vision", "detector")):
        entry = ("environments", PROD, "models", model)
        change(
            f"projects/{project}.yaml",
            ((*entry, "tokens"), None),
            ((*entry, "callers"), [{"serviceAccount": "frontend"}]),
        )
    assert [finding.text() for finding in findings(root) if PROD in finding.environments] == []
