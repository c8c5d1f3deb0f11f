"""A train to another release: the example's own, what bars a road, and what holds of fleets that nobody has thought of."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console import TESTS, example, modelfleet, tree, write
from fleets import OLD, Repository, placed, repositories
from modelfleet.capacity.amounts import quantity_text
from modelfleet.finding import Severity
from modelfleet.kubernetes.objects import Object
from modelfleet.migrate.migrate import RepositoryState, repository_state
from modelfleet.rehearse.room import uses_of
from modelfleet.rehearse.stop import Merge, OperatorUpgrade, Train
from modelfleet.rehearse.train import train_of
from modelfleet.resolve import catalog
from modelfleet.resolve.road import road
from modelfleet.rules.admission.rulebook import rulebook
from modelfleet.serving.workloads import RunningWorkload, project_state, running_workloads
from plan_repository import FILES

GOLDEN = TESTS / "golden/rehearse"
WORDS = ("rehearse", "--env", "nerc-ocp-prod", "--to")


def test_production_from_2_25_to_3_5(tmp_path: Path, update_golden: bool) -> None:
    root = example(tmp_path)
    before = tree(root)
    ran = modelfleet(root, *WORDS, "rhoai-3.5")
    assert (ran.code, ran.err, tree(root)) == (0, "", before)
    place = GOLDEN / "nerc-ocp-prod-3.5.md"
    if update_golden:
        place.parent.mkdir(exist_ok=True)
        place.write_text(ran.out, "utf-8")
    assert ran.out == place.read_text("utf-8")


# ---- wrong calls, and nothing to do ----------------------------------------------------------------------------------


def test_an_environment_that_is_there_already(tmp_path: Path) -> None:
    ran = modelfleet(example(tmp_path), *WORDS, "2.25")
    assert ran == (0, "nerc-ocp-prod is on Red Hat OpenShift AI 2.25 already\n", "")


def test_a_road_that_does_not_exist(tmp_path: Path) -> None:
    root = example(tmp_path)
    way_out = "docs/upgrades.md has those that there are"
    assert modelfleet(root, *WORDS, "3.0") == (
        2,
        "",
        f"modelfleet: --to rhoai-3.0: there is no supported road from Red Hat OpenShift AI 2.25 there; {way_out}\n",
    )
    assert modelfleet(root, "rehearse", "--env", "nerc-ocp-test", "--to", "2.25").code == 2


def test_names_that_do_not_exist(tmp_path: Path) -> None:
    root = example(tmp_path)
    ran = modelfleet(root, *WORDS, "3.6")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("modelfleet: --to 3.6: there is no such release; ")
    ran = modelfleet(root, "rehearse", "--env", "nerc-ocp-pro", "--to", "3.5")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(
        "modelfleet: --env nerc-ocp-pro: there is no such environment; did you mean 'nerc-ocp-prod'"
    )


# ---- what bars a road ------------------------------------------------------------------------------------------------

LEGACY = """\
apiVersion: serving.kserve.io/v1alpha1
kind: ServingRuntime
metadata: {name: trees}
spec:
  multiModel: true
  supportedModelFormats: [{name: forest, version: "1"}]
  containers: [{name: trees, image: "registry.example.org/trees:1"}]
  grpcDataEndpoint: "port:8001"
  grpcEndpoint: "port:8085"
  builtInAdapter: {serverType: triton, runtimeManagementPort: 8001}
"""
WOOD = """\
version: 1
platform: multi-model
servers:
  wood:
    runtime: trees
    size: Small
    models: {oak: {framework: forest-1, location: {pvc: weights, path: oak}}}
environments: {prod: {}}
"""
PROSE = """\
version: 1
platform: single-model
models:
  prose: {runtime: caikit-tgis-runtime, framework: caikit, size: Small, accelerator: a100, location: {pvc: weights, path: prose}}
