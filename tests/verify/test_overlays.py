from __future__ import annotations

import copy
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelfleet.finding import Finding
from modelfleet.kubernetes.yaml import objects_of
from modelfleet.tools.folder import cache_folder
from modelfleet.tools.install import Tool
from modelfleet.tools.kustomize import kustomize_build
from modelfleet.tools.processes import Completed
from modelfleet.tools.schemas import Schemas
from modelfleet.tools.store import memory_of
from modelfleet.verify.compare import ExpectedOverlay, compare_built, foreign_secrets
from modelfleet.verify.overlays import Verified, verify

Object = dict[str, Any]

EDITED = "`modelfleet render --check` tells whether a generated file was edited"
HEADER = "# Generated from projects/x.yaml and environments/y.yaml: edit those, then `modelfleet render`. sha256:0123456789abcdef\n"


def objects(name: str) -> dict[str, Object]:
    """What a project's base holds, by file."""
    return {
        f"inferenceservice-{name}.yaml": {
            "apiVersion": "serving.kserve.io/v1beta1",
            "kind": "InferenceService",
            "metadata": {"name": name, "annotations": {"serving.kserve.io/deploymentMode": "RawDeployment"}},
            "spec": {
                "predictor": {
                    "minReplicas": 1,
                    "model": {
                        "modelFormat": {"name": "vLLM"},
                        "args": ["--max-model-len=20000", "--port=8080"],
                        "env": [{"name": "VLLM_LOGGING_LEVEL", "value": "INFO"}, {"name": "HF_TOKEN", "value": "y"}],
                        "resources": {"limits": {"cpu": "2", "nvidia.com/gpu": "1"}},
                    },
                }
            },
        },
        f"role-{name}.yaml": {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": name},
            "rules": [{"apiGroups": ["serving.kserve.io"], "resources": ["inferenceservices"], "verbs": ["get"]}],
        },
    }


PATCH = [
    {"op": "replace", "path": "/spec/predictor/minReplicas", "value": 2},
    {"op": "add", "path": "/metadata/annotations/enable-route", "value": "true"},
]


@dataclass(frozen=True)
class Tree:
    """A small generated tree: each project in one environment, with a patch."""

    root: Path
    meant: list[ExpectedOverlay]

    def file(self, project: str, name: str) -> Path:
        return self.root / f"environments/prod/{project}/{name}"

    def with_meant(self, project: str, change: Any) -> Tree:
        """The same files, but something else is meant by the project's InferenceService."""

        def changed(one: ExpectedOverlay) -> ExpectedOverlay:
            first, *rest = one.objects
            item = copy.deepcopy(dict(first))
            change(item)
            return replace(one, objects=(item, *rest)) if one.folder.endswith(f"/{project}") else one

        return Tree(self.root, [changed(one) for one in self.meant])


