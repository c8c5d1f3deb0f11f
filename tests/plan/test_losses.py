"""What goes, what stays on the cluster, and what has to be acknowledged."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelfleet.plan.acknowledgements import Destruction
from plan_repository import BASE, CHAT, FILES, PROD, TEXTS, WIDE, Repository, repository

IDLE = CHAT[CHAT.index("  idle:\n") : CHAT.index("  rank:\n")]
SPARE = TEXTS[TEXTS.index("  spare:\n") : TEXTS.index("environments:")]
KEPT = BASE.replace("prune: true", "prune: false")
PRUNED = (
    "once it is applied, Argo CD deletes what is no longer in Git, also what earlier changes have left on the cluster"
)

MORE = """\
version: 1
platform: single-model
models:
"""
"""Models enough that one or two are less than a fifth."""

MANY = (
    MORE
    + "".join(
        f"  m{number}: {{runtime: kserve-ovms, framework: onnx-1, size: Small, location: {{pvc: p, path: m{number}}}}}\n"
        for number in range(14)
    )
    + "environments: {prod: {}}\n"
)


def made(tmp_path: Path, *, prune: bool = True) -> Repository:
    return repository(
        tmp_path, {**FILES, "environments/base.yaml": BASE if prune else KEPT, "projects/many.yaml": MANY}
    )


def findings(found: Repository, *words: str) -> list[str]:
    return found.plan(*words).err.splitlines()


def lacking(place: str, environment: str, what: str, line: str = "", *, does: str = "destroys") -> str:
    """A finding about a missing acknowledgement."""
    file = place.partition(":")[0]
    block = f"environments.{environment}" if file.startswith("projects/") else ""
    path = f"{block}.acknowledge" if block else "acknowledge"
    under = f"under {block} " if block else ""
    return (
        f"{place}: error[PLAN001]: {path}: in {environment}: merging {does} what nobody has acknowledged: {what}; "
        f"if that is meant, write {under}`acknowledge: [{line or what}]`"
    )


def needless(place: str, path: str, text: str, environments: str = "prod") -> str:
    where = f"in {environments}: " if environments else ""
    return (
        f"{place}: warning[PLAN002]: {path}: {where}{text!r} acknowledges nothing that this change does; "
        "remove it once it is merged"
    )


# ---- what goes -------------------------------------------------------------------------------------------------------


def test_a_model_that_is_pruned(tmp_path: Path) -> None:
    found = made(tmp_path)
    found.edit("projects/chat.yaml", IDLE, "")
    assert found.rows() == [("chat/idle", ("model removed",), (("delete", "frees 1 nvidia.com/gpu"),))]
    assert found.data()["environments"][0]["changes"][0]["command"] is None


def test_a_model_that_stays_because_nothing_is_pruned(tmp_path: Path) -> None:
    found = made(tmp_path, prune=False)
    found.edit("projects/chat.yaml", IDLE, "")
    text = "it keeps running in chat, with 1 nvidia.com/gpu, until it is deleted by hand"
    assert found.rows() == [("chat/idle", ("model removed",), (("unmanaged", text),))]
    command = "oc delete -n chat inferenceservice/idle servingruntime/idle"
    assert found.data()["environments"][0]["changes"][0]["command"] == command
    place = "projects/chat.yaml:25:9"
    assert findings(found) == [lacking(place, "prod", "InferenceService/idle", does="leaves behind")]


def test_what_stays_can_leave_no_room_for_what_comes(tmp_path: Path) -> None:
    found = made(tmp_path, prune=False)
    found.edit("projects/chat.yaml", "  idle:\n", "  eager:\n")
    found.edit("projects/chat.yaml", "path: idle", "path: eager")
    assert found.rows() == [
        (
            "chat/idle",
            ("model removed",),
            (("unmanaged", "it keeps running in chat, with 1 nvidia.com/gpu, until it is deleted by hand"),),
        ),
        (
            "chat/eager",
            ("new model with vllm-cuda-runtime",),
            (
                (
                    "start",
                    "0–1 replica; nvidia.com/gpu 0 → 1 (project: 3 of 3); but what stays unmanaged holds 1 of them, so the new "
                    "pods wait until that is deleted",
                ),
            ),
        ),
    ]


@pytest.mark.parametrize("base", [KEPT, FILES["environments/base.yaml"]], ids=["kept", "pruned"])
def test_a_token_that_stays_whether_argo_cd_prunes_or_not(tmp_path: Path, base: str) -> None:
    chat = CHAT.replace("tokens: [web]", "tokens: [web, app]")
    found = repository(tmp_path, {**FILES, "environments/base.yaml": base, "projects/chat.yaml": chat})
    found.edit("projects/chat.yaml", "tokens: [web, app]", "tokens: [web]")
    text = "Secret app-chat-sa: its token opens the model until it is deleted by hand"
    assert found.rows() == [("chat/chat", ("removed: Secret app-chat-sa",), (("token-kept", text),))]
    assert found.data()["environments"][0]["changes"][0]["command"] == "oc delete -n chat secret/app-chat-sa"


def test_no_token_is_lost_where_none_is_asked_for(tmp_path: Path) -> None:
    found = made(tmp_path)
    found.edit("projects/chat.yaml", "    tokens: [web]\n", "")
    rows = {name: effects for name, _, effects in found.rows()}
    assert [effect for effect, _ in rows["chat/chat"]] == ["url-changed", "auth-off", "rolling"]


def test_objects_of_tokens_that_stay(tmp_path: Path) -> None:
    found = made(tmp_path, prune=False)
    found.edit("projects/chat.yaml", "    tokens: [web]\n", "")
    rows = {name: effects for name, _, effects in found.rows()}
    inside = "inside the cluster https://chat-predictor.chat.svc.cluster.local:8443 → http://chat-predictor.chat.svc.cluster.local:8080"
    assert rows["chat/chat"] == (
        ("url-changed", inside),
        ("auth-off", "whoever reaches it may call it without a token"),
        (
            "rolling",
            "the pods are replaced; up to 3 nvidia.com/gpu while it rolls, 2 afterwards, but the quota of 3 has room for 0 more: "
            "the new pods wait, and the old ones keep serving",
        ),
        (
            "nothing",
            "left on the cluster until deleted by hand: ServiceAccount chat-sa, Role chat-view-role, RoleBinding chat-view, "
            "Secret web-chat-sa",
        ),
    )
    assert findings(found) == []


def test_kinds_that_the_project_of_argo_cd_no_longer_lists(tmp_path: Path) -> None:
    found = made(tmp_path)
    found.edit("projects/chat.yaml", "    tokens: [web]\n", "")
    assert found.data()["environments"][0]["remarks"] == [
        "apply environments/prod/argocd only when Argo CD has deleted what goes: from then on it may no longer touch "
        "Secret, ServiceAccount, Role, RoleBinding"
    ]


@pytest.mark.parametrize(
    ("prune", "effect"),
    [
        (True, ("secret-gone", "its Secret is deleted with it: chat runs on, but cannot start again without it")),
        (False, ("nothing", "it stays, with its Secret; chat reads it, and whoever deletes the one deletes the other")),
    ],
)
def test_a_secret_that_comes_from_elsewhere(prune: bool, effect: tuple[str, str], tmp_path: Path) -> None:
    """No command that would take away what a model reads: the Secret belongs to the ExternalSecret."""
    found = made(tmp_path, prune=prune)
    found.write("environments/prod.yaml", PROD + "secrets: {provider: existing}\n")
    rows = {name: (what, effects) for name, what, effects in found.rows()}
    assert rows["chat/hub"] == (("removed",), (effect,))
    commands = {row["name"]: row["command"] for row in found.data()["environments"][0]["changes"]}
    assert commands["hub"] is None


def test_a_namespace_that_is_no_longer_managed_stays(tmp_path: Path) -> None:
    base = BASE.replace("namespaces: external", "namespaces: managed")
    found = repository(tmp_path, {**FILES, "environments/base.yaml": base})
    found.write("environments/base.yaml", BASE)
    rows = {name: (what, effects) for name, what, effects in found.rows()}
    assert rows["chat/chat"] == (("removed",), (("nothing", "it stays until it is deleted by hand"),))


def test_a_model_that_becomes_one_of_another_kind_keeps_its_tokens(tmp_path: Path) -> None:
    serving = """\
