"""AppProject and ApplicationSet: exact objects, Argo CD's own CRDs, Go's own templates, Git's own patterns."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from argocd_module import module, program, run

from generator import argocd
from generator.argocd import Facts, Kind
from generator.emit import dump
from generator.finding import Finding, Location
from generator.packaged import packaged
from generator.render import Templates

_ARGOCD = {
    "namespace": "openshift-gitops",
    "repoURL": "https://github.com/example/models.git",
    "revision": "main",
    "version": "2.14",
    "prune": False,
}
_KINDS = frozenset(
    {
        Kind("serving.kserve.io", "ServingRuntime"),
        Kind("serving.kserve.io", "InferenceService"),
        Kind("external-secrets.io", "ExternalSecret"),
        Kind("", "ServiceAccount"),
    }
)


def _facts(version: str = "2.14", **other: Any) -> Facts:
    known = {
        "environment": "prod",
        "destination": {"name": "cluster-1"},
        "argocd": {**_ARGOCD, "version": version},
        "projects": {"granite": "granite", "coolstore": "coolstore-0a1b2c"},
        "kinds": _KINDS,
    }
    return Facts(**{**known, **other})


def _objects(facts: Facts) -> tuple[dict[str, Any], dict[str, Any]]:
    project, applications = argocd.objects(facts, Templates([packaged("templates") / "common"]))
    return project.object, applications.object


# ---- exact objects ---------------------------------------------------------------------------------------------------


def test_the_appproject_allows_what_is_rendered_and_nothing_else() -> None:
    project, _ = _objects(_facts())
    assert project == {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {
            "name": "models-prod",
            "namespace": "openshift-gitops",
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        },
        "spec": {
            "description": "Models of prod: the kinds and namespaces that are rendered, no others",
            "sourceRepos": ["https://github.com/example/models.git"],
            "destinations": [
                {"name": "cluster-1", "namespace": "coolstore-0a1b2c"},
                {"name": "cluster-1", "namespace": "granite"},
            ],
            "clusterResourceWhitelist": [],
            "namespaceResourceWhitelist": [
                {"group": "", "kind": "ServiceAccount"},
                {"group": "external-secrets.io", "kind": "ExternalSecret"},
                {"group": "serving.kserve.io", "kind": "InferenceService"},
                {"group": "serving.kserve.io", "kind": "ServingRuntime"},
            ],
        },
    }


def test_the_applicationset_for_2_14() -> None:
    _, applications = _objects(_facts())
    assert applications == {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": "models-prod", "namespace": "openshift-gitops"},
        "spec": {
            "goTemplate": True,
            "goTemplateOptions": ["missingkey=error"],
            "generators": [
                {
                    "git": {
                        "repoURL": "https://github.com/example/models.git",
                        "revision": "main",
                        "files": [{"path": "environments/prod/*/modelfleet-application.yaml"}],
                    }
                }
            ],
            "syncPolicy": {"applicationsSync": "create-update", "preserveResourcesOnDeletion": True},
            "preservedFields": {"annotations": ["argocd.argoproj.io/skip-reconcile"]},
            "template": {
                "metadata": {
                    "name": "{{ .application }}",
                    "annotations": {
                        "argocd.argoproj.io/manifest-generate-paths": ".;../../base/{{ .project }}",
                    },
                },
                "spec": {
                    "project": "models-prod",
                    "source": {
                        "repoURL": "https://github.com/example/models.git",
                        "targetRevision": "main",
                        "path": "{{ .path.path }}",
                    },
                    "destination": {"name": "cluster-1", "namespace": "{{ .namespace }}"},
                    "syncPolicy": {
                        "automated": {"prune": False, "selfHeal": True},
                        "syncOptions": [
                            "ApplyOutOfSyncOnly=true",
                            "FailOnSharedResource=true",
                            "RespectIgnoreDifferences=true",
                            "PrunePropagationPolicy=background",
                        ],
                        "retry": {"limit": 5, "backoff": {"duration": "30s", "factor": 2, "maxDuration": "10m"}},
                    },
                },
            },
        },
    }


def _changes(old: Any, new: Any, path: str = "") -> dict[str, Any]:
    """What the second value has at each path where it differs from the first."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(old.keys() | new.keys())
        inner = [_changes(old.get(key), new.get(key), f"{path}/{key}") for key in keys]
        return {place: value for found in inner for place, value in found.items()}
    return {} if old == new else {path: new}