def _write(path: Path, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(data, sort_keys=False)
    path.write_text(HEADER + re.sub(r"value: y$", 'value: "y"', text, flags=re.MULTILINE))


def plant(root: Path, environment: str, projects: Sequence[str]) -> list[ExpectedOverlay]:
    """Writes bases and overlays; gives what they mean."""
    meant = []
    for project in projects:
        files = objects(project)
        base = root / "environments/base" / project
        for name, item in files.items():
            _write(base / name, item)
        kustomization = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
        _write(base / "kustomization.yaml", {**kustomization, "resources": list(files)})
        folder = f"environments/{environment}/{project}"
        patch = f"patch-inferenceservice-{project}.yaml"
        _write(root / folder / patch, PATCH)
        target = {"group": "serving.kserve.io", "version": "v1beta1", "kind": "InferenceService", "name": project}
        _write(
            root / folder / "kustomization.yaml",
            {
                **kustomization,
                "namespace": f"{project}-ns",
                "resources": [f"../../base/{project}"],
                "patches": [{"path": patch, "target": target}],
            },
        )
        meant.append(
            ExpectedOverlay(environment, folder, tuple(_complete(item, f"{project}-ns") for item in files.values()))
        )
    return meant


def _complete(item: Object, namespace: str) -> Object:
    item["metadata"]["namespace"] = namespace
    if item["kind"] == "InferenceService":
        item["spec"]["predictor"]["minReplicas"] = 2
        item["metadata"]["annotations"]["enable-route"] = "true"
    return item


@dataclass(frozen=True)
class Verifier:
    tools: Mapping[str, Tool]
    schemas: Schemas

    def __call__(self, tree: Tree, said: list[str] | None = None) -> Verified:
        say = (lambda line: None) if said is None else said.append
        known = {one.environment: self.schemas for one in tree.meant}
        return verify(tree.root, tree.meant, self.tools, known, say, memory_of(tree.root))


@pytest.fixture
def verifier(real_tools: Mapping[str, Tool], real_schemas: Schemas) -> Verifier:
    return Verifier(real_tools, real_schemas)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, real_schemas: Schemas) -> Path:
    """A cache in which nothing was verified before; the tools and schemas are found by then."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "modelfleet"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path, plant(tmp_path, "prod", ["acme", "globex", "initech"]))


def texts(findings: Sequence[Finding]) -> list[str]:
    return [finding.text() for finding in findings]


# ---- good trees ------------------------------------------------------------------------------------------------------


def test_a_good_tree_is_verified_once(tree: Tree, verifier: Verifier) -> None:
    said: list[str] = []
    assert verifier(tree, said) == Verified(overlays=3, objects=6, unchanged=0, findings=())
    assert said == [
        f"building 3 overlays with {verifier.tools['kustomize']}",
        f"checking 6 objects with {verifier.tools['kubeconform']}",
    ]
    again: list[str] = []
    assert verifier(tree, again) == Verified(overlays=3, objects=6, unchanged=3, findings=())
    assert again == []


def _add_a_line(path: Path) -> None:
    path.write_text(f"{path.read_text()}# one more line\n")


def _edit_overlay(tree: Tree) -> None:
    _add_a_line(tree.file("acme", "kustomization.yaml"))


def _edit_base(tree: Tree) -> None:
    _add_a_line(tree.root / "environments/base/acme/role-acme.yaml")


def _forget(tree: Tree) -> None:
    for path in proofs(tree):
        path.write_text("{")


def _forget_deeply(tree: Tree) -> None:
    for path in proofs(tree):
        path.write_text("[" * 100_000)


def proofs(tree: Tree) -> list[Path]:
    found = sorted((cache_folder(tree.root) / "remembered").glob("*.proof"))
    assert found
    return found


@pytest.mark.parametrize(
    ("change", "unchanged"), [(_edit_overlay, 2), (_edit_base, 2), (_forget, 0), (_forget_deeply, 0)]
)
def test_only_what_changed_is_verified_again(change: Any, unchanged: int, tree: Tree, verifier: Verifier) -> None:
    verifier(tree)
    change(tree)
    assert verifier(tree) == Verified(overlays=3, objects=6, unchanged=unchanged, findings=())


def test_another_tool_or_other_schemas_verify_all_again(tree: Tree, verifier: Verifier) -> None:
    verifier(tree)
    kustomize = replace(verifier.tools["kustomize"], version="5.99.0")
    assert Verifier({**verifier.tools, "kustomize": kustomize}, verifier.schemas)(tree).unchanged == 0
    more = replace(verifier.schemas, folders=(*verifier.schemas.folders, tree.root))
    assert Verifier(verifier.tools, more)(tree).unchanged == 0
    assert Verifier(verifier.tools, more)(tree).unchanged == 3


def test_what_was_found_wrong_is_not_remembered(tree: Tree, verifier: Verifier) -> None:
    wrong = tree.with_meant("acme", lambda item: item["spec"]["predictor"].update(minReplicas=3))
    assert len(verifier(wrong).findings) == 1
    assert len(verifier(wrong).findings) == 1
    assert verifier(wrong).unchanged == 2


def test_the_order_of_keys_does_not_matter(tree: Tree, verifier: Verifier) -> None:
    meant = [replace(one, objects=tuple(map(_reversed, one.objects))) for one in tree.meant]
    assert verifier(Tree(tree.root, meant)).findings == ()


def _reversed(item: Mapping[str, Any]) -> Object:
    return {key: _reversed(item[key]) if isinstance(item[key], dict) else item[key] for key in reversed(list(item))}


def test_two_environments_may_hold_the_same_names(tmp_path: Path, verifier: Verifier) -> None:
    meant = [*plant(tmp_path, "prod", ["acme"]), *plant(tmp_path, "edu", ["acme"])]
    assert verifier(Tree(tmp_path, meant)) == Verified(overlays=2, objects=4, unchanged=0, findings=())
    assert len(proofs(Tree(tmp_path, meant))) == 2


def test_more_than_one_batch_is_built(tmp_path: Path, verifier: Verifier) -> None:
    tree = Tree(tmp_path, plant(tmp_path, "prod", [f"p{number}" for number in range(60)]))
    assert verifier(tree) == Verified(overlays=60, objects=120, unchanged=0, findings=())


def test_nothing_to_verify_needs_no_tools(tmp_path: Path) -> None:
    assert verify(tmp_path, [], {}, {}, lambda line: None) == Verified(overlays=0, objects=0, unchanged=0, findings=())


def test_the_oldest_kustomize_builds_the_same(
    tree: Tree, real_tools: Mapping[str, Tool], oldest_kustomize: Tool
) -> None:
    for one in tree.meant:
        folder = tree.root / one.folder
        newest, oldest = (kustomize_build(tool, [folder], 60) for tool in (real_tools["kustomize"], oldest_kustomize))
        assert newest.code == oldest.code == 0
        assert [built.item for built in objects_of(oldest.out)] == [built.item for built in objects_of(newest.out)]
        assert compare_built(tree.root, one, [built.item for built in objects_of(oldest.out)]) == []


# ---- what kustomize builds -------------------------------------------------------------------------------------------


def test_an_overlay_that_does_not_build_is_named_alone(tree: Tree, verifier: Verifier) -> None:
    path = tree.file("globex", "kustomization.yaml")
    path.write_text(path.read_text().replace("../../base/globex", "nowhere.yaml"))
    found = verifier(tree)
    assert replace(found, findings=()) == Verified(overlays=3, objects=6, unchanged=0, findings=())
    (finding,) = found.findings
    assert str(finding.at) == "environments/prod/globex/kustomization.yaml:1:1"
    assert (finding.code, finding.environments, finding.hint) == ("VER001", ("prod",), EDITED)
    place = "environments/prod/globex/nowhere.yaml"
    assert finding.message == (
        "kustomize cannot build it: accumulating resources: accumulation err='accumulating resources from 'nowhere.yaml': "
        f"evalsymlink failure on '{place}' : lstat {place}: no such file or directory': "
        "must build at directory: not a valid directory: evalsymlink failure on 'envi"
    )
    path.write_text(path.read_text().replace("nowhere.yaml", "../../base/globex"))
    assert verifier(tree) == Verified(overlays=3, objects=6, unchanged=2, findings=())


def test_an_object_that_is_missing_and_one_too_many_are_named(tree: Tree, verifier: Verifier) -> None:
    path = tree.root / "environments/base/acme/role-acme.yaml"
    path.write_text(path.read_text().replace("name: acme", "name: other"))
    assert texts(verifier(tree).findings) == [
        "environments/base/acme/role-acme.yaml:2:1: error[VER002]: in prod: "
        f"kustomize does not build Role 'acme' in namespace 'acme-ns', which was meant; {EDITED}",
        "environments/prod/acme/kustomization.yaml:1:1: error[VER003]: in prod: "
        f"kustomize builds Role 'other' in namespace 'acme-ns', which was not meant; {EDITED}",
    ]


def test_an_object_in_another_namespace_is_another_object(tree: Tree, verifier: Verifier) -> None:
    path = tree.file("acme", "kustomization.yaml")
    path.write_text(path.read_text().replace("acme-ns", "globex-ns"))
    named = "in namespace 'globex-ns', which was not meant"
    meant = "in namespace 'acme-ns', which was meant"
    assert [(finding.code, finding.message) for finding in verifier(tree).findings] == [
        ("VER002", f"kustomize does not build InferenceService 'acme' {meant}"),
        ("VER003", f"kustomize builds InferenceService 'acme' {named}"),
        ("VER002", f"kustomize does not build Role 'acme' {meant}"),
        ("VER003", f"kustomize builds Role 'acme' {named}"),
    ]


def _args(item: Object) -> list[str]:
    found: list[str] = item["spec"]["predictor"]["model"]["args"]
    return found


PATCHED = "environments/prod/acme/patch-inferenceservice-acme.yaml"
BASE = "environments/base/acme/inferenceservice-acme.yaml"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            lambda item: item["spec"]["predictor"].update(minReplicas="2"),
            [(f"{PATCHED}:4:10", "/spec/predictor/minReplicas", "has 2, but '2' was meant")],
        ),
        (
            lambda item: item["spec"]["predictor"].update(minReplicas=True),
            [(f"{PATCHED}:4:10", "/spec/predictor/minReplicas", "has 2, but true was meant")],
        ),
        (
            lambda item: item["spec"]["predictor"].update(minReplicas=2.5),
            [(f"{PATCHED}:4:10", "/spec/predictor/minReplicas", "has 2, but 2.5 was meant")],
        ),
        (
            lambda item: item["spec"]["predictor"].update(minReplicas=2.0),  # the same number to a cluster
            [],
        ),
        (
            lambda item: item["metadata"]["annotations"].pop("enable-route"),
            [(f"{PATCHED}:7:10", "/metadata/annotations/enable-route", "has 'true', which was not meant")],
        ),
        (
            lambda item: item["metadata"].update(labels={"a/b": "c"}),
            [(f"{BASE}:5:3", "/metadata/labels", "lacks a map, which was meant")],
        ),
        (
            lambda item: item["metadata"]["annotations"].update({"a/b~c": "d"}),
            [(f"{BASE}:7:5", "/metadata/annotations/a~1b~0c", "lacks 'd', which was meant")],
        ),
        (
            lambda item: _args(item).reverse(),
            [
                (
                    f"{BASE}:15:9",
                    "/spec/predictor/model/args/0",
                    "has '--max-model-len=20000', but '--port=8080' was meant",
                ),
                (
                    f"{BASE}:16:9",
                    "/spec/predictor/model/args/1",
                    "has '--port=8080', but '--max-model-len=20000' was meant",
                ),
            ],
        ),
        (
            lambda item: _args(item).append("--more"),
            [(f"{BASE}:15:7", "/spec/predictor/model/args/2", "lacks '--more', which was meant")],
        ),
        (
            lambda item: item["spec"]["predictor"]["model"]["env"][1].update(value="hf_x"),
            [(f"{BASE}:21:16", "/spec/predictor/model/env/1/value", "has (hidden), but (hidden) was meant")],
        ),
        (
            lambda item: item["spec"]["predictor"]["model"].update(args=None),
            [(f"{BASE}:15:7", "/spec/predictor/model/args", "has a list, but null was meant")],
        ),
    ],
)
def test_every_difference_is_found_where_it_is_written(
    change: Any, found: list[tuple[str, str, str]], tree: Tree, verifier: Verifier
) -> None:
    findings = verifier(tree.with_meant("acme", change)).findings
    said = "InferenceService 'acme' in namespace 'acme-ns' as built"
    assert texts(findings) == [
        f"{at}: error[VER004]: {path}: in prod: {said} {what}; {EDITED}" for at, path, what in found
    ]


def test_many_differences_are_counted(tree: Tree, verifier: Verifier) -> None:
    many = {f"a{number:02}": "b" for number in range(12)}
    findings = verifier(tree.with_meant("acme", lambda item: item["metadata"]["annotations"].update(many))).findings
    assert [finding.path for finding in findings] == [
        "",
        *(f"/metadata/annotations/a{number:02}" for number in range(10)),
    ]
    assert findings[0].message == (
        "InferenceService 'acme' in namespace 'acme-ns' as built differs from what was meant in 2 more places"
    )


def test_a_secret_that_someone_wrote_into_a_generated_file_is_not_shown(tree: Tree, verifier: Verifier) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": "acme-ns"},
        "data": {"a": "b"},
    }
    _write(tree.file("acme", "secret-s.yaml"), {**secret, "data": {"a": 17}})
    path = tree.file("acme", "kustomization.yaml")
    path.write_text(path.read_text().replace("- ../../base/acme\n", "- ../../base/acme\n- secret-s.yaml\n"))
    meant = [replace(one, objects=(*one.objects, secret)) if one.folder.endswith("acme") else one for one in tree.meant]
    at, named = "environments/prod/acme/secret-s.yaml:8:6", "/data/a: in prod: Secret 's' in namespace 'acme-ns'"
    assert texts(verifier(Tree(tree.root, meant)).findings) == [
        f"{at}: error[VER004]: {named} as built has (hidden), but (hidden) was meant; {EDITED}",
        "environments/prod/acme/secret-s.yaml:2:1: error[VER005]: in prod: Secret 's' in namespace 'acme-ns' is not a token "
        f"of a model: its type is not kubernetes.io/service-account-token; {TOKENS}",
        f"{at}: error[VER010]: {named}: does not fit its schema ({verifier.tools['kubeconform']})",
    ]


TOKENS = "write tokens into the spec; every other secret belongs in the environment's store"
OPEN: Object = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "s",
        "namespace": "acme-ns",
        "annotations": {"kubernetes.io/service-account.name": "acme-sa"},
    },
    "type": "kubernetes.io/service-account-token",
}


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({}, None),
        ({"type": "Opaque"}, "its type is not kubernetes.io/service-account-token"),
        ({"data": {}}, "it has data, which the cluster fills in"),
        ({"stringData": {"token": "x"}}, "it has stringData, which the cluster fills in"),
        (
            {"metadata": {**OPEN["metadata"], "annotations": {"kubernetes.io/service-account.name": "deployer"}}},
            "kubernetes.io/service-account.name names no ServiceAccount of this folder",
        ),
        (
            {"metadata": {"name": "s", "namespace": "acme-ns"}},
            "kubernetes.io/service-account.name names no ServiceAccount of this folder",
        ),
    ],
)
def test_every_secret_is_a_token_even_where_another_was_meant(
    changed: dict[str, Any], wrong: str | None, tmp_path: Path
) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "acme-sa", "namespace": "acme-ns"}}
    built = [account, {**OPEN, **changed}]
    one = ExpectedOverlay("prod", "environments/prod/acme", tuple(built))
    found = list(foreign_secrets(tmp_path, one, built))
    assert [(finding.code, finding.policy, finding.message, finding.hint) for finding in found] == (
        [("VER005", True, f"Secret 's' in namespace 'acme-ns' is not a token of a model: {wrong}", TOKENS)]
        if wrong
        else []
    )


def test_two_overlays_that_mean_the_same_object_are_judged_one_by_one(tree: Tree, verifier: Verifier) -> None:
    twin = tree.root / "environments/prod/twin"
    for path in (tree.root / "environments/prod/acme").iterdir():
        _write(twin / path.name, yaml.safe_load(path.read_text()))
    meant = [*tree.meant, replace(tree.meant[0], folder="environments/prod/twin")]
    assert verifier(Tree(tree.root, meant)) == Verified(overlays=4, objects=8, unchanged=0, findings=())


# ---- what a cluster would say ----------------------------------------------------------------------------------------


def _replace_in_base(tree: Tree, file: str, old: str, new: str) -> None:
    path = tree.root / "environments/base/acme" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_a_field_that_no_crd_knows_is_found(tree: Tree, verifier: Verifier) -> None:
    _replace_in_base(tree, "inferenceservice-acme.yaml", "limits:", "limit:")

    def misspelt(item: Object) -> None:
        resources = item["spec"]["predictor"]["model"]["resources"]
        resources["limit"] = resources.pop("limits")

    assert texts(verifier(tree.with_meant("acme", misspelt)).findings) == [
        f"{BASE}:23:9: error[VER010]: /spec/predictor/model/resources: in prod: "
        "InferenceService 'acme' in namespace 'acme-ns': additional properties 'limit' not allowed "
        f"({verifier.tools['kubeconform']})"
    ]


def test_a_kind_without_a_schema_is_an_error(tree: Tree, verifier: Verifier) -> None:
    _replace_in_base(tree, "role-acme.yaml", "rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io/v2")
    meant = [
        replace(one, objects=(one.objects[0], {**one.objects[1], "apiVersion": "rbac.authorization.k8s.io/v2"}))
        if one.folder.endswith("acme")
        else one
        for one in tree.meant
    ]
    assert texts(verifier(Tree(tree.root, meant)).findings) == [
        "environments/base/acme/role-acme.yaml:2:1: error[VER011]: in prod: "
        f"Role 'acme' in namespace 'acme-ns': could not find schema for Role ({verifier.tools['kubeconform']})"
    ]


def test_kubernetes_validate_judges_what_kubeconform_let_pass(tree: Tree, verifier: Verifier) -> None:
    """Schemas of a cluster's own may be wider than those of its Kubernetes: here one that knows a field of the next."""
    role = verifier.schemas.folders[-1] / "role-rbac.authorization.k8s.io-v1.json"
    wider = tree.root / "wider"
    wider.mkdir()
    text = role.read_text().replace('"properties":{', '"properties":{"next":{"type":"string"},', 1)
    (wider / role.name).write_text(text.replace('"_definitions.json#', f'"{role.parent}/_definitions.json#'))
    _replace_in_base(tree, "role-acme.yaml", "kind: Role\n", "kind: Role\nnext: word\n")
    meant = [
        replace(one, objects=(one.objects[0], {**one.objects[1], "next": "word"}))
        if one.folder.endswith("acme")
        else one
        for one in tree.meant
    ]
    schemas = replace(verifier.schemas, folders=(wider, *verifier.schemas.folders))
    assert texts(Verifier(verifier.tools, schemas)(Tree(tree.root, meant)).findings) == [
        "environments/base/acme/role-acme.yaml:2:1: error[VER020]: in prod: Role 'acme' in namespace 'acme-ns': "
        "Additional properties are not allowed ('next' was unexpected) (kubernetes-validate, Kubernetes 1.32)"
    ]


