"""Our objects before Argo CD's own CRDs, Go's own templates and Git's own patterns."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from argocd_module import KINDS, facts_of, module, objects_of, program, run
from modelfleet.kubernetes.emit import dump
from modelfleet.layout import APPLICATION_FILE
from modelfleet.render import argocd
from modelfleet.render.argocd import ArgocdFacts
from modelfleet.tree.compare import Changes
from modelfleet.tree.conflicts import conflicts

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
    kinds = KINDS | {argocd.NAMESPACE}
    facts = facts_of(version, kinds=kinds, conditions=frozenset({"serviceAccountPullSecrets"}))
    schemas = _crds(version)
    for item in objects_of(facts):
        assert _problems(schemas[item["kind"]], item) == []


def test_argo_cds_own_crds_refuse_what_an_older_line_does_not_know() -> None:
    kinds = KINDS | {argocd.NAMESPACE}
    newer = objects_of(facts_of("3.5", kinds=kinds))
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


def _given(facts: ArgocdFacts, project: str) -> dict[str, Any]:
    """What the git files generator hands to the template: the file's content, and `path` over it."""
    spec = objects_of(facts)[1]["spec"]
    folder = f"environments/{facts.environment}/{project}"
    params = {
        **yaml.safe_load(dump(argocd.application_file(facts, project))),
        "path": {
            "path": folder,
            "basename": project,
            "basenameNormalized": project,
            "filename": APPLICATION_FILE,
            "filenameNormalized": "modelfleet-application.yaml",
            "segments": folder.split("/"),
        },
    }
    return {"template": spec["template"], "options": spec["goTemplateOptions"], "params": params}


def test_the_application_that_go_makes_of_the_template(go_templates: str, tmp_path: Path) -> None:
    facts = facts_of("3.5")
    made = json.loads(run([go_templates], tmp_path, json.dumps(_given(facts, "coolstore"))))
    assert made == {
        "metadata": {
            "name": "models-prod.coolstore",
            "annotations": {
                "argocd.argoproj.io/compare-options": "ServerSideDiff=false",
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
                "syncOptions": list(argocd.argocd_line("3.5").sync_options),
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
    made = json.loads(run([go_templates], tmp_path, json.dumps(_given(facts_of(version), "granite"))))
    item = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", **made}
    assert _problems(_crds(version)["Application"], item) == []


@pytest.mark.parametrize("key", ["application", "project", "namespace", "path"])
def test_go_refuses_a_file_that_lacks_a_parameter(key: str, go_templates: str, tmp_path: Path) -> None:
    given = _given(facts_of("3.5"), "granite")
    del given["params"][key]
    done = subprocess.run([go_templates], input=json.dumps(given), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.endswith(f'map has no entry for key "{key}"')


def test_the_appproject_of_an_application_is_no_template() -> None:
    template = objects_of(facts_of())[1]["spec"]["template"]["spec"]
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


def test_git_finds_the_files_of_the_environment_and_those_that_are_refused(tmp_path: Path) -> None:
    git = program("git")
    for name in _FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("", encoding="utf-8")
    run([git, "init", "--quiet"], tmp_path)
    run([git, "add", "."], tmp_path)
    (pattern,) = objects_of(facts_of())[1]["spec"]["generators"][0]["git"]["files"]
    found = run([git, "ls-files", "--", pattern["path"]], tmp_path).splitlines()
    assert found == [
        "environments/prod/coolstore/modelfleet-application.yaml",
        "environments/prod/coolstore/old/modelfleet-application.yaml",
        "environments/prod/granite/modelfleet-application.yaml",
    ]
    changes = Changes(
        added=(),
        changed=(),
        removed=(),
        unchanged=2,
        foreign=("environments/prod/coolstore/old/modelfleet-application.yaml",),
        edited=(),
        links=(),
        blocked=(),
        before={},
    )
    for overwrite in (False, True):
        assert [finding.text() for finding in conflicts(changes, overwrite=overwrite)] == [
            "environments/prod/coolstore/old/modelfleet-application.yaml:1:1: error[OUT005]: modelfleet did not write this "
            "file, and Argo CD would create another Application from it; move or remove it"
        ]
