"""The import of what a spec renders is a spec that renders to the same: of every release, and of random repositories."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings

from fleets import Repository, placed, repositories
from golden_release import spec_of
from modelfleet.finding import Rejected
from modelfleet.importer.command import difference_line, project_import
from modelfleet.importer.write import written_files
from modelfleet.kubernetes import emit
from modelfleet.kubernetes.differences import differences
from modelfleet.pipeline.fleet import fleet
from modelfleet.resolve.catalog import release_names
from modelfleet.resolve.fleet import DeployedProject
from repository import laid_over, write

QUICK, LONG = 15, 150
FACTS = ("environments", "runtimes", "crds", "models")

Objects = Mapping[tuple[str, str], Mapping[str, Any]]


def by_name(deployed: DeployedProject) -> Objects:
    return {(str(one["kind"]), str(one["metadata"]["name"])): one for one in deployed.objects}


def again(root: Path, one: DeployedProject, folder: Path) -> tuple[list[str], Mapping[str, Any]]:
    """What is otherwise after an import of a project's objects beside the same facts, and the spec that it wrote."""
    environment, name = one.project.environment.name, one.project.name
    for place in FACTS:
        for path in sorted((root / place).rglob("*.yaml")):
            if place != "environments" or path.parent == root / place:
                copy = folder / path.relative_to(root)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
    objects = "---\n".join(map(emit.dump, one.objects))
    outcome = project_import(folder, name, environment, ["-"], lambda: objects.encode())
    lines = [finding.text() for finding in outcome.refused]
    lines += [difference_line(difference) for difference in outcome.proof.differences]
    written_files(folder, outcome.files)
    spec = yaml.safe_load(outcome.files[f"projects/{name}.yaml"])
    if lines:
        return lines, spec
    deployed = fleet(folder, though_crowded=True).deployed
    (found,) = (each for each in deployed if (each.project.environment.name, each.project.name) == (environment, name))
    return list(_unlike(by_name(one), by_name(found))), spec


def _unlike(before: Objects, after: Objects) -> Iterator[str]:
    for key in sorted(before.keys() | after.keys()):
        if key not in before or key not in after:
            yield f"{'/'.join(key)} is {'gone' if key in before else 'new'}"
            continue
        for step in differences(before[key], after[key]):
            yield f"{'/'.join(key)} /{'/'.join(map(str, step.path))}: {step.before!r} became {step.after!r}"


def patched(value: Any, way: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The patches in a spec, by entry with the paths that they touch."""
    for key, child in value.items() if isinstance(value, dict) else ():
        if key == "patch":
            yield ".".join(way), tuple(str(step["path"]) for steps in child.values() for step in steps)
        else:
            yield from patched(child, (*way, str(key)))


PATCHED = {"models.chat": ("/spec/canary",)}
"""Entries of the spec that uses much which are not said whole without a patch: its own patch of the predictor is read as the
field that says the same, which holds for a canary too."""


@pytest.mark.parametrize("name", release_names())
def test_a_spec_that_uses_much_comes_back_whole(name: str, tmp_path: Path) -> None:
    root = write(tmp_path / "repository", spec_of(name))
    for number, one in enumerate(fleet(root).deployed):
        lines, spec = again(root, one, tmp_path / str(number))
        assert lines == []
        assert {entry: paths for entry, paths in patched(spec) if PATCHED.get(entry) != paths} == {}


def test_the_files_of_a_canary_come_back(tmp_path: Path) -> None:
    canary = {"percent": 10, "location": {"connection": "store", "path": "granite-3-8b-next"}}
    chat = {"canary": None, "patch": None}
    whole = laid_over(spec_of("rhoai-3.5"), {"projects/team": {"models": {"chat": chat}}})
    root = write(tmp_path / "repository", laid_over(whole, {"projects/team": {"models": {"chat": {"canary": canary}}}}))
    (one,) = (each for each in fleet(root).deployed if each.project.name == "team")
    lines, spec = again(root, one, tmp_path / "again")
    assert (lines, spec["models"]["chat"]["canary"], list(patched(spec))) == ([], canary, [])


Check = Callable[[Repository], None]


def come_back(repository: Repository) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = placed(Path(name) / "repository", repository)
        try:
            found = fleet(root, though_crowded=True)
        except Rejected as rejected:
            # Hypothesis also tries words of our own sources, and `SECRET=00` is rightly taken for a secret's value.
            assume(any(not finding.code.startswith("SEC") for finding in rejected.findings))
            raise
        for number, one in enumerate(found.deployed):
            lines, spec = again(root, one, Path(name) / str(number))
            assert lines == []
            assert list(patched(spec)) == []


def examples(count: int) -> settings:
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(max_examples=count, deadline=None, suppress_health_check=slow)


test_random_repositories_come_back = examples(QUICK)(given(repositories())(come_back))
test_random_repositories_come_back_at_length = pytest.mark.slow(examples(LONG)(given(repositories())(come_back)))
