"""What holds of every repository that is accepted, and of every one that is not. The long versions are marked slow."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from console import example, modelfleet, process, tree, write
from fleets import NEW, OLD, PROJECTS, Data, Repository, facts, placed, project, repositories
from legacy_diff import cluster_of, drift, live
from modelfleet.finding import Pointer, Rejected
from modelfleet.kubernetes import emit
from modelfleet.kubernetes import yaml as kubernetes_yaml
from modelfleet.kubernetes.objects import group_of
from modelfleet.pipeline.fleet import fleet
from modelfleet.resolve.fleet import Fleet
from modelfleet.tools import install as tools
from modelfleet.tools import kustomize
from modelfleet.verify import compare

Check = Callable[[st.DataObject], None]

QUICK, LONG = 25, 200


def examples(count: int) -> settings:
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(max_examples=count, deadline=None, suppress_health_check=slow)


def quickly_and_at_length(check: Check) -> tuple[Check, Check]:
    """A property as two tests; the second is for `make soak`."""
    return examples(QUICK)(given(st.data())(check)), pytest.mark.slow(examples(LONG)(given(st.data())(check)))


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def made(repository: Repository) -> Fleet:
    with folder() as root:
        try:
            return fleet(placed(root, repository))
        except Rejected as rejected:
            # Hypothesis also tries words of our own sources, and `SECRET=00` is rightly taken for a secret's value.
            assume(any(not finding.code.startswith("SEC") for finding in rejected.findings))
            told = "\n".join(finding.text() for finding in rejected.findings)
            raise AssertionError(told) from rejected


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def spec_of(repository: Repository, name: str) -> Data:
    return repository[f"projects/{name}.yaml"]


def environments_of(repository: Repository) -> Data:
    paths = (path for path in repository if path.startswith("environments/") and path != "environments/base.yaml")
    return {path.removeprefix("environments/").removesuffix(".yaml"): repository[path] for path in paths}


def allowed(found: Fleet) -> dict[str, tuple[frozenset[str], frozenset[tuple[str, str]]]]:
    """The namespaces and kinds of each environment, which are what its AppProject lists."""
    return {
        name: (
            frozenset(one.project.namespace for one in found.deployed if one.project.environment.name == name),
            frozenset(
                (group_of(item), str(item["kind"]))
                for one in found.deployed
                if one.project.environment.name == name
                for item in one.objects
            ),
        )
        for name in found.environments
    }


def outside(before: Fleet, after: Fleet, name: str) -> set[str]:
    """What changed outside of a project's folders, but for the AppProjects that list its namespace and kinds."""
    old, new = allowed(before), allowed(after)
    listed = {
        f"environments/{key}/argocd/appproject-models-{key}.yaml"
        for key in old.keys() | new.keys()
        if old.get(key) != new.get(key)
    }
    paths = changed(before.files, after.files)
    return {path for path in paths if path.split("/")[2] != name} - listed


# ---- non-interference


def environment_alone(data: st.DataObject) -> None:
    before = data.draw(repositories())
    name = data.draw(st.sampled_from(sorted(environments_of(before))))
    own = before[f"environments/{name}.yaml"]
    new = data.draw(facts(name, OLD if own["release"] in OLD else NEW))
    after = {**before, f"environments/{name}.yaml": own | new}
    after[f"environments/{name}.yaml"]["runtimes"] = own.get("runtimes", {}) | new["runtimes"]
    paths = changed(made(before).files, made(after).files)
    assert {path for path in paths if not path.startswith(f"environments/{name}/")} == set()


def project_alone(data: st.DataObject) -> None:
    before = data.draw(repositories())
    name = data.draw(st.sampled_from([path[9:-5] for path in before if path.startswith("projects/")]))
    after = {**before, f"projects/{name}.yaml": data.draw(project(name, environments_of(before)))}
    assert outside(made(before), made(after), name) == set()


def new_project_alone(data: st.DataObject) -> None:
    before = data.draw(repositories())
    name = PROJECTS[-1]
    after = {**before, f"projects/{name}.yaml": data.draw(project(name, environments_of(before)))}
    assert outside(made(before), made(after), name) == set()


