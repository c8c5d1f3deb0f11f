"""Sums, LimitRange and packing against Kubernetes' own code: its quota evaluator, its LimitRanger and its scheduler's filters.

The program beside this file links them and answers questions in JSON; the worlds are made up, the same ones each time.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from modelfleet.capacity.amounts import container, container_limits, resource_amounts
from modelfleet.capacity.nodes import NodeKind, packable
from modelfleet.capacity.pods import Pod
from modelfleet.capacity.quota import pod_usage, unnamed
from modelfleet.capacity.room import outside_limits
from modelfleet.kubernetes.quantity import quantity_value
from modelfleet.resolve.environment import LimitRange

WORLDS = 1_000
HARD = (
    "cpu",
    "requests.cpu",
    "limits.cpu",
    "memory",
    "requests.memory",
    "limits.memory",
    "requests.nvidia.com/gpu",
    "pods",
)
CPU = ("50m", "100m", "250m", "0.5", "1", "1500m", "2", "4")
MEMORY = ("64Mi", "128M", "512Mi", "1Gi", "1.5Gi", "2Gi", "24Gi", "1e9")


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built from the modules that go.mod names."""
    place = tmp_path_factory.mktemp("oracle") / "oracle"
    environment = {**os.environ, "GOFLAGS": "-mod=readonly"}
    subprocess.run(
        ["nice", "-n", "10", "go", "build", "-o", place, "."], cwd=Path(__file__).parent, env=environment, check=True
    )
    return place


def ask(oracle: Path, questions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    lines = "\n".join(json.dumps(question) for question in questions)
    done = subprocess.run([oracle], input=f"{lines}\n", capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


# ---- one pod ---------------------------------------------------------------------------------------------------------


def amounts(dice: random.Random, often: float) -> dict[str, str]:
    found = {}
    for name, choices in (("cpu", CPU), ("memory", MEMORY), ("ephemeral-storage", MEMORY)):
        if dice.random() < often:
            found[name] = dice.choice(choices)
    return found


def container_of(dice: random.Random, name: str) -> dict[str, Any]:
    resources = {"requests": amounts(dice, 0.6), "limits": amounts(dice, 0.6)}
    if dice.random() < 0.3:
        count = str(dice.randint(1, 4))
        resources["limits"]["nvidia.com/gpu"] = count
        if dice.random() < 0.5:
            resources["requests"]["nvidia.com/gpu"] = count
    return {"name": name, "image": "i", "resources": resources}


def pod_of(dice: random.Random) -> dict[str, Any]:
    before = [container_of(dice, f"before-{index}") for index in range(dice.randint(0, 3))]
    for one in before:
        if dice.random() < 0.4:
            one["restartPolicy"] = "Always"
    running = [container_of(dice, f"running-{index}") for index in range(dice.randint(1, 3))]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "n"},
        "spec": {"containers": running, "initContainers": before},
    }


def limits_of(dice: random.Random) -> dict[str, dict[str, str]] | None:
    if dice.random() < 0.3:
        return None
    parts = ("default", "defaultRequest", "min", "max")
    return {part: amounts(dice, 0.5) for part in parts if dice.random() < 0.5}


def limit_range(item: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if item is None:
        return None
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "l", "namespace": "n"},
        "spec": {"limits": [{"type": "Container", **item}]},
    }


def ours(pod: Mapping[str, Any], item: Mapping[str, dict[str, str]] | None) -> Pod:
    known = None
    if item is not None:
        parts = (item.get(part, {}) for part in ("default", "defaultRequest", "min", "max"))
        known = container_limits(
            LimitRange(**dict(zip(("default", "default_request", "minimum", "maximum"), parts, strict=True)))
        )
    written = [
        *(container(one, "init") for one in pod["spec"]["initContainers"]),
        *map(container, pod["spec"]["containers"]),
    ]
    return Pod("p", tuple(one.completed(known) for one in written))


@pytest.fixture(scope="session")
def pods() -> list[tuple[dict[str, Any], dict[str, dict[str, str]] | None]]:
    dice = random.Random(20261129)
    return [(pod_of(dice), limits_of(dice)) for _ in range(WORLDS)]


@pytest.fixture(scope="session")
def answers(oracle: Path, pods: Sequence[tuple[dict[str, Any], Any]]) -> list[dict[str, Any]]:
    return ask(oracle, [{"pod": pod, "limitRange": limit_range(item), "required": HARD} for pod, item in pods])


def test_the_quota_evaluator_counts_the_same(
    pods: Sequence[tuple[dict[str, Any], Any]], answers: Sequence[Mapping[str, Any]]
) -> None:
    wrong = []
    for (pod, item), answer in zip(pods, answers, strict=True):
        counted = {name: amount for name, amount in pod_usage(ours(pod, item)).items() if amount}
        theirs = {name: Fraction(amount) for name, amount in answer["usage"].items() if Fraction(amount)}
        if counted != theirs:
            wrong.append((pod, item, counted, theirs))
    assert wrong == []
    assert len(answers) == WORLDS


