"""The data files: each fits its schema, they fit together, and they say what the sources say."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import jsonschema
import kubernetes_validate
import pytest
import yaml

from modelfleet.packaged import packaged
from modelfleet.reference.reference import span
from modelfleet.resolve import catalog
from modelfleet.resolve.connections import connection_kinds
from modelfleet.resolve.release import Capability, Term, short

DATA = packaged("data")
RELEASES = [short(name) for name in catalog.release_names()]
RUNTIME_FILES = sorted(
    str(path.relative_to(DATA / "runtimes").with_suffix("")) for path in DATA.glob("runtimes/*/*.yaml")
)
SCHEMAS = [
    "connections",
    "downloads",
    "engines",
    "fields",
    "kinds",
    "option-table",
    "parsers",
    "release",
    "runtime-data",
]


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
    assert {name for name in schema if name in kinds} == set(kinds)
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
    """In the order of their numbers, each with the next one as its successor."""
    assert sorted(RELEASES, key=lambda number: [int(step) for step in number.split(".")]) == RELEASES
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
    assert used == set(read("engines")["engines"]) - {"generic", "llm-d", "triton"}


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
        if engine not in ("llm-d", "triton") and not re.search(rf"(?<![\w-]){option}(?![\w-])", text[engine])
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


# ---- what the data say ----------------------------------------------------------------------------------------------

DUMP = Path(__file__).parent / "golden" / "data.txt"


def test_what_the_data_say(update_golden: bool) -> None:
    """Every fact with the releases in which it holds, to be read when the data change; a release like its predecessor adds none."""
    found = "\n".join(dump()) + "\n"
    if update_golden:
        DUMP.write_text(found, "utf-8")
    assert found.splitlines() == DUMP.read_text("utf-8").splitlines()


def dump() -> Iterator[str]:
    for part in ("capabilities", "terms", "forms"):
        yield part
        for name in release(RELEASES[0])[part]:
            yield from across(name, {number: release(number)[part][name] for number in RELEASES})
    yield "definitions"
    yield from across("kubernetes", {number: release(number)["kubernetes"] for number in RELEASES})
    for module in sorted({entry["module"] for number in RELEASES for entry in release(number)["crds"]}):
        versions = {
            number: [entry["version"] for entry in release(number)["crds"] if entry["module"] == module]
            for number in RELEASES
        }
        yield from across(module, versions)
    yield "lifecycle"
    states = {number: {fact["feature"]: fact for fact in release(number)["lifecycle"]} for number in RELEASES}
    for feature in sorted({feature for facts in states.values() for feature in facts}):
        told = {number: facts.get(feature) for number, facts in states.items()}
        yield from across(feature, {n: fact and f"{fact['state']} since {fact['since']}" for n, fact in told.items()})
    yield "runtimes"
    for name in sorted({name for _, name, _ in shipped()}):
        entries = {number: release(number)["runtimes"].get(name) for number in RELEASES}
        yield from across(name, {n: entry and f"{entry['file']} {entry['version']}" for n, entry in entries.items()})
    for file in RUNTIME_FILES:
        yield file
        yield from facts_of(runtime(file))


def across(name: str, values: Mapping[str, Any]) -> Iterator[str]:
    """A line for each value of a fact, with the releases that have it."""
    texts = {number: json.dumps(value) for number, value in values.items()}
    for text in dict.fromkeys(texts.values()):
        yield f"  {name}: {text} ({span(f'rhoai-{number}' for number, other in texts.items() if other == text)})"


def facts_of(data: Any) -> Iterator[str]:
    """What of a runtime's file decides what it can serve, on what, and where it is reached."""
    spec, metadata = data["servingRuntime"]["spec"], data["servingRuntime"]["metadata"]
    annotations = spec.get("annotations", {})
    facts = {
        "engine": data["engine"],
        "accelerator": data.get("accelerator") or read("engines")["engines"][data["engine"]]["accelerator"],
        "recommended": metadata["annotations"].get("opendatahub.io/recommended-accelerators"),
        "formats": [
            " ".join(filter(None, (item["name"], item.get("version"), "auto" if item.get("autoSelect") else "")))
            for item in spec["supportedModelFormats"]
        ],
        "ports": [port["containerPort"] for container in containers(data) for port in container.get("ports", [])],
        "prometheus": annotations.get("prometheus.io/port"),
        "protocols": spec.get("protocolVersions"),
        "platforms": data["platforms"],
        "model types": data["modelTypes"],
        "offered by the dashboard": data["template"]["labels"]["opendatahub.io/dashboard"],
    }
    return (f"  {name}: {json.dumps(value)}" for name, value in facts.items() if value is not None)


def test_core_schemas_are_bundled() -> None:
    for number in RELEASES:
        version = release(number)["kubernetes"]
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}}
        assert kubernetes_validate.validate(account, version, strict=True) == version


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
