"""What a spec says of distributed inference comes out of the objects that it renders to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from console import modelfleet
from golden_release import spec_of
from modelfleet.kubernetes import emit
from modelfleet.pipeline.fleet import fleet
from repository import write

MODELS = {
    "rhoai-2.25": ["own-server", "simple"],
    "rhoai-3.4": ["own-server", "simple", "experts", "shop-chat"],
    "rhoai-3.5": ["own-server", "simple", "experts", "shop-chat"],
}

FIELDS = ("args", "callers", "servedName", "registry", "capabilities", "maas")


@pytest.mark.parametrize("release", MODELS)
def test_the_fields_of_llmd_are_read_back(release: str, tmp_path: Path) -> None:
    files = spec_of(release)
    models = files["projects/team"]["models"]
    parts = ("version", "platform", "connections", "environments")
    team = {part: files["projects/team"][part] for part in parts}
    models["experts"]["replicas"] = 2  # what scales by load is read as llmd.scaling
    team["models"] = {name: models[name] for name in MODELS[release]}
    environments = {name: content for name, content in files.items() if name.startswith("environments/")}
    write(tmp_path / "spec", {**environments, "projects/team": team})
    (deployed,) = fleet(tmp_path / "spec").deployed
    (tmp_path / "objects.yaml").write_text("---\n".join(map(emit.dump, deployed.objects)), encoding="utf-8")
    root = tmp_path / "import"
    write(root, environments)
    words = ("import", "project", "team", "--env", deployed.project.environment.name, "--write")
    ran = modelfleet(root, *words, str(tmp_path / "objects.yaml"))
    assert (ran.code, ran.err) == (0, ""), ran.out
    found = yaml.safe_load((root / "projects/team.yaml").read_bytes())["models"]
    assert {name: whole(found[name]) for name in found} == {name: whole(models[name]) for name in MODELS[release]}


def whole(model: dict[str, Any]) -> dict[str, Any]:
    """What is said of distributed inference, with what `true` stands for."""
    said = {"scheduler": True, **(model["llmd"] if isinstance(model["llmd"], dict) else {})}
    return {"llmd": said, **{key: model[key] for key in FIELDS if key in model}}
