"""The example under a real Argo CD with its real objects on a real API server, on an old line and on a new one."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from lab.conftest import REPOSITORY
from lab.controlplane.argocd import NAMESPACE, resources
from lab.controlplane.ask import Object, wait_until
from lab.controlplane.fleet import ENVIRONMENT, MODEL, Fleet, application, modelfleet, running

LINES = [pytest.param(line, marks=pytest.mark.xdist_group(f"argocd-{line}")) for line in ("2.14", "3.2")]
APPLICATION_SET = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "ApplicationSet",
    "metadata": {"name": f"models-{ENVIRONMENT}", "namespace": NAMESPACE},
}


@pytest.fixture(scope="module", params=LINES)
def started(
    request: pytest.FixtureRequest,
    built: Callable[..., None],
    kustomize: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Fleet]:
    built("control-plane", f"argocd-{request.param}")
    checks = yaml.safe_load(modelfleet(REPOSITORY, "argocd", "health"))["spec"]["resourceHealthChecks"]
    settings = {f"resource.customizations.health.{one['group']}_{one['kind']}": one["check"] for one in checks}
    with running(request.param, REPOSITORY, kustomize, tmp_path_factory.mktemp("argocd"), settings) as started:
        yield started


@pytest.fixture
def fleet(started: Fleet) -> Iterator[Fleet]:
    """The example's production environment, Synced, with our own checks of health; after the test it is so again."""
    yield started
    started.restore()


# ---- no drift ------------------------------------------------------------------------------------------------------------


def test_nothing_drifts(fleet: Fleet) -> None:
    _stays_synced(fleet)


def test_nothing_drifts_with_server_side_diff(fleet: Fleet) -> None:
    _compare_with_server_side_diff(fleet)
    _stays_synced(fleet)


def _compare_with_server_side_diff(fleet: Fleet) -> None:
    """As an administrator would have it by hand; what is rendered turns it off, and is applied again after the test."""
    annotations = {"argocd.argoproj.io/compare-options": "ServerSideDiff=true"}
    fleet.api.patch(APPLICATION_SET, {"spec": {"template": {"metadata": {"annotations": annotations}}}})
    wait_until(
        "Applications have the option",
        lambda: all(
            annotations.items() <= item["metadata"].get("annotations", {}).items() for item in fleet.argo.applications()
        ),
    )


def _stays_synced(fleet: Fleet) -> None:
    """Neither a comparison from scratch nor the next one finds a difference, and nothing is written."""
    before, syncs = fleet.settle(), _syncs(fleet)
    for hard in (True, False):
        fleet.argo.refreshed(hard)
        assert {item["status"]["sync"]["status"] for item in fleet.argo.applications()} == {"Synced"}
    assert fleet.settle() == before
    assert _syncs(fleet) == syncs


def _syncs(fleet: Fleet) -> dict[str, int]:
    return {item["metadata"]["name"]: len(item["status"]["history"]) for item in fleet.argo.applications()}


def test_a_model_is_healthy_when_its_pods_run_and_progressing_while_they_wait(fleet: Fleet) -> None:
    """By our own checks, over statuses as KServe writes them; the volume of the model over several nodes is not there."""
    _healthy(fleet, "llama-405b", "Progressing")
    for project in ("granite", "vision"):
        _healthy(fleet, project, "Healthy")


def _healthy(fleet: Fleet, project: str, health: str) -> None:
    """Of the whole Application: of each object only the lines before 3.0 keep it."""
    fleet.argo.wait(application(project), health, lambda item: item["status"]["health"]["status"] == health)


# ---- what is changed by hand ---------------------------------------------------------------------------------------------


def test_what_git_has_is_repaired_and_what_it_has_not_stays(fleet: Fleet) -> None:
    model = fleet.model("llama-405b", "llama-405b")
    assert model
    by_hand = {"args": ["--by-hand"], "env": [{"name": "BY_HAND", "value": "1"}]}
    fleet.api.patch(model, {"spec": {"predictor": {"model": by_hand}}})
    wanted = model["spec"]["predictor"]["model"]["args"]
    assert "env" not in model["spec"]["predictor"]["model"]

    def repaired() -> bool:
        found = fleet.model("llama-405b", "llama-405b")
        return bool(found and found["spec"]["predictor"]["model"]["args"] == wanted)

    wait_until("args are as Git has them", repaired)
    fleet.argo.refreshed(True, application("llama-405b"))
    fleet.synced("llama-405b")
    model = fleet.model("llama-405b", "llama-405b")
    assert model
    assert model["spec"]["predictor"]["model"]["env"] == by_hand["env"]
    fleet.api.patch(model, {"spec": {"predictor": {"model": {"env": None}}}})