_OPTIONS = "/spec/template/spec/syncPolicy/syncOptions"
_SERVER_SIDE: dict[str, Any] = {
    _OPTIONS: [
        "ApplyOutOfSyncOnly=true",
        "FailOnSharedResource=true",
        "RespectIgnoreDifferences=true",
        "PrunePropagationPolicy=background",
        "ServerSideApply=true",
    ],
    "/spec/template/metadata/annotations/argocd.argoproj.io/compare-options": "ServerSideDiff=true",
}
_REFRESH = {"/spec/template/spec/syncPolicy/retry/refresh": True}


@pytest.mark.parametrize(
    ("version", "changed"),
    [
        ("2.14", {}),
        ("3.0", {}),
        ("3.1", _SERVER_SIDE),
        ("3.2", _SERVER_SIDE | _REFRESH),
        ("3.3", _SERVER_SIDE | _REFRESH),
        ("3.4", _SERVER_SIDE | _REFRESH),
        ("3.5", _SERVER_SIDE | _REFRESH),
    ],
)
def test_what_a_version_changes_in_the_applicationset(version: str, changed: Mapping[str, Any]) -> None:
    assert _changes(_objects(_facts("2.14"))[1], _objects(_facts(version))[1]) == changed


def test_every_known_version_has_a_case_above() -> None:
    assert argocd.versions() == ("2.14", "3.0", "3.1", "3.2", "3.3", "3.4", "3.5")


def test_an_unknown_version_is_no_guess() -> None:
    with pytest.raises(KeyError, match=r"3\.99"):
        _objects(_facts("3.99"))


def test_pruning_is_the_environments_word() -> None:
    pruned = _facts(argocd={**_ARGOCD, "prune": True})
    assert _changes(_objects(_facts())[1], _objects(pruned)[1]) == {
        "/spec/template/spec/syncPolicy/automated/prune": True
    }


def test_a_cluster_without_a_name_goes_by_its_address() -> None:
    server = {"server": "https://api.example.org:6443"}
    project, applications = _objects(_facts(destination=server))
    assert project["spec"]["destinations"] == [
        {"server": "https://api.example.org:6443", "namespace": "coolstore-0a1b2c"},
        {"server": "https://api.example.org:6443", "namespace": "granite"},
    ]
    assert applications["spec"]["template"]["spec"]["destination"] == {
        "server": "https://api.example.org:6443",
        "namespace": "{{ .namespace }}",
    }


def test_namespaces_are_allowed_where_they_are_managed_by_name_where_argo_cd_can() -> None:
    kinds = _KINDS | {argocd.NAMESPACE}
    assert _objects(_facts("3.2", kinds=kinds))[0]["spec"]["clusterResourceWhitelist"] == [
        {"group": "", "kind": "Namespace"}
    ]
    assert _objects(_facts("3.3", kinds=kinds))[0]["spec"]["clusterResourceWhitelist"] == [
        {"group": "", "kind": "Namespace", "name": "coolstore-0a1b2c"},
        {"group": "", "kind": "Namespace", "name": "granite"},
    ]
    assert {"group": "", "kind": "Namespace"} not in _objects(_facts(kinds=kinds))[0]["spec"][
        "namespaceResourceWhitelist"
    ]


def test_secrets_are_allowed_only_where_there_are_some() -> None:
    secret = {"group": "", "kind": "Secret"}
    assert secret not in _objects(_facts())[0]["spec"]["namespaceResourceWhitelist"]
    with_tokens = _facts(kinds=_KINDS | {Kind("", "Secret")})
    assert secret in _objects(with_tokens)[0]["spec"]["namespaceResourceWhitelist"]


def test_an_environment_without_projects_allows_nothing() -> None:
    project, _ = _objects(_facts(projects={}, kinds=frozenset()))
    assert {key: value for key, value in project["spec"].items() if isinstance(value, list)} == {
        "sourceRepos": ["https://github.com/example/models.git"],
        "destinations": [],
        "clusterResourceWhitelist": [],
        "namespaceResourceWhitelist": [],
    }