environments: {prod: {}}
"""
CAIKIT = """\
version: 1
cluster: {name: prod, appsDomain: apps.example.org}
runtimes: {caikit-tgis-runtime: {images: {kserve-container: "example.org/tgis:1", transformer-container: "example.org/caikit:1"}}}
"""


def test_what_cannot_be_migrated_is_said_with_the_way_out(tmp_path: Path) -> None:
    """All that bars the road is told at once; what can be done before it is there all the same."""
    files = {
        **{path: FILES[path] for path in ("environments/base.yaml", "projects/texts.yaml")},
        "environments/prod.yaml": CAIKIT,
        "runtimes/trees.yaml": LEGACY,
        "projects/wood.yaml": WOOD,
        "projects/prose.yaml": PROSE,
    }
    root = write(tmp_path, files)
    before = tree(root)
    words = ("rehearse", "--env", "prod", "--to", "3.5")
    ran = modelfleet(root, *words)
    assert (ran.code, ran.err, tree(root)) == (1, "", before)
    head, _, rest = ran.out.partition("## By hand first\n\n")
    assert "2 pull requests and 0 upgrades of the operator" in head
    barred, _, rest = rest.partition("\n\n| step")
    assert barred.splitlines() == [
        "The train ends before the first upgrade of the operator, because of what follows. Change it, merge that, and "
        "rehearse again.",
        "",
        "- projects/wood.yaml:5:14: no runtime of prod serves forest as single models; give one its image in the "
        "environment's runtimes, or add one of your own to runtimes/",
        "- projects/prose.yaml:4:20: error[CAP007]: models.prose.runtime: in prod: 'caikit-tgis-runtime' was removed in Red "
        "Hat OpenShift AI 3.0; use vllm-cuda-runtime, with the model in Hugging Face format",
    ]
    assert [line for line in rest.splitlines() if line.startswith("## ")] == [
        "## 1. Merge `texts`: deployments beside the model servers",
        "## 2. Merge `texts`: the model servers go",
    ]
    ran = modelfleet(root, *words, "--write")
    assert (ran.code, ran.err, tree(root)) == (
        1,
        "modelfleet: no branch was written, since something has to be done by hand first\n",
        before,
    )


# ---- fleets that nobody has thought of -------------------------------------------------------------------------------


def objects(state: RepositoryState, environment: str) -> dict[str, tuple[Object, ...]]:
    return {
        one.project.name: one.objects for one in state.fleet.deployed if one.project.environment.name == environment
    }


def refused(state: RepositoryState, environment: str, release: str) -> list[str]:
    """What a release refuses, or takes and never serves."""
    facts = catalog.release(release)
    rules = rulebook(facts.capabilities, facts.terms)
    found = []
    for here in objects(state, environment).values():
        peers = {(item["kind"], item["metadata"]["name"]): item for item in here}
        for item in here:
            for rule, violation in rules.check(rules.request(item, peers=peers)):
                stuck = rule.stage == "reconcile" and item["kind"] == "InferenceService"
                if stuck or violation.severity is Severity.ERROR:
                    found.append(f"{rule.code} {violation.message}")
    return found


def models(state: RepositoryState, environment: str) -> dict[tuple[str, str], RunningWorkload]:
    found: dict[tuple[str, str], RunningWorkload] = {}
    for one in state.fleet.deployed:
        project = one.project
        if project.environment.name == environment:
            running = running_workloads(project_state(project.environment, project.namespace, one.objects, project))
            found |= {(project.name, name): model for (_, name), model in running.items() if model.model}
    return found


def is_weaker(before: RunningWorkload, after: RunningWorkload) -> bool:
    old, new = before.address, after.address
    assert old
    assert new
    return bool(new.external and not old.external) or (old.guarded and not new.guarded)


def trains(root: Path) -> Iterator[Train]:
    state = repository_state(root)
    for name, environment in state.fleet.environments.items():
        assert environment.release
        for goal in ("rhoai-3.3", "rhoai-3.5"):
            way = road(environment.release.name, goal)
            if way is not None and len(way) > 1:
                yield train_of(root, state, name, way)


def judge(train: Train) -> None:
    name, state = train.environment, train.start
    release = train.road[0]
    for index, stop in enumerate(train.stops):
        if isinstance(stop, OperatorUpgrade):
            assert (stop.start, stop.state) == (release, state)
            release = stop.goal
        for alive in train.alive(index):
            after = stop.after if isinstance(stop, Merge) else stop.state
            assert refused(after, name, alive) == []
        if not isinstance(stop, Merge):
            continue
        assert stop.before is state
        old, new = models(state, name), models(stop.after, name)
        moved = {(str(stop.project), move.new): (str(stop.project), move.old) for move in stop.moves}
        for key, model in new.items():
            origin = key if key in old else moved[key]
            assert not is_weaker(old[origin], model)
        assert stop.step == "remove" or old.keys() <= new.keys()
        here = [one for one in stop.after.fleet.deployed if one.project.environment.name == name]
        assert [use for one in here for use in uses_of(one) if use.over] == []
        others = state.fleet.environments.keys() - {name}
        assert {other: objects(state, other) for other in others} == {
            other: objects(stop.after, other) for other in others
        }
        state = stop.after
    final = state.fleet.environments[name].release
    assert final
    assert (final.name == train.road[-1]) == (train.obstacles == ())


@st.composite
def leaving(draw: st.DrawFn) -> Repository:
    """Repositories in which some models are Knative's, on clusters that have it."""
    found = draw(repositories())
    for path, data in found.items():
        if path.startswith("projects/") and data["platform"] == "single-model":
            here = [found[f"environments/{name}.yaml"]["release"] for name in data["environments"]]
            if all(release in OLD for release in here):
                for model in data["models"].values():
                    model.update(draw(st.sampled_from([{}, {"mode": "advanced"}])))
    return found


def tightened(root: Path, repository: Repository) -> Path:
    """The repository with quotas of which every project uses all."""
    roomy = {**repository}
    for path, data in repository.items():
        if path.startswith("environments/") and path != "environments/base.yaml":
            roomy[path] = {**data, "quota": {"default": {"limits.cpu": "1k", "requests.memory": "100Ti"}}}
    state = repository_state(placed(root, roomy))
    for one in state.fleet.deployed:
        quota = roomy[f"environments/{one.project.environment.name}.yaml"]["quota"]
        amounts = {use.resource: quantity_text(use.used, use.resource) for use in uses_of(one)}
        quota.setdefault("projects", {})[one.project.name] = amounts
    return placed(root, roomy)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(leaving(), st.booleans())
def test_every_state_is_admitted_and_nothing_gets_weaker(repository: Repository, tight: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for train in trains((tightened if tight else placed)(Path(folder), repository)):
            judge(train)
            assert train.obstacles == ()
            assert all(not one.raises or tight for one in train.merges)
