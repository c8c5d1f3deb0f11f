"""Where models answer: the example in every format, NERC's own documentation, and each way of serving."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from console import example, modelfleet, write
from plan_repository import BASE, CHAT, FILES, PROD, TEXTS

from generator import endpoints as where
from generator.endpoints import Address, Endpoint
from generator.pipeline import fleet

GOLDEN = Path(__file__).with_name("golden") / "endpoints"


@pytest.mark.parametrize(("form", "ending"), [("table", "txt"), ("markdown", "md"), ("json", "json")])
def test_the_example(form: str, ending: str, tmp_path: Path, update_golden: bool) -> None:
    said = modelfleet(example(tmp_path), "endpoints", "--format", form)
    assert said.code == 0
    place = GOLDEN / f"example.{ending}"
    if update_golden:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(said.out, "utf-8")
    assert said.out == place.read_text("utf-8")


def found(root: Path, *words: str) -> list[dict[str, Any]]:
    said = modelfleet(root, "endpoints", "--format", "json", *words)
    assert (said.code, said.err) == (0, "")
    result: list[dict[str, Any]] = json.loads(said.out)
    return result


def test_coolstore_as_nerc_documents_it(tmp_path: Path) -> None:
    """nerc-project/nerc-docs, docs/openshift-ai/data-science-project/model-serving-in-the-rhoai.md, "Check the Model API"."""
    rest, grpc = found(example(tmp_path), "--env", "nerc-ocp-edu", "--project", "coolstore")
    assert rest["internal"] == "http://modelmesh-serving.coolstore:8008/v2/models/coolstore/infer"
    assert grpc["internal"] == "grpc://modelmesh-serving.coolstore:8033"
    assert [(one["external"], one["token"], one["port"]) for one in (rest, grpc)] == [
        (None, False, 8008),
        (None, False, 8033),
    ]
    assert rest["curl"] == (
        "curl -sS http://modelmesh-serving.coolstore:8008/v2/models/coolstore/infer -H 'Content-Type: application/json' "
        """-d '{"inputs": [{"name": "input", "shape": [1, 1], "datatype": "FP32", "data": [0]}]}'"""
    )
    rest, grpc = found(example(tmp_path), "--env", "nerc-ocp-prod", "--project", "coolstore")
    assert rest["internal"] == "http://modelmesh-serving.coolstore-0a1b2c:8008/v2/models/coolstore/infer"
    assert rest["external"] == "https://coolstore-coolstore-0a1b2c.apps.shift.nerc.mghpcc.org/v2/models/coolstore/infer"
    assert (rest["token"], rest["token_inside"], rest["token_secrets"]) == (
        True,
        False,
        ["storefront-coolstore-modelserver-sa"],
    )
    assert (grpc["external"], grpc["token"], grpc["token_secrets"]) == (None, False, [])


# ---- each way of serving ---------------------------------------------------------------------------------------------

LLMD = """\
version: 1
platform: single-model
models:
  llm:
    llmd: {gateway: {name: own, namespace: gateways}}
    accelerator: a100
    location: {uri: "hf://example/model"}
    tokens: [web]
  open:
    llmd: true
    accelerator: a100
    location: {uri: "hf://example/model"}
environments: {prod: {}}
"""

OWN = """\
apiVersion: serving.kserve.io/v1alpha1
kind: ServingRuntime
metadata: {name: own}
spec:
  multiModel: false
  protocolVersions: [v1, v2]
  supportedModelFormats: [{name: thing}]
  containers:
  - {name: kserve-container, image: registry.example.org/own:1, ports: [{containerPort: 9000}]}
  - {name: transformer-container, image: registry.example.org/own:1, ports: [{containerPort: 9001}]}