def override_alone(data: st.DataObject) -> None:
    before = data.draw(repositories())
    name = data.draw(st.sampled_from([path[9:-5] for path in before if path.startswith("projects/")]))
    spec = spec_of(before, name)
    key = data.draw(st.sampled_from(sorted(spec["environments"])))
    entries = "servers" if "servers" in spec else "models"
    override = {entries: {next(iter(spec[entries])): {"replicas": 3, "route": True, "tokens": ["new"]}}}
    after = {**before, f"projects/{name}.yaml": {**spec, "environments": {**spec["environments"], key: override}}}
    old, new = made(before), made(after)
    paths = {path for path in changed(old.files, new.files) if not path.startswith(f"environments/{key}/{name}/")}
    assert paths - {f"environments/{key}/argocd/appproject-models-{key}.yaml"} == set()
    assert outside(old, new, name) == set()


test_an_environments_facts_change_its_folder_alone, test_an_environments_facts_change_its_folder_alone_at_length = (
    quickly_and_at_length(environment_alone)
)
test_a_spec_changes_its_projects_folders_alone, test_a_spec_changes_its_projects_folders_alone_at_length = (
    quickly_and_at_length(project_alone)
)
test_a_new_project_changes_nothing_that_is_there, test_a_new_project_changes_nothing_that_is_there_at_length = (
    quickly_and_at_length(new_project_alone)
)
test_an_override_changes_its_overlay_alone, test_an_override_changes_its_overlay_alone_at_length = (
    quickly_and_at_length(override_alone)
)


def test_two_new_projects_touch_no_common_file_but_the_appproject(tmp_path: Path) -> None:
    """On the example: what each of two pull requests changes, and what both change."""
    before = fleet(example(tmp_path)).files
    new = "version: 1\nplatform: single-model\nmodels:\n  new: {runtime: kserve-ovms, framework: onnx-1, "
    new += "size: {requests: {cpu: 250m, memory: 512Mi}, limits: {cpu: 500m, memory: 1Gi}}, "
    new += "location: {pvc: weights, path: new}}\nenvironments: {nerc-ocp-prod: {}, nerc-ocp-test: {}}\n"
    touched = []
    for name in ("first", "second"):
        write(tmp_path, {f"projects/{name}.yaml": new})
        touched.append(changed(before, fleet(tmp_path).files))
        (tmp_path / f"projects/{name}.yaml").unlink()
    common = [f"environments/{key}/argocd/appproject-models-{key}.yaml" for key in ("nerc-ocp-prod", "nerc-ocp-test")]
    assert sorted(touched[0] & touched[1]) == common


# ---- quiet, and the same bytes


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    found = {path: path.stat() for path in sorted(root.rglob("*"))}
    return {str(path): (stat.st_mtime_ns, stat.st_ino) for path, stat in found.items()}


def quiet(data: st.DataObject) -> None:
    with folder() as root:
        placed(root, data.draw(repositories()))
        first = modelfleet(root, "render")
        before = snapshot(root)
        second = modelfleet(root, "render")
        assert (first.code, second.code, snapshot(root)) == (0, 0, before)
        assert f"\nnothing to write: all {len(tree(root))} files are as they were, 0.0 s\n" in second.out
        assert modelfleet(root, "render", "--check").code == 0


test_a_second_run_writes_nothing, test_a_second_run_writes_nothing_at_length = quickly_and_at_length(quiet)

IN_ORDER = ("env", "models", "servers", "connections", "secrets", "requests", "limits", "tolerations")
"""What is rendered in the order in which it is written."""


def shuffled(value: Any, order: random.Random, key: str = "") -> Any:
    if isinstance(value, list):
        return [shuffled(item, order, key) for item in value]
    if not isinstance(value, dict):
        return value
    keys = list(value)
    if key not in IN_ORDER:
        order.shuffle(keys)
    return {name: shuffled(value[name], order, name) for name in keys}


def same_bytes(data: st.DataObject) -> None:
    repository = data.draw(repositories())
    before = made(repository).files
    order = random.Random(data.draw(st.integers(0, 1 << 16)))
    reordered = {
        path: value if path.startswith("runtimes/") else shuffled(value, order) for path, value in repository.items()
    }
    assert changed(before, made(reordered).files) == set()
    with folder() as root:
        commented = ((path, emit.dump(value).split("\n")) for path, value in repository.items())
        texts = {
            path: "# first\n"
            + "\n".join(f"# note\n{line}" if line[:1].isalpha() else line for line in lines)
            + "# last\n"
            for path, lines in commented
        }
        assert changed(before, fleet(write(root, texts)).files) == set()
    with folder() as root:
        texts = {path: emit.dump(value).replace("\n", "\r\n") for path, value in repository.items()}
        assert changed(before, fleet(write(root, texts)).files) == set()


