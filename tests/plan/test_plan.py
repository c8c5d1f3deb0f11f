"""What a change of the files does to running models, row by row, on real Git repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from plan_repository import BASE, CHAT, FILES, PROD, Repository, repository

Row = tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]

REPLACED = "the pods are replaced"
COPIED = "labels and annotations are copied to the pods, which are replaced"
WAITS = ", but the quota of 3 has room for 0 more: the new pods wait, and the old ones keep serving"
FULL = f"up to 3 nvidia.com/gpu while it rolls, 2 afterwards{WAITS}"
FULL_OF_ONE = f"up to 2 nvidia.com/gpu while it rolls, 1 afterwards{WAITS}"
APPLY = "oc apply -k environments/prod/argocd where Argo CD runs"
INSIDE = "inside the cluster"
RANK = "rank-predictor.chat.svc.cluster.local"

CHAT_FILE, TEXTS_FILE, WIDE_FILE, BASE_FILE = (
    "projects/chat.yaml",
    "projects/texts.yaml",
    "projects/wide.yaml",
    "environments/base.yaml",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """One for all changes, each of which is taken back."""
    return repository(tmp_path_factory.mktemp("plan"))


CHANGES: dict[str, tuple[str, str, str, list[Row]]] = {
    "autoscaling": (
        CHAT_FILE,
        "    replicas: 2\n",
        "    replicas: {min: 1, max: 2}\n",
        [("chat/chat", ("replicas 2 → 1–2",), (("scale", "2 → 1–2 replicas; nvidia.com/gpu 2 (project: 3 of 3)"),))],
    ),
    "fewer replicas": (
        CHAT_FILE,
        "    replicas: 2\n",
        "    replicas: 1\n",
        [("chat/chat", ("replicas 2 → 1",), (("scale", "2 → 1 replica; nvidia.com/gpu 2 → 1 (project: 3 → 2 of 3)"),))],
    ),
    "replicas of Knative": (
        CHAT_FILE,
        "{min: 0, max: 1}",
        "{min: 1, max: 1}",
        [
            (
                "chat/idle",
                ("replicas 0–1 → 1",),
                (
                    ("rolling", f"{REPLACED}; {FULL_OF_ONE}"),
                    ("scale", "0–1 → 1 replica; nvidia.com/gpu 1 (project: 3 of 3)"),
                ),
            )
        ],
    ),
    "stop": (
        CHAT_FILE,
        "    replicas: 2\n",
        "    replicas: 2\n    stopped: true\n",
        [
            (
                "chat/chat",
                ("stopped",),
                (("stopped", "its pods go and nothing answers until it is started again"),),
            )
        ],
    ),
    "display name": (
        CHAT_FILE,
        "    displayName: Chat\n",
        "    displayName: Talk\n",
        [("chat/chat", ("display name Chat → Talk",), (("metadata", f"{COPIED}; {FULL}"),))],
    ),
    "display name of a model without accelerators": (
        CHAT_FILE,
        "    framework: onnx-1\n",
        "    framework: onnx-1\n    displayName: Rank\n",
        [("chat/rank", ("display name rank → Rank",), (("metadata", COPIED),))],
    ),
    "display name of a group of nodes": (
        WIDE_FILE,
        "  huge:\n",
        "  huge:\n    displayName: Huge\n",
        [
            (
                "wide/huge",
                ("display name huge → Huge",),
                (
                    (
                        "metadata",
                        f"{COPIED}; up to 16 nvidia.com/gpu while it rolls, 8 afterwards, but the quota of 12 has room for 4 more: "
                        "the new pods wait, and the old ones keep serving",
                    ),
                ),
            )
        ],
    ),
    "display name of a model on a server": (
        TEXTS_FILE,
        "spam: {framework",
        "spam: {displayName: Spam, framework",
        [
            (
                "texts/spam",
                ("display name spam → Spam",),
                (("nothing", "KServe ignores models of ModelMesh, and ModelMesh does not copy their metadata"),),
            )
        ],
    ),
    "args": (
        CHAT_FILE,
        "--max-model-len=4096",
        "--max-model-len=8192",
        [
            (
                "chat/chat",
                ("args --max-model-len 4096 → 8192",),
                (("rolling", f"{REPLACED}; {FULL}"),),
            )
        ],
    ),
    "env": (
        CHAT_FILE,
        "LEVEL: INFO",
        "LEVEL: DEBUG, MORE: much",
        [("chat/chat", ("env LEVEL INFO → DEBUG", "env MORE added"), (("rolling", f"{REPLACED}; {FULL}"),))],
    ),
    "order of env": (
        CHAT_FILE,
        "{LEVEL: INFO, HUB: {secret: hub, key: token}}",
        "{HUB: {secret: hub, key: token}, LEVEL: INFO}",
        [("chat/chat", ("env in another order",), (("rolling", f"{REPLACED}; {FULL}"),))],
    ),
    "location": (
        CHAT_FILE,
        "path: rank",
        "path: rank-2",
        [("chat/rank", ("location rank → rank-2",), (("rolling", REPLACED),))],
    ),
    "a patch of what an autoscaler reads": (
        CHAT_FILE,
        "    framework: onnx-1\n",
        "    framework: onnx-1\n    patch: {InferenceService: [{op: add, path: /spec/predictor/scaleTarget, value: 60}]}\n",
        [
            (
                "chat/rank",
                ("autoscaling 60 added",),
                (("scale", "it is scaled by other rules now; no pod restarts"),),
            )
        ],
    ),
    "patch": (
        CHAT_FILE,
        "    framework: onnx-1\n",
        "    framework: onnx-1\n    patch: {InferenceService: [{op: add, path: /spec/predictor/priorityClassName, value: high}]}\n",
        [("chat/rank", ("priority class high added",), (("rolling", REPLACED),))],
    ),
    "image": (
        BASE_FILE,
        'kserve-ovms: {images: {kserve-container: "registry.example.org/ovms:1"}}',
        'kserve-ovms: {images: {kserve-container: "registry.example.org/ovms:2"}}',
        [
            (
                "chat/rank",
                ("image registry.example.org/ovms:1 → registry.example.org/ovms:2",),
                (("rolling", f"{REPLACED} once KServe looks at the model again"),),
            )
        ],
    ),
    "no route": (
        CHAT_FILE,
        "    route: true\n",
        "",
        [
            (
                "chat/chat",
                ("route off",),
                (("url-gone", "https://chat-chat.apps.example.org"), ("metadata", f"{COPIED}; {FULL}")),
            )
        ],
    ),
    "route timeout": (
        CHAT_FILE,
        "    route: true\n",
        "    route: {timeout: 5m}\n",
        [
            (
                "chat/chat",
                ("timeout 300 added", "route timeout 5m added"),
                (("rolling", f"{REPLACED}; {FULL}"),),
            )
        ],
    ),
    "route of Knative": (
        CHAT_FILE,
        "    mode: advanced\n",
        "    mode: advanced\n    route: true\n",
        [("chat/idle", ("route on",), (("url-new", "https://idle-chat.apps.example.org"),))],
    ),
    "authorization on": (
        CHAT_FILE,
        "    framework: onnx-1\n",
        "    framework: onnx-1\n    tokens: [a]\n",
        [
            (
                "chat/rank",
                ("token authorization on", "new: ServiceAccount, Role, RoleBinding, Secret a-rank-sa"),
                (
                    ("url-changed", f"{INSIDE} http://{RANK}:8888 → https://{RANK}:8443"),
                    ("auth-on", "callers without a token are refused"),
                    ("rolling", REPLACED),
                    ("token-new", "Secret a-rank-sa"),
                ),
            )
        ],
    ),
    "another token": (
        CHAT_FILE,
        "[web]",
        "[mobile]",
        [
            (
                "chat/chat",
                ("new: Secret mobile-chat-sa", "removed: Secret web-chat-sa"),
                (
                    ("token-kept", "Secret web-chat-sa: its token opens the model until it is deleted by hand"),
                    ("token-new", "Secret mobile-chat-sa"),
                ),
            )
        ],
    ),
    "replicas of a server": (
        TEXTS_FILE,
        "    replicas: 2\n",
        "    replicas: 3\n",
        [("texts/texts", ("replicas 2 → 3",), (("scale", "2 → 3 replicas"),))],
    ),
    "size of a server": (
        TEXTS_FILE,
        "    size: Small\n    replicas: 2\n",
        "    size: Large\n    replicas: 2\n",
        [
            (
                "texts/texts",
                ("requests cpu 1 → 4", "requests memory 4Gi → 8Gi", "limits cpu 2 → 8", "limits memory 8Gi → 16Gi"),
                (("rolling", f"{REPLACED}; with all its models: spam, topic"),),
            )
        ],
    ),
    "route and tokens of a server": (
        TEXTS_FILE,
        "    replicas: 2\n",
        "    replicas: 2\n    route: true\n    tokens: [x]\n",
        [
            (
                "texts/texts",
                ("route on", "token authorization on", "new: ServiceAccount, RoleBinding, Secret x-texts-sa"),
                (
                    ("auth-on", "callers without a token are refused"),
                    ("url-new", "https://spam-texts.apps.example.org"),
                    ("url-new", "https://topic-texts.apps.example.org"),
                    ("token-new", "Secret x-texts-sa"),
                ),
            )
        ],
    ),
    "location of a model on a server": (
        TEXTS_FILE,
        "path: topic",
        "path: topic-2",
        [
            (
                "texts/topic",
                ("location topic → topic-2",),
                (("reload", "its server loads the new one and then sends it the requests; no pod restarts"),),
            )
        ],
    ),
    "a model on a server goes": (
        TEXTS_FILE,
        "      topic: {framework: onnx-1, location: {connection: store, path: topic}}\n",
        "",
        [("texts/topic", ("model removed",), (("delete", ""),))],
    ),
    "settings of a connection": (
        TEXTS_FILE,
        "bucket: texts",
        "bucket: other",
        [
            (
                "texts/store",
                ("setting AWS_S3_BUCKET texts → other",),
                (("next-start", "spam, topic, rest read it when they are loaded again"),),
            )
        ],
    ),
    "keys of a secret": (
        CHAT_FILE,
        "  hub: {keys: [token]}",
        "  hub: {keys: [token, more]}",
        [("chat/hub", ("keys in the store added",), (("next-start", "chat reads it when its pods start"),))],
    ),
    "a connection's secret is left to others": (
        TEXTS_FILE,
        "bucket: texts}",
        "bucket: texts}, existing: true",
        [
            (
                "texts/store",
                ("removed",),
                (
                    (
                        "secret-gone",
                        "its Secret is deleted with it: spam, topic, rest run on, but cannot start again without it",
                    ),
                ),
            )
        ],
    ),
    "store's API version": (
        BASE_FILE,
        "external-secrets.io/v1,",
        "external-secrets.io/v1beta1,",
        [
            (
                name,
                ("API version external-secrets.io/v1 → external-secrets.io/v1beta1",),
                (("nothing", "the cluster keeps one version and converts the other"),),
            )
            for name in ("chat/hub", "chat/store", "texts/store")
        ],
    ),
    "the cluster's services": (
        BASE_FILE,
        "rawServiceConfig: Headless",
        "rawServiceConfig: Headed",
        [
            (
                "chat/rank",
                ("where it can be reached",),
                (("url-changed", f"{INSIDE} http://{RANK}:8888 → http://{RANK}"),),
            ),
            (
                "wide/huge",
                ("where it can be reached",),
                (
                    (
                        "url-changed",
                        f"{INSIDE} http://huge-predictor.wide.svc.cluster.local:8080 → http://huge-predictor.wide.svc.cluster.local",
                    ),
                ),
            ),
        ],
    ),
    "the sizes of the cluster that nothing uses": (
        BASE_FILE,
        '  Large: {requests: {cpu: "4"',
        '  Large: {requests: {cpu: "5"',
        [],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_and_its_effects(name: str, made: Repository) -> None:
    path, old, new, rows = CHANGES[name]
    made.edit(path, old, new)
    try:
        assert made.rows() == rows
    finally:
        made.git("checkout", "-q", "--", "projects", "environments")


@pytest.mark.parametrize(
    ("release", "when"),
    [("3.0", " once KServe looks at the model again"), ("3.2", "")],
)
def test_when_a_change_of_a_runtime_restarts_its_models(release: str, when: str, tmp_path: Path) -> None:
    base = BASE.replace("2.25", release).replace("serverless: true, modelMesh: true", "serverless: false")
    rank = CHAT.replace(CHAT[CHAT.index("  chat:\n") : CHAT.index("  rank:\n")], "")
    files = {"environments/base.yaml": base, "environments/prod.yaml": PROD, "projects/chat.yaml": rank}
    made = repository(tmp_path, files)
    made.write("environments/base.yaml", base.replace("ovms:1", "ovms:2"))
    (row,) = made.rows()
    assert row[2] == (("rolling", f"{REPLACED}{when}"),)


def test_the_mode_of_a_live_model_cannot_change(made: Repository) -> None:
    made.edit(
        CHAT_FILE, "    mode: advanced\n    replicas: {min: 0, max: 1}\n", "    mode: standard\n    replicas: 1\n"
    )
    try:
        assert made.rows() == [
            (
                "chat/idle",
                (
                    "deployment mode Serverless → RawDeployment",
                    "replicas 0–1 → 1",
                    "label networking.knative.dev/visibility cluster-local removed",
                    "3 annotations",
                ),
                (
                    (
                        "recreate",
                        "the cluster refuses to update it in place (the deployment mode cannot change from 'Serverless' to "
                        "'RawDeployment' (ADM040)): delete it after the merge, and Argo CD recreates it",
                    ),
                    (
                        "url-changed",
                        f"{INSIDE} https://idle.chat.svc.cluster.local → http://idle-predictor.chat.svc.cluster.local:8080",
                    ),
                    ("scale", "0–1 → 1 replica; nvidia.com/gpu 1 (project: 3 of 3)"),
                ),
            )
        ]
    finally:
        made.git("checkout", "-q", "--", "projects", "environments")


def room(needed: str, most: int = 3) -> str:
    return f"{COPIED}; up to {most} nvidia.com/gpu while it rolls, {most - 1} afterwards{needed}"


@pytest.mark.parametrize(
    ("quota", "replicas", "expected"),
    [
        ("requests.nvidia.com/gpu: 8", 2, room("; the quota of 8 has room for 5 more")),
        ("requests.nvidia.com/gpu: 4", 2, room("; the quota of 4 has room for 1 more")),
        (
            "requests.nvidia.com/gpu: 3",
            2,
            room(WAITS),
        ),
        (
            "requests.nvidia.com/gpu: 5",
            4,
            room("; the quota of 5 has 0 left, so it rolls with fewer replicas", 5).replace(
                "replaced;", "replaced; up to 1 replica fewer meanwhile;"
            ),
        ),
        ("requests.cpu: 100", 2, room("")),
    ],
)
def test_whether_the_quota_has_room_for_a_restart(quota: str, replicas: int, expected: str, tmp_path: Path) -> None:
    base = BASE.replace("{requests.nvidia.com/gpu: 3}", f"{{{quota}}}")
    chat = CHAT.replace("    replicas: 2\n", f"    replicas: {replicas}\n")
    found = repository(tmp_path, {**FILES, BASE_FILE: base, CHAT_FILE: chat})
    found.edit(CHAT_FILE, "    displayName: Chat\n", "    displayName: Talk\n")
    assert found.rows() == [("chat/chat", ("display name Chat → Talk",), (("metadata", expected),))]


def test_restarts_that_wait_for_each_other(tmp_path: Path) -> None:
    found = repository(
        tmp_path, {**FILES, BASE_FILE: BASE.replace("{requests.nvidia.com/gpu: 3}", "{requests.nvidia.com/gpu: 4}")}
    )
    found.edit(CHAT_FILE, "    displayName: Chat\n", "    displayName: Talk\n")
    found.edit(CHAT_FILE, "    mode: advanced\n", "    mode: advanced\n    displayName: Idle\n")
    waits = "; all that rolls here needs 2 more and the quota of 4 has room for 1: one waits for the other"
    assert [effects for _, _, effects in found.rows()] == [
        (("metadata", room(waits)),),
        (("metadata", room(waits, 2)),),
    ]


@pytest.mark.parametrize(
    ("before", "after", "needed"),
    [
        (1, 2, "up to 3 nvidia.com/gpu while it rolls, 2 afterwards; the quota of 3 has room for 1 more"),
        (2, 1, "up to 3 nvidia.com/gpu while it rolls, 1 afterwards; the quota of 3 has room for 1 more"),
        (1, 3, f"up to 4 nvidia.com/gpu while it rolls, 3 afterwards{WAITS}"),
        (3, 1, f"up to 4 nvidia.com/gpu while it rolls, 1 afterwards{WAITS}"),
    ],
)
def test_a_restart_with_another_count_of_accelerators(before: int, after: int, needed: str, tmp_path: Path) -> None:
    """The old pods stand beside the new ones, whichever of them need more."""
    of, to = (
        f'    accelerator: {{name: a100, count: {count}}}\n    replicas: 1\n    args: ["--tensor-parallel-size={count}"]\n'
        for count in (before, after)
    )
    chat = CHAT.replace("    accelerator: a100\n    replicas: 2\n", of, 1).replace(
        '    args: ["--max-model-len=4096"]\n', ""
    )
    chat = chat.replace(CHAT[CHAT.index("  idle:\n") : CHAT.index("  rank:\n")], "")
    found = repository(tmp_path, {**FILES, CHAT_FILE: chat})
    found.edit(CHAT_FILE, of, to)
    ((_, _, effects),) = found.rows()
    assert effects == (("rolling", f"{REPLACED}; {needed}"),)


def test_what_stays_unmanaged_leaves_no_room_for_a_restart(tmp_path: Path) -> None:
    base = BASE.replace("prune: true", "prune: false").replace(
        "{requests.nvidia.com/gpu: 3}", "{requests.nvidia.com/gpu: 4}"
    )
    found = repository(tmp_path, {**FILES, BASE_FILE: base})
    found.edit(CHAT_FILE, CHAT[CHAT.index("  idle:\n") : CHAT.index("  rank:\n")], "")
    found.edit(CHAT_FILE, "--max-model-len=4096", "--max-model-len=8192")
    effects = {name: effects for name, _, effects in found.rows()}
    assert effects["chat/chat"] == (
        (
            "rolling",
            f"{REPLACED}; up to 3 nvidia.com/gpu while it rolls, 2 afterwards; the quota of 4 has room for 1 more",
        ),
    )


ALONE = """\
version: 1
platform: single-model
connections:
  store: {s3: {endpoint: "https://s3.example.org", region: us-east-1, bucket: texts}}