def test_a_pull_secret_that_openshift_adds_is_no_difference(fleet: Fleet) -> None:
    """What Git has of the list is compared; where that is written, OpenShift adds its own again."""
    ours, openshifts = [{"name": "ours"}], {"name": "granite-3-8b-sa-dockercfg-x2x4z"}
    fleet.api.patch(_account(fleet), {"imagePullSecrets": [openshifts]})
    _patch_account(fleet, {"op": "add", "path": "/imagePullSecrets", "value": ours})
    fleet.modelfleet("render")
    fleet.apply_argocd()
    fleet.put("A pull secret of our own")
    fleet.synced("granite")
    assert _account(fleet)["imagePullSecrets"] == ours
    fleet.api.patch(_account(fleet), {"imagePullSecrets": [*ours, openshifts]})
    fleet.argo.refreshed(True, application("granite"))
    fleet.synced("granite")
    assert _account(fleet)["imagePullSecrets"] == [*ours, openshifts]

    fleet.api.patch(_account(fleet), {"imagePullSecrets": [openshifts]})
    wait_until("ours is there again", lambda: ours[0] in _account(fleet)["imagePullSecrets"])


def _patch_account(fleet: Fleet, operation: Object) -> None:
    def change(spec: Object) -> None:
        model = spec["models"]["granite-3-8b"]
        model.setdefault("patch", {}).setdefault("ServiceAccount", []).append(operation)
        spec["environments"][ENVIRONMENT]["models"]["granite-3-8b"].pop("patch", None)

    _change_spec(fleet, "granite", change)


def _change_spec(fleet: Fleet, project: str, change: Callable[[Object], None]) -> None:
    path = fleet.clone / "projects" / f"{project}.yaml"
    spec = yaml.safe_load(path.read_text())
    change(spec)
    path.write_text(json.dumps(spec))


def _account(fleet: Fleet) -> Object:
    found = fleet.api.get("v1", "ServiceAccount", "granite-3-8b-sa", fleet.projects["granite"])
    assert found
    return found


# ---- what leaves Git -----------------------------------------------------------------------------------------------------


def test_a_model_that_leaves_git_stays_without_pruning_and_goes_with_it(fleet: Fleet) -> None:
    fleet.edit(
        "projects/vision.yaml", r"(nerc-ocp-prod: \{namespace: vision-c07a34, models: \{)", r"\1segmenter: null, "
    )
    (change,) = [one for one in fleet.plan()["changes"] if one["name"] == "segmenter"]
    assert [one["effect"] for one in change["effects"]] == ["unmanaged"]
    fleet.put("The segmenter leaves")
    item = _compared(fleet, "vision", "OutOfSync")
    left = {key for key, one in resources(item).items() if one.get("requiresPruning")}
    assert left == {"InferenceService/segmenter", "ServingRuntime/segmenter"}
    assert fleet.model("vision", "segmenter")

    _prune_from_now_on(fleet)
    fleet.synced("vision")
    wait_until("the model is gone", lambda: fleet.model("vision", "segmenter") is None)


CLAIM = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: prompts}
spec:
  accessModes: [ReadWriteMany]
  resources: {requests: {storage: 1Gi}}
  storageClassName: ""
  volumeName: granite-3f9c1e-prompts
