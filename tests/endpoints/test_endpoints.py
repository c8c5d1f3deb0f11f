"""Where models answer: the example in every format, NERC's own documentation, and each way of serving."""

from __future__ import annotations

import json
import shlex
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import jsonschema
import pytest

from argocd_module import program, run
from console import TESTS, example, modelfleet, write
from modelfleet.endpoints import endpoints as where
from modelfleet.endpoints.endpoints import Endpoint, served_name
from modelfleet.packaged import packaged
from modelfleet.pipeline.fleet import fleet
from modelfleet.resolve.catalog import engines
from modelfleet.resolve.runtime import Engine
from modelfleet.serving import addresses as serving_addresses
from modelfleet.serving.addresses import Address, address_of
from plan_repository import BASE, CHAT, FILES, PROD, TEXTS

GOLDEN = TESTS / "golden" / "endpoints"


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
    data = json.loads(said.out)
    jsonschema.validate(data, json.loads((packaged("schemas") / "endpoints.schema.json").read_bytes()))
    result: list[dict[str, Any]] = data["endpoints"]
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
    assert (rest["token"], rest["tokenInside"], rest["tokenSecrets"]) == (
        True,
        False,
        ["storefront-coolstore-modelserver-sa"],
    )
    assert (grpc["external"], grpc["token"], grpc["tokenSecrets"]) == (None, False, [])


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

ONE_CONTAINER = OWN.removesuffix(OWN.splitlines(keepends=True)[-1])

SILENT = (
    ONE_CONTAINER.replace("  protocolVersions: [v1, v2]\n", "")
    .replace("name: own", "name: silent")
    .replace(", ports: [{containerPort: 9000}]", "")
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
        ("rank", "grpc", "grpc://rank-predictor.chat.svc.cluster.local:8001", None, False, ()),
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


def test_the_service_of_a_gateway_is_called_by_its_class(tmp_path: Path) -> None:
    known = addresses(made(tmp_path, prod=PROD + "gateways: {own: {host: llm.example.org, class: istio}}\n"))
    assert (
        known["llm", "openai"].internal == "https://own-istio.gateways.svc.cluster.local/llms/llm/v1/chat/completions"
    )


def test_models_that_share_requests_answer_under_their_common_name(tmp_path: Path) -> None:
    """The path of one of them leads to it alone."""
    deployed = next(one for one in fleet(made(tmp_path)).deployed if one.project.name == "llms")
    item = next(item for item in deployed.objects if item["metadata"]["name"] == "open")
    spec = {"model": {"name": "chat"}, "router": {"route": {"group": "chats", "weight": 10}}}
    address = address_of({**item, "spec": spec}, None, deployed.project.environment)
    gateway = "https://openshift-ai-inference-openshift-default.openshift-ingress.svc.cluster.local"
    assert address.internal == f"{gateway}/publishers/llms/models/chat"


def test_services_with_an_address_of_their_own_listen_on_80(tmp_path: Path) -> None:
    known = addresses(made(tmp_path, base=BASE.replace("Headless", "Headed")))
    assert known["rank", "v2"].internal == "http://rank-predictor.chat.svc.cluster.local/v2/models/rank/infer"
    assert known["rank", "v2"].port == 80
    assert ("rank", "grpc") not in known  # its port is in no Service
    assert known["chat", "openai"].port == 8443


# ---- gRPC ------------------------------------------------------------------------------------------------------------

GRPC = (
    ONE_CONTAINER.replace("name: own", "name: calls")
    .replace("[v1, v2]", "[grpc-v2]")
    .replace("{containerPort: 9000}", "{name: h2c, containerPort: 9000}")
)
BOTH = (
    GRPC.replace("name: calls", "name: both")
    .replace("[grpc-v2]", "[v2, grpc-v2]")
    .replace("[{name: h2c, containerPort: 9000}]", "[{containerPort: 9000}, {name: grpc-port, containerPort: 9005}]")
)
CALLS = """\
version: 1
platform: single-model
models:
  calls: {runtime: calls, framework: thing, size: Small, location: {pvc: p, path: x}}
  both: {runtime: both, framework: thing, size: Small, location: {pvc: p, path: x}}
  shut: {runtime: calls, framework: thing, size: Small, location: {pvc: p, path: x}, route: true, tokens: [web]}
  zero: {runtime: calls, framework: thing, size: Small, location: {pvc: p, path: x}, mode: advanced, route: true, tokens: [web]}
environments: {prod: {}}
"""


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        (
            "Headless",
            {
                ("calls", "grpc"): ("grpc://calls-predictor.calls.svc.cluster.local:9000", 9000, None, False, ""),
                ("both", "v2"): (
                    "http://both-predictor.calls.svc.cluster.local:9000/v2/models/both/infer",
                    9000,
                    None,
                    False,
                    "",
                ),
                ("both", "grpc"): ("grpc://both-predictor.calls.svc.cluster.local:9005", 9005, None, False, ""),
                ("shut", "grpc"): (
                    "grpc://shut-predictor.calls.svc.cluster.local:9000",
                    9000,
                    None,
                    False,
                    "gRPC bypasses the proxy that asks for a token",
                ),
                ("zero", "grpc"): (
                    "grpcs://zero.calls.svc.cluster.local:443",
                    443,
                    "grpcs://zero-calls.apps.example.org:443",
                    True,
                    "",
                ),
            },
        ),
        (
            "Headed",
            {
                ("calls", "grpc"): ("grpc://calls-predictor.calls.svc.cluster.local:80", 80, None, False, ""),
                ("both", "v2"): (
                    "http://both-predictor.calls.svc.cluster.local/v2/models/both/infer",
                    80,
                    None,
                    False,
                    "",
                ),
                ("both", "grpc"): ("grpc://both-predictor.calls.svc.cluster.local:9005", 9005, None, False, ""),
                ("zero", "grpc"): (
                    "grpcs://zero.calls.svc.cluster.local:443",
                    443,
                    "grpcs://zero-calls.apps.example.org:443",
                    True,
                    "",
                ),
            },
        ),
    ],
)
def test_a_runtime_whose_port_is_named_after_grpc(
    service: str, expected: dict[tuple[str, str], Any], tmp_path: Path
) -> None:
    """KServe, service_reconciler.go: the first port becomes 80, the others keep their number; a token removes the 80."""
    files = {
        **FILES,
        "environments/base.yaml": BASE.replace("Headless", service),
        "projects/calls.yaml": CALLS,
        "runtimes/calls.yaml": GRPC,
        "runtimes/both.yaml": BOTH,
    }
    known = addresses(write(tmp_path, files))
    assert {
        key: (one.internal, one.port, one.external, one.token, one.note)
        for key, one in known.items()
        if one.project == "calls"
    } == expected


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
    assert known["idle", "openai"].curl == (
        "curl -sS https://idle.chat.svc.cluster.local/v1/chat/completions "
        "--cacert /var/run/secrets/kubernetes.io/serviceaccount/service-ca.crt "
        """-H 'Content-Type: application/json' -d '{"model": "idle", "messages": [{"role": "user", "content": "Hello"}]}'"""
    )
    assert known["spam", "grpc"].curl is None
    assert known["silent", "http"].curl is None