def test_a_new_project_of_known_kinds_changes_only_the_destinations() -> None:
    before, after = _facts(), _facts(projects={"granite": "granite", "coolstore": "coolstore-0a1b2c", "new": "new-1"})
    for old, new, changed in zip(_objects(before), _objects(after), [{"/spec/destinations"}, set()], strict=True):
        assert set(_changes(old, new)) == changed
    assert argocd.application_file(before, "granite") == argocd.application_file(after, "granite")


@pytest.mark.parametrize("version", argocd.versions())
def test_no_wildcard_and_no_denial_in_any_appproject(version: str) -> None:
    kinds = _KINDS | {argocd.NAMESPACE, Kind("", "Secret")}
    found = list(_strings(_objects(_facts(version, kinds=kinds))[0]["spec"]))
    assert "https://github.com/example/models.git" in found
    assert [value for value in found if set(value) & set("*?[!{")] == []


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, (dict, list)):
            yield from _strings(item)
        elif isinstance(item, str):
            yield item


# ---- what is observed ------------------------------------------------------------------------------------------------


def test_kinds_of_rendered_objects() -> None:
    kinds, conditions = argocd.observed(
        [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "granite"}},
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "granite-sa"}},
            {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": {"name": "granite"}},
        ]
    )
    assert kinds == {
        Kind("", "Namespace", cluster_scoped=True),
        Kind("", "ServiceAccount"),
        Kind("serving.kserve.io", "InferenceService"),
    }
    assert conditions == frozenset()


@pytest.mark.parametrize(
    ("kind", "field", "ignored"),
    [
        (
            "ServiceAccount",
            "imagePullSecrets",
            [{"group": "", "kind": "ServiceAccount", "jsonPointers": ["/imagePullSecrets"]}],
        ),
        ("ServiceAccount", "secrets", None),
        ("Pod", "imagePullSecrets", None),
    ],
)
def test_pull_secrets_of_service_accounts_are_ignored_only_where_git_writes_some(
    kind: str, field: str, ignored: list[Any] | None
) -> None:
    _, conditions = argocd.observed([{"apiVersion": "v1", "kind": kind, field: [{"name": "quay"}]}])
    template = _objects(_facts(conditions=conditions))[1]["spec"]["template"]["spec"]
    assert template.get("ignoreDifferences") == ignored


# ---- names -----------------------------------------------------------------------------------------------------------


def test_names_that_fit_are_whole() -> None:
    assert argocd.set_name("prod") == "models-prod"
    assert argocd.application_name("prod", "granite") == "models-prod.granite"
    fits = "g" * (63 - len("models-prod."))
    assert argocd.application_name("prod", fits) == f"models-prod.{fits}"


def test_names_that_do_not_fit_end_in_a_digest_of_the_whole() -> None:
    long = "g" * (64 - len("models-prod."))
    assert argocd.application_name("prod", long) == f"models-prod.{'g' * 42}-8ac0c2cc"
    assert argocd.application_name("prod", f"{long}x") == f"models-prod.{'g' * 42}-9101ca70"
    assert argocd.set_name("e" * 57) == f"models-{'e' * 47}-e66cc14d"
    assert argocd.application_name("prod", f"{'g' * 41}-{'h' * 20}") == f"models-prod.{'g' * 41}-f8354fb5"


def test_names_of_two_environments_do_not_meet() -> None:
    assert argocd.application_name("a-b", "c") != argocd.application_name("a", "b-c")


def test_the_file_of_an_application() -> None:
    assert argocd.application_file(_facts(), "coolstore") == {
        "application": "models-prod.coolstore",
        "project": "coolstore",
        "namespace": "coolstore-0a1b2c",
    }


# ---- data ------------------------------------------------------------------------------------------------------------


def _data(name: str) -> Any:
    return yaml.safe_load((packaged("data") / name).read_text(encoding="utf-8"))


def test_every_line_is_spelled_out_in_full() -> None:
    keys = [
        "tracking",
        "kustomize",
        "syncOptions",
        "compareOptions",
        "retry",
        "namedClusterKinds",
        "builtInHealth",
    ]
    assert {version: list(line) for version, line in _data("argocd.yaml")["lines"].items()} == dict.fromkeys(
        argocd.versions(), keys
    )