"""


def test_a_claim_that_is_pruned_goes_as_soon_as_no_pod_uses_it(fleet: Fleet) -> None:
    """What the plan says of it: what is stored is lost, and the model runs on, but cannot start again."""
    namespace, file = fleet.projects["granite"], fleet.clone / "objects" / "granite" / "prompts.yaml"
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "prompts", "namespace": namespace},
    }
    fleet.argo.lab.add_volume(namespace, "prompts", claimed=False)
    file.parent.mkdir(parents=True)
    file.write_text(CLAIM)
    volumes = "    volumes: [{name: prompts, persistentVolumeClaim: {claimName: prompts}}]\n"
    fleet.edit("projects/granite.yaml", r"^    tokens: \[ci, chatbot\]\n", rf"\g<0>{volumes}")
    fleet.put("The model reads a volume")
    fleet.apply_argocd()
    fleet.synced("granite")
    wait_until("its pods use it", lambda: _pods_with(fleet, namespace, "prompts"))

    _prune_from_now_on(fleet)
    fleet.synced("granite")
    before = fleet.settle()
    file.unlink()
    (change,) = [one for one in fleet.plan()["changes"] if one["name"] == "prompts"]
    text = (
        "what is stored on its volume is lost, unless the volume's reclaim policy is Retain; granite-3-8b runs on, but cannot "
        "start again without it"
    )
    assert change["effects"] == [{"effect": "delete", "text": text}]
    fleet.put("The volume leaves")
    wait_until("it is deleted", lambda: "deletionTimestamp" in (fleet.api.read(claim) or {"metadata": {}})["metadata"])
    assert fleet.settle() == before
    assert _pods_with(fleet, namespace, "prompts")

    fleet.edit("projects/granite.yaml", re.escape(volumes), "")
    fleet.put("The model no longer reads it")
    wait_until("it is gone", lambda: fleet.api.read(claim) is None)
    fleet.apply_argocd()
    fleet.synced("granite")


def _pods_with(fleet: Fleet, namespace: str, claim: str) -> set[str]:
    """The running pods that use a claim."""
    return {
        pod["metadata"]["uid"]
        for pod in fleet.api.items("v1", "Pod", namespace)
        if pod["status"].get("phase") == "Running"
        and any(one.get("persistentVolumeClaim", {}).get("claimName") == claim for one in pod["spec"]["volumes"])
    }


PRUNING = pytest.mark.parametrize("prune", [False, True], ids=["without pruning", "with pruning"])


@PRUNING
def test_a_project_that_leaves_git_stays_with_its_application(fleet: Fleet, prune: bool) -> None:
    if prune:
        _prune_from_now_on(fleet)
        fleet.synced()
    before = fleet.settle()
    _change_spec(fleet, "granite", lambda spec: spec["environments"].pop(ENVIRONMENT))
    (change,) = [one for one in fleet.plan()["changes"] if one["project"] == "granite"]
    command = f"oc delete application {application('granite')} -n {NAMESPACE}"
    stays = f"its Application stays, too, and no longer finds its folder: then {command} where Argo CD runs"
    assert [one["effect"] for one in change["effects"]] == ["project", "nothing"]
    assert change["effects"][1]["text"] == stays
    fleet.put("Granite leaves")
    fleet.apply_argocd()
    item = fleet.argo.wait(application("granite"), "it finds nothing to sync", lambda found: _conditions(found))
    assert fleet.settle() == before

    fleet.api.delete(item)
    wait_until("the Application is gone", lambda: fleet.api.read(item) is None)
    assert fleet.settle() == before


@PRUNING
def test_a_project_that_moves_is_created_again_and_stays_where_it_was(fleet: Fleet, prune: bool) -> None:
    if prune:
        _prune_from_now_on(fleet)
        fleet.synced()
    before, old = fleet.settle(), fleet.projects["granite"]
    new = "granite-pruned" if prune else "granite-kept"
    fleet.api.ensure_namespace(new)
    _change_spec(fleet, "granite", lambda spec: spec["environments"][ENVIRONMENT].update(namespace=new))
    changes = {one["kind"]: one for one in fleet.plan()["changes"] if one["project"] == "granite"}
    assert [one["effect"] for one in changes["Project"]["effects"]] == ["namespace"]
    effects = [one["effect"] for one in changes["InferenceService"]["effects"]]
    assert effects == ["unmanaged", "url-changed", "url-changed", "token-lost", "start"]
    fleet.put("Granite moves")
    fleet.apply_argocd()
    fleet.synced("granite")
    assert fleet.api.get(*MODEL, "granite-3-8b", new)
    assert fleet.settle() == before

    names = changes["InferenceService"]["command"].removeprefix(f"oc delete -n {old} ").split()
    assert names[0] == "inferenceservice/granite-3-8b"


@PRUNING
def test_an_environment_that_leaves_git_stays_also_without_its_application_set(fleet: Fleet, prune: bool) -> None:
    if prune:
        _prune_from_now_on(fleet)
        fleet.synced()
    before = fleet.settle()
    (fleet.clone / "environments" / f"{ENVIRONMENT}.yaml").unlink()
    for path in (fleet.clone / "projects").glob("*.yaml"):
        spec = yaml.safe_load(path.read_text())
        if spec["environments"].keys() == {ENVIRONMENT}:
            path.unlink()
        else:
            _change_spec(fleet, path.stem, lambda spec: spec["environments"].pop(ENVIRONMENT, None))
    changes = [one for one in fleet.plan()["changes"] if one["kind"] == "Project"]
    assert {one["project"]: [each["effect"] for each in one["effects"]] for one in changes} == {
        project: ["environment"] for project in fleet.projects
    }
    fleet.put("The environment leaves")
    for project in fleet.projects:
        fleet.argo.wait(application(project), "it finds nothing to sync", lambda found: _conditions(found))
    assert fleet.settle() == before

    fleet.api.delete(APPLICATION_SET)
    wait_until("the Applications are gone", lambda: not fleet.argo.applications())
    assert fleet.settle() == before


def _conditions(item: Object) -> set[str]:
    """What keeps an Application from being compared: its folder is not there, or its namespace is none of the AppProject's."""
    found = {one["type"] for one in item["status"].get("conditions", [])}
    return found & {"ComparisonError", "InvalidSpecError"}


