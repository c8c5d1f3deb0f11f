"""What a plan says of quotas beside accelerators, and of cost."""

from __future__ import annotations

from typing import Any

import pytest

from plan_repository import BASE, FILES, Repository, repository

CHAT_FILE, BASE_FILE = "projects/chat.yaml", "environments/base.yaml"
ACCELERATOR = '    computeCapability: "8.0"\n'


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """With a rate, and a quota of cpu and pods."""
    facts = BASE.replace(ACCELERATOR, f"{ACCELERATOR}    rate: 12.5\n")
    facts = facts.replace("default: {requests", "default: {limits.cpu: 32, pods: 9, requests")
    return repository(tmp_path_factory.mktemp("plan"), {**FILES, BASE_FILE: facts})


def planned(root: Repository, old: str, new: str) -> tuple[dict[str, Any], str]:
    """The environment's part of the plan, and the plan in words."""
    root.edit(CHAT_FILE, old, new)
    try:
        (environment,) = root.data()["environments"]
        return environment, root.plan("--no-diff").out
    finally:
        root.edit(CHAT_FILE, new, old)


def test_fewer_replicas_cost_less_and_leave_room(root: Repository) -> None:
    found, words = planned(root, "    replicas: 2\n", "    replicas: 1\n")
    assert found["costPerWeek"] == {"before": 2 * 12.5 * 168, "after": 12.5 * 168}
    assert [(one["resource"], one["before"], one["after"], one["quota"]) for one in found["resources"]] == [
        ("limits.cpu", "8400m", "6200m", "32"),
        ("pods", "4", "3", "9"),
    ]
    assert "cost" in words
    assert "-2,100 per week, at the rates of the environment" in words
    assert "8400m → 6200m of 32" in words


def test_what_takes_no_more_accelerators_has_no_cost(root: Repository) -> None:
    found, words = planned(root, "    displayName: Chat\n", "    displayName: Talk\n")
    assert (found["costPerWeek"], found["resources"]) == (None, [])
    assert "a week" not in words


def test_without_a_rate_nothing_is_said_of_cost(root: Repository) -> None:
    root.edit(BASE_FILE, "    rate: 12.5\n", "")
    try:
        found, words = planned(root, "    replicas: 2\n", "    replicas: 1\n")
    finally:
        root.edit(BASE_FILE, ACCELERATOR, f"{ACCELERATOR}    rate: 12.5\n")
    assert found["costPerWeek"] is None
    assert "a week" not in words
