"""The straight line from files to files: which stage says what, where a finding points, and what belongs to the base."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from console import SPEC, example, miniature, write
from modelfleet.finding import Finding, Location, Pointer, Rejected, Severity
from modelfleet.kustomize.overlay import Overlay
from modelfleet.packaged import packaged
from modelfleet.pipeline import project as projects
from modelfleet.pipeline.fleet import fleet
from modelfleet.pipeline.needs import schemas_of
from modelfleet.pipeline.repository import stop_on_errors
from modelfleet.render.objects import RenderedObject, place_of, render_project
from modelfleet.render.templates import Templates
from modelfleet.resolve.model import Project

MODEL = """\
version: 1
platform: single-model
connections:
  store: {s3: {endpoint: "https://s3.example.org", bucket: models}}
secrets: {kept: {keys: [word]}}
models:
  chat:
    displayName: Chat
    runtime: vllm-cuda-runtime
    replicas: 2
    size: Medium
    accelerator: nvidia-a100-gpu
    route: {timeout: 10m}
    tokens: [ci]
    location: {connection: store, path: chat}
    args: ["--max-model-len=8192", "--enforce-eager"]
    env: {ONE: "1", TWO: {secret: kept, key: word}}
    patch:
      InferenceService:
      - {op: add, path: /spec/predictor/priorityClassName, value: high}
      - {op: add, path: /metadata/labels/team~1name, value: search}
  ranker:
    runtime: onnx-server
    size: Small
    location: {pvc: weights, path: ranker}
