"""The data files: each fits its schema, they fit together, and they say what the sources say."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import jsonschema
import kubernetes_validate
import pytest
import yaml

from modelfleet.packaged import packaged
from modelfleet.resolve import catalog
from modelfleet.resolve.connections import connection_kinds
from modelfleet.resolve.release import Capability, Term

DATA = packaged("data")
RELEASES = ["2.19", "2.20", "2.21", "2.22", "2.23", "2.24", "2.25", "3.0", "3.2", "3.3", "3.4", "3.5"]
RUNTIME_FILES = sorted(str(path.relative_to(DATA / "runtimes").with_suffix("")) for path in DATA.glob("runtimes/*/*"))
SCHEMAS = ["connections", "engines", "fields", "option-table", "parsers", "release", "runtime-data"]


@cache
def read(name: str) -> Any:
    return yaml.safe_load((DATA / f"{name}.yaml").read_bytes())


def release(number: str) -> Any:
    return read(f"releases/rhoai-{number}")


def runtime(file: str) -> Any:
    return read(f"runtimes/{file}")


def shipped() -> Iterator[tuple[str, str, Any]]:
    """Every release with every runtime that it ships: number, name, data."""
    for number in RELEASES:
        for name, entry in release(number)["runtimes"].items():
            yield number, name, runtime(entry["file"])


def span(first: str, last: str = RELEASES[-1]) -> list[str]:
    return RELEASES[RELEASES.index(first) : RELEASES.index(last) + 1]


def containers(data: Any) -> list[Any]:
    spec = data["servingRuntime"]["spec"]
    return [*spec["containers"], *spec.get("workerSpec", {}).get("containers", [])]


def complaints(data: Any, schema: str) -> list[str]:
    loaded = json.loads((packaged("schemas") / f"{schema}.schema.json").read_bytes())
    return [
        f"{error.json_path}: {error.message}" for error in jsonschema.Draft202012Validator(loaded).iter_errors(data)
    ]


# ---- schemas -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", RELEASES)
def test_release_fits_its_schema(number: str) -> None:
    assert complaints(release(number), "release") == []


@pytest.mark.parametrize("file", RUNTIME_FILES)
def test_runtime_fits_its_schema(file: str) -> None:
    assert complaints(runtime(file), "runtime-data") == []


def test_engines_fit_their_schema() -> None:
    assert complaints(read("engines"), "engines") == []


def test_connections_fit_their_schema() -> None:
    assert complaints(read("connections"), "connections") == []


def test_a_project_can_have_a_connection_of_each_kind() -> None:
    schema = json.loads((packaged("schemas") / "project.schema.json").read_bytes())["$defs"]["connection"]["properties"]
    kinds = list(connection_kinds())
    assert [name for name in schema if name in kinds] == kinds
    assert set(schema) - set(kinds) == {"displayName", "description", "credentials", "existing"}
    for name, kind in connection_kinds().items():
        settings = set(schema[name]["properties"]) if "properties" in schema[name] else {name}
        assert {kind.endpoint, kind.registry} - {None} <= settings
        assert set(kind.secret.settings if kind.secret else settings) == settings


def test_connections_differ_by_capabilities_that_there_are() -> None:
    secrets = [kind.secret for kind in connection_kinds().values() if kind.secret is not None]
    named = {one.needs for secret in secrets for one in secret.annotations}
    named |= {secret.account_made_with for secret in secrets}
    assert named - {None} <= set(get_args(Capability))


def test_a_forgotten_capability_is_noticed() -> None:
    data = {**release("2.25"), "capabilities": {k: v for k, v in release("2.25")["capabilities"].items() if k != "llm"}}
    assert complaints(data, "release") == ["$.capabilities: 'llm' is a required property"]


def test_an_image_in_a_runtime_is_noticed() -> None:
    data = json.loads(json.dumps(runtime("2.25/vllm-cuda-runtime")))
    data["servingRuntime"]["spec"]["containers"][0]["image"] = "quay.io/example/vllm"
    assert complaints(data, "runtime-data") == [
        "$.servingRuntime.spec.containers[0]: Additional properties are not allowed ('image' was unexpected)"
    ]


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_closed_and_described(name: str) -> None:
    schema = json.loads((packaged("schemas") / f"{name}.schema.json").read_bytes())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"]
    assert list(undescribed(schema)) == []


def undescribed(schema: Any, at: str = "") -> Iterator[str]:
    """Objects that are open, and properties without a description."""
    for key, value in schema.get("properties", {}).items():
        if "description" not in value and "$ref" not in value:
            yield f"{at}/{key} has no description"
        yield from undescribed(value, f"{at}/{key}")
    for key, value in schema.get("$defs", {}).items():
        yield from undescribed(value, f"{at}/$defs/{key}")
    if "items" in schema:
        yield from undescribed(schema["items"], f"{at}/items")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from undescribed(schema["additionalProperties"], f"{at}/*")
    elif "properties" in schema and schema.get("additionalProperties") is not False:
        yield f"{at} is open"


# ---- how the files fit together ------------------------------------------------------------------------------------


def test_the_releases() -> None:
    assert sorted(path.stem for path in (DATA / "releases").iterdir()) == sorted(
        f"rhoai-{number}" for number in RELEASES
    )
    assert [release(number)["release"] for number in RELEASES] == [f"rhoai-{number}" for number in RELEASES]
    successors = [catalog.release(f"rhoai-{number}").successor for number in RELEASES]
    assert successors == [*(f"rhoai-{number}" for number in RELEASES[1:]), None]


def test_what_code_can_ask_of_a_release_is_what_the_schema_describes() -> None:
    described = json.loads((packaged("schemas") / "release.schema.json").read_bytes())["properties"]
    assert list(get_args(Capability)) == list(described["capabilities"]["properties"])
    assert list(get_args(Term)) == list(described["terms"]["properties"])


def test_code_asks_for_every_fact_of_a_release() -> None:
    """A fact that nobody reads is not kept: it would be wrong one day, and nobody would notice."""
    package = Path(catalog.__file__).parents[1]
    code = "".join(path.read_text("utf-8") for path in package.rglob("*.py") if path.name != "release.py")
    tables = "".join(path.read_text("utf-8") for path in DATA.glob("*.yaml"))
    facts = [*get_args(Capability), *get_args(Term)]
    assert [name for name in facts if f'"{name}"' not in code and not re.search(rf": {name}\b", tables)] == []


def test_no_two_releases_have_the_same_title() -> None:
    titles = [release(number)["title"] for number in RELEASES]
    assert len(set(titles)) == len(titles)


def test_capabilities_and_terms_stand_in_the_same_order_everywhere() -> None:
    for part in ("capabilities", "terms"):
        assert {tuple(release(number)[part]) for number in RELEASES} == {tuple(release("2.25")[part])}


def test_each_runtime_file_is_named_and_exists() -> None:
    named = {entry["file"] for number in RELEASES for entry in release(number)["runtimes"].values()}
    assert named == set(RUNTIME_FILES)


def test_a_runtime_file_lies_under_the_first_release_that_names_it() -> None:
    first: dict[str, str] = {}
    for number in RELEASES:
        for entry in release(number)["runtimes"].values():
            first.setdefault(entry["file"], number)
    assert {file: file.partition("/")[0] for file in RUNTIME_FILES} == first


def test_a_runtime_is_named_as_its_object() -> None:
    wrong = [(n, name) for n, name, data in shipped() if data["servingRuntime"]["metadata"]["name"] != name]
    assert wrong == []


def test_a_runtime_cites_the_release_that_its_folder_names() -> None:
    sources = {file: runtime(file)["source"].partition(":")[0] for file in RUNTIME_FILES}
    expected = "red-hat-data-services/odh-model-controller@rhoai-{}"
    assert sources == {file: expected.format(file.partition("/")[0]) for file in RUNTIME_FILES}


def test_each_engine_is_known_and_used() -> None:
    used = {runtime(file)["engine"] for file in RUNTIME_FILES}
    assert used == set(read("engines")["engines"]) - {"generic", "llm-d"}


def test_the_protocols_of_an_engine_are_described() -> None:
    data = read("engines")
    served = [engine["endpoints"]["rest"] for engine in data["engines"].values()]
    served.append(data["common"]["multiModelEndpoints"]["rest"])
    assert {protocol for rest in served if rest for protocol in rest["protocols"]} == set(data["protocols"])


def test_the_kserve_runtime_of_a_shipped_runtime_leads_to_its_engine() -> None:
    engines = read("engines")["engines"]
    for file in RUNTIME_FILES:
        data = runtime(file)
        word = data["servingRuntime"]["spec"].get("annotations", {}).get("opendatahub.io/kserve-runtime")
        workers = "workerSpec" in data["servingRuntime"]["spec"]
        found = [n for n, e in engines.items() if word in e["kserveRuntimes"] and e["workers"] == workers]
        assert found == ([data["engine"]] if word else []), file


def test_what_a_runtime_sets_for_reaching_and_finding_the_model_is_reserved() -> None:
    telling = re.compile(r"(--(?:(?:rest_|http_)?port|model(?:_path|_dir|_name|-name)?|served-model-name))(?:=|$)")
    for file in RUNTIME_FILES:
        data = runtime(file)
        if data["platforms"] == ["multi-model"]:
            continue
        args = data["servingRuntime"]["spec"]["containers"][0].get("args", [])
        options = {found[1] for arg in args if (found := telling.match(arg))}
        assert options <= set(read("engines")["engines"][data["engine"]]["reservedArgs"]), file


def test_reserved_options_are_set_somewhere() -> None:
    text = dict.fromkeys(read("engines")["engines"], "")
    for file in RUNTIME_FILES:
        text[runtime(file)["engine"]] += json.dumps(runtime(file)["servingRuntime"])
    unset = [
        (engine, option)
        for engine, facts in read("engines")["engines"].items()
        for option in facts["reservedArgs"]
        if engine != "llm-d" and not re.search(rf"(?<![\w-]){option}(?![\w-])", text[engine])
    ]
    assert unset == []


# ---- lifecycle -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", RELEASES)
def test_lifecycle_agrees_with_the_rest_of_the_release(number: str) -> None:
    data = release(number)
    states = {fact["feature"]: fact["state"] for fact in data["lifecycle"]}
    assert len(states) == len(data["lifecycle"])
    for feature in ("serverless", "modelMesh", "acceleratorProfiles"):
        assert data["capabilities"][feature] == (states.get(feature) != "removed"), feature
    for feature, state in states.items():
        kind, _, name = feature.partition(":")
        if kind == "runtime":
            assert (name in data["runtimes"]) == (state != "removed"), feature
        if kind == "mode":
            assert name in data["capabilities"]["deploymentModes"], feature


def test_lifecycle_is_no_prophecy() -> None:
    def order(name: str) -> list[int]:
        return [int(step) for step in name.removeprefix("rhoai-").split(".")]

    early = [(n, f["feature"]) for n in RELEASES for f in release(n)["lifecycle"] if order(f["since"]) > order(n)]
    assert early == []


def test_what_a_release_no_longer_ships_is_accounted_for() -> None:
    for before, after in pairwise(RELEASES):
        gone = set(release(before)["runtimes"]) - set(release(after)["runtimes"])
        removed = {fact["feature"] for fact in release(after)["lifecycle"] if fact["state"] == "removed"}
        assert {f"runtime:{name}" for name in gone} <= removed


def test_deprecations() -> None:
    found = {
        (fact["feature"], fact["since"])
        for number in RELEASES
        for fact in release(number)["lifecycle"]
        if fact["state"] == "deprecated"
    }
    assert found == {
        ("modelMesh", "rhoai-2.19"),
        ("acceleratorProfiles", "rhoai-2.19"),
        ("mode:RawDeployment", "rhoai-3.4"),
        ("mode:Serverless", "rhoai-3.4"),
    }


# ---- whole tables --------------------------------------------------------------------------------------------------

SHIPPED = {
    "autogluon-runtime": ["3.5"],
    "caikit-standalone-runtime": span("2.19", "2.25"),
    "caikit-tgis-runtime": span("2.19", "2.25"),
    "guardrails-detector-huggingface-runtime": span("2.21"),
    "kserve-ovms": span("2.19"),
    "mlserver-cuda-runtime": ["3.5"],
    "mlserver-runtime": span("3.3"),
    "ovms": span("2.19", "2.25"),
    "vllm-cpu-runtime": span("2.19"),
    "vllm-cpu-x86-runtime": span("3.3"),
    "vllm-cuda-runtime": span("2.19"),
    "vllm-gaudi-runtime": span("2.19"),
    "vllm-multinode-runtime": span("2.19"),
    "vllm-rocm-runtime": span("2.19"),
    "vllm-spyre-ppc64le-runtime": span("3.3"),
    "vllm-spyre-runtime": ["2.25"],
    "vllm-spyre-s390x-runtime": span("3.0"),
    "vllm-spyre-x86-runtime": span("3.0"),
}


def test_which_release_ships_which_runtime() -> None:
    found: dict[str, list[str]] = {}
    for number, name, _ in shipped():
        found.setdefault(name, []).append(number)
    assert found == SHIPPED


def test_engine_versions() -> None:
    none = [None, None, None]
    cuda = ["v0.9.1.0", "v0.9.2.1", "v0.10.0.2", "v0.10.1.1", "v0.9.1.0", "v0.11.2", "v0.13.0", "v0.18.0", "v0.24.0"]
    ovms = ["v2025.1", "v2025.2", "v2025.2.1", "v2025.2.1", "v2025.1", "v2025.3", "v2025.4", "v2026.1.0", "v2026.1.0"]
    assert [release(n)["runtimes"]["vllm-cuda-runtime"]["version"] for n in RELEASES] == none + cuda
    assert [release(n)["runtimes"]["kserve-ovms"]["version"] for n in RELEASES] == none + ovms


VLLM = "vLLM auto"
MLSERVER = ["sklearn 0", "sklearn 1", "xgboost 1", "xgboost 2", "lightgbm 3", "lightgbm 4"]
ONE = [
    "openvino_ir opset13 auto",
    "onnx 1",
    "tensorflow 1 auto",
    "tensorflow 2 auto",
    "paddle 2 auto",
    "pytorch 2 auto",
]
FORMATS = {
    "3.5/autogluon-runtime": ["autogluon 1 auto"],
    "2.19/caikit-standalone-runtime": ["caikit auto"],
    "2.25/caikit-standalone-runtime": ["caikit auto"],
    "2.19/caikit-tgis-runtime": ["caikit auto"],
    "2.25/caikit-tgis-runtime": ["caikit auto"],
    "2.21/guardrails-detector-huggingface-runtime": ["guardrails-detector-hf-runtime auto"],
    "2.25/guardrails-detector-huggingface-runtime": ["guardrails-detector-hf-runtime auto"],
    "3.0/guardrails-detector-huggingface-runtime": ["guardrails-detector-hf-runtime auto"],
    "2.19/kserve-ovms": ONE,
    "2.25/kserve-ovms": ONE,
    "3.2/kserve-ovms": ONE,
    "3.5/mlserver-cuda-runtime": ["onnx 1"],
    "3.3/mlserver-runtime": MLSERVER,
    "3.4/mlserver-runtime": [*MLSERVER, "onnx 1"],
    "3.5/mlserver-runtime": [*MLSERVER, "onnx 1"],
    "2.19/ovms": ["openvino_ir opset1 auto", "onnx 1 auto", "tensorflow 2 auto"],
    "2.25/ovms": ["openvino_ir opset1 auto", "onnx 1 auto", "tensorflow 2 auto"],
    "2.19/vllm-cpu-runtime": [VLLM],
    "2.25/vllm-cpu-runtime": [VLLM],
    "3.3/vllm-cpu-x86-runtime": [VLLM],
    "2.19/vllm-cuda-runtime": [VLLM],
    "2.25/vllm-cuda-runtime": [VLLM],
    "2.19/vllm-gaudi-runtime": ["vLLM"],
    "2.25/vllm-gaudi-runtime": ["vLLM"],
    "2.19/vllm-multinode-runtime": [VLLM],
    "2.20/vllm-multinode-runtime": [VLLM],
    "2.25/vllm-multinode-runtime": [VLLM],
    "3.4/vllm-multinode-runtime": [VLLM],
    "2.19/vllm-rocm-runtime": [VLLM],
    "2.25/vllm-rocm-runtime": [VLLM],
    "3.3/vllm-spyre-ppc64le-runtime": [VLLM],
    "3.4/vllm-spyre-ppc64le-runtime": [VLLM],
    "2.25/vllm-spyre-runtime": [VLLM],
    "3.0/vllm-spyre-s390x-runtime": [VLLM],
    "3.4/vllm-spyre-s390x-runtime": [VLLM],
    "3.0/vllm-spyre-x86-runtime": [VLLM],
    "3.3/vllm-spyre-x86-runtime": [VLLM],
    "3.4/vllm-spyre-x86-runtime": [VLLM],
}


def test_formats_of_each_runtime() -> None:
    def spelt(item: Any) -> str:
        return " ".join(
            [item["name"], *filter(None, [item.get("version")]), *(["auto"] if item.get("autoSelect") else [])]
        )

    listed = {file: runtime(file)["servingRuntime"]["spec"]["supportedModelFormats"] for file in RUNTIME_FILES}
    assert {file: [spelt(item) for item in items] for file, items in listed.items()} == FORMATS


def test_facts_of_each_runtime() -> None:
    """Engine, ports, what Prometheus reads, accelerators and protocols, of the newest file of each."""
    found = {}
    for _, name, data in shipped():
        spec, metadata = data["servingRuntime"]["spec"], data["servingRuntime"]["metadata"]
        found[name] = (
            data["engine"],
            [port["containerPort"] for container in containers(data) for port in container.get("ports", [])],
            spec.get("annotations", {}).get("prometheus.io/port"),
            metadata["annotations"].get("opendatahub.io/recommended-accelerators"),
            spec.get("protocolVersions"),
        )
    nvidia = '["nvidia.com/gpu"]'
    assert found == {
        "autogluon-runtime": ("autogluon", [8080], "8080", None, ["v1", "v2"]),
        "caikit-standalone-runtime": ("caikit", [8080], "8086", nvidia, None),
        "caikit-tgis-runtime": ("caikit-tgis", [8080], "3000", nvidia, None),
        "guardrails-detector-huggingface-runtime": ("hf-detector", [8000], "8000", nvidia, None),
        "kserve-ovms": ("ovms", [8888], "8888", nvidia, ["v2", "grpc-v2"]),
        "mlserver-cuda-runtime": ("mlserver", [8080], "8082", nvidia, ["v2"]),
        "mlserver-runtime": ("mlserver", [8080], "8082", None, ["v2"]),
        "ovms": ("ovms", [], None, nvidia, ["grpc-v1"]),
        "vllm-cpu-runtime": ("vllm", [8080], "8080", None, None),
        "vllm-cpu-x86-runtime": ("vllm", [8080], "8080", None, None),
        "vllm-cuda-runtime": ("vllm", [8080], "8080", nvidia, None),
        "vllm-gaudi-runtime": ("vllm", [8080], "8080", '["habana.ai/gaudi"]', None),
        "vllm-multinode-runtime": ("vllm-multinode", [8080], "8080", nvidia, None),
        "vllm-rocm-runtime": ("vllm", [8080], "8080", '["amd.com/gpu"]', None),
        "vllm-spyre-ppc64le-runtime": ("vllm", [8000], "8080", '["ibm.com/spyre_pf"]', None),
        "vllm-spyre-runtime": ("vllm", [8000], "8080", '["ibm.com/spyre_pf"]', None),
        "vllm-spyre-s390x-runtime": ("vllm", [8000], "8080", '["ibm.com/spyre_vf"]', None),
        "vllm-spyre-x86-runtime": ("vllm", [8000], "8080", '["ibm.com/spyre_pf"]', None),
    }


def test_who_needs_an_accelerator() -> None:
    engines = read("engines")["engines"]
    needs = {name: data.get("accelerator") or engines[data["engine"]]["accelerator"] for _, name, data in shipped()}
    required = {name for name, need in needs.items() if need == "required"}
    assert required == {n for n in SHIPPED if n.startswith("vllm-")} - {"vllm-cpu-runtime", "vllm-cpu-x86-runtime"}
    none = {name for name, need in needs.items() if need == "none"}
    assert none == {"mlserver-runtime", "vllm-cpu-runtime", "vllm-cpu-x86-runtime"}


def test_what_the_dashboard_does_not_offer() -> None:
    hidden = {n for _, n, data in shipped() if data["template"]["labels"]["opendatahub.io/dashboard"] == "false"}
    assert hidden == {"vllm-multinode-runtime"}


def test_custom_resource_definitions() -> None:
    """Upstream's that come nearest; which kinds they hold, and that their fields are the product's, is asked elsewhere."""
    found = {number: [(entry["module"], entry["version"]) for entry in release(number)["crds"]] for number in RELEASES}
    kserve = "github.com/kserve/kserve"
    oldest = {number: [(kserve, "v0.14.0"), (kserve, "v0.15.2")] for number in span("2.19", "2.22")}
    with_llm = {number: [(kserve, "v0.16.0")] for number in span("2.24", "3.3")}
    others = {"2.23": [(kserve, "v0.15.2")], "3.4": [(kserve, "v0.19.0")], "3.5": [(kserve, "v0.20.0")]}
    assert found == oldest | with_llm | others


def test_core_schemas_are_bundled() -> None:
    for number in RELEASES:
        version = release(number)["kubernetes"]
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}}
        assert kubernetes_validate.validate(account, version, strict=True) == version


SINCE = {
    "runtimeScope": "2.20",
    "routeTimeout": "2.22",
    "gpuTypesAnnotation": "2.23",
    "hardwareProfiles": "2.23",
    "hpaChecksNeedClass": "2.23",
    "predictorSidecars": "2.23",
    "stop": "2.23",
    "llm": "2.25",
    "connectionAnnotation": "3.0",
    "connectionProtocolAnnotation": "3.0",
    "enableAuthAlways": "3.0",
    "genAiAsset": "3.0",
    "inferenceDescription": "3.0",
    "modelType": "3.0",
    "runtimeKeepsResources": "3.0",
    "strategy": "3.0",
    "watchesRuntimes": "3.2",
    "ovmsAutoVersioning": "3.3",
    "llmScaling": "3.4",
    "loggerStorage": "3.4",
    "llmScheduler": "3.4",
    "modelNameRefused": "3.4",
    "return401": "3.4",
    "storageUris": "3.4",
    "timeout": "3.4",
    "canary": "3.5",
    "confidential": "3.5",
    "llmLora": "3.5",
    "llmPoolNeedsRoute": "3.5",
    "llmTraffic": "3.5",
}
UNTIL = {
    "autoscalingAnnotationsChecked": "2.22",
    "workerSizesRequired": "2.22",
    "acceleratorProfiles": "2.25",
    "connectionDescriptionAlways": "2.25",
    "modelMesh": "2.25",
    "runtimeAcceleratorName": "2.25",
    "runtimeForcesDashboardLabel": "2.25",
    "runtimeSharedMemory": "2.25",
    "serverless": "2.25",
}


def test_since_when_and_until_when_a_release_can_do_what() -> None:
    expected = {name: span(first) for name, first in SINCE.items()}
    expected |= {name: span("2.19", last) for name, last in UNTIL.items()}
    expected["llmPipelinePresets"] = []
    switches = {n for n, value in release("2.25")["capabilities"].items() if isinstance(value, bool)}
    assert {n: [r for r in RELEASES if release(r)["capabilities"][n]] for n in switches} == expected


def across(part: str, name: str) -> list[tuple[Any, str]]:
    """The values of a capability or term, each with the first release that has it."""
    found: list[tuple[Any, str]] = []
    for number in RELEASES:
        value = release(number)[part][name]
        if not found or found[-1][0] != value:
            found.append((value, number))
    return found


SCHEMES = ["gs", "s3", "pvc", "file", "https", "http", "hdfs", "webhdfs", "oci"]
FRAMEWORKS = [
    "SKLearn",
    "XGBoost",
    "Tensorflow",
    "PyTorch",
    "Triton",
    "ONNX",
    "HuggingFace",
    "PMML",
    "LightGBM",
    "Paddle",
]
OLD_MODES = ["Serverless", "RawDeployment", "ModelMesh"]
REFUSED = "refused"
TYPES = {"protocol": ["s3", "uri", "oci"], "ref": ["s3", "uri-v1", "oci-v1"]}
KINDS = ["ClusterStorageContainer", "InferenceGraph", "InferenceService", "ServingRuntime", "TrainedModel"]
LLM_KINDS = ["LLMInferenceService", "LLMInferenceServiceConfig"]
CACHES = ["LocalModelCache", "LocalModelNamespaceCache", "LocalModelNode", "LocalModelNodeGroup"]

VALUES: dict[str, list[tuple[Any, str]]] = {
    "connectionTypes": [({}, "2.19"), ({f"opendatahub.io/connection-type-{k}": v for k, v in TYPES.items()}, "3.5")],
    "runtimeDisplayName": [("resource", "2.19"), ("template", "3.0")],
    "runtimeTemplateName": [("runtime", "2.19"), ("template", "3.0")],
    "storageProtocols": [(SCHEMES, "2.19"), ([*SCHEMES, "hf"], "2.23"), ([*SCHEMES, "oci+native", "hf"], "3.5")],
    "modelMeshStorage": [(["pvc", "s3", "gs", "http", "https"], "2.19"), ([], "3.0")],
    "multiNodeStorage": [(["pvc"], "2.19"), (["pvc", "oci"], "2.22")],
    "multiNodeMinPipeline": [(2, "2.19"), (1, "2.23")],
    "multiNodeExecutor": [("ray", "2.19"), ("mp", "3.4")],
    "multiNodeMost": [(3, "2.19"), (None, "3.4")],
    "autoscalerClasses": [(["hpa", "external"], "2.19"), (["hpa", "external", "keda", "none"], "2.23")],
    "defaultMode": [("Serverless", "2.19"), ("RawDeployment", "3.0"), ("Standard", "3.4")],
    "deploymentModes": [
        (OLD_MODES, "2.19"),
        (["Standard", "Knative", "RawDeployment", "Serverless", "ModelMesh"], "3.4"),
    ],
    "unknownMode": [(REFUSED, "2.19"), ("default", "3.0")],
    "rewritesModes": [({}, "2.19"), ({"RawDeployment": "Standard", "Serverless": "Knative"}, "3.4")],
    "nameLimit": [(None, "2.19"), (53, "3.2")],
    "blockedEnv": [([], "2.19"), (["PYTHONPATH"], "3.4")],
    "canaryMax": [(None, "2.19"), (3, "3.5")],
    "predictorImplementations": [
        ([*FRAMEWORKS, "Model", "WorkerSpec", "PodSpec"], "2.19"),
        ([*FRAMEWORKS, "Model", "StorageUris", "WorkerSpec", "PodSpec"], "3.4"),
        (["Name", *FRAMEWORKS, "Model", "StorageUris", "StorageContainerName", "WorkerSpec", "PodSpec"], "3.5"),
    ],
    "protectedNamespaces": [
        (["knative-serving", "istio-system", "redhat-ods-applications"], "2.19"),
        (["redhat-ods-applications"], "3.0"),
    ],
    "gpuResources": [(["nvidia.com/gpu", "amd.com/gpu", "intel.com/gpu", "habana.ai/gaudi"], "2.19")],
    "llmApiVersions": [
        ([], "2.19"),
        (["serving.kserve.io/v1alpha1"], "2.25"),
        (["serving.kserve.io/v1alpha1", "serving.kserve.io/v1alpha2"], "3.4"),
    ],
    "llmRouteWithGatewayRefs": [(None, "2.19"), (REFUSED, "2.25"), ("parent-refs", "3.4")],
    "servingKinds": [
        (sorted([*KINDS, "ClusterLocalModel", "LocalModelNodeGroup"]), "2.19"),
        (sorted([*KINDS, "LocalModelCache", "LocalModelNode", "LocalModelNodeGroup"]), "2.23"),
        (sorted([*KINDS, *LLM_KINDS]), "2.24"),
        (sorted([*KINDS, *LLM_KINDS, *CACHES, "ClusterServingRuntime"]), "3.5"),
    ],
    "replacedKinds": [
        ({}, "2.19"),
        (
            {
                "dashboard.opendatahub.io/v1 AcceleratorProfile": "infrastructure.opendatahub.io/v1 HardwareProfile",
                "dashboard.opendatahub.io/v1alpha1 HardwareProfile": "infrastructure.opendatahub.io/v1 HardwareProfile",
            },
            "3.0",
        ),
    ],
    "queueKinds": [
        ([], "2.19"),
        (["InferenceService"], "2.23"),
        ([], "2.25"),
        (["InferenceService", "LLMInferenceService"], "3.0"),
        ([], "3.4"),
    ],
    "hpaOtherMetrics": [(None, "2.19"), ("panic", "2.23"), ("skip", "3.4")],
}


def test_values_of_capabilities() -> None:
    others = [n for n, value in release("2.25")["capabilities"].items() if not isinstance(value, bool)]
    assert {name: across("capabilities", name) for name in others} == VALUES


def test_terms() -> None:
    assert {name: across("terms", name) for name in release("2.25")["terms"]} == {
        "modeStandard": [("RawDeployment", "2.19"), ("Standard", "3.4")],
        "modeAdvanced": [("Serverless", "2.19"), ("Knative", "3.4")],
        "autoscalerMultiNode": [("external", "2.19"), ("none", "2.23")],
        "llmApiVersion": [
            (None, "2.19"),
            ("serving.kserve.io/v1alpha1", "2.25"),
            ("serving.kserve.io/v1alpha2", "3.4"),
        ],
    }


@pytest.mark.parametrize("number", RELEASES)
def test_terms_are_words_that_the_release_accepts(number: str) -> None:
    terms, capabilities = release(number)["terms"], release(number)["capabilities"]
    assert {terms["modeStandard"], terms["modeAdvanced"], capabilities["defaultMode"]} <= set(
        capabilities["deploymentModes"]
    )
    assert terms["autoscalerMultiNode"] in capabilities["autoscalerClasses"]
    assert (terms["llmApiVersion"] is not None) == capabilities["llm"] == bool(capabilities["llmApiVersions"])


# ---- the multi-node runtime ----------------------------------------------------------------------------------------

MULTI_NODE = [file for file in RUNTIME_FILES if file.endswith("/vllm-multinode-runtime")]


@pytest.mark.parametrize("file", MULTI_NODE)
def test_multi_node_runtime_is_complete(file: str) -> None:
    spec = runtime(file)["servingRuntime"]["spec"]
    worker = spec["workerSpec"]
    assert [container["name"] for container in containers(runtime(file))] == ["kserve-container", "worker-container"]
    assert (worker["pipelineParallelSize"], worker["tensorParallelSize"]) == (2, 1)
    shm = {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "12Gi"}}
    assert spec["volumes"][0] == worker["volumes"][0] == shm
    amounts = {"requests": {"cpu": "8", "memory": "24Gi"}, "limits": {"cpu": "16", "memory": "48Gi"}}
    for container in containers(runtime(file)):
        assert container["resources"] == amounts
        assert container["volumeMounts"][0] == {"name": "shm", "mountPath": "/dev/shm"}
    head = spec["containers"][0]
    assert head["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(head)


@pytest.mark.parametrize("number", RELEASES)
def test_multi_node_runtime_says_how_the_nodes_are_connected(number: str) -> None:
    data = runtime(release(number)["runtimes"]["vllm-multinode-runtime"]["file"])
    executor = data["servingRuntime"]["spec"]["annotations"].get("multinode/executor-backend", "ray")
    assert executor == release(number)["capabilities"]["multiNodeExecutor"]
    assert data.get("ignoresArgs", False) == (number == "2.19")


def scripts(data: Any) -> Iterator[str]:
    """What is run by `bash -c`, in commands, arguments and probes."""
    for container in containers(data):
        probes = [container[name]["exec"]["command"] for name in container if "exec" in container.get(name, ())]
        for words in [container.get("command", []) + container.get("args", []), *probes]:
            if words[:2] == ["bash", "-c"]:
                yield words[2]


@pytest.mark.parametrize(("file", "count"), list(zip(MULTI_NODE, [7, 7, 7, 5], strict=True)))
def test_scripts_are_bash(file: str, count: int) -> None:
    found = list(scripts(runtime(file)))
    assert len(found) == count
    for script in found:
        assert subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False).stderr == ""
        assert "{{" not in script, "KServe would expand it"


@pytest.fixture
def stubs(tmp_path: Path) -> dict[str, str]:
    """An environment in which the programs of the scripts answer what the tests want."""
    programs = {
        "ray": 'case "$1" in status) printf "node_a\\nnode_b\\n";; *) :;; esac',
        "getent": 'printf "10.0.0.9 w\\n10.0.0.7 w\\n10.0.0.7 w\\n"',
        "sleep": "exit 0",
        "vllm": 'printf "<%s>" vllm "$@"',
        "python3": 'printf "<%s>" python3 "$@"',
        "curl": 'case "$*" in *http://localhost:8080*) exit "${HEALTH:-0}";; *) echo "{\\"id\\":\\"granite\\"}";; esac',
    }
    for name, body in programs.items():
        path = tmp_path / name
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)
    names = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "RAY_ADDRESS": "127.0.0.1:6379", "MODEL_DIR": "/mnt/models"}
    sizes = {"PIPELINE_PARALLEL_SIZE": "2", "TENSOR_PARALLEL_SIZE": "4"}
    peers = {"WORKER_SVC": "w", "HEAD_SVC": "h", "POD_NAMESPACE": "n", "ISVC_NAME": "granite", "MODEL_NAME": "granite"}
    return names | sizes | peers


def run(words: list[str], env: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=20)
    return done.returncode, done.stdout


@pytest.mark.parametrize("file", ["2.20/vllm-multinode-runtime", "2.25/vllm-multinode-runtime"])
def test_ray_head_passes_arguments_on(file: str, stubs: dict[str, str]) -> None:
    head = runtime(file)["servingRuntime"]["spec"]["containers"][0]
    code, output = run([*head["command"], "--port=8080", '--chat-template-kwargs={"a": 1}'], stubs)
    assert (code, output) == (
        0,
        "<python3><-m><vllm.entrypoints.openai.api_server><--distributed-executor-backend=ray><--model=/mnt/models>"
        '<--tensor-parallel-size=4><--pipeline-parallel-size=2><--port=8080><--chat-template-kwargs={"a": 1}>',
    )


def test_first_ray_head_knows_no_arguments(stubs: dict[str, str]) -> None:
    head = runtime("2.19/vllm-multinode-runtime")["servingRuntime"]["spec"]["containers"][0]
    code, output = run([*head["command"], *head["args"], "--max-model-len=4096"], stubs)
    assert (code, output) == (
        0,
        "<python3><-m><vllm.entrypoints.openai.api_server><--distributed-executor-backend=ray><--model=/mnt/models>"
        "<--tensor-parallel-size=4><--pipeline-parallel-size=2><--port=8080><--served-model-name=granite>"
        "<--disable-custom-all-reduce>",
    )


@pytest.mark.parametrize(("address", "rank"), [("10.0.0.7", 1), ("10.0.0.9", 2)])
def test_worker_finds_its_rank(address: str, rank: int, stubs: dict[str, str]) -> None:
    worker = runtime("3.4/vllm-multinode-runtime")["servingRuntime"]["spec"]["workerSpec"]["containers"][0]
    code, output = run([*worker["command"], "/mnt/models", "--headless"], stubs | {"POD_IP": address})
    assert (code, output) == (0, f"<vllm><serve></mnt/models><--headless><--node-rank={rank}>")


def test_worker_that_is_not_among_the_workers_gives_up(stubs: dict[str, str]) -> None:
    worker = runtime("3.4/vllm-multinode-runtime")["servingRuntime"]["spec"]["workerSpec"]["containers"][0]
    code, output = run([*worker["command"], "/mnt/models"], stubs | {"POD_IP": "10.0.0.8"})
    assert (code, output) == (1, "10.0.0.8 is not among the addresses of w\n")


@pytest.mark.parametrize("file", MULTI_NODE)
@pytest.mark.parametrize(("nodes", "health", "alive"), [("2", "0", True), ("3", "0", False), ("2", "7", False)])
def test_head_is_alive_while_all_nodes_are(
    file: str, nodes: str, health: str, alive: bool, stubs: dict[str, str]
) -> None:
    head = runtime(file)["servingRuntime"]["spec"]["containers"][0]
    code, _ = run(head["livenessProbe"]["exec"]["command"], stubs | {"PIPELINE_PARALLEL_SIZE": nodes, "HEALTH": health})
    with_ray = "--distributed-executor-backend=mp" not in head["args"]
    assert (code == 0) == (alive or (not with_ray and health == "0"))