test_order_comments_and_line_ends_change_nothing, test_order_comments_and_line_ends_change_nothing_at_length = (
    quickly_and_at_length(same_bytes)
)


@pytest.mark.parametrize(
    "surroundings",
    [
        {
            "PYTHONHASHSEED": "1",
            "TZ": "Pacific/Kiritimati",
            "LANG": "tr_TR.UTF-8",
            "LC_ALL": "tr_TR.UTF-8",
            "HOME": "/nowhere",
        },
        {
            "PYTHONHASHSEED": "4711",
            "TZ": "UTC",
            "LC_ALL": "C",
            "USER": "somebody",
            "COLUMNS": "20",
            "SOURCE_DATE_EPOCH": "0",
        },
        {"PYTHONDEVMODE": "1", "PYTHONUTF8": "0", "PYTHONWARNINGS": "error", "LC_ALL": "POSIX"},
    ],
)
def test_surroundings_change_no_byte(surroundings: dict[str, str], tmp_path: Path) -> None:
    wanted = fleet(example(tmp_path / "here")).files
    elsewhere = example(tmp_path / "a b" / "ü")
    mask = os.umask(0o077)
    try:
        ran = process("--root", "ü", "render", environment=surroundings, cwd=tmp_path / "a b")
    finally:
        os.umask(mask)
    assert ran.code == 0, ran.err
    assert changed(wanted, tree(elsewhere)) == set()
    modes = {path.stat().st_mode & 0o777 for path in elsewhere.rglob("environments/*/*/*")}
    assert modes == {0o644}, "what others are to read is not for one user alone"
    assert [path for path, text in tree(elsewhere).items() if str(tmp_path) in text] == []


# ---- integrity


def identities(data: st.DataObject) -> None:
    found = made(data.draw(repositories(projects=3)))
    for name in found.environments:
        here = [one for one in found.deployed if one.project.environment.name == name]
        keys = [compare.cluster_identity(item) for one in here for item in one.objects]
        assert len(set(keys)) == len(keys)


test_no_two_objects_of_a_cluster_are_one, test_no_two_objects_of_a_cluster_are_one_at_length = quickly_and_at_length(
    identities
)


def built_by(tool: tools.Tool, repository: Repository) -> None:
    with folder() as root:
        found = fleet(placed(root, repository))
        write(root, found.files)
        wanted = [
            compare.ExpectedOverlay(one.project.environment.name, one.folder, one.objects) for one in found.deployed
        ]
        wanted += [compare.ExpectedOverlay(one.environment, one.folder, one.objects) for one in found.synced]
        done = kustomize.kustomize_builds(tool, [([root / one.folder], 60.0) for one in wanted])
        for one, outcome in zip(wanted, done, strict=True):
            assert outcome.code == 0, outcome.err
            assert (
                compare.compare_built(root, one, [each.item for each in kubernetes_yaml.objects_of(outcome.out)]) == []
            )


@settings(examples(8), derandomize=True)
@given(repositories())
def test_the_real_kustomize_builds_what_was_meant(real_tools: Mapping[str, tools.Tool], repository: Repository) -> None:
    built_by(real_tools["kustomize"], repository)


@pytest.mark.slow
@examples(150)
@given(repositories())
def test_the_real_kustomize_builds_what_was_meant_at_length(
    real_tools: Mapping[str, tools.Tool], repository: Repository
) -> None:
    built_by(real_tools["kustomize"], repository)


# ---- Argo CD


def allowed_and_quiet(data: st.DataObject) -> None:
    found = made(data.draw(repositories(projects=3)))
    covered = {one.environment: _covered(one.objects) for one in found.synced}
    assert covered == {
        name: (frozenset(namespaces), frozenset(kinds)) for name, (namespaces, kinds) in allowed(found).items()
    }
    for one in found.deployed:
        release = one.project.environment.release
        assert release is not None
        cluster = replace(cluster_of(release.capabilities), connections={"store": "s3"})
        for item in one.objects:
            assert list(drift(item, live(item, cluster))) == [], (release.name, item)


