"""A second import of a project lays what is otherwise in the other cluster under `environments`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from console import REPOSITORY, modelfleet
from modelfleet.kubernetes import emit
from modelfleet.pipeline.fleet import fleet

PLACES = ("nerc-ocp-edu", "nerc-ocp-prod")


@pytest.mark.parametrize("name", ["coolstore", "granite"])
def test_both_clusters_are_rendered_as_they_were_given(tmp_path: Path, name: str) -> None:
    root = tmp_path / "repository"
    shutil.copytree(REPOSITORY / "runtimes", root / "runtimes")
    (root / "environments").mkdir()
    for file in ("base", *PLACES):
        shutil.copy(REPOSITORY / f"environments/{file}.yaml", root / "environments")
    given = {
        one.project.environment.name: one.objects for one in fleet(REPOSITORY).deployed if one.project.name == name
    }
    for place in PLACES:
        source = tmp_path / f"{place}.yaml"
        source.write_text("---\n".join(map(emit.dump, given[place])), encoding="utf-8")
        ran = modelfleet(root, "import", "project", name, "--env", place, str(source))
        assert (ran.code, ran.err) == (0, "")
        spec = root / f"projects/{name}.yaml"
        spec.write_text(spec.read_text("utf-8").replace("version: 1\n", "version: 1 # ours\n"), encoding="utf-8")
    assert "version: 1 # ours\n" in (root / f"projects/{name}.yaml").read_text("utf-8")
    for one in fleet(root).deployed:
        wanted = {(item["kind"], item["metadata"]["name"]): item for item in given[one.project.environment.name]}
        assert {(item["kind"], item["metadata"]["name"]): item for item in one.objects} == wanted
