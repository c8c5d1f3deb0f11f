"""What opens a model, and what a release refuses: each with a near miss."""

from __future__ import annotations

from pathlib import Path

import pytest

from console import write
from modelfleet.migrate.migrate import RepositoryState, repository_state
from modelfleet.migrate.step import Move
from modelfleet.rehearse.guard import not_admitted, openings
from plan_repository import FILES

SPEC = """\
version: 1
platform: single-model
models:
  chat: {runtime: kserve-ovms, framework: onnx-1, size: Small, ROUTE, TOKENS, location: {pvc: weights, path: chat}}
environments: {prod: {}}
"""


def state(
    root: Path, route: str = "route: false", tokens: str = "tokens: [web]", name: str = "chat"
) -> RepositoryState:
    files = {path: FILES[path] for path in ("environments/base.yaml", "environments/prod.yaml")}
    spec = SPEC.replace("ROUTE", route).replace("TOKENS", tokens).replace("  chat:", f"  {name}:")
    return repository_state(write(root, {**files, "projects/acme.yaml": spec}))


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ({"route": "route: true"}, ["acme/chat could be reached from outside"]),
        ({"tokens": "tokens: []"}, ["acme/chat would ask for no token"]),
        (
            {"tokens": "tokens: [web], callers: [{group: data-team}]"},
            ["acme: RoleBinding chat-view would let others call"],
        ),
        ({"tokens": "tokens: [web, ci]"}, []),
        ({}, []),
    ],
)
def test_what_opens_a_model(after: dict[str, str], said: list[str], tmp_path: Path) -> None:
    before = state(tmp_path / "before")
    assert list(openings(before, state(tmp_path / "after", **after), "prod")) == said


def test_what_closes_a_model_opens_nothing(tmp_path: Path) -> None:
    before = state(tmp_path / "before", route="route: true", tokens="tokens: [], labels: {team: shop}")
    assert list(openings(before, state(tmp_path / "after"), "prod")) == []


def test_a_successor_is_held_against_the_model_that_it_follows(tmp_path: Path) -> None:
    """Without the move it is a new model, of which nobody can say that it is too open."""
    before, after = state(tmp_path / "before"), state(tmp_path / "after", route="route: true", name="talk")
    move = Move(environment="prod", pointer=("models", "chat"), old="chat", new="talk")
    assert list(openings(before, after, "prod", [move])) == ["acme/talk could be reached from outside"]
    assert list(openings(before, after, "prod")) == []


def test_what_a_release_refuses(tmp_path: Path) -> None:
    knative = state(tmp_path, tokens="tokens: [web], mode: advanced")
    assert list(not_admitted(knative, "prod", "rhoai-2.25")) == []
    assert list(not_admitted(knative, "prod", "rhoai-3.3")) == [
        "acme: Red Hat OpenShift AI 3.3 refuses InferenceService chat (ADM015): this release has no Knative, so nothing "
        "serves a model in serverless mode; write RawDeployment; a live model must be deleted and recreated for that"
    ]
    assert list(not_admitted(state(tmp_path), "prod", "rhoai-3.3")) == []
