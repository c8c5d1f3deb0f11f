"""Two steps from what a release loses to what follows it: the example's projects, and fleets that nobody has thought of."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from console import example, modelfleet, tree, write
from fleets import Repository, placed, repositories
from modelfleet.finding import Rejected
from modelfleet.kubernetes.objects import Object
from modelfleet.migrate.migrate import Migration, RepositoryState, TakenStep, repository_state, take
from modelfleet.resolve import catalog
from modelfleet.resolve.model import Project, Workload
from modelfleet.rules.admission.rulebook import rulebook
from modelfleet.serving.workloads import SERVICE, RunningWorkload, project_state, running_workloads

GOLDEN = Path(__file__).parents[1] / "golden/migrate"
ROOMY = "\n    {project}: {{limits.cpu: 1k, limits.memory: 4Ti, requests.nvidia.com/gpu: 16}}"


def roomy(root: Path, project: str) -> None:
    """Room for two of everything: without it the first step is refused."""
    for path in root.glob("environments/nerc-*.yaml"):
        lines = path.read_text("utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith(f"    {project}: ")]
        text = "".join(kept).replace("\n  projects:", f"\n  projects:{ROOMY.format(project=project)}")
        path.write_text(text, "utf-8")


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
        "modelfleet: projects/llama-on-demand.yaml:11:3: in nerc-ocp-edu nothing stands beside 'llama-3-8b' yet; run "
        "`modelfleet migrate advanced --project llama-on-demand --step add` first; nothing was written\n"
    )


def test_one_environment_after_the_other(tmp_path: Path) -> None:
    """What only one of two environments has to have yet is taken away in the other until its turn comes."""
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


def test_scaling_of_llmd_becomes_a_fixed_number_in_one_step(tmp_path: Path) -> None:
    facts = """\
version: 1
release: rhoai-3.4
cluster: {name: test, appsDomain: apps.test.example.org}
platforms: {serverless: false, modelMesh: false, rawServiceConfig: Headless}
sizes: {Small: {requests: {cpu: "1", memory: 4Gi}, limits: {cpu: "2", memory: 8Gi}}}
secrets: {provider: existing}
namespaces: external
argocd: {namespace: openshift-gitops, repoURL: "https://git.example.org/models.git", revision: main, version: "2.14", prune: false}
"""
    root = write(tmp_path, {"projects/acme.yaml": SCALED, "environments/test.yaml": facts})
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
    nothing = "acme: nothing to {}: it takes one step, --step add, where a model has llmd.scaling\n"
    for step in ("add", "remove"):
        assert modelfleet(root, *words, step).out == nothing.format(step)


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
