"""Objects beside the models: where they are laid, and what is said of those that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from console import modelfleet
from modelfleet.pipeline import fleet as pipeline
from modelfleet.reference.reference import without_places
from modelfleet.verify.fleet import expected_overlays
from repository import findings, repository, write

TEMPLATE = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "template"}, "data": {"chat.jinja": "x"}}
OTHER = {**TEMPLATE, "data": {"chat.jinja": "y"}}
BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "RoleBinding",
    "metadata": {"name": "callers"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
    "subjects": [
        {"kind": "ServiceAccount", "name": "frontend", "namespace": "shop"},
        {"kind": "ServiceAccount", "name": "mine"},
        {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "team"},
    ],
}
EVERYWHERE = {"projects/acme": {"environments": {"dev": {}, "prod": {"namespace": "acme-1"}}}}


def files_of(root: Path, *fragments: Any) -> dict[str, Any]:
    """The generated files that speak of the objects, without their first lines."""
    found = pipeline.fleet(write(root, repository(EVERYWHERE, *fragments))).files
    wanted = ("configmap", "rolebinding-callers")
    return {path: yaml.safe_load(text) for path, text in found.items() if any(word in path for word in wanted)}


def test_what_is_for_all_environments_is_in_the_base(tmp_path: Path) -> None:
    assert files_of(tmp_path, {"objects/acme/template": TEMPLATE}) == {
        "environments/base/acme/configmap-template.yaml": TEMPLATE
    }


def test_what_is_for_one_environment_is_there_alone(tmp_path: Path) -> None:
    assert files_of(tmp_path, {"objects/acme/prod/template": TEMPLATE}) == {
        "environments/prod/acme/configmap-template.yaml": TEMPLATE
    }


def test_the_environments_own_goes_before_the_one_for_all(tmp_path: Path) -> None:
    assert files_of(tmp_path, {"objects/acme/template": TEMPLATE, "objects/acme/prod/template": OTHER}) == {
        "environments/base/acme/configmap-template.yaml": TEMPLATE,
        "environments/prod/acme/patch-configmap-template.yaml": [
            {"op": "replace", "path": "/data/chat.jinja", "value": "y"}
        ],
    }


def test_what_is_found_in_it_by_verify_is_said_at_its_own_file(tmp_path: Path) -> None:
    root = write(
        tmp_path, repository(EVERYWHERE, {"objects/acme/template": TEMPLATE, "objects/acme/prod/other": OTHER})
    )
    (root / "objects/acme/template.yaml").write_text(
        "# of all\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: template}\ndata:\n  chat.jinja: x\n",
        encoding="utf-8",
    )
    found = {one.folder: one for one in expected_overlays(root, pipeline.fleet(root))}

    def said(environment: str, name: str) -> str:
        one = found[f"environments/{environment}/acme"]
        item = next(item for item in one.objects if (item["kind"], item["metadata"]["name"]) == ("ConfigMap", name))
        assert one.cause is not None
        place, path = one.cause(item, ("data", "chat.jinja")) or (None, "")
        return f"{place} {path}"

    assert said("dev", "template") == "objects/acme/template.yaml:6:15 data.chat.jinja"
    assert said("prod", "template").startswith("objects/acme/prod/other.yaml:")
    one = found["environments/dev/acme"]
    assert one.cause is not None
    assert one.cause({**TEMPLATE, "metadata": {"name": "unknown"}}, ()) is None


def test_accounts_of_a_binding_are_of_the_projects_namespace_unless_they_say_another(tmp_path: Path) -> None:
    root = write(tmp_path, repository(EVERYWHERE, {"objects/acme/binding": BINDING}))
    subjects = {
        one.project.environment.name: [
            (subject["name"], subject.get("namespace"))
            for item in one.objects
            if item["metadata"]["name"] == "callers"
            for subject in item["subjects"]
        ]
        for one in pipeline.fleet(root).deployed
        if one.project.name == "acme"
    }
    assert subjects == {
        "dev": [("frontend", "shop"), ("mine", "acme"), ("team", None)],
        "prod": [("frontend", "shop"), ("mine", "acme-1"), ("team", None)],
    }


def test_the_namespace_may_be_written_where_it_is_the_projects(tmp_path: Path) -> None:
    named = {**TEMPLATE, "metadata": {"name": "template", "namespace": "acme-1"}}
    assert files_of(tmp_path, {"objects/acme/prod/template": named}) == {
        "environments/prod/acme/configmap-template.yaml": TEMPLATE
    }


def test_the_app_project_allows_their_kinds(tmp_path: Path) -> None:
    root = write(tmp_path, repository({"objects/acme/template": TEMPLATE}))
    project = yaml.safe_load(pipeline.fleet(root).files["environments/prod/argocd/appproject-models-prod.yaml"])
    assert {"group": "", "kind": "ConfigMap"} in project["spec"]["namespaceResourceWhitelist"]


JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "fetch"},
    "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "fetch", "image": "x.example.org/f:1"}]}}},
}  # fmt: skip
TOKEN = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "reader", "annotations": {"kubernetes.io/service-account.name": "reader"}},
    "type": "kubernetes.io/service-account-token",
}
ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "llama-sa"}}
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "chat"}, "spec": {"ports": [{"port": 80}]}}
KNATIVE = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "chat"}}


def definition(group: str, kind: str, plural: str) -> dict[str, Any]:
    """The definition of a kind that may hold anything."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    names = {"kind": kind, "plural": plural}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