def _covered(objects: Sequence[Mapping[str, Any]]) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """The namespaces and kinds that an AppProject allows, each of them spelled out."""
    (spec,) = [item["spec"] for item in objects if item["kind"] == "AppProject"]
    kinds = [(kind["group"], kind["kind"]) for kind in spec["namespaceResourceWhitelist"]]
    of_clusters = [(kind["group"], kind["kind"]) for kind in spec["clusterResourceWhitelist"]]
    assert set(of_clusters) <= {("", "Namespace")} and ("", "Namespace") not in kinds
    return frozenset(one["namespace"] for one in spec["destinations"]), frozenset(kinds + of_clusters)


def at(item: Any, pointer: Pointer) -> Any:
    for step in pointer:
        item = item[step]
    return item


test_argo_cd_may_sync_what_is_rendered_and_sees_no_drift, test_argo_cd_may_sync_what_is_rendered_at_length = (
    quickly_and_at_length(allowed_and_quiet)
)


# ---- nothing that a user writes is a bug of ours

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 1 << 40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        ["", "Small", "a" * 64, "x/../y", "{{ .x }}", "$(X)", "é", "\u202e", "1e3", "-", "s3://b/p", "https://u:p@h/"]
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(
        st.sampled_from(["a", "s3", "uri", "name", "min", "max", "cpu", "requests"]),
        st.none() | st.text(max_size=3),
        max_size=2,
    ),
)
KEYS = st.sampled_from(
    ["size", "runtime", "models", "servers", "location", "llmd", "multiNode", "patch", "environments", "x"]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*path, key))


def mutated(value: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    if not path:
        return change(value)
    key, *rest = path
    if isinstance(value, list):
        return [mutated(item, tuple(rest), change) if index == key else item for index, item in enumerate(value)]
    return {name: mutated(item, tuple(rest), change) if name == key else item for name, item in value.items()}


def without(path: tuple[Any, ...]) -> Callable[[Any], Any]:
    """Takes out what the last step of a path leads to."""
    return lambda around: (
        {key: item for key, item in around.items() if key != path[-1]}
        if isinstance(around, dict)
        else [item for index, item in enumerate(around) if index != path[-1]]
    )


def instead(value: Any) -> Callable[[Any], Any]:
    return lambda old: value


def beside(more: Data) -> Callable[[Any], Any]:
    return lambda old: {**old, **more} if isinstance(old, dict) else more


def judged(root: Path) -> None:
    """Refused with findings, or accepted: never a bug of ours, and nothing is written where it is refused."""
    ran = modelfleet(root, "--debug", "render")
    assert ran.code in (0, 1, 4), ran.err
    assert bool(tree(root)) == (ran.code == 0)


def never_a_bug(data: st.DataObject) -> None:
    repository = data.draw(repositories())
    for _ in range(data.draw(st.integers(1, 3))):
        file = data.draw(st.sampled_from(sorted(repository)))
        path = data.draw(st.sampled_from(sorted(places(repository[file]), key=repr)))
        kind = data.draw(st.sampled_from(["put", "add", "remove"]))
        if kind == "put":
            repository[file] = mutated(repository[file], path, instead(data.draw(ODD)))
        elif kind == "remove" and path:
            repository[file] = mutated(repository[file], path[:-1], without(path))
        else:
            repository[file] = mutated(repository[file], path, beside({data.draw(KEYS): data.draw(ODD)}))
    with folder() as root:
        judged(placed(root, repository))


test_no_spec_is_a_bug_of_ours, test_no_spec_is_a_bug_of_ours_at_length = quickly_and_at_length(never_a_bug)

PIECES = st.sampled_from(
    [
        ":",
        "- ",
        "{",
        "}",
        "[",
        "]",
        "'",
        '"',
        "|",
        ">",
        "#",
        "&a ",
        "*a",
        "!t ",
        "\n",
        "  ",
        "\t",
        "---\n",
        "? ",
        "\0",
        "é",
        ", 1",
    ]
)


def never_a_bug_of_text(data: st.DataObject) -> None:
    repository = data.draw(repositories(projects=1))
    texts = {path: emit.dump(value) for path, value in repository.items()}
    file = data.draw(st.sampled_from(sorted(texts)))
    text = texts[file]
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.sampled_from([0, 0, 1, 3, 20]))
        text = text[:at] + data.draw(PIECES) + text[at + cut :]
    try:
        content = text.encode()
    except UnicodeEncodeError:
        assume(False)
    with folder() as root:
        judged(write(root, {**texts, file: content}))


test_no_text_is_a_bug_of_ours, test_no_text_is_a_bug_of_ours_at_length = quickly_and_at_length(never_a_bug_of_text)
