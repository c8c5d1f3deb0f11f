"""The contract of a project's endpoints: written beside the overlay, kept by every other command, and what breaks it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from console import example, modelfleet
from modelfleet.endpoints.contract import breaches, contract_in

LOCK = "environments/nerc-ocp-prod/granite/endpoints.lock.yaml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The example with two projects, rendered and locked."""
    for path in (example(tmp_path) / "projects").iterdir():
        if path.stem not in ("granite", "coolstore"):
            path.unlink()
    assert modelfleet(tmp_path, "render").code == 0
    assert modelfleet(tmp_path, "endpoints", "--lock").code == 0
    return tmp_path


def test_what_is_promised(root: Path) -> None:
    text = (root / LOCK).read_text()
    assert text.startswith("# Generated from projects/granite.yaml and environments/nerc-ocp-prod.yaml: ")
    assert yaml.safe_load(text) == {
        "version": 1,
        "models": {
            "granite-3-8b": {
                "openai": {
                    "servedAs": "granite-3-8b",
                    "contextLength": 20000,
                    "inside": {
                        "address": "https://granite-3-8b-predictor.granite-3f9c1e.svc.cluster.local:8443/v1/chat/completions",
                        "token": True,
                        "certificateAuthority": "service-ca",
                    },
                    "outside": {
                        "address": "https://granite-3-8b-granite-3f9c1e.apps.shift.nerc.mghpcc.org/v1/chat/completions",
                        "token": True,
                        "certificateAuthority": "router",
                    },
                }
            }
        },
    }


def test_a_contract_is_part_of_the_tree_and_of_no_kustomization(root: Path) -> None:
    assert modelfleet(root, "render", "--check").code == 0
    assert modelfleet(root, "endpoints", "--lock", "--check").out == "up to date: 5 contracts\n"
    again = modelfleet(root, "endpoints", "--lock")
    assert (again.code, again.out) == (0, "5 contracts, 0 written\n")
    assert all("lock" not in path.read_text() for path in root.glob("environments/*/*/kustomization.yaml"))


def test_render_keeps_a_contract_that_is_broken(root: Path) -> None:
    before = (root / LOCK).read_text()
    spec = root / "projects/granite.yaml"
    spec.write_text(spec.read_text().replace("namespace: granite-3f9c1e", "namespace: granite-new"))
    said = modelfleet(root, "endpoints", "--lock")
    assert (said.code, said.out) == (3, "")
    assert said.err.endswith("is not as it would be rendered; run `modelfleet render` first\n")
    assert modelfleet(root, "render").code == 0
    assert (root / LOCK).read_text() == before
    checked = modelfleet(root, "endpoints", "--lock", "--check")
    assert (checked.code, checked.out) == (3, f"{LOCK} is out of date; run `modelfleet endpoints --lock`\n")
    assert (
        modelfleet(root, "endpoints", "--lock", "--project", "granite").out
        == f"changed: {LOCK}\n3 contracts, 1 written\n"
    )


def test_a_contract_goes_with_its_project(root: Path) -> None:
    (root / "projects/granite.yaml").unlink()
    assert modelfleet(root, "render").code == 0
    assert not (root / LOCK).parent.exists()


def test_a_contract_that_was_edited_is_named(root: Path) -> None:
    (root / LOCK).write_text((root / LOCK).read_text().replace("20000", "30000"))
    said = modelfleet(root, "render")
    assert said.code == 4
    assert said.err.splitlines()[-1] == (
        f"{LOCK}:1:1: error[OUT004]: edited by hand or merged since it was generated, and it is no longer generated; "
        "move it away, or `modelfleet render --overwrite` removes it"
    )


def test_check_belongs_to_lock(root: Path) -> None:
    assert modelfleet(root, "endpoints", "--check").err == "modelfleet: --check requires --lock\n"


# ---- what breaks a contract ------------------------------------------------------------------------------------------


