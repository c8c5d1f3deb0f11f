"""Two steps from what a release loses to what follows it: the example's projects, and fleets that nobody has thought of."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from console import example, modelfleet, tree, write
from enough_room import roomy
from fleets import Repository, placed, repositories
from modelfleet.finding import Rejected
from modelfleet.kubernetes.objects import Object
from modelfleet.migrate.migrate import Migration, RepositoryState, TakenStep, repository_state, take
from modelfleet.migrate.step import NotMigratable
from modelfleet.pipeline.fleet import fleet
from modelfleet.resolve import catalog
from modelfleet.resolve.model import Project, Workload
from modelfleet.rules.admission.rulebook import rulebook
from modelfleet.serving.workloads import SERVICE, RunningWorkload, project_state, running_workloads

GOLDEN = Path(__file__).parents[1] / "golden/migrate"


@pytest.mark.parametrize(
    ("kind", "project"), [("multi-model", "coolstore"), ("multi-model", "classifiers"), ("advanced", "llama-on-demand")]
)
def test_a_project_of_the_example_in_both_steps(kind: str, project: str, tmp_path: Path, update_golden: bool) -> None:
    root = example(tmp_path)
    roomy(root, project)
    spec = root / f"projects/{project}.yaml"
    said = []
    for step in ("add", "remove"):
        ran = modelfleet(root, "migrate", kind, "--project", project, "--step", step)
        said.append(
            f"$ modelfleet migrate {kind} --project {project} --step {step}\n{ran.text()}\n{spec.read_text('utf-8')}"
        )
        assert modelfleet(root, "check").code == 0
    text = "\n".join(said)
    golden = GOLDEN / f"{project}.txt"
    if update_golden:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


def test_without_a_step_both_are_described_and_nothing_is_written(tmp_path: Path) -> None:
    root = example(tmp_path)
    before = tree(root)
    ran = modelfleet(root, "migrate", "multi-model", "--project", "coolstore", "--env", "nerc-ocp-edu")
    assert (ran.code, ran.err, tree(root)) == (0, "", before)
    assert [line for line in ran.out.splitlines() if not line.startswith(" ")] == [
        "step 1, --step add:",
        "step 2, --step remove:",
        "nothing was written; --step writes",
    ]


def test_what_has_no_room_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    root = example(tmp_path)
    before = tree(root)
    ran = modelfleet(root, "migrate", "multi-model", "--project", "classifiers", "--step", "add")
    assert (ran.code, ran.out, tree(root)) == (1, "", before)
    assert "the project would be refused afterwards" in ran.err.splitlines()[0]
    assert "error[CAP005]" in ran.err


def test_the_second_step_waits_for_the_first(tmp_path: Path) -> None:
    root = example(tmp_path)
    before = tree(root)
    ran = modelfleet(root, "migrate", "advanced", "--project", "llama-on-demand", "--step", "remove")
    assert (ran.code, ran.out, tree(root)) == (1, "", before)
    assert ran.err == (
        "modelfleet: projects/llama-on-demand.yaml:11:3: in nerc-ocp-edu 'llama-3-8b' has no counterpart yet; "
        "run `modelfleet migrate advanced --project llama-on-demand --step add` first; nothing was written\n"
    )


def test_one_environment_after_the_other(tmp_path: Path) -> None:
    """What only one of two environments has to have yet is removed in the other until its turn comes."""
    root = example(tmp_path)
    roomy(root, "coolstore")
    words = ("migrate", "multi-model", "--project", "coolstore")
    for environment in ("nerc-ocp-edu", "nerc-ocp-prod"):
        for step in ("add", "remove"):
            ran = modelfleet(root, *words, "--env", environment, "--step", step)
            assert (ran.code, ran.err) == (0, "")
            assert modelfleet(root, "check").code == 0
    shared = repository_state(root).repository.projects["coolstore"].data
    assert (shared["platform"], [*shared["models"]], "servers" in shared) == (
        "single-model",
        ["coolstore-standard"],
        False,
    )


SCALED = """\
version: 1
platform: single-model
models:
  llama: # the large one
    llmd:
      # by its own autoscaler
      scaling: {min: 1, max: 3, by: hpa}
    size: Small
    location: {pvc: weights, path: llama}
environments:
  test: {}
