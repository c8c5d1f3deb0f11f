"""Our health checks in a real Lua, over statuses of all kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from argocd_health import check_of, judge
from argocd_module import module
from console import TESTS
from modelfleet.render.argocd import health_checks, health_yaml

_CASES = yaml.safe_load((TESTS / "data" / "argocd" / "health.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", _CASES, ids=lambda case: f"{case['kind']}: {case['state']}")
def test_health_of(case: Mapping[str, Any]) -> None:
    assert judge(check_of(case["kind"]), case["object"]) == case["health"]


_BUILT_IN = [(version, case) for case in _CASES for version in case.get("builtIn", {})]


@pytest.mark.parametrize(
    ("version", "case"), _BUILT_IN, ids=lambda given: given if isinstance(given, str) else given["state"]
)
def test_what_argo_cds_own_check_says_where_it_is_wrong(version: str, case: Mapping[str, Any]) -> None:
    folder, _ = module(version)
    own = folder / "resource_customizations" / "serving.kserve.io" / case["kind"] / "health.lua"
    assert judge(own.read_text(encoding="utf-8"), case["object"])["status"] == case["builtIn"][version]


@pytest.mark.parametrize("version", ["2.14", "3.5"])
def test_ours_agrees_with_argo_cd_on_its_own_fixtures(version: str) -> None:
    """Argo CD's check passes them as well: where it is wrong, no fixture of its own says so."""
    folder, _ = module(version)
    own = folder / "resource_customizations" / "serving.kserve.io" / "InferenceService"
    cases = yaml.safe_load((own / "health_test.yaml").read_text(encoding="utf-8"))["tests"]
    items = {case["inputPath"]: yaml.safe_load((own / case["inputPath"]).read_text(encoding="utf-8")) for case in cases}
    found = {path: judge(check_of("InferenceService"), item)["status"] for path, item in items.items()}
    assert found == {case["inputPath"]: case["healthStatus"]["status"] for case in cases}
    assert len(found) >= 10


@pytest.mark.parametrize("version", ["2.14", "3.5"])
def test_argo_cd_has_a_check_of_its_own_for_inference_services_alone(version: str) -> None:
    folder, _ = module(version)
    checks = (folder / "resource_customizations" / "serving.kserve.io").glob("*/health.lua")
    assert [check.parent.name for check in checks] == ["InferenceService"]


def test_every_kind_has_cases_for_every_health_that_its_check_knows() -> None:
    met = {kind: {case["health"]["status"] for case in _CASES if case["kind"] == kind} for kind in _kinds()}
    assert met == {
        "InferenceService": {"Healthy", "Progressing", "Degraded", "Suspended"},
        "LLMInferenceService": {"Healthy", "Progressing", "Degraded", "Suspended"},
        "ServingRuntime": {"Healthy", "Suspended"},
    }


def _kinds() -> list[str]:
    return [check["kind"] for check in health_checks()]


def test_the_lua_of_the_tests_has_no_text_library() -> None:
    from lupa.lua51 import LuaError

    with pytest.raises(LuaError, match="attempt to index"):
        judge('return { status = ("Healthy"):lower() }', {})
    with pytest.raises(LuaError, match="attempt to index global 'string'"):
        judge('return { status = string.lower("Healthy") }', {})


def test_health_is_printed_as_a_patch_of_the_argocd_resource() -> None:
    assert yaml.safe_load(health_yaml()) == {"spec": {"resourceHealthChecks": health_checks()}}
    lines = [
        "spec:",
        "  resourceHealthChecks:",
        "  - group: serving.kserve.io",
        "    kind: InferenceService",
        "    check: |",
    ]
    assert health_yaml().splitlines()[:5] == lines
    assert [(check["group"], check["kind"]) for check in health_checks()] == [
        ("serving.kserve.io", "InferenceService"),
        ("serving.kserve.io", "LLMInferenceService"),
        ("serving.kserve.io", "ServingRuntime"),
    ]