environments: {prod: {models: {chat: {args: ["--seed=1"]}}}, test: {}}
"""


def refused(root: Path) -> list[str]:
    with pytest.raises(Rejected) as caught:
        fleet(root)
    return [finding.text() for finding in caught.value.findings]


# ---- stages


def test_a_stage_says_everything_that_is_wrong_with_all_files(tmp_path: Path) -> None:
    root = miniature(tmp_path, {"projects/a.yaml": "version: 1\nmodels: []\n", "projects/b.yaml": "version: [\n"})
    write(root, {"runtimes/x.yaml": "kind: Pod\n", "environments/more.yaml": "version: 1\nrelase: x\n"})
    assert [text.split(": error")[0] for text in refused(root)] == [
        "environments/more.yaml:2:1",
        "projects/a.yaml:1:1",
        "projects/a.yaml:2:9",
        "projects/b.yaml:1:10",
        "runtimes/x.yaml:1:1",
        "runtimes/x.yaml:1:7",
    ]


def test_a_stage_that_refuses_leaves_later_ones_out(tmp_path: Path) -> None:
    wrong = SPEC.replace("Small", "Huge")  # which the rules would refuse
    root = miniature(tmp_path, {"projects/a.yaml": wrong, "projects/b.yaml": "version: 2\n" + wrong.partition("\n")[2]})
    assert refused(root) == ["projects/b.yaml:1:10: error[SPEC004]: version: expected 1, found 2; write version: 1"]


def test_what_holds_for_several_environments_is_said_once(tmp_path: Path) -> None:
    routed = SPEC.replace("    size: Small\n", "    size: Small\n    route: true\n")
    root = miniature(tmp_path, {"projects/acme.yaml": routed.replace("{prod: {}}", "{prod: {}, test: {}}")})
    (warning,) = fleet(root).warnings
    assert (warning.code, warning.severity, warning.environments) == ("NET001", Severity.WARNING, ("prod", "test"))


def test_warnings_are_told_beside_errors(tmp_path: Path) -> None:
    wrong = SPEC.replace("    size: Small\n", "    size: Huge\n    route: true\n")
    root = miniature(tmp_path, {"projects/acme.yaml": wrong})
    assert [text.split(" ")[1] for text in refused(root)] == ["error[CAP006]:", "warning[NET001]:"]


def test_stop_raises_for_errors_alone_and_keeps_the_rest() -> None:
    at = Location("x.yaml", 1, 1)
    warning = Finding(at=at, code="A001", message="a", severity=Severity.WARNING)
    error = Finding(at=at, code="A002", message="b")
    kept: list[Finding] = []
    stop_on_errors([warning], kept)
    assert kept == [warning]
    with pytest.raises(Rejected) as caught:
        stop_on_errors([error], kept)
    assert caught.value.findings == (warning, error)


def test_the_outcome_is_the_same_every_time(tmp_path: Path) -> None:
    root = example(tmp_path)
    assert fleet(root) == fleet(root)


# ---- environments

ENVIRONMENT = (
    "version: 1\ncluster: {name: c, appsDomain: d.example.org}\nplatforms: {serverless: true, modelMesh: true, "
    "rawServiceConfig: Headless}\nsecrets: {keyPrefix: p}\n"
)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "release: rhoai-2.5\n",
            "environments/more.yaml:5:10: error[ENV001]: release: 'rhoai-2.5' is not a release that modelfleet knows; "
            "did you mean 'rhoai-2.25'?",
        ),
        (
            'argocd: {version: "2.1"}\n',
            "environments/more.yaml:5:19: error[ENV010]: argocd.version: '2.1' is not a version of Argo CD that modelfleet "
            "knows; write one of ",
        ),
    ],
)
def test_versions_that_are_not_known(more: str, said: str, tmp_path: Path) -> None:
    root = miniature(tmp_path)
    write(root, {"environments/more.yaml": ENVIRONMENT + more})
    (text,) = refused(root)
    assert text.startswith(said)


def test_an_environment_without_projects_is_judged_too(tmp_path: Path) -> None:
    root = miniature(tmp_path)
    write(
        root,
        {
            "environments/more.yaml": ENVIRONMENT
            + "sizes: {Small: {requests: {cpu: 2, memory: 1Gi}, limits: {cpu: 1, memory: 1Gi}}}\n"
        },
    )
    (text,) = refused(root)
    assert text.startswith("environments/more.yaml:5:")


def test_what_the_objects_are_checked_with(tmp_path: Path) -> None:
    found = fleet(example(tmp_path))
    wanted = {name: schemas_of(environment) for name, environment in found.environments.items()}
    assert {name: needs.kubernetes for name, needs in wanted.items()} == {
        name: environment.release.kubernetes for name, environment in found.environments.items() if environment.release
    }
    modules = {module.module.rpartition("/")[2] for needs in wanted.values() for module in needs.modules}
    assert modules == {"kserve", "api", "external-secrets", "v2"}


def test_without_an_api_version_of_the_store_the_current_one_is_written_and_checked(tmp_path: Path) -> None:
    root = miniature(tmp_path)
    base = (root / "environments/base.yaml").read_text()
    write(root, {"environments/base.yaml": base.replace("apiVersion: external-secrets.io/v1beta1, ", "")})
    found = fleet(root)
    (secret,) = (item for item in found.deployed[0].objects if item["kind"] == "ExternalSecret")
    modules = {module.module.rpartition("/")[2] for module in schemas_of(found.environments["prod"]).modules}
    assert (secret["apiVersion"], modules) == ("external-secrets.io/v1", {"kserve", "api", "external-secrets", "v2"})


# ---- where a finding points


def made(root: Path, name: str = "acme", environment: str = "prod") -> tuple[Project, Mapping[str, RenderedObject]]:
    """A project in an environment, with its objects by kind and name."""
    found = fleet(root)
    (project,) = (
        one.project for one in found.deployed if (one.project.name, one.project.environment.name) == (name, environment)
    )
    release = project.environment.release
    assert release is not None
    rendered, wrong = render_project(
        project, Templates([packaged("templates") / folder for folder in release.templates])
    )
    assert wrong == []
    return project, {f"{one.object['kind']}/{one.object['metadata']['name']}": one for one in rendered}


def place(root: Path, name: str, pointer: Pointer) -> Location:
    project, objects = made(root)
    origin, field = place_of(project, objects[name], pointer)
    return origin.at(field)


SERVICE = "InferenceService/chat"


@pytest.mark.parametrize(
    ("name", "pointer", "at"),
    [
        (SERVICE, ("metadata", "annotations", "openshift.io/display-name"), "projects/acme.yaml:8:18"),
        (SERVICE, ("spec", "predictor", "minReplicas"), "projects/acme.yaml:10:15"),
        (SERVICE, ("spec", "predictor", "model", "resources", "limits", "cpu"), "projects/acme.yaml:11:11"),
        (SERVICE, ("spec", "predictor", "tolerations", 0, "key"), "projects/acme.yaml:12:18"),
        (SERVICE, ("spec", "predictor", "model", "storage", "path"), "projects/acme.yaml:15:41"),
        (SERVICE, ("spec", "predictor", "model", "storage", "key"), "projects/acme.yaml:15:28"),
        (SERVICE, ("spec", "predictor", "model", "args", 0), "projects/acme.yaml:26:46"),
        (SERVICE, ("spec", "predictor", "model", "env", 1, "valueFrom"), "projects/acme.yaml:17:26"),
        (SERVICE, ("spec", "predictor", "priorityClassName"), "projects/acme.yaml:20:67"),
        (SERVICE, ("metadata", "labels", "team/name"), "projects/acme.yaml:21:61"),
        (SERVICE, ("spec", "predictor", "nothing"), "projects/acme.yaml:8:5"),
        ("ServingRuntime/chat", ("spec", "containers", 0, "args", 0), "projects/acme.yaml:9:14"),
        ("ServingRuntime/ranker", ("spec", "containers", 0, "args", 1), "runtimes/onnx-server.yaml:9:82"),
        ("Secret/ci-chat-sa", ("metadata", "name"), "projects/acme.yaml:14:14"),
        ("ExternalSecret/store", ("spec", "target"), "projects/acme.yaml:4:10"),
    ],
)  # fmt: skip
def test_a_part_of_an_object_stands_where_the_user_wrote_it(
    name: str, pointer: Pointer, at: str, tmp_path: Path
) -> None:
    assert str(place(miniature(tmp_path, {"projects/acme.yaml": MODEL}), name, pointer)) == at


def test_patches_of_what_is_not_rendered_and_of_what_only_the_spec_decides(tmp_path: Path) -> None:
    patch = "    patch:\n      ServiceAccount: [{op: add, path: /imagePullSecrets, value: []}]\n"
    patch += "      InferenceService: [{op: replace, path: /metadata/name, value: x}]\n"
    root = miniature(tmp_path, {"projects/acme.yaml": SPEC.replace("    size: Small\n", f"    size: Small\n{patch}")})
    said = refused(root)
    assert [text.split(": ")[1] for text in said] == ["error[PATCH003]", "error[PATCH001]"]
    assert said[0] == (
        "projects/acme.yaml:12:7: error[PATCH003]: models.ranker.patch.ServiceAccount: in prod: no ServiceAccount is rendered "
        "for it; there are InferenceService, ServingRuntime"
    )


def test_a_service_account_that_the_operator_makes_is_taken(tmp_path: Path) -> None:
    """On 3.x the webhook makes `<connection>-sa` for an S3 connection, which a model of that name would need too."""
    spec = SPEC.replace("  ranker:\n", "  store:\n    tokens: [ci]\n").replace("{prod: {}}", "{test: {}}")
    root = miniature(tmp_path, {"projects/acme.yaml": spec})
    (text,) = (line for line in refused(root) if "error[" in line)
    assert text == (
        "projects/acme.yaml:6:3: error[NAME005]: connections.store: in test: ServiceAccount 'store-sa' would be created twice: "
        "here and for models.store; rename one of the two (projects/acme.yaml:8:3)"
    )
    write(root, {"projects/acme.yaml": spec.replace("{test: {}}", "{prod: {}}")})
    assert fleet(root).deployed[0].project.environment.name == "prod"


# ---- base and overlays


def test_files_are_sealed_and_name_what_to_edit(tmp_path: Path) -> None:
    files = fleet(miniature(tmp_path)).files
    begun = {path: text.partition(":")[0] for path, text in files.items()}
    assert {begun[path] for path in files if path.startswith("environments/base/")} == {
        "# Generated from projects/acme.yaml and environments/base.yaml"
    }
    assert {begun[path] for path in files if path.startswith("environments/prod/acme/")} == {
        "# Generated from projects/acme.yaml and environments/prod.yaml"
    }
    assert {begun[path] for path in files if path.startswith("environments/prod/argocd/")} == {
        "# Generated from environments/prod.yaml"
    }
    assert "\n---\n" not in "".join(files.values()), "one object a file"


def test_what_base_yaml_leaves_open_is_left_out_of_the_base(tmp_path: Path) -> None:
    root = miniature(tmp_path, {"projects/acme.yaml": MODEL})
    base = (root / "environments/base.yaml").read_text()
    closed = fleet(root).files["environments/base/acme/inferenceservice-chat.yaml"]
    write(root, {"environments/base.yaml": "version: 1\nrelease: rhoai-2.25\nargocd:" + base.partition("argocd:")[2]})
    own = (
        base.partition("release: rhoai-2.25\n")[2]
        .partition("argocd:")[0]
        .replace("secrets: {", "secrets: {keyPrefix: p, ")
    )
    for name in ("prod", "test"):
        text = (root / f"environments/{name}.yaml").read_text()
        lines = [line for line in text.splitlines() if not line.startswith(("secrets:", "accelerators:", "  nvidia"))]
        offered = (
            own if name == "prod" else "".join(line for line in own.splitlines(keepends=True) if "  ovms:" not in line)
        )
        write(root, {f"environments/{name}.yaml": "\n".join(lines) + "\n" + offered})
    opened = fleet(root).files["environments/base/acme/inferenceservice-chat.yaml"]
    assert "nvidia.com/gpu" in closed and "cpu:" in closed and "tolerations:" in closed
    assert "nvidia.com/gpu" not in opened and "resources:" not in opened and "tolerations:" not in opened
    assert "null" not in opened and "{}" not in opened


def test_an_overlay_that_would_build_to_something_else_stops_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "overlay", lambda base, wanted, namespace: Overlay(namespace, (), ()))
    wrong = r"^acme in prod: the overlay does not build to \('external-secrets.io', 'ExternalSecret', 'store'\)$"
    with pytest.raises(AssertionError, match=wrong):
        fleet(miniature(tmp_path))


def test_a_project_that_is_no_longer_there_leaves_nothing(tmp_path: Path) -> None:
    root = miniature(tmp_path, {"projects/acme.yaml": SPEC, "projects/shop.yaml": SPEC.replace("acme-ml", "shop-ml")})
    both = fleet(root)
    (root / "projects/shop.yaml").unlink()
    one = fleet(root)
    gone = {path for path in both.files.keys() - one.files.keys() if "/shop/" not in path}
    assert (gone, one.files.keys() - both.files.keys()) == (set(), set())


def waves(root: Path) -> dict[str, str | None]:
    """The sync wave of each object of the first project, by kind and name."""
    found: dict[str, str | None] = {}
    for item in fleet(root).deployed[0].objects:
        annotations: Mapping[str, str] = item["metadata"].get("annotations") or {}
        found[f"{item['kind']}/{item['metadata']['name']}"] = annotations.get("argocd.argoproj.io/sync-wave")
    return found


def test_there_is_one_sync_wave_unless_the_environment_wants_secrets_first(tmp_path: Path) -> None:
    root = miniature(tmp_path, {"projects/acme.yaml": MODEL})
    usual = waves(root)
    text = (root / "environments/prod.yaml").read_text()
    write(root, {"environments/prod.yaml": f"{text}argocd: {{secretsFirst: true}}\n"})
    assert set(usual.values()) == {None}
    assert waves(root) == dict.fromkeys(usual) | {
        "Namespace/acme": "-1",
        "ExternalSecret/store": "-1",
        "ExternalSecret/kept": "-1",
    }


def objects_in(root: Path) -> list[dict[str, Any]]:
    return [dict(item) for one in fleet(root).deployed for item in one.objects]


def test_objects_are_as_they_will_be_in_the_cluster(tmp_path: Path) -> None:
    objects = objects_in(miniature(tmp_path))
    assert [(item["kind"], item["metadata"]["name"], item["metadata"].get("namespace")) for item in objects] == [
        ("Namespace", "acme-ml", None),
        ("ExternalSecret", "store", "acme-ml"),
        ("ServingRuntime", "ranker", "acme-ml"),
        ("InferenceService", "ranker", "acme-ml"),
    ]