version: 1
platform: single-model
models:
  big:
    runtime: vllm-cuda-runtime
    size: Small
    accelerator: a100
    tokens: [web]
    location: {uri: "hf://example/big"}
environments: {prod: {}}
"""
    base = BASE.replace("rhoai-2.25", "rhoai-3.4").replace("serverless: true, modelMesh: true", "serverless: false")
    found = repository(
        tmp_path,
        {"environments/base.yaml": base, "environments/prod.yaml": PROD, "projects/big.yaml": serving},
    )
    found.edit("projects/big.yaml", "    runtime: vllm-cuda-runtime\n", "    llmd: true\n")
    effects = [effect for name, _, effects in found.rows() if name == "big/big" for effect, _ in effects]
    assert effects == ["delete", "start"]


def test_models_of_a_server_go_with_it(tmp_path: Path) -> None:
    found = made(tmp_path)
    found.edit("projects/texts.yaml", SPARE, "")
    assert found.rows() == [("texts/spare", ("model server removed",), (("delete", ""), ("with-server", "rest")))]
    assert findings(found) == [lacking("projects/texts.yaml:13:22", "prod", "ServingRuntime/spare")]


def test_a_model_that_moves_to_another_server_keeps_its_url(tmp_path: Path) -> None:
    spare = SPARE.replace("    size: Small\n", "    size: Small\n    route: true\n")
    found = repository(tmp_path, {**FILES, "projects/texts.yaml": TEXTS.replace(SPARE, spare)})
    found.edit("projects/texts.yaml", "  spare:\n", "  other:\n")
    assert found.rows() == [
        ("texts/spare", ("model server removed",), (("delete", ""),)),
        (
            "texts/rest",
            ("server spare → other",),
            (("downtime", "its server spare goes: it answers once other has loaded it"),),
        ),
        ("texts/other", ("new model server with ovms",), (("start", "1 replica"),)),
    ]


def test_a_rename_is_a_deletion_and_a_creation(tmp_path: Path) -> None:
    found = made(tmp_path)
    found.edit("projects/chat.yaml", "  rank:\n", "  sort:\n")
    assert found.rows() == [
        ("chat/rank", ("model removed",), (("delete", ""),)),
        ("chat/sort", ("new model with kserve-ovms",), (("start", "1 replica"),)),
    ]
    assert findings(found) == [lacking("projects/chat.yaml:32:9", "prod", "InferenceService/rank")]


def test_a_project_that_goes_stays_on_the_cluster_even_where_argo_cd_prunes(tmp_path: Path) -> None:
    found = made(tmp_path)
    (found.root / "projects/wide.yaml").unlink()
    assert found.rows() == [
        (
            "wide/wide",
            ("leaves the environment",),
            (
                (
                    "project",
                    "1 model: huge; Argo CD does not delete any of it: all stays in wide, with 8 nvidia.com/gpu, until it is "
                    "deleted by hand",
                ),
                (
                    "nothing",
                    "its Application stays, too, and no longer finds its folder: then oc delete application "
                    "models-prod.wide -n gitops where Argo CD runs",
                ),
            ),
        ),
        (
            "argocd/models-prod",
            ("destination prod wide removed",),
            (("admin", "oc apply -k environments/prod/argocd where Argo CD runs"),),
        ),
    ]
    assert findings(found) == [lacking("environments/prod.yaml:1:1", "prod", "project/wide", does="leaves behind")]


@pytest.mark.parametrize(
    ("version", "command"),
    [
        ("2.14", "oc label --overwrite -n wide {} app.kubernetes.io/instance=models-prod.broad"),
        ("3.1", "oc annotate -n wide {} argocd.argoproj.io/tracking-id-"),
    ],
)
def test_a_project_that_is_renamed_and_keeps_its_namespace(version: str, command: str, tmp_path: Path) -> None:
    """The objects are the same ones to the cluster: nothing starts, and no command deletes what keeps running."""
    base = BASE.replace('version: "2.14"', f'version: "{version}"').replace("{wide:", "{broad:")
    base = base.replace("requests.nvidia.com/gpu: 3", "requests.nvidia.com/gpu: 8")
    found = repository(tmp_path, {**FILES, "environments/base.yaml": base})
    (found.root / "projects/wide.yaml").unlink()
    wide = WIDE.replace("{prod: {}}", "{prod: {namespace: wide}}").replace(
        "    location", "    args: [--x]\n    location"
    )
    found.write("projects/broad.yaml", wide)
    text = (
        "1 model: huge; what is in wide stays and becomes that of broad. Argo CD refuses to sync it as long as it is marked "
        "as this project's; once the mark is changed, models with pods of their own restart"
    )
    room = ", 8 afterwards, but the quota of 12 has room for 4 more: the new pods wait, and the old ones keep serving"
    (data,) = found.data()["environments"]
    assert (data["models"], data["remarks"]) == (
        {"before": 4 + 3, "after": 4 + 3, "added": 0, "changed": 1, "removed": 0},
        [],
    )
    assert [(row["project"], row["what"], row["effects"][0]) for row in data["changes"]] == [
        ("wide", ["project broad takes over its namespace"], {"effect": "project", "text": text}),
        (
            "broad",
            ["args +--x"],
            {"effect": "rolling", "text": f"the pods are replaced; up to 16 nvidia.com/gpu while it rolls{room}"},
        ),
    ]
    objects = "inferenceservice/huge servingruntime/huge"
    assert data["changes"][0]["command"] == f"{command.format(objects)} && argocd app sync models-prod.broad"
    assert data["changes"][0]["effects"][1:] == [
        {
            "effect": "nothing",
            "text": "its Application stays, too, and no longer finds its folder: then "
            "oc delete application models-prod.wide -n gitops where Argo CD runs",
        }
    ]
    assert findings(found) == [lacking("environments/prod.yaml:1:1", "prod", "project/wide", does="leaves behind")]


def commands(found: Repository, environment: str) -> dict[str, str]:
    """The commands of an environment by project and name."""
    data = next(one for one in found.data()["environments"] if one["name"] == environment)
    return {f"{row['project']}/{row['name']}": row["command"] for row in data["changes"] if row["command"]}


def handover(namespace: str, objects: str, application: str) -> str:
    """The command by which objects become those of another Application."""
    label = f"app.kubernetes.io/instance={application}"
    return f"oc label --overwrite -n {namespace} {objects} {label} && argocd app sync {application}"


TOKEN_OF_CHAT = "serviceaccount/chat-sa role/chat-view-role rolebinding/chat-view secret/web-chat-sa"
MODELS_OF_CHAT = " ".join(
    f"{kind}/{name}" for kind in ("inferenceservice", "servingruntime") for name in ("chat", "idle", "rank")
)

BECOMES = (
    "what {} has there, too, becomes its own: Argo CD refuses to sync it as long as it is marked as this project's"
)


def test_two_projects_that_swap_their_namespaces(tmp_path: Path) -> None:
    """No command deletes what the other one has from now on."""
    found = made(tmp_path)
    found.edit("projects/chat.yaml", "  prod: {}", "  prod: {namespace: texts}")
    found.edit("projects/texts.yaml", "{prod: {}}", "{prod: {namespace: chat}}")
    shown = commands(found, "prod")
    assert shown["chat/chat"] == f"oc delete -n chat inferenceservice/chat servingruntime/chat {TOKEN_OF_CHAT}"
    assert shown["texts/texts"] == "oc delete -n texts servingruntime/texts"
    hub = "oc delete -n chat externalsecret/hub && "
    rows = {row["project"]: row for row in found.data()["environments"][0]["changes"] if row["kind"] == "Project"}
    assert rows["chat"]["command"] == hub + handover("chat", "externalsecret/store", "models-prod.texts")
    assert rows["texts"]["command"] == handover("texts", "externalsecret/store", "models-prod.chat")
    assert rows["chat"]["effects"][1] == {"effect": "nothing", "text": BECOMES.format("texts")}


def test_a_model_of_the_same_name_comes_into_the_namespace(tmp_path: Path) -> None:
    found = made(tmp_path)
    found.edit("projects/wide.yaml", "{prod: {}}", "{prod: {namespace: broad}}")
    found.write("projects/other.yaml", WIDE.replace("{prod: {}}", "{prod: {namespace: wide}}"))
    found.edit("environments/base.yaml", "gpu: 3}", "gpu: 12}")
    row = next(row for row in found.data()["environments"][0]["changes"] if row["name"] == "huge")
    assert (row["project"], row["command"]) == (
        "wide",
        handover("wide", "inferenceservice/huge servingruntime/huge", "models-prod.other"),
    )
    assert {"effect": "unmanaged", "text": "the old one in wide becomes that of other"} in row["effects"]


def test_a_project_that_leaves_to_one_that_moves(tmp_path: Path) -> None:
    found = made(tmp_path)
    (found.root / "projects/chat.yaml").unlink()
    found.edit("projects/texts.yaml", "{prod: {}}", "{prod: {namespace: chat}}")
    row = next(row for row in found.data()["environments"][0]["changes"] if row["project"] == "chat")
    gone = f"oc delete -n chat {MODELS_OF_CHAT} externalsecret/hub {TOKEN_OF_CHAT}"
    assert row["command"] == f"{gone} && {handover('chat', 'externalsecret/store', 'models-prod.texts')}"


def test_an_environment_that_is_renamed(tmp_path: Path) -> None:
    """Everything is where it was, and marked as that of Applications that go."""
    found = made(tmp_path)
    for file in ("chat", "many", "texts", "wide"):
        path = found.root / f"projects/{file}.yaml"
        path.write_text(path.read_text().replace("prod: {}", "live: {}"))
    (found.root / "environments/prod.yaml").rename(found.root / "environments/live.yaml")
    many = " ".join(f"{kind}/m{number}" for kind in ("inferenceservice", "servingruntime") for number in range(14))
    texts = (
        "inferenceservice/spam inferenceservice/topic inferenceservice/rest servingruntime/texts servingruntime/spare"
    )
    assert commands(found, "prod") == {
        f"{project}/{project}": handover(project, objects, f"models-live.{project}")
        for project, objects in (
            ("chat", f"{MODELS_OF_CHAT} externalsecret/store externalsecret/hub {TOKEN_OF_CHAT}"),
            ("many", many),
            ("texts", f"{texts} externalsecret/store"),
            ("wide", "inferenceservice/huge servingruntime/huge"),
        )
    }


def test_another_namespace(tmp_path: Path) -> None:
    found = made(tmp_path)
    found.edit("projects/wide.yaml", "environments: {prod: {}}", "environments: {prod: {namespace: broad}}")
    inside = "http://huge-predictor.{}.svc.cluster.local:8080"
    assert found.rows()[:2] == [
        (
            "wide/wide",
            ("namespace wide → broad",),
            (
                (
                    "namespace",
                    "1 model: huge; everything is created again, and what is in the old namespace stays there "
                    "until it is deleted by hand",
                ),
            ),
        ),
        (
            "wide/huge",
            ("created again in the new namespace",),
            (
                ("unmanaged", "the old one keeps running in wide, with 8 nvidia.com/gpu, until it is deleted by hand"),
                ("url-changed", f"inside the cluster {inside.format('wide')} → {inside.format('broad')}"),
                ("start", "1 replica; nvidia.com/gpu 8 of 12"),
            ),
        ),
    ]
    assert findings(found) == [lacking("environments/prod.yaml:1:1", "prod", "project/wide", does="leaves behind")]


def test_a_model_that_goes_while_its_project_moves_stays_where_it_was(tmp_path: Path) -> None:
    found = made(tmp_path)
    found.edit("projects/chat.yaml", "  prod: {}", "  prod: {namespace: talk}")
    found.edit("projects/chat.yaml", IDLE, "")
    row = next(row for row in found.rows() if row[0] == "chat/idle")
    text = "it keeps running in chat, with 1 nvidia.com/gpu, until it is deleted by hand"
    assert row == ("chat/idle", ("model removed",), (("unmanaged", text),))


DEV = PROD.replace("prod", "dev").replace("apps.", "apps.dev.")


def with_dev(tmp_path: Path, *, base: str = BASE) -> Repository:
    project = "projects/wide.yaml"
    files = {**FILES, "environments/base.yaml": base, "environments/dev.yaml": DEV}
    return repository(tmp_path, {**files, project: WIDE.replace("{prod: {}}", "{prod: {}, dev: {}}")})


def without_dev(found: Repository) -> None:
    (found.root / "environments/dev.yaml").unlink()
    found.edit("projects/wide.yaml", "{prod: {}, dev: {}}", "{prod: {}}")


def test_an_environment_that_goes(tmp_path: Path) -> None:
    found = with_dev(tmp_path)
    without_dev(found)
    text = "1 model: huge; Argo CD does not delete any of it: all stays in wide, with 8 nvidia.com/gpu, until it is deleted by hand"
    stays = (
        "it stays until an administrator of Argo CD deletes it: oc delete -n gitops {}/models-dev where Argo CD runs"
    )
    assert found.rows("dev") == [
        ("wide/wide", ("goes with its environment",), (("environment", text),)),
        ("argocd/models-dev", ("removed",), (("admin", stays.format("appproject")),)),
        ("argocd/models-dev", ("removed",), (("admin", stays.format("applicationset")),)),
    ]
    assert findings(found) == [lacking("environments/base.yaml:1:1", "dev", "environment/dev", does="leaves behind")]
    found.write("environments/base.yaml", BASE + "acknowledge: [environment/dev]\n")
    assert (found.plan().code, findings(found)) == (0, [])


def test_an_environment_that_comes(tmp_path: Path) -> None:
    found = repository(tmp_path)
    found.write("environments/dev.yaml", DEV)
    found.edit("projects/wide.yaml", "{prod: {}}", "{prod: {}, dev: {}}")
    data = next(one for one in found.data()["environments"] if one["name"] == "dev")
    assert (data["state"], data["remarks"]) == (
        "added",
        ["the namespace wide must exist, with the labels that modelfleet labels --env dev prints"],
    )
    apply = "oc apply -k environments/dev/argocd where Argo CD runs"
    assert found.rows("dev") == [
        (
            "wide/huge",
            ("new model with vllm-multinode-runtime",),
            (("start", "1 replica; nvidia.com/gpu 0 → 8 of 12"),),
        ),
        ("wide/wide", ("new project",), (("start", "1 model: huge"),)),
        ("argocd/models-dev", ("added",), (("admin", f"{apply}; before that, Argo CD refuses what is new in it"),)),
        ("argocd/models-dev", ("added",), (("admin", apply),)),
    ]
    assert found.rows("prod") == []


def test_another_cluster(tmp_path: Path) -> None:
    found = repository(tmp_path)
    found.edit("environments/prod.yaml", "{name: prod,", "{name: west,")
    (data,) = found.data()["environments"]
    assert data["changes"][0]["effects"] == [
        {
            "effect": "unmanaged",
            "text": "its models are created on west, and what runs on prod stays there until it is deleted by hand; "
            "this does not apply if only Argo CD's name for the cluster changes",
        },
        {"effect": "admin", "text": "oc apply -k environments/prod/argocd where Argo CD runs"},
    ]
    assert found.plan().out.startswith("The generated files are stale")
    assert "\nprod: another cluster\n" in found.plan().out
    assert findings(found) == [lacking("environments/prod.yaml:1:1", "prod", "environment/prod", does="leaves behind")]
    found.write("environments/prod.yaml", found.read("environments/prod.yaml") + "acknowledge: [environment/prod]\n")
    assert (found.plan().code, findings(found)) == (0, [])


def test_another_platform_takes_another_label_of_the_namespace(tmp_path: Path) -> None:
    alone = """\
