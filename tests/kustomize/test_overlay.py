"""Bases and overlays: what differs becomes a patch, and the overlay builds to what was meant."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from modelfleet.kubernetes.json_patch import apply_patch, patch_between
from modelfleet.kubernetes.objects import by_identity, identity, same_value, with_namespace
from modelfleet.kustomize.overlay import Overlay, Patch, build_in_memory, mismatches, overlay, overlay_files


def thing(name: str, kind: str = "ServingRuntime", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "serving.kserve.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def test_what_differs_becomes_a_patch_and_what_is_new_a_resource() -> None:
    base = by_identity([thing("a", replicas=1, args=["x"]), thing("gone")])
    wanted = by_identity([thing("a", replicas=2, args=["x", "y"], extra={"a/b": 1}), thing("new")])
    layer = overlay(base, wanted, "team")
    assert overlay_files(layer, "../../base/shop") == {
        "kustomization.yaml": {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": "team",
            "resources": ["../../base/shop", "servingruntime-new.yaml"],
            "patches": [
                {
                    "path": "patch-servingruntime-a.yaml",
                    "target": {
                        "group": "serving.kserve.io",
                        "version": "v1alpha1",
                        "kind": "ServingRuntime",
                        "name": "a",
                    },
                },
                {"path": "patch-servingruntime-gone.yaml"},
            ],
        },
        "servingruntime-new.yaml": thing("new"),
        "patch-servingruntime-a.yaml": [
            {"op": "replace", "path": "/spec/replicas", "value": 2},
            {"op": "replace", "path": "/spec/args", "value": ["x", "y"]},
            {"op": "add", "path": "/spec/extra", "value": {"a/b": 1}},
        ],
        "patch-servingruntime-gone.yaml": {
            "$patch": "delete",
            "apiVersion": "serving.kserve.io/v1alpha1",
            "kind": "ServingRuntime",
            "metadata": {"name": "gone"},
        },
    }
    assert build_in_memory(base, layer) == wanted
    assert mismatches(base, layer, wanted) == []


def test_an_overlay_without_differences_has_no_patches() -> None:
    base = by_identity([thing("a", replicas=1)])
    assert overlay_files(overlay(base, by_identity([thing("a", replicas=1)]), "team"), "../../base/shop") == {
        "kustomization.yaml": {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": "team",
            "resources": ["../../base/shop"],
        }
    }


def test_a_namespace_takes_the_name_of_the_overlay() -> None:
    def namespace(name: str) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"a": "b"}}}

    base, wanted = by_identity([namespace("shop")]), by_identity([namespace("shop-prod")])
    layer = overlay(base, wanted, "shop-prod")
    assert layer.patches == () and layer.resources == ()
    assert mismatches(base, layer, wanted) == []


def test_an_overlay_that_builds_to_something_else_is_noticed() -> None:
    base, wanted = by_identity([thing("a", on=1), thing("b")]), by_identity([thing("a", on=True), thing("c")])
    assert mismatches(base, Overlay("team", (), ()), wanted) == [
        ("serving.kserve.io", "ServingRuntime", "b"),
        ("serving.kserve.io", "ServingRuntime", "c"),
    ]
    steps = ({"op": "replace", "path": "/spec/on", "value": 1},)
    patch = Patch(("serving.kserve.io", "ServingRuntime", "a"), "serving.kserve.io/v1alpha1", "a", steps)
    assert mismatches(base, Overlay("team", (), (patch,)), by_identity([thing("a", on=True), thing("b")])) == [
        ("serving.kserve.io", "ServingRuntime", "a")
    ], "true is not 1"


def test_service_account_subjects_get_the_namespace() -> None:
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "a-sa"}, {"kind": "Group", "name": "all"}],
    }
    assert with_namespace(binding, "team") == {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "view", "namespace": "team"},
        "subjects": [
            {"kind": "ServiceAccount", "name": "a-sa", "namespace": "team"},
            {"kind": "Group", "name": "all"},
        ],
    }


def test_a_pointer_is_escaped() -> None:
    assert patch_between({"a": {"x/y~z": 1}}, {"a": {}}) == [{"op": "remove", "path": "/a/x~1y~0z"}]


def test_true_is_not_one() -> None:
    assert patch_between({"a": 1}, {"a": True}) == [{"op": "replace", "path": "/a", "value": True}]
    assert not same_value({"a": [1]}, {"a": [True]})
    assert same_value({"a": [1]}, {"a": [1]})


keys = st.text("ab~/01", min_size=1, max_size=3)
values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(keys, values, max_size=4), st.dictionaries(keys, values, max_size=4))
def test_a_difference_makes_one_of_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert same_value(apply_patch(old, tuple(patch_between(old, new))), new)


def test_identity_leaves_the_version_out() -> None:
    assert identity(thing("a")) == ("serving.kserve.io", "ServingRuntime", "a")
    assert identity({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}) == ("", "Secret", "s")
