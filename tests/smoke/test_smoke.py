"""What `smoke` says of servers that misbehave, each a few lines on loopback, and what it refuses to do."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from console import REPOSITORY, example, modelfleet, write
from modelfleet.smoke import wire
from modelfleet.smoke.exchange import Caller, trust_of
from modelfleet.smoke.openai import _is_text as is_text
from modelfleet.smoke.probe import SmokeOptions
from modelfleet.smoke.results import SmokeCheck
from modelfleet.smoke.run import call_all
from modelfleet.smoke.sample import TensorFacts, infer_request, tensors_of
from modelfleet.smoke.target import SmokeTarget

TOKEN = "sha256~never-to-be-seen"
WORDS = ("--env", "nerc-ocp-prod", "--project", "llama-405b")
"""A model of the OpenAI protocol that asks for no token."""
GUARDED = ("--env", "nerc-ocp-prod", "--project", "granite")
"""One that does."""

Reply = tuple[int, str, bytes]
"""Status, content type, body."""


@contextmanager
def serving(reply: Callable[[BaseHTTPRequestHandler], Reply]) -> Iterator[str]:
    """A server that answers every request with what `reply` makes of it; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, kind, body = reply(self)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if status in (301, 302):
                self.send_header("Location", "https://login.example.org/start")
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def listening(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A socket that does this with every connection; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def accept() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                talk(connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def repository(root: Path) -> Path:
    """The example with two projects alone, so that each command is quick."""
    for path in (example(root) / "projects").iterdir():
        if path.stem not in ("granite", "llama-405b"):
            path.unlink()
    return root


def target(url: str, *, token: bool = False) -> SmokeTarget:
    return SmokeTarget(
        environment="prod",
        project="llama-405b",
        namespace="llama",
        model="llama-405b",
        protocol="openai",
        served_as="llama-405b",
        base=url,
        closed=None,
        token=token,
        token_secrets=("ci-llama-405b-sa",) if token else (),
        tells_ready=True,
        stopped=False,
    )


def called(url: str, limit_s: float = 10, wait_s: float = 0, *, token: bool = False) -> dict[str, SmokeCheck]:
    """What came of calling a model there, by the names of the checks."""
    caller = Caller(trust=trust_of(()), limit_s=limit_s, token=TOKEN)
    options = SmokeOptions(wait_s=wait_s)
    (report,) = call_all([target(url, token=token)], caller, options, 1, lambda text: None)
    return {check.name: check for check in report.checks}


def first_failure(url: str, limit_s: float = 10) -> tuple[str, str]:
    """What the first check that failed says and advises."""
    bad = next(check for check in called(url, limit_s).values() if check.outcome == "failed")
    return bad.message, bad.remedy


PODS = "oc get pods -n llama shows whether its pods run"
MODELS = json.dumps({"data": [{"id": "llama-405b", "max_model_len": 4096}]}).encode()
CHAT = json.dumps({"choices": [{"message": {"content": "Hi"}}], "usage": {"completion_tokens": 1}}).encode()
STREAM = b'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\ndata: {"choices":[{"delta":{"content":"Hi"}}]}\n\ndata: [DONE]\n\n'


# ---- no answer -------------------------------------------------------------------------------------------------------


def test_a_closed_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert first_failure(f"http://127.0.0.1:{port}") == (f"nothing listens at 127.0.0.1:{port}", PODS)


def test_a_name_that_does_not_exist() -> None:
    assert first_failure("http://model.invalid:1") == (
        "the name model.invalid cannot be resolved",
        "check cluster.appsDomain of the environment and your VPN; names that end in .svc.cluster.local exist only in the cluster",
    )


def hang(connection: socket.socket) -> None:
    threading.Event().wait(1.5)


def hang_up(connection: socket.socket) -> None:
    connection.recv(100)


def test_a_server_that_hangs() -> None:
    with listening(hang) as url:
        message, remedy = first_failure(url, 0.5)
    assert message == f"{url.removeprefix('http://')} accepted the request and did not answer in time"
    assert remedy == (
        "raise --timeout if the model is slow or scales from zero; oc logs -n llama says what it is doing"
    )


@pytest.mark.parametrize("phase", ["in a call", "between two calls"])
def test_ctrl_c_while_it_waits(phase: str, tmp_path: Path) -> None:
    """The command ends at once with nothing to see but the exit code, however long it would have waited."""
    asked, over = threading.Event(), threading.Event()

    def wait(connection: socket.socket) -> None:
        connection.recv(4096)
        if phase == "between two calls":
            connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        asked.set()
        if phase == "in a call":
            over.wait(60)

    words = ["--root", str(repository(tmp_path)), "smoke", *WORDS, "--timeout", "60s", "--wait", "60s", "--url"]
    program = "from modelfleet.cli.main import main; main()"
    with (
        listening(wait) as url,
        subprocess.Popen(
            [sys.executable, "-c", program, *words, url],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "generator")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        try:
            assert asked.wait(30)
            time.sleep(0.3)  # the answer arrives, and the next call is waited for
            process.send_signal(signal.SIGINT)
            # The one character ends the line on which the terminal shows ^C.
            assert (process.communicate(timeout=10), process.returncode) == ((b"", b"\n"), 130)
        finally:
            over.set()
            process.kill()


def test_a_server_that_never_begins_tls() -> None:
    with listening(hang) as url:
        message, remedy = first_failure(url.replace("http:", "https:"), 0.5)
    assert message == f"{url.removeprefix('http://')} does not complete the TLS handshake in time"
    assert remedy == "it may not speak TLS: an address with http:// may be meant, or the wrong port is called"


def test_a_server_that_drips() -> None:
    """Every read brings a byte in time, and still the call ends when its time is over."""

    def drip(connection: socket.socket) -> None:
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(40):
                connection.sendall(b"x")
                threading.Event().wait(0.1)
        except OSError:
            return

    with listening(drip) as url:
        message, _ = first_failure(url, 0.5)
    assert message == f"{url.removeprefix('http://')} accepted the request and did not answer in time"


def test_a_connection_that_is_closed() -> None:
    with listening(hang_up) as url:
        message, remedy = first_failure(url)
    assert message == f"{url.removeprefix('http://')} closed the connection without an answer"
    assert remedy == f"an http address may belong to a server that speaks TLS; {PODS}"


def test_a_server_of_another_protocol() -> None:
    with listening(lambda connection: connection.sendall(b"220 mail.example.org ESMTP\r\n")) as url:
        message, remedy = first_failure(url)
    assert message == f"{url.removeprefix('http://')} answers, but not in HTTP: BadStatusLine"
    assert remedy == "check the port: it may be the one for gRPC"


# ---- answers that are no success -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "message", "remedy"),
    [
        (
            (503, "text/html", b"<h1>Application is not available</h1>"),
            "HTTP 503: the model is not available: it is loading, or no pod is ready",
            f"{PODS}; --wait 10m waits for it",
        ),
        (
            (500, "application/json", b'{"error": {"message": "out of\\n memory \\u001b[31m"}}'),
            "HTTP 500: the model fails: out of memory \\u001b[31m",
            "oc logs -n llama says why",
        ),
        (
            (404, "application/json", b'{"detail": "Not Found"}'),
            "HTTP 404: nothing is served at this path: Not Found",
            "the model may be served under another name, or still be loading",
        ),
        (
            (302, "text/html", b""),
            "HTTP 302: the request is redirected to login.example.org, which is not followed",
            "a login page may be in front of the model, or http:// is meant to be https://",
        ),
        (
            (200, "application/json", b'{"data": [{"id": "other"}]}'),
            "there is no model 'llama-405b' here: it serves other",
            "check servedName and --served-model-name, and whether --url leads to this model",
        ),
        (
            (200, "text/html", b"<html>welcome</html>"),
            "there is no model 'llama-405b' here: it names no model",
            "check servedName and --served-model-name, and whether --url leads to this model",
        ),
    ],
    ids=["loading", "failing", "missing", "login", "another model", "a web page"],
)
def test_an_answer_that_is_no_success(reply: Reply, message: str, remedy: str) -> None:
    with serving(lambda request: reply) as url:
        assert first_failure(url) == (message, remedy)


def test_a_model_that_loads_is_waited_for() -> None:
    answers = [503, 503, 200]

    def reply(request: BaseHTTPRequestHandler) -> Reply:
        if request.command == "GET":
            status = answers.pop(0) if answers else 200
            return status, "application/json", MODELS
        return 200, "application/json", CHAT

    with serving(reply) as url:
        found = called(url, wait_s=20)
    assert [(check.name, check.outcome, check.message) for check in found.values()] == [
        ("readiness", "passed", "ready"),
        ("metadata", "passed", "serves llama-405b, context of 4096 tokens"),
        ("inference", "passed", "answered as chat, 1 tokens"),
        ("streaming", "failed", "HTTP 200, but no text arrived in events"),
    ]


# ---- tokens ----------------------------------------------------------------------------------------------------------


def token_file(root: Path, text: str = TOKEN) -> Path:
    return write(root, {"token": text}) / "token"


def test_a_model_that_answers_without_a_token() -> None:
    with serving(lambda request: (200, "application/json", MODELS)) as url:
        found = called(url, token=True)
    for name in ("without a token", "with a forged token"):
        assert (found[name].outcome, found[name].message) == (
            "failed",
            "answered with HTTP 200: everybody who reaches the address can use the model",
        )


@pytest.mark.parametrize(
    ("status", "outcome", "message"),
    [
        (401, "passed", "refused with HTTP 401"),
        (403, "passed", "refused with HTTP 403"),
        (
            302,
            "passed",
            "redirected with HTTP 302, as a login page does: refused, but not in the way that a program expects",
        ),
        (404, "failed", "HTTP 404 instead of 401 or 403: the request may have reached the model"),
        (503, "failed", "HTTP 503 instead of 401 or 403: the request may have reached the model"),
    ],
)
def test_how_a_call_without_a_token_is_refused(status: int, outcome: str, message: str) -> None:
    with serving(lambda request: (status, "text/plain", b"")) as url:
        found = called(url, token=True)["without a token"]
    assert (found.outcome, found.message) == (outcome, message)


@pytest.mark.parametrize(
    ("status", "outcome", "message"),
    [
        (503, "passed", "not reachable from outside: the router answers with HTTP 503"),
        (404, "passed", "not reachable from outside: the router answers with HTTP 404"),
        (200, "failed", "URL answers with HTTP 200, although the model has no route in its spec"),
        (401, "failed", "URL answers with HTTP 401, although the model has no route in its spec"),
    ],
)
def test_a_model_without_a_route(status: int, outcome: str, message: str) -> None:
    with serving(lambda request: (status, "text/plain", b"")) as url:
        closed = replace(target(url), base=None, closed=url)
        (report,) = call_all([closed], Caller(trust=trust_of(()), limit_s=5), SmokeOptions(), 1, lambda text: None)
    assert (report.checks[0].outcome, report.checks[0].message) == (outcome, message.replace("URL", url))
    assert report.verdict == outcome


@pytest.mark.parametrize("form", ["text", "json", "junit"])
def test_a_server_that_sends_the_token_back(form: str, tmp_path: Path) -> None:
    def reply(request: BaseHTTPRequestHandler) -> Reply:
        return 500, "application/json", json.dumps({"error": f"for {request.headers['Authorization']}"}).encode()

    with serving(reply) as url:
        words = (*GUARDED, "--url", url, "--token-file", str(token_file(tmp_path)), "--format", form)
        said = modelfleet(repository(tmp_path), "smoke", *words)
    assert said.code == 3
    assert TOKEN not in said.out + said.err
    assert "for Bearer ***" in said.out


def test_a_token_goes_to_no_model_that_asks_for_none() -> None:
    seen: list[str | None] = []

    def reply(request: BaseHTTPRequestHandler) -> Reply:
        seen.append(request.headers["Authorization"])
        return 200, "application/json", CHAT if request.command == "POST" else MODELS

    with serving(reply) as url:
        called(url)
    assert set(seen) == {None}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "say which environment is called: --env nerc-ocp-edu or --env nerc-ocp-prod or --env nerc-ocp-test"),
        (
            ("--env", "nerc-ocp-prod", "granit"),
            "MODEL granit: there is no such thing; did you mean 'granite-3-8b'?",
        ),
        (
            ("--env", "nerc-ocp-prod", "--url", "https://localhost"),
            "--url is the address of one model: name it, and its --project if several have one of that name",
        ),
        (
            (*WORDS, "--url", "localhost:8080"),
            "--url: an address begins with http://, https://, grpc:// or grpcs:// and a host",
        ),
        ((*WORDS, "--url", "grpc://localhost:8080"), "--url: the model does not speak gRPC"),
        *(
            ((*WORDS, "--url", url), "--url: an address begins with http://, https://, grpc:// or grpcs:// and a host")
            for url in (
                "https://localhost:99999",
                "https://localhost:x",
                "https://[::1",
                "https://:443",
                "file:///etc/hosts",
            )
        ),
        *(
            (
                (*WORDS, "--url", url),
                "--url: an address holds no password, query or fragment; a token is given with --token-file",
            )
            for url in ("https://user:secret@localhost", "https://localhost/?a=b", "https://localhost/#a")
        ),
        (
            (*GUARDED, "--url", "http://model.example.org", "--token-env", "MODEL_TOKEN"),
            "http://model.example.org: a token would be sent in the clear; use an address with TLS",
        ),
        (
            (*GUARDED, "--token-env", "EMPTY"),
            "--token-env EMPTY: does not hold a token, which is one word without spaces",
        ),
        ((*WORDS, "--timeout", "soon"), "Invalid value for '--timeout': 'soon' is not a duration; write 30s or 10m"),
        ((*WORDS, "--connect-to", "router"), "Invalid value for '--connect-to': 'router' is not HOST:PORT"),
        (("--env", "nerc-ocp-prod", "--input", "x"), "--input is for one model: name it"),
    ],
)
def test_what_is_not_called(
    words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_TOKEN", TOKEN)
    said = modelfleet(repository(tmp_path), "smoke", *words)
    assert (said.code, said.out, said.err) == (2, "", f"modelfleet: {message}\n")


def test_a_file_that_holds_no_token_is_not_shown(tmp_path: Path) -> None:
    file = token_file(tmp_path, f"{TOKEN} {TOKEN}")
    said = modelfleet(repository(tmp_path), "smoke", *GUARDED, "--token-file", str(file))
    assert (said.code, said.err) == (
        2,
        f"modelfleet: --token-file {file}: does not hold a token, which is one word without spaces\n",
    )


# ---- requests and messages -------------------------------------------------------------------------------------------


def test_a_request_is_made_from_the_metadata() -> None:
    metadata = {
        "inputs": [
            {"name": "images", "datatype": "FP32", "shape": [-1, 3, 2, 2]},
            {"name": "texts", "datatype": "BYTES", "shape": ["-1"]},
            {"name": "broken", "datatype": "FP32", "shape": ["many"]},
        ]
    }
    assert infer_request(tensors_of(metadata)) == {
        "inputs": [
            {"name": "images", "shape": [1, 3, 2, 2], "datatype": "FP32", "data": [0] * 12},
            {"name": "texts", "shape": [1], "datatype": "BYTES", "data": ["Hello"]},
        ]
    }


@pytest.mark.parametrize("metadata", [None, [], {}, {"inputs": None}, {"inputs": "x"}, {"inputs": [1, {}]}])
def test_metadata_that_name_no_inputs(metadata: Any) -> None:
    assert tensors_of(metadata) == []


def test_the_first_event_of_a_chat_is_no_text_yet() -> None:
    lines = STREAM.splitlines()
    assert [is_text(line) for line in lines] == [False, False, True, False, False, False]


def test_a_message_of_grpc_is_read_as_it_was_written() -> None:
    tensor = TensorFacts("predict", "FP32", (-1, 300))
    sent = wire.infer_message("m", [tensor])
    assert sent is not None
    # model_name; then the input: name, datatype, shape [1, 300] packed, contents with fp32_contents of 300 zeros
    head = b"\x0a\x01m" + b"\x2a" + bytes([0xCA, 0x09])
    told = b"\x0a\x07predict" + b"\x12\x04FP32" + b"\x1a\x03\x01\xac\x02"
    assert sent == head + told + b"\x2a\xb3\x09" + b"\x32\xb0\x09" + bytes(1200)
    answer = b"\x22" + bytes([19 + 10]) + told[:-5] + b"\x1a\x0c" + b"\xff" * 9 + b"\x01" + b"\xac\x02"
    assert wire.metadata_inputs(answer) == [tensor]


@pytest.mark.parametrize("answer", [b"\xff", b"\x0a\x05ab", b"\x0b", b"\x80" * 12])
def test_bytes_that_are_no_message(answer: bytes) -> None:
    with pytest.raises(ValueError, match="protobuf message"):
        wire.metadata_inputs(answer)