"""


SCALING_FACTS = """\
version: 1
release: rhoai-3.4
cluster: {name: test, appsDomain: apps.test.example.org}
platforms: {serverless: false, modelMesh: false, rawServiceConfig: Headless}
sizes: {Small: {requests: {cpu: "1", memory: 4Gi}, limits: {cpu: "2", memory: 8Gi}}}
secrets: {provider: existing}
namespaces: external
argocd: {namespace: openshift-gitops, repoURL: "https://git.example.org/models.git", revision: main, version: "2.14", prune: false}
"""


def test_scaling_of_llmd_becomes_a_fixed_number_in_one_step(tmp_path: Path) -> None:
    root = write(tmp_path, {"projects/acme.yaml": SCALED, "environments/test.yaml": SCALING_FACTS})
    words = ("migrate", "llmd-scaling", "--project", "acme", "--step")
    ran = modelfleet(root, *words, "add")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "wrote projects/acme.yaml\n"
        "note: llama in test: 1 to 3 replicas become 3, all the time\n"
        "next: render, review, merge\n"
    )
    scaling = "    llmd:\n      # by its own autoscaler\n      scaling: {min: 1, max: 3, by: hpa}\n"
    expected = SCALED.replace(scaling, "    llmd: true\n").replace("path: llama}\n", "path: llama}\n    replicas: 3\n")
    assert (root / "projects/acme.yaml").read_text("utf-8") == expected
    nothing = "acme: nothing to {}: it takes one step, --step add, where the load scales a model with llmd\n"
    for step in ("add", "remove"):
        assert modelfleet(root, *words, step).out == nothing.format(step)


def test_replicas_by_load_of_llmd_become_a_fixed_number(tmp_path: Path) -> None:
    scaling = "    llmd:\n      # by its own autoscaler\n      scaling: {min: 1, max: 3, by: hpa}\n"
    by_load = "    llmd: true\n    replicas: {min: 1, max: 3, when: {waitingRequests: 5}}\n"
    spec = SCALED.replace(scaling, by_load)
    root = write(tmp_path, {"projects/acme.yaml": spec, "environments/test.yaml": SCALING_FACTS})
    ran = modelfleet(root, "migrate", "llmd-scaling", "--project", "acme", "--step", "add")
    assert (ran.code, ran.err) == (0, "")
    expected = spec.replace("replicas: {min: 1, max: 3, when: {waitingRequests: 5}}", "replicas: 3")
    assert (root / "projects/acme.yaml").read_text("utf-8") == expected


# ---- accelerator profiles --------------------------------------------------------------------------------------------

PROFILE = """\
note: {0} in nerc-ocp-prod gets the hardware profile redhat-ods-applications/{0}-serving: this is the name that the operator \
gives it during the upgrade to 3.x; if you create a profile yourself, write its name instead
note: nothing is rendered differently yet: Red Hat OpenShift AI 2.25 goes by the tolerations of {0}
note: the profile redhat-ods-applications/{0}-serving has the tolerations of the accelerator profile, and no node selector: add \
spec.scheduling.node.nodeSelector: {{nvidia.com/gpu.product: {1}}} to it, or its pods may land on nodes with another product
"""


def test_an_accelerator_gets_its_hardware_profile_and_loses_its_tolerations(tmp_path: Path) -> None:
    """The first step renders nothing differently; in the second one, the models name the profile."""
    root = example(tmp_path)
    file = root / "environments/nerc-ocp-prod.yaml"
    before, rendered = file.read_text("utf-8"), fleet(root).files
    words = ("migrate", "accelerator-profiles", "--project", "granite", "--env", "nerc-ocp-prod", "--step")
    ran = modelfleet(root, *words, "add")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "wrote environments/nerc-ocp-prod.yaml\n"
        + PROFILE.format("nvidia-a100-gpu", "NVIDIA-A100-SXM4-40GB")
        + "next: render, review, merge; when the cluster has the hardware profiles, which an upgrade to 3.x makes,\n"
        "      modelfleet migrate accelerator-profiles --project granite --env nerc-ocp-prod --step remove\n"
    )
    block = (
        "\naccelerators:\n  nvidia-a100-gpu:\n"
        "    hardwareProfile: {name: nvidia-a100-gpu-serving, namespace: redhat-ods-applications}\n"
    )
    assert file.read_text("utf-8") == before + block
    assert fleet(root).files == rendered
    again = modelfleet(root, *words, "add")
    assert again.out == (
        "granite: nothing to add: the hardware profiles are already there; `--step remove` removes the tolerations\n"
    )
    ran = modelfleet(root, *words, "remove")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "wrote environments/nerc-ocp-prod.yaml\n"
        "note: from now on models with nvidia-a100-gpu in nerc-ocp-prod name the hardware profile, and restart once: Red Hat "
        "OpenShift AI 2.25 refuses them as long as redhat-ods-applications/nvidia-a100-gpu-serving is not on the cluster\n"
        "note: nvidia-a100-gpu in nerc-ocp-prod is used by llama-on-demand, too: the same happens there\n"
        "next: render, review, merge\n"
    )
    assert file.read_text("utf-8") == before + block + "    tolerations: null\n"
    found = {path for path, text in fleet(root).files.items() if rendered.get(path) != text}
    assert {path.split("/")[2] for path in found} == {"granite", "llama-on-demand"}
    (model,) = (
        item
        for one in fleet(root).deployed
        if one.project.environment.name == "nerc-ocp-prod" and one.project.name == "granite"
        for item in one.objects
        if item["kind"] == "InferenceService"
    )
    annotations = model["metadata"]["annotations"]
    assert {key: value for key, value in annotations.items() if "hardware" in key} == {
        "opendatahub.io/hardware-profile-name": "nvidia-a100-gpu-serving",
        "opendatahub.io/hardware-profile-namespace": "redhat-ods-applications",
    }
    assert {"tolerations", "nodeSelector"} & model["spec"]["predictor"].keys() == set()
    assert modelfleet(root, *words, "remove").out == (
        "granite: nothing to remove: none of its accelerators depends on an accelerator profile alone\n"
    )


def test_workers_keep_their_tolerations(tmp_path: Path) -> None:
    root = example(tmp_path)
    words = ("migrate", "accelerator-profiles", "--project", "llama-405b", "--env", "nerc-ocp-prod", "--step")
    assert modelfleet(root, *words, "add").code == 0
    before = tree(root)
    ran = modelfleet(root, *words, "remove")
    assert (ran.code, ran.err, tree(root)) == (0, "", before)
    assert ran.out == (
        "llama-405b: nothing to remove: nvidia-h100-gpu in nerc-ocp-prod keeps its tolerations: a hardware profile gives none "
        "to the workers of llama-405b\n"
    )


def test_a_release_that_reads_no_profiles_keeps_its_tolerations(tmp_path: Path) -> None:
    root = example(tmp_path)
    words = ("migrate", "accelerator-profiles", "--project", "granite", "--env", "nerc-ocp-edu")
    early = modelfleet(root, *words, "--step", "remove")
    assert (early.code, early.out) == (1, "")
    assert early.err == (
        "modelfleet: environments/base.yaml:13:3: in nerc-ocp-edu 'nvidia-a100-gpu' has no hardware profile yet; run "
        "`modelfleet migrate accelerator-profiles --project granite --step add` first; nothing was written\n"
    )
    assert modelfleet(root, *words, "--step", "add").code == 0
    before = tree(root)
    ran = modelfleet(root, *words, "--step", "remove")
    assert (ran.code, ran.out, tree(root)) == (1, "", before)
    assert ran.err == (
        "modelfleet: environments/base.yaml:13:3: Red Hat OpenShift AI 2.22 reads no hardware profiles, so 'nvidia-a100-gpu' "
        "needs its tolerations in nerc-ocp-edu; nothing was written\n"
    )


def test_on_3x_the_profile_is_there_already_and_the_tolerations_go_without_a_change(tmp_path: Path) -> None:
    root = example(tmp_path)
    rendered = fleet(root).files
    words = ("migrate", "accelerator-profiles", "--project", "granite", "--env", "nerc-ocp-test", "--step")
    assert modelfleet(root, *words, "add").out == (
        "granite: nothing to add: the hardware profiles are already there; `--step remove` removes the tolerations\n"
    )
    assert modelfleet(root, *words, "remove").out == (
        "wrote environments/nerc-ocp-test.yaml\n"
        "note: nvidia-a100-gpu in nerc-ocp-test loses its tolerations, from which nothing was rendered any more\n"
        "next: render, review, merge\n"
    )
    assert fleet(root).files == rendered


@pytest.mark.parametrize("project", ["coolstore", "vision"])
def test_without_accelerators_there_is_nothing_to_do(project: str, tmp_path: Path) -> None:
    root = example(tmp_path)
    for step in ("add", "remove"):
        ran = modelfleet(root, "migrate", "accelerator-profiles", "--project", project, "--step", step)
        assert (ran.code, ran.out) == (
            0,
            f"{project}: nothing to {step}: none of its accelerators depends on an accelerator profile alone\n",
        )


# ---- fleets that nobody has thought of -------------------------------------------------------------------------------


def admitted(objects: tuple[Object, ...], release: str) -> list[str]:
    """What a release refuses."""
    facts = catalog.release(release)
    rules = rulebook(facts.capabilities, facts.terms)
    peers = {(item["kind"], item["metadata"]["name"]): item for item in objects}
    return [rule.code for item in objects for rule, _ in rules.check(rules.request(item, peers=peers))]


def running(state: RepositoryState, project: str) -> Iterator[tuple[Project, dict[str, RunningWorkload]]]:
    for one in state.of(project).values():
        found = running_workloads(
            project_state(one.project.environment, one.project.namespace, one.objects, one.project)
        )
        yield one.project, {name: workload for (kind, name), workload in found.items() if kind == SERVICE}


def access(workload: RunningWorkload) -> tuple[bool, bool, int]:
    address = workload.address
    return bool(address and address.external), bool(address and address.guarded), max(workload.least, 1)


def steps(root: Path, state: RepositoryState, kind: str, project: str) -> Iterator[TakenStep]:
    for step in ("add", "remove"):
        try:
            taken = take(root, state, Migration(kind, project, frozenset()), step)
        except Rejected:  # there is no room for both
            return
        if taken is None:
            return
        yield taken
        state = taken.after


def owner(project: Project, name: str) -> Workload:
    servers = [server for server in project.servers if any(model.name == name for model in server.models)]
    return next(iter([*servers, *(model for model in project.models if model.name == name)]))


def judge(taken: TakenStep, project: str) -> None:
    states = (
        {one.environment.name: (one, found) for one, found in running(state, project)}
        for state in (taken.before, taken.after)
    )
    before, after = states
    for move in taken.step.moves:
        (was, olds), (now, news) = before[move.environment], after[move.environment]
        if taken.name == "add":
            old, new = owner(was, move.old), next(model for model in now.models if model.name == move.new)
            assert move.old in news
            assert access(news[move.new])[:2] == access(olds[move.old])[:2]
            assert (new.tokens, new.route, new.hardware) == (old.tokens, old.route, old.hardware)
            assert (new.minimum, new.maximum) == (max(old.minimum, 1), max(old.maximum, 1))
        else:
            assert move.old not in news
            assert access(news[move.new]) == access(olds[move.new])


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(repositories())
def test_access_and_hardware_stay_and_both_ends_are_admitted(repository: Repository) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = placed(Path(folder), repository)
        state = repository_state(root)
        for project in state.repository.projects:
            for kind in ("multi-model", "advanced"):
                for taken in steps(root, state, kind, project):
                    judge(taken, project)
                    moved = {move.environment for move in taken.step.moves}
                    for name, one in taken.after.of(project).items():
                        if name in moved:
                            release = one.project.environment.release
                            assert release is not None
                            assert admitted(one.objects, release.name) == admitted(
                                taken.before.of(project)[name].objects, release.name
                            )
                    state = taken.after


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(repositories())
def test_hardware_profiles_are_added_without_a_change_and_then_take_the_place_of_tolerations(
    repository: Repository,
) -> None:
    """As long as the release reads tolerations; one that reads none names the profiles from the first step on."""
    with tempfile.TemporaryDirectory() as folder:
        root = placed(Path(folder), repository)
        before = repository_state(root)
        for project in before.repository.projects:
            for name, one in before.of(project).items():
                asked = Migration("accelerator-profiles", project, frozenset([name]))
                added = take(root, before, asked, "add")
                if added is None:
                    continue
                environment = one.project.environment
                if environment.can("acceleratorProfiles"):
                    assert added.after.fleet.files == before.fleet.files
                if not environment.can("hardwareProfiles"):
                    with pytest.raises(NotMigratable, match="reads no hardware profiles"):
                        take(root, added.after, asked, "remove")
                    continue
                removed = take(root, added.after, asked, "remove")
                assert removed is not None
                for item in removed.after.of(project)[name].objects:
                    predictor = item.get("spec", {}).get("predictor", {}) if item["kind"] == "InferenceService" else {}
                    asks = "nvidia.com/gpu" in str(predictor.get("model", {}).get("resources"))
                    named = item["metadata"].get("annotations", {}).get("opendatahub.io/hardware-profile-name")
                    assert (named, predictor.get("tolerations")) == ("a100-serving" if asks else None, None)
                assert environment.release is not None
                assert admitted(removed.after.of(project)[name].objects, environment.release.name) == []


def test_names(tmp_path: Path) -> None:
    """A new name leaves room for the host of its Service."""
    root = example(tmp_path)
    long = "a" * 24
    text = (root / "projects/coolstore.yaml").read_text("utf-8").replace("      coolstore:", f"      {long}:")
    write(root, {"projects/coolstore.yaml": text.replace("coolstore-0a1b2c", "coolstore-0a1b2c-of-the-shop")})
    ran = modelfleet(root, "migrate", "multi-model", "--project", "coolstore", "--step", "add")
    assert (ran.code, ran.err) == (0, "")
    models: Mapping[str, object] = repository_state(root).repository.projects["coolstore"].data["models"]
    assert [*models] == [f"{'a' * 22}-s"]