def test_a_token_that_leaves_git_opens_its_model_until_the_plans_command_is_run(fleet: Fleet) -> None:
    """Argo CD neither lists nor prunes the Secret of a token whose ServiceAccount stays."""
    _prune_from_now_on(fleet)
    fleet.synced("granite")
    namespace, name = fleet.projects["granite"], "chatbot-granite-3-8b-sa"
    token = wait_until("there is a token", lambda: _token(fleet, namespace, name))
    fleet.edit("projects/granite.yaml", r"^    tokens: \[ci, chatbot\]", "    tokens: [ci]")
    (change,) = fleet.plan()["changes"]
    text = f"Secret {name}: its token opens the model until it is deleted by hand"
    assert [(one["effect"], one["text"]) for one in change["effects"]] == [("token-kept", text)]
    fleet.put("The chatbot leaves")
    (item,) = fleet.synced("granite")
    fleet.argo.refreshed(True, application("granite"))
    assert f"Secret/{name}" not in resources(item)
    assert _opens(fleet, token)

    assert change["command"] == shlex.join(["oc", "delete", "-n", namespace, f"secret/{name}"])
    fleet.api.delete({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}})
    wait_until("the token opens nothing", lambda: not _opens(fleet, token))


def test_the_tokens_of_a_model_that_is_pruned_go_with_its_account(fleet: Fleet) -> None:
    namespace, name = fleet.projects["vision"], "lab-detector-sa"
    token = wait_until("there is a token", lambda: _token(fleet, namespace, name))
    _prune_from_now_on(fleet)
    fleet.edit(
        "projects/vision.yaml",
        r"models: \{detector: \{size: Medium, route: true, tokens: \[lab\]\}\}",
        "models: {detector: null}",
    )
    (change,) = [one for one in fleet.plan()["changes"] if one["name"] == "detector"]
    lost = ("token-lost", f"Secret {name}: who uses it is locked out")
    assert [one["effect"] for one in change["effects"]] == ["delete", "url-gone", "token-lost"]
    assert lost in [(one["effect"], one["text"]) for one in change["effects"]]
    fleet.put("The detector leaves")
    fleet.synced("vision")
    wait_until("the model is gone", lambda: fleet.model("vision", "detector") is None)
    wait_until("the token opens nothing", lambda: not _opens(fleet, token))


CALLER = """\
apiVersion: v1
kind: ServiceAccount
metadata: {name: chatbot}
"""
CALLERS_TOKEN = """\
apiVersion: v1
kind: Secret
metadata:
  name: chatbot-token
  annotations: {kubernetes.io/service-account.name: chatbot}
type: kubernetes.io/service-account-token
"""


