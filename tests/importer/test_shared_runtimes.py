"""ServingRuntimes that several models name, and those that were not given, come back as the project's runtimes."""

from __future__ import annotations

from pathlib import Path

import yaml

from console import TESTS, modelfleet

SETS = TESTS / "sets"


def imported(folder: Path, name: str, files: list[Path]) -> tuple[int, dict[str, object], Path]:
    """The exit code of an import, and the spec that it writes."""
    rules = yaml.safe_load((SETS / name / "set.yaml").read_bytes())
    (folder / "environments").mkdir()
    (folder / "environments/prod.yaml").write_text(rules["environment"], encoding="utf-8")
    words = ("import", "project", rules["project"], "--env", "prod", "--write", *map(str, files))
    ran = modelfleet(folder, *words)
    return ran.code, yaml.safe_load((folder / f"projects/{rules['project']}.yaml").read_bytes()), folder


def test_a_runtime_that_models_share_keeps_its_name(tmp_path: Path) -> None:
    code, spec, root = imported(tmp_path, "15-helm-chat-template", [SETS / "15-helm-chat-template/given/rendered.yaml"])
    assert code == 0
    assert spec["runtimes"] == {
        "vllm-serving-runtime-gpu": {"runtime": "vllm-serving-runtime-gpu"},
        "rel-vllm-inference": {
            "runtime": "rel-vllm-inference",
            "annotations": {"argocd.argoproj.io/sync-wave": "20"},  # a file would not keep what Argo CD reads
        },
    }
    models = spec["models"]
    assert isinstance(models, dict)
    assert {name: model["runtime"] for name, model in models.items()} == {
        "orchid-3b": "vllm-serving-runtime-gpu",
        "shield-8b": "vllm-serving-runtime-gpu",
        "rel-vllm-inference": "rel-vllm-inference",
    }
    assert models["shield-8b"]["servedName"] == "acme/Shield-8B"
    assert sorted(path.name for path in (root / "runtimes/prod").iterdir()) == [
        "rel-vllm-inference.yaml",
        "vllm-serving-runtime-gpu.yaml",
    ]


def test_a_runtime_that_was_not_given_is_there_already(tmp_path: Path) -> None:
    given = SETS / "06-shared-runtimes/given"
    code, spec, root = imported(tmp_path, "06-shared-runtimes", [given / "chat-models.yaml"])
    assert (code, spec["runtimes"]) == (0, {"vllm-2.21-6144": {"existing": True}})
    assert spec["connections"] == {"aws-connection-models": {"s3": {}, "existing": True}}
    assert not (root / "runtimes").exists()
    assert modelfleet(root, "check").code == 0
