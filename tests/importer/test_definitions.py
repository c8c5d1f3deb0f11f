"""Objects of kinds that no release ships stand beside the models, with their definition or a stand-in for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from console import modelfleet
from lab_environment import LAB, model
from modelfleet.kubernetes import emit
from modelfleet.pipeline.fleet import fleet

TEMPLATE = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "chat", "namespace": "lab"},
    "data": {"a": "b"},
}
MODEL = model(modelFormat={"name": "vLLM"})


def policy(name: str = "free", version: str = "v1", **metadata: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "lab", **metadata}
    return {
        "apiVersion": f"example.org/{version}",
        "kind": "RatePolicy",
        "metadata": metadata,
        "spec": {"per": "minute"},
    }


def definition(scope: str = "Namespaced", properties: Any = None, version: str = "v1") -> dict[str, Any]:
    spec = {"type": "object", "properties": properties or {"per": {"type": "string"}}}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "ratepolicies.example.org"},
        "spec": {
            "group": "example.org",
            "scope": scope,
            "names": {"kind": "RatePolicy", "plural": "ratepolicies"},
            "versions": [{"name": version, "served": True, "storage": True, "schema": schema}],
        },
    }


def imported(folder: Path, *items: dict[str, Any], crds: dict[str, Any] | None = None) -> tuple[Path, list[str]]:
    """The repository after an import, and what was said without the runtime that is not there."""
    root = folder / "repository"
    (root / "environments").mkdir(parents=True)
    (root / "environments/prod.yaml").write_text(LAB, encoding="utf-8")
    for name, item in (crds or {}).items():
        (root / "crds").mkdir(exist_ok=True)
        (root / f"crds/{name}.yaml").write_text(emit.dump(item), encoding="utf-8")
    (folder / "objects.yaml").write_text("---\n".join(map(emit.dump, (MODEL, *items))), encoding="utf-8")
    words = ("import", "project", "lab", "--env", "prod", "--write", str(folder / "objects.yaml"))
    ran = modelfleet(root, *words)
    assert ran.err == ""
    return root, [f"[exit {ran.code}]", *ran.out.splitlines()]


def beside(root: Path) -> list[str]:
    """The objects beside the models, as they are rendered."""
    return [
        f"{one['kind']}/{one['metadata']['name']}"
        for one in fleet(root).deployed[0].objects
        if one["kind"] != "InferenceService"
    ]


STAND_IN = (
    "crds/ratepolicies.example.org.yaml lets every field pass, as nothing is known of the kind: replace it by `oc get crd "
    "ratepolicies.example.org -o yaml`"
)


def test_an_unknown_kind_gets_a_stand_in(tmp_path: Path) -> None:
    root, said = imported(tmp_path, policy(), policy("paid"))
    assert said == [
        "[exit 0]",
        "3 objects of lab will be as given",
        STAND_IN,
        "first sync: no pod restarts",
        "wrote projects/lab.yaml",
        "wrote crds/ratepolicies.example.org.yaml",
        "wrote objects/lab/prod/ratepolicy-free.yaml",
        "wrote objects/lab/prod/ratepolicy-paid.yaml",
    ]
    assert beside(root) == ["RatePolicy/free", "RatePolicy/paid"]
    written = (root / "crds/ratepolicies.example.org.yaml").read_text("utf-8")
    assert written.startswith(
        "# A stand-in, which lets every field pass. Replace it: oc get crd ratepolicies.example.org -o yaml > "
        "crds/ratepolicies.example.org.yaml\n"
    )
    assert modelfleet(root, "check").code == 0


def test_a_definition_that_was_given_is_taken(tmp_path: Path) -> None:
    root, said = imported(tmp_path, policy(), definition())
    assert (said[:3], beside(root)) == (
        ["[exit 0]", "2 objects of lab will be as given", "first sync: no pod restarts"],
        ["RatePolicy/free"],
    )
    assert yaml.safe_load((root / "crds/ratepolicies.example.org.yaml").read_bytes()) == definition()


def test_what_a_given_definition_refuses_is_left_out(tmp_path: Path) -> None:
    _, said = imported(tmp_path, policy(), definition(properties={"times": {"type": "integer"}}))
    assert said[:3] == [
        "[exit 3]",
        "1 object of lab will be as given",
        "differs: RatePolicy/free: is left out: unknown field 'per' (ADM002)",
    ]


def test_a_definition_that_nothing_needs_is_left_out(tmp_path: Path) -> None:
    root, said = imported(tmp_path, definition())
    assert said[:3] == [
        "[exit 3]",
        "1 object of lab will be as given",
        "differs: CustomResourceDefinition/ratepolicies.example.org: is left out: it belongs to the cluster, and a project is one "
        "namespace",
    ]
    assert not (root / "crds").exists()


def test_a_definition_for_the_cluster_says_that_an_object_is_not_the_projects(tmp_path: Path) -> None:
    _, said = imported(tmp_path, policy(), definition(scope="Cluster"))
    assert "differs: RatePolicy/free: is left out: it belongs to the cluster, and a project is one namespace" in said


def test_what_a_cluster_gave_out_without_a_namespace_is_not_the_projects(tmp_path: Path) -> None:
    of_cluster = policy(uid="1")
    del of_cluster["metadata"]["namespace"]
    root, said = imported(
        tmp_path, of_cluster, {**TEMPLATE, "metadata": {"name": "chat", "namespace": "lab", "uid": "2"}}
    )
    assert said[2] == (
        "differs: RatePolicy/free: is left out: nothing is known of the kind RatePolicy of example.org/v1 (OBJ003)"
    )
    assert beside(root) == ["ConfigMap/chat"]


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    older = definition(version="v1alpha1")
    root, said = imported(tmp_path, policy(), crds={"ratepolicies.example.org": older})
    assert "wrote crds/ratepolicies.example.org-v1.yaml" in said
    assert yaml.safe_load((root / "crds/ratepolicies.example.org.yaml").read_bytes()) == older
    assert beside(root) == ["RatePolicy/free"]


def test_two_versions_of_a_kind_get_a_stand_in_each(tmp_path: Path) -> None:
    root, said = imported(tmp_path, policy(), policy("old", version="v1beta1"))
    assert said[0] == "[exit 0]"
    assert sorted(path.name for path in (root / "crds").iterdir()) == [
        "ratepolicies.example.org-v1beta1.yaml",
        "ratepolicies.example.org.yaml",
    ]


def test_names_that_files_cannot_have_are_all_kept(tmp_path: Path) -> None:
    def role(name: str) -> dict[str, Any]:
        rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
        metadata = {"name": name, "namespace": "lab"}
        return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": rules}

    root, said = imported(tmp_path, role("a:b"), role("a-b"), role("A_b"))
    assert said[0] == "[exit 0]"
    assert sorted(path.name for path in (root / "objects/lab/prod").iterdir()) == [
        "role-a-b-2.yaml",
        "role-a-b-3.yaml",
        "role-a-b.yaml",
    ]
    assert sorted(beside(root)) == ["Role/A_b", "Role/a-b", "Role/a:b"]


def test_no_name_leads_out_of_the_repository(tmp_path: Path) -> None:
    said: list[str] = []
    for item in (policy("../../../x"), {**policy(), "kind": "../../x"}):
        folder = tmp_path / str(len(said))
        (folder / "repository/environments").mkdir(parents=True)
        (folder / "repository/environments/prod.yaml").write_text(LAB, encoding="utf-8")
        (folder / "objects.yaml").write_text(emit.dump(item), encoding="utf-8")
        source = str(folder / "objects.yaml")
        ran = modelfleet(folder / "repository", "import", "project", "lab", "--env", "prod", "--write", source)
        said.append(ran.text().replace(source, "objects.yaml"))
        assert sorted(path.name for path in folder.rglob("*")) == [
            "environments",
            "objects.yaml",
            "prod.yaml",
            "repository",
        ]
    hint = "an import reads what `oc get ... -o yaml` or `kustomize build` prints\n[exit 1]\n"
    assert said == [
        f"objects.yaml:1:1: error[IMP001]: metadata.name is not the name of an object; {hint}",
        f"objects.yaml:1:1: error[IMP001]: the kind is not the name of a kind; {hint}",
    ]