REFUSED: dict[str, tuple[Any, list[str]]] = {
    "a misspelt field": (
        {"objects/acme/job": {**JOB, "spec": {**JOB["spec"], "backofLimit": 1}}},
        [
            "objects/acme/job.yaml: error[ADM002]: spec.backofLimit: in prod: unknown field 'backofLimit'; "
            "did you mean 'backoffLimit'?"
        ],
    ),
    "what tokens make already": (
        {"objects/acme/account": ACCOUNT, "projects/acme": {"models": {"llama": {"tokens": ["ci"]}}}},
        [
            "objects/acme/account.yaml: error[OBJ004]: metadata.name: in prod: ServiceAccount 'llama-sa' is rendered for "
            "models.llama already; rename this one, or delete it (projects/acme.yaml)"
        ],
    ),
    "the Secret of a token with its value": (
        {"objects/acme/token": {**TOKEN, "data": {}}},
        [
            "objects/acme/token.yaml: error[SPEC009]: data: data does not belong in a repository of specs: the cluster fills the "
            "Secret of a ServiceAccount's token; remove it, and keep the annotation kubernetes.io/service-account.name"
        ],
    ),
    "the Secret of a token": ({"objects/acme/token": TOKEN}, []),
    "a Secret": (
        {"objects/acme/pull": {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull"}, "type": "Opaque"}},
        [
            "objects/acme/pull.yaml: error[SPEC009]: kind: 'Secret' does not belong in a repository of specs: the values of "
            "Secrets come from the environment's secret store; declare it in the spec: secrets: {<name>: {keys: [...]}} or "
            "connections"
        ],
    ),
    "a model": (
        {"objects/acme/model": {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": {"name": "m"}}},
        [
            "objects/acme/model.yaml: error[SPEC009]: kind: 'InferenceService' is rendered from a spec, whose "
            "rules it would bypass here; write a model in projects/<project>.yaml; a runtime of your own belongs "
            "in runtimes/"
        ],
    ),
    "what a cluster wrote": (
        {"objects/acme/template": {**TEMPLATE, "metadata": {"name": "template", "uid": "1"}}},
        ["objects/acme/template.yaml: error[SPEC009]: metadata.uid: uid is what a cluster writes; remove it"],
    ),
    "no project": (
        {"objects/acmee/template": TEMPLATE},
        ["objects/acmee: error[YAML022]: there is no projects/acmee.yaml; did you mean objects/acme/?"],
    ),
    "no environment": (
        {"objects/acme/prot/template": TEMPLATE},
        ["objects/acme/prot: error[YAML022]: there is no environments/prot.yaml; did you mean objects/acme/prod/?"],
    ),
    "a file beside the folders": (
        {"objects/template": TEMPLATE},
        ["objects/template.yaml: error[YAML022]: it belongs to no project; move it to objects/<project>/"],
    ),
    "two kinds of one name, whose objects have one name": (
        {
            "objects/acme/core": SERVICE,
            "objects/acme/knative": KNATIVE,
            "crds/knative": definition("serving.knative.dev", "Service", "services"),
        },
        [
            "objects/acme/knative.yaml: error[OBJ004]: metadata.name: in prod: Service 'chat' of serving.knative.dev and that of "
            "the core group would be in one file of the overlay; rename one of them"
        ],
    ),
    "two kinds of one name, whose objects have names of their own": (
        {
            "objects/acme/core": SERVICE,
            "objects/acme/knative": {**KNATIVE, "metadata": {"name": "talk"}},
            "crds/knative": definition("serving.knative.dev", "Service", "services"),
        },
        [],
    ),
    "a binding as the cluster names it": (
        {"objects/acme/binding": {**BINDING, "metadata": {"name": "system:openshift:scc:anyuid"}}},
        [],
    ),
    "a binding whose name is a path": (
        {"objects/acme/binding": {**BINDING, "metadata": {"name": "a/b"}}},
        [
            "objects/acme/binding.yaml: error[SPEC005]: metadata.name: 'a/b' is not a valid name of a Role or RoleBinding; it has "
            "letters, digits and '-', '.', ':', '_', '@', begins with a letter or digit, and has at most 75 characters"
        ],
    ),
    "an object with the name of a binding": (
        {"objects/acme/template": {**TEMPLATE, "metadata": {"name": "system:template"}}},
        [
            "objects/acme/template.yaml: error[SPEC005]: metadata.name: 'system:template' is not a valid resource name; a name has "
            "lower-case letters a-z, digits, '-' and '.', and begins and ends with a letter or digit"
        ],
    ),
    "a definition that is none": (
        {"objects/acme/template": TEMPLATE, "crds/x": TEMPLATE},
        [
            "crds/x.yaml: error[VER030]: no CustomResourceDefinition is in it; export them with `oc get crd -o yaml` into a "
            ".yaml file of this folder"
        ],
    ),
    "a definition that is cut off": (
        {"objects/acme/template": TEMPLATE, "crds/x": {"kind": "CustomResourceDefinition", "spec": {"group": "a"}}},
        [
            "crds/x.yaml: error[VER030]: a CustomResourceDefinition in it is not complete; export them with `oc get crd -o "
            "yaml` into a .yaml file of this folder"
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_stand_there(name: str, tmp_path: Path) -> None:
    files, said = REFUSED[name]
    found = [without_places(one) for one in findings(write(tmp_path, repository(files)))]
    assert [text for text in found if "error[" in text] == said


def test_the_file_of_a_binding_writes_its_colons_in_hex(tmp_path: Path) -> None:
    binding = {**BINDING, "metadata": {"name": "system:openshift:scc:AnyUID"}}
    files = pipeline.fleet(write(tmp_path, repository({"objects/acme/binding": binding}))).files
    assert [path for path in files if "openshift_3ascc" in path] == [
        "environments/base/acme/rolebinding-system_3aopenshift_3ascc_3a_41ny_55_49_44.yaml"
    ]
    root = write(tmp_path, {"objects/acme/binding": binding})
    assert (modelfleet(root, "render").code, modelfleet(root, "render", "--check").code) == (0, 0)


def test_a_secret_value_is_refused_and_not_shown(tmp_path: Path) -> None:
    value = "hf_" + "QmZkLrTpWxYbNcVdEsFgHjKaUiOpLzMnBv"
    container = {**JOB["spec"]["template"]["spec"]["containers"][0], "env": [{"name": "HF_TOKEN", "value": value}]}
    job = {**JOB, "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}}
    ran = modelfleet(write(tmp_path, repository({"objects/acme/job": job})), "check")
    assert (ran.code, value in ran.out + ran.err) == (4, False)
    assert "objects/acme/job.yaml" in ran.err
