"""`smoke` against real servers: MLServer, llama.cpp's, KServe's own and Caikit's, and a router of HAProxy that wants a token.

`make test-smoke` installs them; the token is a JWT as a cluster makes them for ServiceAccounts, and the proxy checks its
signature and its account. All calls stay on loopback.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import URLError
from urllib.request import urlopen
from xml.etree import ElementTree

import jsonschema
import pytest

from console import Ran, example, modelfleet, write
from modelfleet.packaged import packaged

HERE = Path(__file__).with_name("servers")

APPS = "apps.shift.nerc.mghpcc.org"
CLASSIFIERS = ("spam", "topics", "sentiment", "language", "toxicity", "intents", "entities", "summaries")
SUBJECT = "system:serviceaccount:granite-3f9c1e:ci-granite-3-8b-sa"


class Servers(NamedTuple):
    """Ports on loopback, and the files of the router's authority and of tokens that it accepts, or only knows."""

    router: int
    mlserver: int
    grpc: int
    llama: int
    embeddings: int
    kserve: int
    caikit: int
    authority: Path
    token: Path
    stranger: Path


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    installed = os.environ["SMOKE_SERVERS"]  # make test-smoke says where
    folder = tmp_path_factory.mktemp("servers")
    with ExitStack() as stack:
        yield _started(stack, Path(installed) / "bin", folder)


def _started(stack: ExitStack, programs: Path, folder: Path) -> Servers:
    ports = _free_ports(9)
    router, mlserver, grpc, metrics, granite, llama, embeddings, kserve, caikit = ports
    python = programs / "python"

    def script(name: str, *words: object) -> list[str]:
        return [str(python), str(HERE / name), *map(str, words)]

    model = folder / "tiny.gguf"
    subprocess.run(script("tiny_llm.py", model), check=True)
    names = ("coolstore", "detector", *CLASSIFIERS)
    subprocess.run(script("mlserver_models.py", folder / "models", mlserver, grpc, metrics, *names), check=True)
    (folder / "caikit").mkdir()
    for name, words in {
        "mlserver": [str(programs / "mlserver"), "start", str(folder / "models")],
        "granite": _llama(programs, model, granite, "granite-3-8b"),
        "llama": _llama(programs, model, llama, "llama-3-8b"),
        "embeddings": [*_llama(programs, model, embeddings, "embedder"), "--embeddings", "--pooling", "mean"],
        "kserve": script("kserve_model.py", "sums", kserve),
        "caikit": script("caikit_server.py", folder / "caikit", caikit),
        "router": ["haproxy", "-db", "-f", str(_router(folder, router, (mlserver, grpc, granite, llama)))],
    }.items():
        stack.enter_context(_running(name, words, folder))
    for url in (
        f"http://127.0.0.1:{mlserver}/v2/health/ready",
        *(f"http://127.0.0.1:{port}/health" for port in (granite, llama, embeddings, caikit)),
        f"http://127.0.0.1:{kserve}/v1/models/sums",
    ):
        _wait_for(url, folder)
    return Servers(
        router,
        mlserver,
        grpc,
        llama,
        embeddings,
        kserve,
        caikit,
        folder / "authority.pem",
        _token(folder, "token", SUBJECT),
        _token(folder, "stranger", "system:serviceaccount:elsewhere:somebody"),
    )


def _llama(programs: Path, model: Path, port: int, name: str) -> list[str]:
    words = ["-m", str(model), "--alias", name, "--host", "127.0.0.1", "--port", str(port), "-c", "256", "-t", "1"]
    return [str(programs / "llama-server-vulkan"), *words]


@contextmanager
def _running(name: str, words: Sequence[str], folder: Path) -> Iterator[None]:
    environment = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONWARNINGS": ""}
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def _wait_for(url: str, folder: Path) -> None:
    until = time.monotonic() + 180
    while time.monotonic() < until:
        try:
            with urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.3)
    logs = "\n".join(f"{log.name}: {log.read_text('utf-8', 'replace')[-1500:]}" for log in sorted(folder.glob("*.log")))
    pytest.fail(f"{url} does not answer\n{logs}")