def test_objects_that_kubeconform_does_not_count_are_not_passed_over(
    tree: Tree, verifier: Verifier, tmp_path: Path
) -> None:
    stub = tmp_path / "kubeconform"
    stub.write_text(
        """#!/bin/sh
echo '{"resources": [], "summary": {"valid": 4, "invalid": 0, "errors": 0, "skipped": 1}}'
"""
    )
    stub.chmod(0o755)
    tools = {**verifier.tools, "kubeconform": Tool("kubeconform", "0.7.0", stub)}
    assert texts(Verifier(tools, verifier.schemas)(tree).findings) == [
        f"environments/prod/{project}/kustomization.yaml:1:1: error[VER012]: "
        "kubeconform 0.7.0 judged 4 of 6 objects; nothing may be skipped; report this"
        for project in ("acme", "globex", "initech")
    ]


def test_where_nothing_can_be_remembered_all_is_verified_again(tree: Tree, verifier: Verifier) -> None:
    (cache_folder(tree.root) / "remembered").write_text("a file")
    assert [verifier(tree).unchanged for _ in range(2)] == [0, 0]


def test_what_is_committed_vouches_for_nothing(tree: Tree, verifier: Verifier) -> None:
    """A memory in the tree, under every name that it ever had, is not looked at."""
    assert verifier(tree).findings == ()
    for place in (".tools/verified", "verified", ".cache/modelfleet/remembered", "remembered"):
        (tree.root / place).mkdir(parents=True)
        for path in proofs(tree):
            shutil.copy(path, tree.root / place)
    for path in proofs(tree):
        path.unlink()
    assert verifier(tree).unchanged == 0