def promise(**changed: Any) -> dict[str, Any]:
    facts = {
        "servedAs": "chat",
        "contextLength": 8192,
        "inside": {"address": "http://chat:8080", "token": False},
        "outside": {"address": "https://chat.example.org", "token": True, "certificateAuthority": "router"},
        **changed,
    }
    return {
        "version": 1,
        "models": {"chat": {"openai": {key: value for key, value in facts.items() if value is not None}}},
    }


@pytest.mark.parametrize(
    ("after", "texts"),
    [
        (promise(), []),
        (promise(contextLength=16384), []),
        (promise(contextLength=None), []),
        (promise(contextLength=4096), ["context of 8192 → 4096 tokens"]),
        (promise(servedAs="acme/chat"), ["requests call it `acme/chat` instead of `chat`"]),
        (promise(outside=None), ["no longer reachable from outside: `https://chat.example.org`"]),
        (
            promise(inside={"address": "https://chat:8443", "token": True, "certificateAuthority": "service-ca"}),
            [
                "inside the cluster `http://chat:8080` → `https://chat:8443`",
                "inside the cluster a token is now required",
                "inside the cluster it is called with TLS now, and the certificate is of service-ca",
            ],
        ),
        (
            promise(
                outside={"address": "https://chat.example.org", "token": True, "certificateAuthority": "service-ca"}
            ),
            ["from outside another authority signs the certificate: service-ca"],
        ),
        (
            promise(outside={"address": "https://chat.example.org", "token": False, "certificateAuthority": "router"}),
            [],
        ),
        ({"version": 1, "models": {}}, ["the model is gone"]),
        ({"version": 1, "models": {"chat": {"v2": {}}}}, ["the protocol is no longer served"]),
        ({}, ["the model is gone"]),
    ],
)
def test_what_breaks(after: dict[str, Any], texts: list[str]) -> None:
    found = list(breaches(promise(), after))
    assert [(one.model, one.protocol, one.text) for one in found] == [("chat", "openai", text) for text in texts]


@pytest.mark.parametrize("content", [b"", b"[]", b"version: 2", b"{", b"a: 1\na: 2", b"version: 1\n---\nversion: 1\n"])
def test_a_file_that_holds_no_contract(content: bytes) -> None:
    assert contract_in(content) is None


@pytest.mark.parametrize(
    "content",
    [b"version: 1", b"version: 1\nmodels: []", b"version: 1\nmodels: {a: [1], b: {c: 3}}", b"version: 1\nmodels: 3"],
)
def test_a_contract_may_hold_anything_at_all(content: bytes) -> None:
    found = contract_in(content)
    assert found is not None
    list(breaches(found, promise()))


# ---- the plan --------------------------------------------------------------------------------------------------------


@pytest.fixture
def committed(root: Path) -> Callable[[], None]:
    def commit() -> None:
        words = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
        for step in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
            subprocess.run([*words, *step], cwd=root, check=True, capture_output=True)

    commit()
    return commit


def remarks(root: Path) -> list[str]:
    said = modelfleet(root, "plan", "--against", "HEAD", "--env", "nerc-ocp-prod")
    return [line.strip() for line in said.out.splitlines() if "contract" in line]


@pytest.mark.usefixtures("committed")
def test_a_plan_says_for_whom_a_contract_breaks(root: Path) -> None:
    assert remarks(root) == []
    spec = root / "projects/granite.yaml"
    text = spec.read_text().replace("--max-model-len=20000", "--max-model-len=10000")
    consumers = "consumers:\n  chatbot: {models: [granite-3-8b], contact: '#team-web'}\n  portal: {}\n"
    spec.write_text(text.replace("environments:\n", f"{consumers}environments:\n", 1))
    assert modelfleet(root, "render").code == 0
    assert remarks(root) == [
        "the contract of granite/granite-3-8b breaks for chatbot (#team-web), portal: openai: context of 20000 → 10000 tokens"
    ]


@pytest.mark.usefixtures("committed")
def test_a_plan_that_breaks_no_contract_says_nothing_of_it(root: Path) -> None:
    spec = root / "projects/granite.yaml"
    spec.write_text(spec.read_text().replace("--max-model-len=20000", "--max-model-len=30000"))
    assert modelfleet(root, "render").code == 0
    assert remarks(root) == []