def test_a_caller_with_an_account_of_its_own_is_locked_out_when_the_account_leaves_git(fleet: Fleet) -> None:
    """Where Argo CD prunes: Kubernetes deletes an account's tokens with it, also those that are in nobody's Git."""
    namespace, objects = fleet.projects["granite"], fleet.clone / "objects" / "granite" / ENVIRONMENT
    objects.mkdir(parents=True)
    (objects / "caller.yaml").write_text(CALLER)
    (objects / "token.yaml").write_text(CALLERS_TOKEN)
    tokens = r"^    tokens: \[ci, chatbot\]"
    fleet.edit("projects/granite.yaml", tokens, "    tokens: [ci, chatbot]\n    callers: [{serviceAccount: chatbot}]")
    fleet.put("The chatbot gets an account")
    fleet.apply_argocd()
    fleet.synced("granite")
    token = wait_until("there is a token", lambda: _token(fleet, namespace, "chatbot-token"))
    assert _may_read(fleet, namespace, "chatbot")

    _prune_from_now_on(fleet)
    shutil.rmtree(fleet.clone / "objects")
    fleet.edit("projects/granite.yaml", r"\n    callers: \[\{serviceAccount: chatbot\}\]", "")
    fleet.put("The chatbot leaves")
    fleet.synced("granite")
    wait_until("the token opens nothing", lambda: not _opens(fleet, token))
    assert fleet.api.get("v1", "ServiceAccount", "chatbot", namespace) is None
    assert not _may_read(fleet, namespace, "chatbot")


def _may_read(fleet: Fleet, namespace: str, account: str) -> bool:
    """Whether an account may read the model, which is what the proxy before it asks."""
    attributes = {
        "namespace": namespace,
        "verb": "get",
        "group": "serving.kserve.io",
        "resource": "inferenceservices",
        "name": "granite-3-8b",
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "metadata": {"name": ""},
        "spec": {"user": f"system:serviceaccount:{namespace}:{account}", "resourceAttributes": attributes},
    }
    return bool(fleet.api.create(review)["status"]["allowed"])


def _token(fleet: Fleet, namespace: str, name: str) -> str | None:
    import base64

    secret = fleet.api.get("v1", "Secret", name, namespace) or {}
    text = secret.get("data", {}).get("token")
    return base64.b64decode(text).decode() if text else None


def _opens(fleet: Fleet, token: str) -> bool:
    """Whether the API server takes the token for its ServiceAccount, as the proxy before a model asks it."""
    review = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "metadata": {"name": ""},
        "spec": {"token": token},
    }
    return bool(fleet.api.create(review)["status"].get("authenticated"))


def _prune_from_now_on(fleet: Fleet) -> None:
    fleet.edit("environments/base.yaml", "  prune: false", "  prune: true")
    (change,) = fleet.plan()["changes"]
    assert (change["kind"], [one["effect"] for one in change["effects"]]) == ("ApplicationSet", ["pruning", "admin"])
    fleet.put("Prune from now on")
    fleet.apply_argocd()
    wait_until(
        "Applications prune",
        lambda: all(item["spec"]["syncPolicy"]["automated"].get("prune") for item in fleet.argo.applications()),
    )


def _compared(fleet: Fleet, project: str, status: str) -> Object:
    """The Application of a project when the newest revision was compared with this result."""

    def holds(item: Object) -> bool:
        sync = item["status"]["sync"]
        return bool(sync["status"] == status and sync["revision"] == fleet.revision)

    return fleet.argo.wait(application(project), f"{status} at {fleet.revision}", holds)


# ---- what the cluster refuses --------------------------------------------------------------------------------------------


def test_what_is_refused_holds_up_neither_the_rest_nor_for_long_its_repair(fleet: Fleet) -> None:
    """A mode that cannot change is refused by KServe's webhook; the innocent change of the same commit arrives."""
    _put_a_refused_mode(fleet)
    fleet.argo.wait(application("vision"), "what is innocent arrives", lambda _: _segmenter(fleet) == "Innocent")
    item = fleet.argo.wait(
        application("vision"), "refused", lambda found: _messages(found).get("InferenceService/embedder")
    )
    assert "deploymentMode cannot be changed" in _messages(item)["InferenceService/embedder"]

    fleet.edit("projects/vision.yaml", r"embedder: \{mode: advanced\}, ", "")
    fleet.edit("projects/vision.yaml", "displayName: Innocent", "displayName: Repaired")
    fleet.put("The repair")
    fleet.argo.wait(application("vision"), "repaired", lambda _: _segmenter(fleet) == "Repaired", 400)
    fleet.synced("vision")


