"""What merging each step of a migration does, for the projects of the example, and which releases admit what is in Git then."""

from __future__ import annotations

from pathlib import Path

import pytest

from console import TESTS, modelfleet, write
from enough_room import roomy
from modelfleet.kubernetes import emit
from modelfleet.pipeline.fleet import fleet
from plan_repository import Repository, compare, example_repository

MIGRATED = [("multi-model", "coolstore"), ("multi-model", "classifiers"), ("advanced", "llama-on-demand")]


def repository(top: Path, project: str) -> Repository:
    """The example with room for two of everything, as it is on main."""
    made = example_repository(top)
    roomy(made.root, project)
    merge(made)
    return made


def merge(made: Repository) -> None:
    made.commit()
    made.git("branch", "-f", "main")


@pytest.mark.parametrize(("kind", "project"), MIGRATED)
def test_the_plan_of_each_step(kind: str, project: str, tmp_path: Path, update_golden: bool) -> None:
    made = repository(tmp_path / "repository", project)
    for step in ("add", "remove"):
        assert modelfleet(made.root, "migrate", kind, "--project", project, "--step", step).code == 0
        made.render()
        ran = made.plan("--format", "markdown")
        text = f"{ran.out}\n{ran.err}[exit {ran.code}]\n"
        compare(f"migrate-{project}-{step}.md", text, update_golden)
        merge(made)


def is_admitted(made: Repository, project: str, release: str, folder: Path) -> bool:
    """Whether a release takes every object of a project in production."""
    (objects,) = (
        one.objects
        for one in fleet(made.root).deployed
        if (one.project.environment.name, one.project.name) == ("nerc-ocp-prod", project)
    )
    text = "---\n".join(emit.dump(item) for item in objects)
    ran = modelfleet(made.root, "admit", "--release", release, str(write(folder, {"all.yaml": text}) / "all.yaml"))
    assert "ADM004" not in ran.out
    return ran.code == 0


@pytest.mark.parametrize(("kind", "project"), MIGRATED)
def test_which_releases_admit_the_states(kind: str, project: str, tmp_path: Path) -> None:
    """Knative's state between is for 2.25 alone, since no later release serves it; all else is for both."""
    made = repository(tmp_path / "repository", project)
    found = []
    for step in ("add", "remove"):
        assert modelfleet(made.root, "migrate", kind, "--project", project, "--step", step).code == 0
        found.append(
            [is_admitted(made, project, name, tmp_path / f"objects/{step}") for name in ("rhoai-2.25", "rhoai-3.3")]
        )
    between = [True, kind != "advanced"]
    assert found == [between, [True, True]]


def test_golden_plans_are_of_these_projects() -> None:
    names = {path.name for path in (TESTS / "golden/plan").glob("migrate-*.md")}
    assert names == {f"migrate-{project}-{step}.md" for _, project in MIGRATED for step in ("add", "remove")}