def test_the_same_containers_name_too_little(
    pods: Sequence[tuple[dict[str, Any], Any]], answers: Sequence[Mapping[str, Any]]
) -> None:
    hard = {name: Fraction(100) for name in HARD}
    wrong, lacking = [], 0
    for (pod, item), answer in zip(pods, answers, strict=True):
        found = {(resource, name) for resource, names in unnamed(hard, ours(pod, item)).items() for name in names}
        theirs = set(_named(answer.get("missing", "")))
        lacking += bool(theirs)
        if found != theirs:
            wrong.append((pod, item, found, theirs))
    assert wrong == []
    assert 0 < lacking < WORLDS


def _named(text: str) -> Iterator[tuple[str, str]]:
    """`must specify limits.cpu for: a,b; limits.memory for: a`."""
    for part in text.removeprefix("must specify ").split("; ") if text else ():
        resource, _, names = part.partition(" for: ")
        yield from ((resource, name) for name in names.split(","))


def test_the_limit_ranger_refuses_the_same(
    pods: Sequence[tuple[dict[str, Any], Any]], answers: Sequence[Mapping[str, Any]]
) -> None:
    """It does not compare requests with limits: that is the validation that comes after it."""
    wrong, refused = [], 0
    for (pod, item), answer in zip(pods, answers, strict=True):
        if item is None:
            continue
        parts = (item.get(part, {}) for part in ("default", "defaultRequest", "min", "max"))
        known = container_limits(
            LimitRange(**dict(zip(("default", "default_request", "minimum", "maximum"), parts, strict=True)))
        )
        found = [text for _, text in outside_limits(ours(pod, item), known) if "the LimitRange" in text]
        refused += "refused" in answer
        if bool(found) != ("refused" in answer):
            wrong.append((pod, item, found, answer.get("refused")))
    assert wrong == []
    assert 0 < refused < WORLDS


# ---- pods on nodes ---------------------------------------------------------------------------------------------------

PRODUCTS = ("a100", "h100")


def world(dice: random.Random) -> tuple[list[NodeKind], list[Pod]]:
    kinds = [
        NodeKind(
            name=f"kind-{index}",
            count=dice.randint(1, 2),
            amounts=resource_amounts(
                {
                    "cpu": dice.choice(("4", "8", "3500m")),
                    "memory": dice.choice(("8Gi", "16Gi")),
                    "pods": dice.choice(("3", "10")),
                    "nvidia.com/gpu": str(dice.choice((0, 2, 4))),
                }
            ),
            accelerators={},
            labels={"product": dice.choice(PRODUCTS)},
            taints=tuple(
                {
                    "key": "gpu",
                    "value": dice.choice(PRODUCTS),
                    "effect": dice.choice(("NoSchedule", "PreferNoSchedule")),
                }
                for _ in range(dice.randint(0, 1))
            ),
        )
        for index in range(dice.randint(1, 2))
    ]
    pods = [
        Pod(
            f"pod-{index}",
            (
                container(
                    {
                        "name": "c",
                        "resources": {
                            "requests": {
                                "cpu": dice.choice(("500m", "1", "2")),
                                "memory": dice.choice(("1Gi", "4Gi", "6Gi")),
                                "nvidia.com/gpu": str(dice.choice((0, 0, 1, 2, 3))),
                            }
                        },
                    }
                ),
            ),
            {"product": dice.choice(PRODUCTS)} if dice.random() < 0.2 else {},
            tuple(
                dice.choice(
                    (
                        {"key": "gpu", "operator": "Exists"},
                        {"operator": "Exists"},
                        {"key": "gpu", "value": "a100", "effect": "NoSchedule"},
                        {"key": "gpu", "operator": "Equal", "value": "h100"},
                    )
                )
                for _ in range(dice.randint(0, 2))
            ),
        )
        for index in range(dice.randint(1, 6))
    ]
    return kinds, pods


def quantities(amounts: Mapping[str, Fraction]) -> dict[str, str]:
    return {name: f"{int(amount * 1000)}m" for name, amount in amounts.items()}


def as_nodes(kinds: Sequence[NodeKind]) -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": f"{kind.name}-{index}", "labels": dict(kind.labels)},
            "spec": {"taints": list(kind.taints)},
            "status": {"allocatable": quantities(kind.amounts), "capacity": quantities(kind.amounts)},
        }
        for kind in kinds
        for index in range(kind.count)
    ]


def as_pods(pods: Sequence[Pod]) -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": pod.name, "namespace": "n", "uid": pod.name},
            "spec": {
                "nodeSelector": dict(pod.node_selector),
                "tolerations": list(pod.tolerations),
                "containers": [{"name": "c", "image": "i", "resources": {"requests": quantities(pod.requests)}}],
            },
        }
        for pod in pods
    ]


def test_the_schedulers_filters_hold_the_same_pods(oracle: Path) -> None:
    """Every way of placing them is tried with the scheduler's filters; N-1 is such a world with a node less."""
    dice = random.Random(4018)
    worlds = [world(dice) for _ in range(WORLDS)]
    answers = ask(oracle, [{"pods": as_pods(pods), "nodes": as_nodes(kinds)} for kinds, pods in worlds])
    found = [packable([(pod, 1) for pod in pods], kinds) for kinds, pods in worlds]
    assert found == [answer["packable"] for answer in answers]
    assert 100 < sum(map(bool, found)) < WORLDS - 100


def test_a_quantity_is_read_the_same() -> None:
    assert [int(quantity_value(text)) for text in ("1e9", "128M", "1.5Gi")] == [10**9, 128 * 10**6, 1_610_612_736]
