"""What a plan says of models that wait in a queue of Kueue."""

from __future__ import annotations

from pathlib import Path

from plan_repository import FILES, Repository, repository

CHAT_FILE = "projects/chat.yaml"
WAITS = "each new pod waits in its queue `gpu` until Kueue admits it".replace("`", "")
QUEUED = FILES[CHAT_FILE].replace(
    "    accelerator: a100\n    replicas: 2\n", "    accelerator: a100\n    queue: gpu\n    replicas: 2\n"
)


def queued(tmp_path: Path) -> Repository:
    return repository(tmp_path, {**FILES, CHAT_FILE: QUEUED})


def test_new_replicas_wait_in_their_queue(tmp_path: Path) -> None:
    made = repository(tmp_path, {**FILES, CHAT_FILE: QUEUED.replace("    replicas: 2\n", "    replicas: 1\n")})
    made.edit(CHAT_FILE, "    replicas: 1\n", "    replicas: 2\n")
    (row,) = made.rows()
    assert row[2] == (("scale", f"1 → 2 replicas; nvidia.com/gpu 1 → 2 (project: 2 → 3 of 3); {WAITS}"),)


def test_fewer_replicas_wait_for_nothing(tmp_path: Path) -> None:
    made = queued(tmp_path)
    made.edit(CHAT_FILE, "    replicas: 2\n", "    replicas: 1\n")
    (row,) = made.rows()
    assert row[2] == (("scale", "2 → 1 replica; nvidia.com/gpu 2 → 1 (project: 3 → 2 of 3)"),)


def test_a_restart_waits_in_its_queue(tmp_path: Path) -> None:
    made = queued(tmp_path)
    made.edit(CHAT_FILE, "max-model-len=4096", "max-model-len=8192")
    (row,) = made.rows()
    ((effect, text),) = row[2]
    assert (effect, text.endswith(f"; {WAITS}")) == ("rolling", True)


def test_the_queue_of_what_runs_stays(tmp_path: Path) -> None:
    made = queued(tmp_path)
    made.edit(CHAT_FILE, "    queue: gpu\n", "    queue: batch\n")
    (row,) = made.rows()
    assert row == (
        "chat/chat",
        ("queue gpu → batch",),
        (
            (
                "refused",
                "Kueue lets no Deployment change its queue while pods of it run, so they go on as before: stop the model "
                "first (stopped: true), and start it with the new queue in a second change",
            ),
        ),
    )


def test_what_is_stopped_may_change_its_queue(tmp_path: Path) -> None:
    stopped = QUEUED.replace("    queue: gpu\n", "    queue: gpu\n    stopped: true\n")
    made = repository(tmp_path, {**FILES, CHAT_FILE: stopped})
    made.edit(CHAT_FILE, "    queue: gpu\n", "    queue: batch\n")
    (row,) = made.rows()
    assert row[2] == (("nothing", "it is stopped, so there is no pod to restart"),)