models:
  spam:
    runtime: kserve-ovms
    framework: onnx-1
    size: Small
    replicas: 2
    accelerator: a100
    location: {connection: store, path: spam}
environments: {prod: {}}
"""
SHARED = """\
version: 1
platform: multi-model
connections:
  store: {s3: {endpoint: "https://s3.example.org", region: us-east-1, bucket: texts}}
servers:
  texts:
    runtime: ovms
    size: Small
    models: {spam: {framework: onnx-1, location: {connection: store, path: spam}}}
environments: {prod: {}}
"""


@pytest.mark.parametrize(
    ("before", "after", "modes", "replicas", "addresses"),
    [
        (
            SHARED,
            ALONE,
            ("ModelMesh", "RawDeployment"),
            "2 replicas; nvidia.com/gpu 0 → 2 of 3",
            ("modelmesh-serving.texts:8008", "spam-predictor.texts.svc.cluster.local:8888"),
        ),
        (
            ALONE,
            SHARED,
            ("RawDeployment", "ModelMesh"),
            "loaded by server texts",
            ("spam-predictor.texts.svc.cluster.local:8888", "modelmesh-serving.texts:8008"),
        ),
    ],
)
def test_a_change_of_the_platform(  # noqa: PLR0913 - what is different in each case
    before: str, after: str, modes: tuple[str, str], replicas: str, addresses: tuple[str, str], tmp_path: Path
) -> None:
    found = repository(tmp_path, {**FILES, TEXTS_FILE: before})
    found.write(TEXTS_FILE, after)
    (effects,) = (effects for name, _, effects in found.rows() if name == "texts/spam")
    assert effects == (
        (
            "recreate",
            f"the cluster refuses to update it in place (the deployment mode cannot change from {modes[0]!r} to "
            f"{modes[1]!r} (ADM040)): "
            "delete it after the merge, and Argo CD recreates it",
        ),
        ("url-changed", f"{INSIDE} http://{addresses[0]} → http://{addresses[1]}"),
        ("start", replicas),
    )
    (row,) = (row for row in found.data()["environments"][0]["changes"] if row["name"] == "spam")
    assert not any("replicas" in words for words in row["what"])
    assert row["command"] == "oc delete -n texts inferenceservice/spam && argocd app sync models-prod.texts"


SHARED = """\
version: 1
platform: single-model
runtimes:
  common: {what}