SHIPPED = """\
version: 1
platform: single-model
models:
  words: {runtime: caikit-standalone-runtime, size: Small, location: {pvc: p, path: x}}
  tales: {runtime: caikit-tgis-runtime, size: Small, location: {pvc: p, path: x}}
  guard: {runtime: guardrails-detector-huggingface-runtime, size: Small, location: {pvc: p, path: x}}
environments: {prod: {}}
"""
IMAGES = """  caikit-standalone-runtime: {images: {kserve-container: "registry.example.org/caikit:1"}}
  caikit-tgis-runtime:
    images: {kserve-container: "registry.example.org/tgis:1", transformer-container: "registry.example.org/caikit:1"}
  guardrails-detector-huggingface-runtime: {images: {kserve-container: "registry.example.org/detector:1"}}
"""


def test_lines_of_protocols_that_only_shipped_runtimes_speak(tmp_path: Path) -> None:
    base = BASE.replace("quota:", f"{IMAGES}quota:")
    known = addresses(write(tmp_path, {**FILES, "environments/base.yaml": base, "projects/shipped.yaml": SHIPPED}))
    at = "curl -sS http://{}-predictor.shipped.svc.cluster.local:{} {}-H 'Content-Type: application/json' -d '{}'"
    assert {key: one.curl for key, one in known.items() if one.project == "shipped"} == {
        ("words", "caikit-embedding"): at.format(
            "words", "8080/api/v1/task/embedding", "", '{"model_id": "words", "inputs": "Hello"}'
        ),
        ("tales", "caikit"): at.format(
            "tales", "8080/api/v1/task/text-generation", "", '{"model_id": "tales", "inputs": "Hello"}'
        ),
        ("guard", "detector"): at.format(
            "guard",
            "8000/api/v1/text/contents",
            "-H 'detector-id: guard' ",
            '{"contents": ["Hello"], "detector_params": {}}',
        ),
    }