"""

SILENT = (
    OWN.replace("  protocolVersions: [v1, v2]\n", "")
    .replace("name: own", "name: silent")
    .replace(", ports: [{containerPort: 9000}]", "")
    .replace(
        "  - {name: transformer-container, image: registry.example.org/own:1, ports: [{containerPort: 9001}]}\n", ""
    )
)

THINGS = """\
version: 1
platform: single-model
models:
  thing: {runtime: own, framework: thing, size: Small, location: {pvc: p, path: x}}
  silent: {runtime: silent, framework: thing, size: Small, location: {pvc: p, path: x}, stopped: true}
environments: {prod: {}}
"""


def made(root: Path, **changed: str) -> Path:
    """A repository with one of each; `changed` replaces files by their stems."""
    files = {
        **FILES,
        "projects/llms.yaml": LLMD,
        "projects/things.yaml": THINGS,
        "runtimes/own.yaml": OWN,
        "runtimes/silent.yaml": SILENT,
    }
    stems = {Path(name).stem: name for name in files}
    return write(root, {**files, **{stems[stem]: text for stem, text in changed.items()}})


def addresses(root: Path) -> dict[tuple[str, str], Endpoint]:
    rendered = fleet(root)
    listed = [each for one in rendered.deployed for each in where.endpoints(one.project, one.objects)]
    return {(one.model, one.protocol): one for one in listed}


@pytest.mark.parametrize(
    ("model", "protocol", "internal", "external", "inside", "secrets"),
    [
        (
            "chat",
            "openai",
            "https://chat-predictor.chat.svc.cluster.local:8443/v1/chat/completions",
            "https://chat-chat.apps.example.org/v1/chat/completions",
            True,
            ("web-chat-sa",),
        ),
        ("idle", "openai", "https://idle.chat.svc.cluster.local/v1/chat/completions", None, False, ()),
        ("rank", "v2", "http://rank-predictor.chat.svc.cluster.local:8888/v2/models/rank/infer", None, False, ()),
        ("huge", "openai", "http://huge-predictor.wide.svc.cluster.local:8080/v1/chat/completions", None, False, ()),
        ("spam", "v2", "http://modelmesh-serving.texts:8008/v2/models/spam/infer", None, False, ()),
        ("spam", "grpc", "grpc://modelmesh-serving.texts:8033", None, False, ()),
        ("thing", "v2", "http://thing-predictor.things.svc.cluster.local:9001/v2/models/thing/infer", None, False, ()),
        (
            "thing",
            "v1",
            "http://thing-predictor.things.svc.cluster.local:9001/v1/models/thing:predict",
            None,
            False,
            (),
        ),
        ("silent", "http", "http://silent-predictor.things.svc.cluster.local:8080", None, False, ()),
        (
            "llm",
            "openai",
            "https://own-openshift-default.gateways.svc.cluster.local/llms/llm/v1/chat/completions",
            "https://llm.example.org/llms/llm/v1/chat/completions",
            True,
            ("web-llm-sa",),
        ),
        (
            "open",
            "openai",
            "https://openshift-ai-inference-openshift-default.openshift-ingress.svc.cluster.local/llms/open/v1/chat/completions",
            None,
            False,
            (),
        ),
    ],
)
def test_a_way_of_serving(  # noqa: PLR0913 - what an endpoint is
    model: str,
    protocol: str,
    internal: str,
    external: str | None,
    inside: bool,
    secrets: tuple[str, ...],
    tmp_path: Path,
) -> None:
    known = addresses(made(tmp_path, prod=PROD + "gateways: {own: {host: llm.example.org}}\n"))
    one = known[model, protocol]
    assert (one.internal, one.external, one.token, one.token_inside, one.token_secrets) == (
        internal,
        external,
        inside,
        inside,
        secrets,
    )


def test_services_with_an_address_of_their_own_listen_on_80(tmp_path: Path) -> None:
    known = addresses(made(tmp_path, base=BASE.replace("Headless", "Headed")))
    assert known["rank", "v2"].internal == "http://rank-predictor.chat.svc.cluster.local/v2/models/rank/infer"
    assert known["rank", "v2"].port == 80
    assert known["chat", "openai"].port == 8443


def test_what_there_is_to_say(tmp_path: Path) -> None:
    texts = TEXTS.replace("    replicas: 2\n", "    replicas: 2\n    route: true\n    tokens: [x]\n")
    known = addresses(made(tmp_path, texts=texts))
    assert {key: one.note for key, one in known.items() if one.note} == {
        ("idle", "openai"): "scales to zero: the first answer waits for a replica",
        ("silent", "http"): "stopped: nothing answers",
        (
            "llm",
            "openai",
        ): "the host of gateway own is not known: write gateways: {own: {host: ...}} into the environment",
        ("open", "openai"): "the host of gateway openshift-ai-inference is not known: write gateways: "
        "{openshift-ai-inference: {host: ...}} into the environment",
        ("spam", "v2"): "the route asks for a token, the address inside the cluster does not",
        ("topic", "v2"): "the route asks for a token, the address inside the cluster does not",
    }


def test_a_line_to_try(tmp_path: Path) -> None:
    inside = CHAT.replace("    route: true\n", "")
    known = addresses(made(tmp_path, chat=inside))
    assert known["chat", "openai"].curl == (
        "curl -sS https://chat-predictor.chat.svc.cluster.local:8443/v1/chat/completions "
        "--cacert /var/run/secrets/kubernetes.io/serviceaccount/service-ca.crt "
        """-H "Authorization: Bearer $(oc get secret web-chat-sa -n chat -o jsonpath='{.data.token}' | base64 -d)" """
        """-H 'Content-Type: application/json' -d '{"model": "chat", "messages": [{"role": "user", "content": "Hello"}]}'"""
    )
    assert known["spam", "grpc"].curl is None
    assert known["silent", "http"].curl is None


@pytest.mark.parametrize(
    ("containers", "port"),
    [
        ([], 8080),
        (None, 8080),
        ("text", 8080),
        ([{"name": "a"}], 8080),
        ([{"name": "a", "ports": [{"containerPort": 1}, {"containerPort": 2}]}], 1),
        ([{"name": "a", "ports": [{"containerPort": "1"}]}], 8080),
        (
            [
                {"name": "a", "ports": [{"containerPort": 1}]},
                {"name": "transformer-container", "ports": [{"containerPort": 2}]},
            ],
            2,
        ),
    ],
)
def test_the_port_of_a_runtime(containers: Any, port: int) -> None:
    assert where.container_port({"containers": containers}) == port


def test_an_address_of_a_model_whose_runtime_is_not_known(tmp_path: Path) -> None:
    rendered = fleet(made(tmp_path))
    item = {"kind": "InferenceService", "metadata": {"name": "m", "namespace": "n", "annotations": {"a": "b"}}}
    assert where.address_of(item, None, rendered.environments["prod"]) == Address(
        internal="https://m.n.svc.cluster.local", port=443, external="https://m-n.apps.example.org", guarded=False
    )


# ---- the command -----------------------------------------------------------------------------------------------------


def test_only_what_was_asked_for(tmp_path: Path) -> None:
    root = made(tmp_path)
    assert {one["project"] for one in found(root, "--project", "chat", "--project", "wide")} == {"chat", "wide"}
    assert found(root, "--env", "prod") == found(root)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--env", "prd"), "--env prd: there is no such thing; did you mean 'prod'?"),
        (("--project", "char"), "--project char: there is no such thing; did you mean 'chat'?"),
        (
            ("--project", "zzz"),
            "--project zzz: there is no such thing; there are chat, llms, texts, things, wide",
        ),
    ],
)
def test_unknown_names(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    said = modelfleet(made(tmp_path), "endpoints", *words)
    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines()[-1] == f"modelfleet: {message}"


def test_wrong_files(tmp_path: Path) -> None:
    root = made(tmp_path, chat=CHAT.replace("size: Small", "size: Tiny", 1))
    said = modelfleet(root, "endpoints")
    assert (said.code, said.out) == (1, "")