def test_the_same_versions_have_pinned_crds() -> None:
    assert tuple(_data("tools.yaml")["schemas"]["argocd"]) == argocd.versions()


def test_every_ignored_difference_has_a_reason_and_names_fields() -> None:
    entries = _data("argocd.yaml")["ignoreDifferences"]
    assert [sorted(entry) for entry in entries] == [["group", "jsonPointers", "kind", "reason", "when"]]


def test_server_side_apply_and_diff_come_together() -> None:
    apply = {version: "ServerSideApply=true" in argocd.line(version).sync_options for version in argocd.versions()}
    diff = {version: argocd.line(version).compare_options == "ServerSideDiff=true" for version in argocd.versions()}
    assert apply == diff


# ---- Argo CD's own CRDs ----------------------------------------------------------------------------------------------


@cache
def _crds(version: str) -> Mapping[str, Any]:
    """The closed schema of each kind of that line, from Argo CD's own module."""
    folder, files = module(version)
    found = {}
    for file in files:
        crd = yaml.load((folder / file).read_bytes(), Loader=yaml.CSafeLoader)
        (served,) = [one for one in crd["spec"]["versions"] if one["name"] == "v1alpha1"]
        found[crd["spec"]["names"]["kind"]] = _closed(served["schema"]["openAPIV3Schema"])
    return found


def _closed(schema: Any) -> Any:
    """Refuses the keys that the schema does not know, as the API server warns of them and drops them."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _closed(value) for key, value in schema.items()}
    is_schema = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    if is_schema and "additionalProperties" not in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        found["additionalProperties"] = False
    return found


def _problems(schema: Any, item: Any) -> list[str]:
    from jsonschema import Draft202012Validator

    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(item)]


@pytest.mark.parametrize("version", argocd.versions())
def test_argo_cds_own_crds_take_the_objects(version: str) -> None:
    kinds = _KINDS | {argocd.NAMESPACE}
    facts = _facts(version, kinds=kinds, conditions=frozenset({"serviceAccountPullSecrets"}))
    schemas = _crds(version)
    for item in _objects(facts):
        assert _problems(schemas[item["kind"]], item) == []


def test_argo_cds_own_crds_refuse_what_an_older_line_does_not_know() -> None:
    kinds = _KINDS | {argocd.NAMESPACE}
    newer = _objects(_facts("3.5", kinds=kinds))
    schemas = _crds("2.14")
    assert _problems(schemas["AppProject"], newer[0]) == [
        f"$.spec.clusterResourceWhitelist[{index}]: Additional properties are not allowed ('name' was unexpected)"
        for index in range(2)
    ]
    assert _problems(schemas["ApplicationSet"], newer[1]) == [
        "$.spec.template.spec.syncPolicy.retry: Additional properties are not allowed ('refresh' was unexpected)"
    ]


# ---- Go's own templates ----------------------------------------------------------------------------------------------

_GO = """
package main

import (
	"encoding/json"
	"os"
	"strings"
	"text/template"
)

// As Argo CD does it: every string of the template is a template of its own (applicationset/utils/utils.go).
func replaced(value any, options []string, params any) any {
	switch given := value.(type) {
	case string:
		parsed := template.Must(template.New("").Option(options...).Parse(given))
		var out strings.Builder
		if err := parsed.Execute(&out, params); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		return out.String()
	case []any:
		for index, item := range given {
			given[index] = replaced(item, options, params)
		}
	case map[string]any:
		for key, item := range given {
			given[key] = replaced(item, options, params)
		}
	}
	return value
}

func main() {
	var given struct {
		Template any
		Options  []string
		Params   any
	}
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		panic(err)
	}
	json.NewEncoder(os.Stdout).Encode(replaced(given.Template, given.Options, given.Params))
}
"""


@pytest.fixture(scope="module")
def go_templates(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("go")
    (folder / "main.go").write_text(_GO, encoding="utf-8")
    run([program("go"), "build", "-o", "render", "main.go"], folder)
    return str(folder / "render")


def _given(facts: Facts, project: str) -> dict[str, Any]:
    """What the git files generator hands to the template: the file's content, and `path` over it."""
    spec = _objects(facts)[1]["spec"]
    folder = f"environments/{facts.environment}/{project}"
    params = {
        **yaml.safe_load(dump(argocd.application_file(facts, project))),
        "path": {
            "path": folder,
            "basename": project,
            "basenameNormalized": project,
            "filename": argocd.APPLICATION_FILE,
            "filenameNormalized": "modelfleet-application.yaml",
            "segments": folder.split("/"),
        },
    }
    return {"template": spec["template"], "options": spec["goTemplateOptions"], "params": params}