def test_a_patched_name_is_what_requests_say_and_opens_no_shell(tmp_path: Path) -> None:
    patch = """    patch: {LLMInferenceService: [{op: replace, path: /spec/model/name, value: "it's $(id) `id`"}]}\n"""
    known = addresses(made(tmp_path, llms=LLMD.replace("    tokens: [web]\n", f"    tokens: [web]\n{patch}")))
    one = known["llm", "openai"]
    assert (one.model, one.served_as) == ("llm", "it's $(id) `id`")
    assert one.curl is not None
    *_, body = shlex.split(one.curl)
    assert json.loads(body)["model"] == "it's $(id) `id`"


class _Answers(BaseHTTPRequestHandler):
    """Keeps what it is asked."""

    asked: ClassVar[list[tuple[str, str | None, str | None, Any]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, self.headers["Content-Type"], self.headers["Authorization"], body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def test_the_lines_run_in_bash_as_they_are(tmp_path: Path) -> None:
    """Against a server of our own: only hosts and https are others. `oc` hands out the name of the Secret as its token."""
    known = [one for one in addresses(made(tmp_path / "fleet")).values() if one.curl]
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    lines = ['oc() { [ "$1 $2 $4 $6 $7" = "get secret -n -o jsonpath={.data.token}" ] && printf %s "$3" | base64; }']
    lines += ['curl() { command curl --fail --noproxy \'*\' --connect-to "::127.0.0.1:$PORT" "$@"; }']
    lines += [str(one.curl).replace("https://", "http://") for one in known]
    words = [program("env"), f"PORT={server.server_port}", program("bash"), "-eu"]
    run(words, tmp_path, "\n".join(lines))
    server.shutdown()
    server.server_close()
    assert _Answers.asked == [
        (
            urlsplit(one.external or one.internal).path,
            "application/json",
            f"Bearer {one.token_secrets[0]}" if one.token_secrets else None,
            json.loads(shlex.split(str(one.curl))[-1]),
        )
        for one in known
    ]
    assert {(one.model, one.protocol) for one in known} == {
        ("chat", "openai"),
        ("huge", "openai"),
        ("idle", "openai"),
        ("llm", "openai"),
        ("open", "openai"),
        ("rank", "v2"),
        ("rest", "v2"),
        ("spam", "v2"),
        ("thing", "v1"),
        ("thing", "v2"),
        ("topic", "v2"),
    }


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
        (
            [
                {"name": "sidecar", "ports": [{"containerPort": 1}]},
                {"name": "kserve-container", "ports": [{"containerPort": 2}]},
            ],
            2,
        ),
    ],
)
def test_the_port_of_a_runtime(containers: Any, port: int) -> None:
    assert serving_addresses.container_port({"containers": containers}) == port


def test_an_address_of_a_model_whose_runtime_is_not_known(tmp_path: Path) -> None:
    rendered = fleet(made(tmp_path))
    item = {"kind": "InferenceService", "metadata": {"name": "m", "namespace": "n", "annotations": {"a": "b"}}}
    assert serving_addresses.address_of(item, None, rendered.environments["prod"]) == Address(
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
        (("--env", "prd"), "--env prd: there is no such environment; did you mean 'prod'?"),
        (("--project", "char"), "--project char: there is no such project; did you mean 'chat'?"),
        (
            ("--project", "zzz"),
            "--project zzz: there is no such project; there are chat, llms, texts, things, wide",
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


ARGUMENTS = {
    "of the model": ("vllm", ["--served-model-name={{.Name}}"], ["--served-model-name=acme/chat"], "acme/chat"),
    "in two elements": ("vllm", [], ["--served-model-name", "acme/chat", "--max-model-len=1"], "acme/chat"),
    "of the runtime": ("vllm", ["--served-model-name", "acme/shared"], [], "acme/shared"),
    "of the object": ("vllm", ["--served-model-name={{.Name}}"], [], "chat"),
    "of a script's variable": ("vllm", ["exec vllm serve --served-model-name=$NAME"], [], "chat"),
    "of nobody": ("vllm", ["--port=8080"], [], "chat"),
    "of OpenVINO": ("ovms", ["--model_name={{.Name}}"], ["--model_name=churn"], "churn"),
    "of the folder of Triton": ("triton", ["tritonserver"], ["--model-control-mode=explicit", "--load-model=churn"], "churn"),
    "of what has one name": ("mlserver", [], ["--served-model-name=churn"], "chat"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(ARGUMENTS))
def test_a_model_is_called_as_its_command_says(case: str) -> None:
    engine, of_runtime, of_model, name = ARGUMENTS[case]
    runtime = {"kind": "ServingRuntime", "spec": {"containers": [{"name": "kserve-container", "args": of_runtime}]}}
    item = {
        "kind": "InferenceService",
        "metadata": {"name": "chat"},
        "spec": {"predictor": {"model": {"args": of_model}}},
    }
    assert served_name(item, runtime, Engine(name=engine, facts=engines()[engine])) == name
