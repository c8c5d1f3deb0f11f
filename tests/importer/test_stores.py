"""ExternalSecrets: one as a spec renders it becomes a part of the spec, any other is carried as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from console import modelfleet
from lab_environment import LAB
from modelfleet.kubernetes import emit
from modelfleet.pipeline.fleet import fleet

STORE = LAB.replace(
    "secrets: {provider: existing}",
    "secrets: {provider: external-secrets, apiVersion: external-secrets.io/v1, store: {kind: ClusterSecretStore, name: vault}, "
    "keyPrefix: models}",
)
SPEC: dict[str, Any] = {
    "version": 1,
    "platform": "single-model",
    "secrets": {"hub": {"keys": ["HF_TOKEN"]}},
    "runtimes": {"mine": {"existing": True}},
    "models": {
        "one": {
            "runtime": "mine",
            "framework": "vLLM",
            "size": "Small",
            "location": {"uri": "hf://acme/one"},
            "env": {"HF_TOKEN": {"secret": "hub", "key": "HF_TOKEN"}},
        }
    },
    "environments": {"prod": {}},
}


def repository(root: Path, spec: Any = None) -> Path:
    for path, content in {
        "environments/prod.yaml": STORE,
        "projects/lab.yaml": emit.dump(spec) if spec else None,
    }.items():
        if content is not None:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content, encoding="utf-8")
    return root


@pytest.mark.parametrize("changed", [False, True])
def test_a_store_of_another_make_stays_as_it_is(changed: bool, tmp_path: Path) -> None:
    (deployed,) = fleet(repository(tmp_path / "written", SPEC)).deployed
    items = [yaml.safe_load(emit.dump(one)) for one in deployed.objects]
    if changed:
        (store,) = (one for one in items if one["kind"] == "ExternalSecret")
        store["spec"] = {**store["spec"], "refreshInterval": "5m", "dataFrom": [{"extract": {"key": "team/hub"}}]}
        del store["spec"]["data"]
    (tmp_path / "objects.yaml").write_text("---\n".join(map(emit.dump, items)), encoding="utf-8")
    root = repository(tmp_path / "imported")
    ran = modelfleet(root, "import", "project", "lab", "--env", "prod", str(tmp_path / "objects.yaml"))
    assert (ran.code, ran.err, ran.out.splitlines()[0]) == (
        0,
        "",
        f"{len(items)} objects of lab will be as given",
    )
    spec = yaml.safe_load((root / "projects/lab.yaml").read_bytes())
    assert spec["secrets"] == {"hub": {"keys": ["HF_TOKEN"]} | ({"existing": True} if changed else {})}
    (again,) = fleet(root).deployed
    found = {(one["kind"], one["metadata"]["name"]): one for one in again.objects}
    assert found == {(one["kind"], one["metadata"]["name"]): one for one in items}