def test_two_clones_share_what_was_proved(tmp_path: Path, verifier: Verifier) -> None:
    one = Tree(tmp_path / "one", plant(tmp_path / "one", "prod", ["acme"]))
    other = Tree(tmp_path / "other", plant(tmp_path / "other", "prod", ["acme"]))
    assert [verifier(tree).unchanged for tree in (one, other)] == [0, 1]
    path = next(iter(sorted((other.root / one.meant[0].folder).iterdir())))
    path.write_text(path.read_text() + "# mine\n")
    assert [verifier(tree).unchanged for tree in (one, other)] == [1, 0]


def test_a_kustomize_that_dies_names_every_overlay(tree: Tree, verifier: Verifier, tmp_path: Path) -> None:
    stub = tmp_path / "kustomize"
    stub.write_text("#!/bin/sh\nkill -9 $$\n")
    stub.chmod(0o755)
    assert kustomize_build(Tool("kustomize", "5.7.1", stub), [tmp_path], 10) == Completed(code=-9, out=b"", err="")
    tools = {**verifier.tools, "kustomize": Tool("kustomize", "5.7.1", stub)}
    assert texts(Verifier(tools, verifier.schemas)(tree).findings) == [
        f"environments/prod/{project}/kustomization.yaml:1:1: error[VER001]: in prod: "
        f"kustomize cannot build it: exit code -9; {EDITED}"
        for project in ("acme", "globex", "initech")
    ]