def test_with_server_side_diff_a_refused_object_holds_up_the_rest_and_all_is_told_as_synced(fleet: Fleet) -> None:
    """Why it is turned off: the comparison fails, and the next one takes the result of the one before for its own."""
    _compare_with_server_side_diff(fleet)
    _put_a_refused_mode(fleet)
    for status in ("Unknown", "Synced"):
        item = _compared(fleet, "vision", status)
        assert item["status"]["history"][-1]["revision"] != fleet.revision
        assert _segmenter(fleet) != "Innocent"


def test_a_binding_gets_another_role_without_anybodys_help(fleet: Fleet) -> None:
    namespace, name = fleet.projects["granite"], "granite-3-8b-view"
    fleet.edit(
        f"environments/base/granite/rolebinding-{name}.yaml", "^  name: granite-3-8b-view-role", "  name: another"
    )
    fleet.put("Another role", render=False)

    def role() -> str:
        binding = fleet.api.get("rbac.authorization.k8s.io/v1", "RoleBinding", name, namespace) or {}
        return str(binding.get("roleRef", {}).get("name"))

    fleet.argo.wait(application("granite"), "the binding has the role", lambda _: role() == "another")
    fleet.synced("granite")


def _put_a_refused_mode(fleet: Fleet) -> None:
    """And an innocent change in the same commit."""
    _name_segmenter(fleet, "Innocent")
    fleet.edit(
        "projects/vision.yaml", r"\{detector: \{size: Medium", "{embedder: {mode: advanced}, detector: {size: Medium"
    )
    fleet.put("A mode that is refused")


def _name_segmenter(fleet: Fleet, name: str) -> None:
    fleet.edit("projects/vision.yaml", "^  segmenter:\n", f"  segmenter:\n    displayName: {name}\n")


def _segmenter(fleet: Fleet) -> str:
    model = fleet.model("vision", "segmenter")
    assert model
    return str(model["metadata"]["annotations"]["openshift.io/display-name"])


def _messages(item: Object) -> dict[str, str]:
    results = item["status"].get("operationState", {}).get("syncResult", {}).get("resources", [])
    return {f"{one['kind']}/{one['name']}": one.get("message", "") for one in results}


# ---- tracking ------------------------------------------------------------------------------------------------------------


def test_after_another_way_of_tracking_nothing_that_leaves_git_is_forgotten(fleet: Fleet) -> None:
    """A model that is written after the change gets the new mark; it leaves Git, and is reported and pruned."""
    before = fleet.settle()
    fleet.argo.change_settings({"application.resourceTrackingMethod": "annotation"})
    fleet.argo.refreshed(True)
    fleet.synced()
    assert fleet.settle() == before, "the change alone writes nothing"
    mark = "argocd.argoproj.io/tracking-id"
    fleet.argo.sync(application("granite"), options=["FailOnSharedResource=true"])

    def marked() -> bool:
        model = fleet.model("granite", "granite-3-8b")
        return bool(model and mark in model["metadata"]["annotations"])

    wait_until("a sync of all objects marks them", marked)
    _name_segmenter(fleet, "After the change")
    fleet.put("A change")
    fleet.synced("vision")
    model = fleet.model("vision", "segmenter")
    assert model
    assert model["metadata"]["annotations"][mark].startswith(f"{application('vision')}:")
    assert "app.kubernetes.io/instance" not in model["metadata"].get("labels", {})

    fleet.edit(
        "projects/vision.yaml", r"(nerc-ocp-prod: \{namespace: vision-c07a34, models: \{)", r"\1segmenter: null, "
    )
    fleet.put("The segmenter leaves")
    left = resources(_compared(fleet, "vision", "OutOfSync"))
    assert left["InferenceService/segmenter"].get("requiresPruning")
    _prune_from_now_on(fleet)
    wait_until("the model is gone", lambda: fleet.model("vision", "segmenter") is None)