# ---- the router, its certificate and its tokens ----------------------------------------------------------------------


def _openssl(folder: Path, *words: str, given: bytes | None = None) -> bytes:
    return subprocess.run(["openssl", *words], cwd=folder, input=given, check=True, capture_output=True).stdout


def _router(folder: Path, port: int, served: tuple[int, int, int, int]) -> Path:
    """A configuration as a cluster's router has it: hosts with a route lead to a model, all others to HTTP 503."""
    mlserver, grpc, granite, llama = served
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    _openssl(folder, "req", "-x509", *key, "-keyout", "ca.key", "-out", "authority.pem", "-subj", "/CN=test authority")
    _openssl(
        folder,
        *("req", "-x509", *key, "-keyout", "router.key", "-out", "router.crt", "-subj", "/CN=router"),
        *("-CA", "authority.pem", "-CAkey", "ca.key", "-addext", f"subjectAltName=DNS:*.{APPS}"),
        *("-addext", "basicConstraints=critical,CA:FALSE"),
    )
    (folder / "router.pem").write_bytes((folder / "router.crt").read_bytes() + (folder / "router.key").read_bytes())
    _openssl(folder, "genrsa", "-out", "issuer.key", "2048")
    _openssl(folder, "rsa", "-in", "issuer.key", "-pubout", "-out", "issuer.pem")
    names = [f"{name}-classifiers-2a6f08" for name in CLASSIFIERS] + [
        "coolstore-coolstore-0a1b2c",
        "detector-vision-c07a34",
    ]
    hosts = " ".join(f"{name}.{APPS}" for name in names)
    place = folder / "router.cfg"
    place.write_text(
        f"""\
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s

frontend router
  bind 127.0.0.1:{port} ssl crt {folder}/router.pem alpn h2,http/1.1
  acl tensors req.hdr(host),field(1,:) -i {hosts}
  acl granite req.hdr(host),field(1,:) -i granite-3-8b-granite-3f9c1e.{APPS}
  acl llama req.hdr(host),field(1,:) -i llama-3-8b-llama-on-demand-b41c22.{APPS}
  acl calls req.hdr(host),field(1,:) -i detector-things.{APPS}
  http-request set-var(txn.guarded) bool(true) if tensors || granite || llama || calls
  http-request set-var(txn.bearer) http_auth_bearer
  acl guarded var(txn.guarded) -m bool
  acl signed var(txn.bearer),jwt_verify("RS256","{folder}/issuer.pem") 1
  acl allowed var(txn.bearer),jwt_payload_query('$.sub') -m str {SUBJECT}
  http-request deny deny_status 401 if guarded !signed
  http-request deny deny_status 403 if guarded !allowed
  use_backend mlserver if tensors
  use_backend calls if calls
  use_backend granite if granite
  use_backend llama if llama
  default_backend nothing

backend mlserver
  server one 127.0.0.1:{mlserver}
backend calls
  server one 127.0.0.1:{grpc} proto h2
backend granite
  server one 127.0.0.1:{granite}
backend llama
  server one 127.0.0.1:{llama}
backend nothing
"""
    )
    return place


