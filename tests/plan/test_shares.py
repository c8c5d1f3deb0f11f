"""What a plan says of canaries and of shares of requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from plan_repository import BASE, CHAT, PROD, Repository, repository

CHAT_FILE = "projects/chat.yaml"
NEW = BASE.replace("2.25", "3.5").replace("serverless: true, modelMesh: true", "serverless: false, modelMesh: false")
PLAIN = CHAT[: CHAT.index("  idle:\n")] + "environments:\n  prod: {}\n"
PLAIN = PLAIN.replace("    replicas: 2\n", "    replicas: 1\n")
CANARY = '    canary: {percent: 10, args: ["--max-model-len=8192"]}\n'
WITH = PLAIN.replace("    location:", f"{CANARY}    location:")


def made_of(tmp_path: Path, chat: str) -> Repository:
    return repository(tmp_path, {"environments/base.yaml": NEW, "environments/prod.yaml": PROD, CHAT_FILE: chat})


def test_another_share_restarts_nothing(tmp_path: Path) -> None:
    made = made_of(tmp_path, WITH)
    made.edit(CHAT_FILE, "percent: 10", "percent: 50")
    assert made.rows() == [
        (
            "chat/chat",
            ("canary",),
            (("share", "50 % of the requests go to canary, 50 % to the pods of the model (before: 10 %)"),),
        )
    ]


def test_a_canary_starts_beside_its_model(tmp_path: Path) -> None:
    made = made_of(tmp_path, PLAIN)
    made.edit(CHAT_FILE, "    location:", f"{CANARY}    location:")
    (row,) = made.rows()
    assert row[2] == (
        ("canary", "canary starts with 1 replica; 10 % of the requests go to canary"),
        ("canary", "nvidia.com/gpu 1 → 2 of 3"),
    )


@pytest.mark.parametrize(
    ("old", "new", "texts"),
    [
        ("len=8192", "len=2048", (("canary", "the pods of canary are replaced, those of the model stay"),)),
        (
            CANARY,
            "",
            (
                ("canary", "the pods of canary go, and all requests go to those of the model"),
                ("canary", "nvidia.com/gpu 2 → 1 of 3"),
            ),
        ),
        ("percent: 10", "percent: 10, replicas: 0", (("canary", "1 → 0 replicas of canary"),)),
    ],
    ids=["other arguments", "gone", "without pods"],
)
def test_a_canary_changes(old: str, new: str, texts: tuple[tuple[str, str], ...], tmp_path: Path) -> None:
    made = made_of(tmp_path, WITH)
    made.edit(CHAT_FILE, old, new)
    (row,) = made.rows()
    assert row[2] == texts


def test_a_share_without_a_route_is_one_once_there_is_a_route(tmp_path: Path) -> None:
    made = made_of(tmp_path, WITH.replace("    route: true\n", ""))
    made.edit(CHAT_FILE, "percent: 10", "percent: 20")
    (row,) = made.rows()
    share = "20 % of the requests go to canary, once there is a route, 80 % to the pods of the model (before: 10 %)"
    assert row[2] == (("share", share),)


SHARED = """\
version: 1
platform: single-model
models:
  first: &one
    llmd: {traffic: {group: chat, weight: 90}}
    servedName: chat
    size: Small
    accelerator: a100
    tokens: [web]
    location: {pvc: weights, path: chat}
  second:
    llmd: {traffic: {group: chat, weight: 10}}
    servedName: chat
    size: Small
    accelerator: a100
    tokens: [web]
    location: {pvc: weights, path: chat-2}
environments:
  prod: {}
""".replace("&one", "").replace("first: \n", "first:\n")


def test_another_weight_of_a_group_restarts_nothing(tmp_path: Path) -> None:
    made = made_of(tmp_path, SHARED)
    made.edit(CHAT_FILE, "weight: 10}", "weight: 30}")
    assert made.rows() == [
        (
            "chat/second",
            ("share of requests 10 → 30",),
            (("share", "25 % of the requests of group chat go to it (weight 30 of 120)"),),
        )
    ]