models:
  one: {{runtime: common, framework: onnx-1, size: Small, location: {{pvc: p, path: one}}}}
  two: {{runtime: common, framework: onnx-1, size: Small, location: {{pvc: p, path: two}}}}
environments: {{prod: {{}}}}
"""


@pytest.mark.parametrize(
    ("what", "prune", "effects"),
    [
        (
            "{runtime: kserve-ovms, args: [--cache_size=2]}",
            True,
            [f"rolling: {REPLACED} once KServe looks at the model again"],
        ),
        (
            "{existing: true}",
            True,
            [
                "downtime: Argo CD deletes the ServingRuntime common, which the model goes on naming: it cannot start without it"
            ],
        ),
        (
            "{existing: true}",
            False,
            [
                "nothing: the ServingRuntime common stays on the cluster, where the model goes on using it: do not delete it"
            ],
        ),
    ],
    ids=["changed", "deleted", "left"],
)
def test_a_shared_runtime_touches_all_its_models(what: str, prune: bool, effects: list[str], tmp_path: Path) -> None:
    base = BASE if prune else BASE.replace("prune: true", "prune: false")
    files = {
        "environments/base.yaml": base,
        "environments/prod.yaml": PROD,
        "projects/team.yaml": SHARED.format(what="{runtime: kserve-ovms}"),
    }
    found = repository(tmp_path, files)
    found.write("projects/team.yaml", SHARED.format(what=what))
    rows = found.rows()
    assert [name for name, _, _ in rows if name.startswith("team/")] == ["team/one", "team/two"]
    for name, _, impacts in rows:
        if name.startswith("team/"):
            assert effects[0] in [f"{effect}: {text}" for effect, text in impacts]
    assert "oc delete" not in found.plan("--no-diff").out


@pytest.mark.parametrize("tokens", ["    tokens: [web]\n", ""], ids=["removed", "never there"])
def test_what_another_release_writes_out_is_no_change_of_tokens(tokens: str, tmp_path: Path) -> None:
    """From 3.0 on it is written that nobody is asked for a token: news only where somebody was."""
    files = {name: text for name, text in FILES.items() if name not in (TEXTS_FILE, WIDE_FILE)}
    chat = CHAT.replace(CHAT[CHAT.index("  idle:\n") : CHAT.index("  rank:\n")], "")
    base = BASE.replace("serverless: true, modelMesh: true", "serverless: false, modelMesh: false")
    chat = chat.replace("    tokens: [web]\n", tokens)
    found = repository(tmp_path, {**files, BASE_FILE: base, CHAT_FILE: chat})
    found.edit(BASE_FILE, "release: rhoai-2.25", "release: rhoai-3.3")
    found.write(CHAT_FILE, chat.replace("    tokens: [web]\n", ""))
    words = {name: what for name, what, _ in found.rows()}
    assert {name: "token authorization off" in words[name] for name in ("chat/chat", "chat/rank")} == {
        "chat/chat": bool(tokens),
        "chat/rank": False,
    }