def _token(folder: Path, name: str, subject: str) -> Path:
    """A JWT of this account, signed by the issuer whom the router believes."""

    def part(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    claims = {"iss": "https://kubernetes.default.svc", "sub": subject}
    text = f"{part(json.dumps({'alg': 'RS256', 'typ': 'JWT'}).encode())}.{part(json.dumps(claims).encode())}"
    signature = _openssl(folder, "dgst", "-sha256", "-sign", "issuer.key", given=text.encode())
    place = folder / name
    place.write_text(f"{text}.{part(signature)}\n")
    return place


# ---- calls -----------------------------------------------------------------------------------------------------------


def smoked(root: Path, *words: str | Path) -> tuple[Ran, list[dict[str, Any]]]:
    """What `smoke` said, and its reports."""
    said = modelfleet(root, "smoke", "--wait", "0", "--format", "json", *map(str, words))
    data = json.loads(said.out) if said.out else {"endpoints": []}
    if said.out:
        jsonschema.validate(data, json.loads((packaged("schemas") / "smoke.schema.json").read_bytes()))
    reports: list[dict[str, Any]] = data["endpoints"]
    return said, reports


def checks(report: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    return {check["name"]: (check["outcome"], check["message"]) for check in report["checks"]}


def through(servers: Servers) -> tuple[str | Path, ...]:
    """The words with which everything goes to the router."""
    return ("--connect-to", f"127.0.0.1:{servers.router}", "--ca", servers.authority)


def test_a_whole_environment_at_once_from_outside(servers: Servers, tmp_path: Path) -> None:
    said, reports = smoked(
        example(tmp_path), "--env", "nerc-ocp-prod", *through(servers), "--token-file", servers.token
    )
    found = {f"{report['project']}/{report['model']} {report['protocol']}": report for report in reports}
    refused = {
        "without a token": ("passed", "refused with HTTP 401"),
        "with a forged token": ("passed", "refused with HTTP 401"),
    }
    tensors = {"metadata": ("passed", "1 input: predict FP32[-1, 2]"), "inference": ("passed", "answered"), **refused}
    chat = {
        "readiness": ("passed", "ready"),
        "inference": ("passed", "answered as chat, 8 tokens"),
        "streaming": ("passed", "streamed"),
        **refused,
    }
    hidden = {
        "no route": ("passed", "not reachable from outside: the router answers with HTTP 503"),
        "inference": ("skipped", "it answers only inside the cluster"),
    }
    assert {name: checks(report) for name, report in found.items()} == {
        **{f"classifiers/{name} v2": tensors for name in CLASSIFIERS},
        "coolstore/coolstore v2": tensors,
        "granite/granite-3-8b openai": {**chat, "metadata": ("passed", "serves granite-3-8b")},
        "llama-405b/llama-405b openai": hidden,
        "llama-on-demand/llama-3-8b openai": {**chat, "metadata": ("passed", "serves llama-3-8b")},
        "vision/detector v2": {"readiness": ("passed", "ready"), **tensors},
        "vision/segmenter v2": hidden,
        "vision/classifier v2": hidden,
        "vision/embedder v2": hidden,
    }
    assert (said.code, said.err) == (0, "")
    streaming = next(check for check in found["granite/granite-3-8b openai"]["checks"] if check["name"] == "streaming")
    assert 0 < streaming["firstText"] <= streaming["seconds"] < 30


def test_coolstore_as_nerc_documents_it(servers: Servers, tmp_path: Path) -> None:
    """The REST and the gRPC address that NERC's documentation names under "Check the Model API", from a pod."""
    words = ("--env", "nerc-ocp-edu", "--project", "coolstore", "--from", "inside")
    ports = {"v2": 8008, "grpc": 8033}
    for protocol, port, answered in (
        ("v2", servers.mlserver, "answered"),
        ("grpc", servers.grpc, "answered with 1 output"),
    ):
        said, reports = smoked(example(tmp_path), *words, "--connect-to", f"127.0.0.1:{port}")
        report = next(one for one in reports if one["protocol"] == protocol)
        assert checks(report) == {
            "metadata": ("passed", "1 input: predict FP32[-1, 2]"),
            "inference": ("passed", answered),
        }
        assert said.code == 3  # the port of one protocol does not speak the other
        assert (
            report["address"]
            == f"{'http' if protocol == 'v2' else 'grpc'}://modelmesh-serving.coolstore:{ports[protocol]}"
        )


OWN = """\
apiVersion: serving.kserve.io/v1alpha1
kind: ServingRuntime
metadata: {name: own}
spec:
  multiModel: false
  protocolVersions: [v1]
  supportedModelFormats: [{name: thing}]
  containers: [{name: kserve-container, image: registry.example.org/own:1, ports: [{containerPort: 9000}]}]
"""

CAIKIT = """\
apiVersion: serving.kserve.io/v1alpha1
kind: ServingRuntime
metadata: {name: NAME}
spec:
  multiModel: false
  annotations: {opendatahub.io/kserve-runtime: ENGINE}
  supportedModelFormats: [{name: caikit}]
  containers: [{name: kserve-container, image: registry.example.org/own:1, ports: [{containerPort: 9000}]}]
"""

THINGS = """\
version: 1
platform: single-model
models:
  sums: {runtime: own, framework: thing, size: Small, location: {pvc: p, path: x}}
  embedder: {runtime: caikit-own, framework: caikit, size: Small, location: {pvc: p, path: x}}
  writer: {runtime: tgis-own, framework: caikit, size: Small, location: {pvc: p, path: x}}
  words: {runtime: vllm-cuda-runtime, size: Small, accelerator: nvidia-a100-gpu, location: {pvc: p, path: x}}
environments: {nerc-ocp-test: {models: {words: null}}, nerc-ocp-prod: {}}
"""


def unlimited(root: Path) -> Path:
    """The example with no default quota, under which further projects would have no room."""
    base = example(root) / "environments/base.yaml"
    text = base.read_text("utf-8")
    without = re.sub(r"(?m)^quota:.*\n(?:  .*\n)*", "", text)
    assert without != text
    base.write_text(without, "utf-8")
    return root


def things(root: Path) -> Path:
    return write(
        unlimited(root),
        {
            "projects/things.yaml": THINGS,
            "runtimes/own.yaml": OWN,
            "runtimes/caikit-own.yaml": CAIKIT.replace("NAME", "caikit-own").replace("ENGINE", "caikit"),
            "runtimes/tgis-own.yaml": CAIKIT.replace("NAME", "tgis-own").replace("ENGINE", "tgis"),
        },
    )


def one(root: Path, model: str, url: str, *words: str | Path) -> dict[str, tuple[str, str]]:
    _, (report,) = smoked(things(root), "--env", "nerc-ocp-prod", "--project", "things", model, "--url", url, *words)
    return checks(report)


def test_v1_of_kserve_takes_the_request_that_is_given(servers: Servers, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{servers.kserve}"
    assert one(tmp_path, "sums", url) == {
        "readiness": ("passed", "ready"),
        "inference": ("blocked", "which input the model takes is not known: this protocol does not tell"),
    }
    write(tmp_path, {"rows.json": '{"instances": [[1, 2], [3, 4]]}'})
    assert one(tmp_path, "sums", url, "--input", tmp_path / "rows.json") == {
        "readiness": ("passed", "ready"),
        "inference": ("passed", "answered"),
    }


@pytest.mark.parametrize("model", ["embedder", "writer"])
def test_caikit(servers: Servers, tmp_path: Path, model: str) -> None:
    assert one(tmp_path, model, f"http://127.0.0.1:{servers.caikit}") == {
        "readiness": ("passed", "ready"),
        "inference": ("passed", "answered"),
    }


def test_the_tasks_of_an_openai_server(servers: Servers, tmp_path: Path) -> None:
    root = things(tmp_path)
    text = (root / "projects/things.yaml").read_text().replace("words:", "llama-3-8b:")
    (root / "projects/things.yaml").write_text(text.replace("llama-3-8b: null", "llama-3-8b: null"))
    url = f"http://127.0.0.1:{servers.llama}"
    words = ("--env", "nerc-ocp-prod", "--project", "things", "llama-3-8b", "--url", url)
    for task, message in {
        "chat": "answered as chat, 8 tokens",
        "completions": "answered as completions, 8 tokens",
    }.items():
        said, (report,) = smoked(root, *words, "--task", task)
        assert (said.code, checks(report)["inference"], checks(report)["streaming"][0]) == (
            0,
            ("passed", message),
            "passed",
        )


def test_an_embedding_model(servers: Servers, tmp_path: Path) -> None:
    root = things(tmp_path)
    text = (root / "projects/things.yaml").read_text().replace("  embedder:", "  other:").replace("words:", "embedder:")
    (root / "projects/things.yaml").write_text(text.replace("words: null", "embedder: null"))
    words = (
        "--env",
        "nerc-ocp-prod",
        "--project",
        "things",
        "embedder",
        "--url",
        f"http://127.0.0.1:{servers.embeddings}",
    )
    said, (report,) = smoked(root, *words, "--task", "embeddings")
    assert (said.code, checks(report)["inference"]) == (0, ("passed", "answered as embeddings"))
    assert "streaming" not in checks(report)


CALLS = (
    OWN.replace("name: own", "name: calls")
    .replace("[v1]", "[grpc-v2]")
    .replace("{containerPort", "{name: h2c, containerPort")
)

KNATIVE = """\
version: 1
platform: single-model
models:
  detector:
    runtime: calls
    framework: thing
    mode: advanced
    size: Small
    route: true
    tokens: [ci]
    location: {pvc: p, path: x}
environments: {nerc-ocp-prod: {}}
"""


def knative(root: Path) -> Path:
    return write(unlimited(root), {"projects/things.yaml": KNATIVE, "runtimes/calls.yaml": CALLS})


def test_grpc_through_the_router(servers: Servers, tmp_path: Path) -> None:
    words = ("--env", "nerc-ocp-prod", "--project", "things", *through(servers))
    said, (report,) = smoked(knative(tmp_path), *words, "--token-file", servers.token)
    assert (report["protocol"], report["address"]) == ("grpc", f"grpcs://detector-things.{APPS}:443")
    assert checks(report) == {
        "readiness": ("passed", "ready"),
        "metadata": ("passed", "1 input: predict FP32[-1, 2]"),
        "inference": ("passed", "answered with 1 output"),
        "without a token": ("passed", "refused with gRPC UNAUTHENTICATED"),
        "with a forged token": ("passed", "refused with gRPC UNAUTHENTICATED"),
    }
    assert said.code == 0


def test_grpc_with_a_token_of_somebody_else(servers: Servers, tmp_path: Path) -> None:
    words = ("--env", "nerc-ocp-prod", "--project", "things", *through(servers))
    _, (report,) = smoked(knative(tmp_path), *words, "--token-file", servers.stranger)
    outcome, message = checks(report)["readiness"]
    assert (outcome, message.split(":")[0]) == ("failed", "gRPC PERMISSION_DENIED")


# ---- bad ways --------------------------------------------------------------------------------------------------------


def failure(root: Path, *words: str | Path) -> tuple[int, str, str, str]:
    """The exit code, and the first check that did not pass: its name, what it says and what it advises."""
    said, reports = smoked(root, *words)
    bad = next(check for report in reports for check in report["checks"] if check["outcome"] in ("failed", "blocked"))
    return said.code, bad["name"], bad["message"], bad["remedy"]


def test_a_model_under_another_name(servers: Servers, tmp_path: Path) -> None:
    words = ("--env", "nerc-ocp-prod", "--project", "things", "words", "--url", f"http://127.0.0.1:{servers.llama}")
    assert failure(things(tmp_path), *words) == (
        3,
        "metadata",
        "there is no model 'words' here: it serves llama-3-8b",
        "check servedName and --served-model-name, and whether --url leads to this model",
    )


def test_a_model_that_the_server_does_not_have(servers: Servers, tmp_path: Path) -> None:
    words = (
        "--env",
        "nerc-ocp-prod",
        "--project",
        "vision",
        "segmenter",
        "--url",
        f"http://127.0.0.1:{servers.mlserver}",
    )
    code, name, message, _ = failure(example(tmp_path), *words)
    assert (code, name, message) == (
        3,
        "readiness",
        "HTTP 404: nothing is served at this path: Model segmenter not found",
    )


GRANITE = ("--env", "nerc-ocp-prod", "--project", "granite")


def test_a_token_of_somebody_else(servers: Servers, tmp_path: Path) -> None:
    said, (report,) = smoked(example(tmp_path), *GRANITE, *through(servers), "--token-file", servers.stranger)
    assert checks(report) == {
        "readiness": ("failed", "HTTP 403: the token is known, but its account may not call this model"),
        "without a token": ("passed", "refused with HTTP 401"),
        "with a forged token": ("passed", "refused with HTTP 401"),
    }
    assert said.code == 3


def test_no_token_at_all(servers: Servers, tmp_path: Path) -> None:
    code, name, message, remedy = failure(example(tmp_path), *GRANITE, *through(servers))
    assert (code, name, message) == (3, "inference", "the model asks for a token")
    assert remedy == (
        "write it to a file and pass --token-file FILE: oc get secret ci-granite-3-8b-sa -n granite-3f9c1e "
        "-o jsonpath='{.data.token}' | base64 -d"
    )


def test_an_authority_that_is_not_known(servers: Servers, tmp_path: Path) -> None:
    words = (*GRANITE, "--connect-to", f"127.0.0.1:{servers.router}", "--token-file", servers.token)
    code, name, message, remedy = failure(example(tmp_path), *words)
    assert (code, name, remedy) == (3, "readiness", "pass the certificate authority that signed it: --ca FILE")
    assert message == (
        f"the certificate of granite-3-8b-granite-3f9c1e.{APPS} is not trusted: unable to get local issuer certificate"
    )


def test_a_certificate_for_another_name(servers: Servers, tmp_path: Path) -> None:
    words = (*GRANITE, "--url", f"https://localhost:{servers.router}", "--ca", servers.authority)
    code, name, message, remedy = failure(example(tmp_path), *words, "--token-file", servers.token)
    assert (code, name) == (3, "readiness")
    assert message == (
        "the certificate is not for localhost: Hostname mismatch, certificate is not valid for 'localhost'."
    )
    assert remedy == (
        "call the model under the name in its certificate; for a port-forward: --connect-to localhost:PORT instead of --url"
    )


def test_tls_where_there_is_none(servers: Servers, tmp_path: Path) -> None:
    words = (*GRANITE, "--url", f"https://localhost:{servers.mlserver}", "--token-file", servers.token)
    code, name, message, remedy = failure(example(tmp_path), *words)
    assert (code, name) == (3, "readiness")
    assert message.startswith(f"localhost:{servers.mlserver} does not speak TLS")
    assert remedy == "an address with http:// may be meant, or the wrong port is called"


def test_grpc_where_rest_is_served(servers: Servers, tmp_path: Path) -> None:
    words = (
        "--env",
        "nerc-ocp-prod",
        "--project",
        "vision",
        "segmenter",
        "--url",
        f"grpc://127.0.0.1:{servers.mlserver}",
    )
    code, name, message, remedy = failure(example(tmp_path), *words)
    assert (code, name, message.split(":")[0]) == (3, "readiness", "gRPC UNAVAILABLE")
    assert remedy == "check the port, and whether its pods run; an address with TLS begins with grpcs://"


def test_a_route_that_nobody_wrote_into_the_spec(servers: Servers, tmp_path: Path) -> None:
    """The router leads to a model whose spec has no route any more."""
    root = example(tmp_path)
    spec = root / "projects/granite.yaml"
    text = spec.read_text()
    assert "route:" in text
    spec.write_text(
        "".join(line for line in text.splitlines(keepends=True) if "route:" not in line and "tokens:" not in line)
    )
    said, (report,) = smoked(root, *GRANITE, *through(servers))
    name = f"https://granite-3-8b-granite-3f9c1e.{APPS}"
    assert checks(report)["no route"] == (
        "failed",
        f"{name} answers with HTTP 401, although the model has no route in its spec",
    )
    assert said.code == 3


def test_no_format_ever_shows_the_token(servers: Servers, tmp_path: Path) -> None:
    root = example(tmp_path)
    token = servers.token.read_text().strip()
    for form in ("text", "json", "junit"):
        words = (*GRANITE, *map(str, through(servers)), "--token-file", str(servers.token), "--format", form)
        said = modelfleet(root, "smoke", *words)
        assert said.code == 0
        assert token not in said.out + said.err


def test_junit_has_a_case_for_each_check(servers: Servers, tmp_path: Path) -> None:
    words = (*GRANITE, *map(str, through(servers)), "--token-file", str(servers.token), "--format", "junit")
    suites = ElementTree.fromstring(modelfleet(example(tmp_path), "smoke", *words).out)
    assert [case.get("name") for case in suites.iter("testcase")] == [
        *("readiness", "metadata", "inference", "streaming"),
        *("without a token", "with a forged token"),
    ]
    assert [suite.get("failures") for suite in suites] == ["0"]