version: 1
platform: single-model
models: {spam: {runtime: kserve-ovms, framework: onnx-1, size: Small, location: {pvc: p, path: spam}}}
environments: {prod: {}}
"""
    found = repository(tmp_path)
    found.write("projects/texts.yaml", alone)
    assert found.data()["environments"][0]["remarks"] == [
        "the namespace texts must exist, with the labels that modelfleet labels --env prod prints",
        "2 of 7 models go at once, more than a fifth: that needs an acknowledgement of its own, many-models/prod",
    ]


def test_models_whose_addresses_change_are_counted(tmp_path: Path) -> None:
    two = """\
version: 1
platform: single-model
models:
  a: {runtime: kserve-ovms, framework: onnx-1, size: Small, location: {pvc: p, path: a}}
  b: {runtime: kserve-ovms, framework: onnx-1, size: Small, location: {pvc: p, path: b}}
environments: {prod: {}}
"""
    files = {name: text for name, text in FILES.items() if not name.startswith("projects/")}
    found = repository(tmp_path, {**files, "projects/two.yaml": two})
    found.edit("environments/base.yaml", "rawServiceConfig: Headless", "rawServiceConfig: Headed")
    assert found.data()["environments"][0]["models"]["changed"] == 2
    assert [row["what"] for row in found.data()["environments"][0]["changes"]] == [["where 2 models can be reached"]]


def test_pruning_that_is_switched_on(tmp_path: Path) -> None:
    found = made(tmp_path, prune=False)
    found.write("environments/base.yaml", BASE)
    data = found.data()["environments"][0]
    assert data["facts"] == ["argocd.prune false → true"]
    assert [(row["name"], row["effects"], row["destroys"]) for row in data["changes"]] == [
        (
            "models-prod",
            [
                {"effect": "pruning", "text": PRUNED},
                {"effect": "admin", "text": "oc apply -k environments/prod/argocd where Argo CD runs"},
            ],
            True,
        )
    ]
    run = found.plan("--no-diff")
    assert run.out.splitlines()[2] == "1 environment starts to delete what earlier changes left running."
    assert run.err.splitlines() == [lacking("environments/prod.yaml:1:1", "prod", "environment/prod")]


def test_pruning_that_is_switched_off_deletes_nothing(tmp_path: Path) -> None:
    found = made(tmp_path)
    found.write("environments/base.yaml", KEPT)
    assert [row["effects"][0]["effect"] for row in found.data()["environments"][0]["changes"]] == ["admin"]
    assert findings(found) == []


# ---- acknowledgements ------------------------------------------------------------------------------------------------

BLOCK = "environments:\n  prod: {}\n"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", [lacking("projects/chat.yaml:25:9", "prod", "InferenceService/idle")]),
        ("InferenceService/idle", []),
        (
            "InferenceService/ideal",
            [
                lacking("projects/chat.yaml:26:5", "prod", "InferenceService/idle"),
                needless("projects/chat.yaml:26:19", "environments.prod.acknowledge", "InferenceService/ideal"),
            ],
        ),
        (
            "InferenceService/idle, InferenceService/rank",
            [needless("projects/chat.yaml:26:42", "environments.prod.acknowledge", "InferenceService/rank")],
        ),
    ],
)
def test_an_acknowledgement_in_the_project(written: str, expected: list[str], tmp_path: Path) -> None:
    found = made(tmp_path)
    found.edit("projects/chat.yaml", IDLE, "")
    if written:
        found.edit("projects/chat.yaml", BLOCK, f"environments:\n  prod:\n    acknowledge: [{written}]\n")
    said = found.plan()
    assert said.err.splitlines() == expected
    assert said.code == (4 if any("error[" in line for line in expected) else 0)


def test_an_acknowledgement_belongs_to_one_environment_and_one_project(tmp_path: Path) -> None:
    found = made(tmp_path)
    found.edit("projects/chat.yaml", IDLE, "")
    found.edit("projects/wide.yaml", "{prod: {}}", "{prod: {acknowledge: [InferenceService/idle]}}")
    assert findings(found) == [
        lacking("projects/chat.yaml:25:9", "prod", "InferenceService/idle"),
        "projects/wide.yaml:9:37: warning[PLAN002]: environments.prod.acknowledge: in prod: 'InferenceService/idle' "
        "acknowledges nothing here; write it in projects/chat.yaml, under environments.prod, instead",
    ]


def test_a_project_is_not_acknowledged_by_another_one(tmp_path: Path) -> None:
    found = made(tmp_path)
    (found.root / "projects/wide.yaml").unlink()
    found.edit("projects/chat.yaml", BLOCK, "environments:\n  prod:\n    acknowledge: [project/wide]\n")
    assert findings(found) == [
        lacking("environments/prod.yaml:1:1", "prod", "project/wide", does="leaves behind"),
        f"projects/chat.yaml:{CHAT.count(chr(10)) + 1}:19: warning[PLAN002]: environments.prod.acknowledge: in prod: "
        "'project/wide' acknowledges nothing here; write it in environments/prod.yaml instead",
    ]


def test_a_project_is_acknowledged_in_the_environment(tmp_path: Path) -> None:
    found = made(tmp_path)
    (found.root / "projects/wide.yaml").unlink()
    found.write("environments/prod.yaml", PROD + "acknowledge: [project/wide]\n")
    assert (found.plan().code, findings(found)) == (0, [])
    assert found.data()["environments"][0]["facts"] == []


@pytest.mark.parametrize("where", ["environments/prod.yaml", "projects/wide.yaml"])
def test_a_move_is_acknowledged_in_either_file(where: str, tmp_path: Path) -> None:
    found = made(tmp_path)
    inner = "namespace: broad" + (", acknowledge: [project/wide]" if where.startswith("projects") else "")
    found.edit("projects/wide.yaml", "{prod: {}}", f"{{prod: {{{inner}}}}}")
    if where.startswith("environments"):
        found.write(where, PROD + "acknowledge: [project/wide]\n")
    assert (found.plan().code, findings(found)) == (0, [])


def test_more_than_a_fifth_needs_one_of_its_own(tmp_path: Path) -> None:
    found = repository(tmp_path)  # seven models
    found.edit("projects/chat.yaml", IDLE, "")
    assert findings(found) == [lacking("projects/chat.yaml:25:9", "prod", "InferenceService/idle")]
    found.edit("projects/texts.yaml", SPARE, "")
    found.edit("projects/texts.yaml", "{prod: {}}", "{prod: {acknowledge: [ServingRuntime/spare]}}")
    found.edit("projects/chat.yaml", "  prod: {}", "  prod: {acknowledge: [InferenceService/idle]}")
    assert findings(found) == [lacking("environments/prod.yaml:1:1", "prod", "many-models/prod")]
    assert found.data()["environments"][0]["remarks"] == [
        "2 of 7 models go at once, more than a fifth: that needs an acknowledgement of its own, many-models/prod"
    ]
    found.write("environments/prod.yaml", PROD + "acknowledge: [many-models/prod]\n")
    assert (found.plan().code, findings(found)) == (0, [])
    assert found.data()["environments"][0]["remarks"] == ["2 of 7 models go at once, more than a fifth"]
    assert [line for line in found.plan("--no-diff").out.splitlines() if "cknowledge" in line] == [
        "  acknowledged in projects/chat.yaml:25: InferenceService/idle",
        "  acknowledged in projects/texts.yaml:13: ServingRuntime/spare",
        "  acknowledged in environments/prod.yaml:3: many-models/prod",
    ]


@pytest.mark.parametrize(("models", "gone", "large"), [(2, 2, False), (4, 1, False), (3, 2, True), (10, 2, False)])
def test_a_share_counts_where_several_of_a_fleet_go(models: int, gone: int, large: bool) -> None:
    loss = Destruction(environment="prod", rows=[], models=models, gone=gone, all=False)
    assert loss.large is large


def test_exactly_a_fifth_needs_none_of_its_own(tmp_path: Path) -> None:
    more = MANY[: MANY.index("  m8:")] + "environments: {prod: {}}\n"  # fifteen with these eight
    found = repository(tmp_path, {**FILES, "projects/many.yaml": more})
    text = found.read("projects/many.yaml")
    found.write("projects/many.yaml", text[: text.index("  m5:")] + "environments: {prod: {}}\n")
    what = "InferenceService/m5, InferenceService/m6, InferenceService/m7"
    assert findings(found) == [lacking("projects/many.yaml:9:22", "prod", what)]


def test_what_is_written_stays_in_the_line_to_write(tmp_path: Path) -> None:
    found = made(tmp_path)
    found.edit("projects/texts.yaml", SPARE, "")
    found.edit(
        "projects/texts.yaml", "      topic: {framework: onnx-1, location: {connection: store, path: topic}}\n", ""
    )
    found.edit("projects/texts.yaml", "{prod: {}}", "{prod: {acknowledge: [ServingRuntime/spare]}}")
    both = "ServingRuntime/spare, InferenceService/topic"
    assert findings(found) == [lacking("projects/texts.yaml:12:23", "prod", "InferenceService/topic", both)]


def test_one_that_is_shared_counts_where_any_environment_needs_it(tmp_path: Path) -> None:
    found = with_dev(tmp_path, base=BASE + "acknowledge: [project/wide]\n")
    assert findings(found) == [needless("environments/base.yaml:24:15", "acknowledge", "project/wide", "")]
    found.edit("projects/wide.yaml", "{prod: {}, dev: {}}", "{prod: {}, dev: {namespace: other}}")
    assert findings(found) == []
    assert findings(found, "--env", "prod") == []


def test_render_is_never_held_up(tmp_path: Path) -> None:
    found = made(tmp_path)
    found.edit("projects/chat.yaml", IDLE, "")
    found.render()
    assert found.plan().code == 4
