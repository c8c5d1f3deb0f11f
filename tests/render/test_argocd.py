"""AppProject and ApplicationSet: exact objects, names, and the data behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from argocd_module import ARGOCD, KINDS, facts_of, objects_of
from modelfleet.packaged import packaged
from modelfleet.render import argocd
from modelfleet.render.argocd import Kind

# ---- exact objects ---------------------------------------------------------------------------------------------------


def test_the_appproject_allows_what_is_rendered_and_nothing_else() -> None:
    project, _ = objects_of(facts_of())
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
    _, applications = objects_of(facts_of())
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
                    "annotations": {"argocd.argoproj.io/compare-options": "ServerSideDiff=false"},
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
                            "PrunePropagationPolicy=background",
                        ],
                        "retry": {"limit": 5, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "1m"}},
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


_RETRY = "/spec/template/spec/syncPolicy/retry"
_REFRESH: dict[str, Any] = {
    f"{_RETRY}/backoff/duration": "30s",
    f"{_RETRY}/backoff/maxDuration": "10m",
    f"{_RETRY}/refresh": True,
    "/spec/template/metadata/annotations/argocd.argoproj.io/manifest-generate-paths": ".;../../base/{{ .project }}",
}


@pytest.mark.parametrize(
    ("version", "changed"),
    [
        ("2.14", {}),
        ("3.0", {}),
        ("3.1", {}),
        ("3.2", _REFRESH),
        ("3.3", _REFRESH),
        ("3.4", _REFRESH),
        ("3.5", _REFRESH),
    ],
)
def test_what_a_version_changes_in_the_applicationset(version: str, changed: Mapping[str, Any]) -> None:
    assert _changes(objects_of(facts_of("2.14"))[1], objects_of(facts_of(version))[1]) == changed


def test_every_known_version_has_a_case_above() -> None:
    assert argocd.versions() == ("2.14", "3.0", "3.1", "3.2", "3.3", "3.4", "3.5")


def test_an_unknown_version_is_no_guess() -> None:
    with pytest.raises(KeyError, match=r"3\.99"):
        objects_of(facts_of("3.99"))


def test_pruning_is_the_environments_word() -> None:
    pruned = facts_of(argocd=replace(ARGOCD, prune=True))
    assert _changes(objects_of(facts_of())[1], objects_of(pruned)[1]) == {
        "/spec/template/spec/syncPolicy/automated/prune": True
    }


def test_a_cluster_without_a_name_goes_by_its_address() -> None:
    server = {"server": "https://api.example.org:6443"}
    project, applications = objects_of(facts_of(destination=server))
    assert project["spec"]["destinations"] == [
        {"server": "https://api.example.org:6443", "namespace": "coolstore-0a1b2c"},
        {"server": "https://api.example.org:6443", "namespace": "granite"},
    ]
    assert applications["spec"]["template"]["spec"]["destination"] == {
        "server": "https://api.example.org:6443",
        "namespace": "{{ .namespace }}",
    }


def test_namespaces_are_allowed_where_they_are_managed_by_name_where_argo_cd_can() -> None:
    kinds = KINDS | {argocd.NAMESPACE}
    assert objects_of(facts_of("3.2", kinds=kinds))[0]["spec"]["clusterResourceWhitelist"] == [
        {"group": "", "kind": "Namespace"}
    ]
    assert objects_of(facts_of("3.3", kinds=kinds))[0]["spec"]["clusterResourceWhitelist"] == [
        {"group": "", "kind": "Namespace", "name": "coolstore-0a1b2c"},
        {"group": "", "kind": "Namespace", "name": "granite"},
    ]
    assert {"group": "", "kind": "Namespace"} not in objects_of(facts_of(kinds=kinds))[0]["spec"][
        "namespaceResourceWhitelist"
    ]


def test_secrets_are_allowed_only_where_there_are_some() -> None:
    secret = {"group": "", "kind": "Secret"}
    assert secret not in objects_of(facts_of())[0]["spec"]["namespaceResourceWhitelist"]
    with_tokens = facts_of(kinds=KINDS | {Kind("", "Secret")})
    assert secret in objects_of(with_tokens)[0]["spec"]["namespaceResourceWhitelist"]


def test_an_environment_without_projects_allows_nothing() -> None:
    project, _ = objects_of(facts_of(projects={}, kinds=frozenset()))
    assert {key: value for key, value in project["spec"].items() if isinstance(value, list)} == {
        "sourceRepos": ["https://github.com/example/models.git"],
        "destinations": [],
        "clusterResourceWhitelist": [],
        "namespaceResourceWhitelist": [],
    }


def test_a_new_project_of_known_kinds_changes_only_the_destinations() -> None:
    before, after = (
        facts_of(),
        facts_of(projects={"granite": "granite", "coolstore": "coolstore-0a1b2c", "new": "new-1"}),
    )
    for old, new, changed in zip(objects_of(before), objects_of(after), [{"/spec/destinations"}, set()], strict=True):
        assert set(_changes(old, new)) == changed
    assert argocd.application_file(before, "granite") == argocd.application_file(after, "granite")


@pytest.mark.parametrize("version", argocd.versions())
def test_no_wildcard_and_no_denial_in_any_appproject(version: str) -> None:
    kinds = KINDS | {argocd.NAMESPACE, Kind("", "Secret")}
    found = list(_strings(objects_of(facts_of(version, kinds=kinds))[0]["spec"]))
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
            [
                {
                    "group": "",
                    "kind": "ServiceAccount",
                    "jqPathExpressions": ['.imagePullSecrets[]? | select(.name | test("-dockercfg-[a-z0-9]+$"))'],
                }
            ],
        ),
        ("ServiceAccount", "secrets", None),
        ("Pod", "imagePullSecrets", None),
    ],
)
def test_pull_secrets_of_service_accounts_are_ignored_only_where_git_writes_some(
    kind: str, field: str, ignored: list[Any] | None
) -> None:
    _, conditions = argocd.observed([{"apiVersion": "v1", "kind": kind, field: [{"name": "quay"}]}])
    template = objects_of(facts_of(conditions=conditions))[1]["spec"]["template"]["spec"]
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
    assert argocd.application_file(facts_of(), "coolstore") == {
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
        "retry",
        "generatePaths",
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
    assert [sorted(entry) for entry in entries] == [
        ["group", "jqPathExpressions", "kind", "reason", "when"],
    ]