def test_the_application_that_go_makes_of_the_template(go_templates: str, tmp_path: Path) -> None:
    facts = _facts("3.5")
    made = json.loads(run([go_templates], tmp_path, json.dumps(_given(facts, "coolstore"))))
    assert made == {
        "metadata": {
            "name": "models-prod.coolstore",
            "annotations": {
                "argocd.argoproj.io/compare-options": "ServerSideDiff=true",
                "argocd.argoproj.io/manifest-generate-paths": ".;../../base/coolstore",
            },
        },
        "spec": {
            "project": "models-prod",
            "source": {
                "repoURL": "https://github.com/example/models.git",
                "targetRevision": "main",
                "path": "environments/prod/coolstore",
            },
            "destination": {"name": "cluster-1", "namespace": "coolstore-0a1b2c"},
            "syncPolicy": {
                "automated": {"prune": False, "selfHeal": True},
                "syncOptions": _SERVER_SIDE[_OPTIONS],
                "retry": {
                    "limit": 5,
                    "refresh": True,
                    "backoff": {"duration": "30s", "factor": 2, "maxDuration": "10m"},
                },
            },
        },
    }


@pytest.mark.parametrize("version", argocd.versions())
def test_argo_cds_own_crd_takes_the_application(version: str, go_templates: str, tmp_path: Path) -> None:
    made = json.loads(run([go_templates], tmp_path, json.dumps(_given(_facts(version), "granite"))))
    item = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", **made}
    assert _problems(_crds(version)["Application"], item) == []


@pytest.mark.parametrize("key", ["application", "project", "namespace", "path"])
def test_go_refuses_a_file_that_lacks_a_parameter(key: str, go_templates: str, tmp_path: Path) -> None:
    given = _given(_facts(), "granite")
    del given["params"][key]
    done = subprocess.run([go_templates], input=json.dumps(given), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.endswith(f'map has no entry for key "{key}"')


def test_the_appproject_of_an_application_is_no_template() -> None:
    template = _objects(_facts())[1]["spec"]["template"]["spec"]
    assert template["project"] == "models-prod"
    assert "{{" in template["source"]["path"]


# ---- Git's own patterns ----------------------------------------------------------------------------------------------

_FILES = [
    "environments/base/granite/modelfleet-application.yaml",
    "environments/prod-eu/granite/modelfleet-application.yaml",
    "environments/prod/argocd/kustomization.yaml",
    "environments/prod/coolstore/kustomization.yaml",
    "environments/prod/coolstore/modelfleet-application.yaml",
    "environments/prod/coolstore/old/modelfleet-application.yaml",
    "environments/prod/granite/modelfleet-application.yaml",
    "environments/prod/granite/my-modelfleet-application.yaml",
    "environments/prod/modelfleet-application.yaml",
    "projects/x/y/modelfleet-application.yaml",
]


def test_git_finds_the_files_of_the_environment_and_those_that_are_named_as_misplaced(tmp_path: Path) -> None:
    git = program("git")
    for name in _FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("", encoding="utf-8")
    run([git, "init", "--quiet"], tmp_path)
    run([git, "add", "."], tmp_path)
    (pattern,) = _objects(_facts())[1]["spec"]["generators"][0]["git"]["files"]
    found = run([git, "ls-files", "--", pattern["path"]], tmp_path).splitlines()
    assert found == [
        "environments/prod/coolstore/modelfleet-application.yaml",
        "environments/prod/coolstore/old/modelfleet-application.yaml",
        "environments/prod/granite/modelfleet-application.yaml",
    ]
    assert argocd.misplaced(_FILES) == [
        Finding(
            at=Location("environments/prod/coolstore/old/modelfleet-application.yaml"),
            code="ARGO001",
            message="Argo CD would make one more Application of prod of it: its pattern crosses '/'",
            hint="move or remove it",
        )
    ]
