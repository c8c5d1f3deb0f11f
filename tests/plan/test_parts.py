"""The parts of a plan: differences by meaning, the table of effects, how workloads roll, texts for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console import REPOSITORY
from modelfleet.finding import Finding, Location, Severity
from modelfleet.kubernetes.differences import ABSENT, FieldDifference, differences
from modelfleet.packaged import packaged
from modelfleet.plan.effect import EFFECTS_BY_ID, Effect
from modelfleet.plan.effects import Impact, ObjectChange, code, object_change, rule_for
from modelfleet.plan.environment_words import happenings, title
from modelfleet.plan.figures import Figures
from modelfleet.plan.markdown import MARKER, MAX_CHARACTERS, plan_markdown
from modelfleet.plan.markup import escaped_markdown, inline
from modelfleet.plan.meaning import by_meaning, canonical_object
from modelfleet.plan.object_differences import object_differences
from modelfleet.plan.project_change import ProjectChange
from modelfleet.plan.project_rows import rows_of
from modelfleet.plan.report import plan_text
from modelfleet.plan.result import EnvironmentPlan, Plan
from modelfleet.plan.row import PROJECT, SET, Row, State
from modelfleet.plan.values import both_texts, masked, unified, value_text
from modelfleet.plan.verdict import verdict
from modelfleet.plan.words import said
from modelfleet.resolve import catalog
from modelfleet.resolve.environment import Environment, environment_from
from modelfleet.rules.admission.rulebook import rulebook
from modelfleet.serving.knowledge import knowledge
from modelfleet.serving.workloads import (
    LLM,
    RUNTIME,
    SERVICE,
    RunningWorkload,
    ServingMode,
    project_state,
    running_workloads,
    used_by,
)
from modelfleet.spec.load import parse
from modelfleet.spec.merge import as_layer

MODES: tuple[ServingMode, ...] = ("standard", "multi-node", "advanced", "server", "distributed")

# ---- differences -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"requests": {"cpu": "1000m"}}, {"requests": {"cpu": 1}}),
        ({"limits": {"memory": "1024Mi"}}, {"limits": {"memory": "1Gi"}}),
        ({"emptyDir": {"sizeLimit": "2048Mi"}}, {"emptyDir": {"sizeLimit": "2Gi"}}),
        ({"model": {"args": []}}, {"model": {}}),
        ({"spec": {"multiModel": False}}, {"spec": {}}),
        (
            {"rules": [{"apiGroups": ["a"], "verbs": ["get", "list"]}]},
            {"rules": [{"apiGroups": ["a"], "verbs": ["list", "get"]}]},
        ),
        (
            {"supportedModelFormats": [{"name": "a"}, {"name": "b"}]},
            {"supportedModelFormats": [{"name": "b"}, {"name": "a"}]},
        ),
    ],
)
def test_what_means_the_same(before: Any, after: Any) -> None:
    assert differences(canonical_object(before), canonical_object(after), by_meaning) == []


@pytest.mark.parametrize(
    ("before", "after", "steps"),
    [
        ({"a": 1}, {"a": 2}, [FieldDifference(("a",), 1, 2)]),
        ({"a": True}, {"a": 1}, [FieldDifference(("a",), True, 1)]),
        ({"a": "1"}, {"a": 1}, [FieldDifference(("a",), "1", 1)]),
        (
            {"requests": {"cpu": "1"}},
            {"requests": {"cpu": "1500m"}},
            [FieldDifference(("requests", "cpu"), "1", "1500m")],
        ),
        ({"a": {"b": 1}}, {}, [FieldDifference(("a", "b"), 1, ABSENT)]),
        ({}, {"a": {"b": {"c": 1}}}, [FieldDifference(("a", "b", "c"), ABSENT, 1)]),
        ({}, {"a": {}}, [FieldDifference(("a",), ABSENT, {})]),
        (
            {"args": ["a", "b"]},
            {"args": ["b", "a"]},
            [FieldDifference(("args",), ["a", "b"], ["b", "a"], reordered=True)],
        ),
        ({"verbs": ["a"]}, {"verbs": ["a", "b"]}, [FieldDifference(("verbs",), ["a"], ["a", "b"])]),
        (
            {"env": [{"name": "A", "value": "1"}, {"name": "B"}]},
            {"env": [{"name": "B"}, {"name": "A", "value": "2"}]},
            [
                FieldDifference(("env", "A", "value"), "1", "2"),
                FieldDifference(("env",), ["A", "B"], ["B", "A"], reordered=True),
            ],
        ),
        (
            {"env": [{"name": "A"}]},
            {"env": [{"name": "A"}, {"name": "B"}]},
            [FieldDifference(("env", "B"), ABSENT, {"name": "B"})],
        ),
        (
            {"env": [{"name": "A"}, {"name": "A"}]},
            {"env": [{"name": "A"}]},
            [FieldDifference(("env",), [{"name": "A"}, {"name": "A"}], [{"name": "A"}])],
        ),
        (
            {"ports": [{"containerPort": 8080}]},
            {"ports": [{"containerPort": 8080, "name": "http"}]},
            [FieldDifference(("ports", "8080", "name"), ABSENT, "http")],
        ),
        ({"env": "text"}, {"env": [1]}, [FieldDifference(("env",), "text", [1])]),
    ],
)
def test_what_differs(before: Any, after: Any, steps: list[FieldDifference]) -> None:
    assert differences(before, after, by_meaning) == steps


def test_a_difference_as_lines_of_yaml() -> None:
    spec = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}
    before = {"kind": "A", "spec": spec}
    after = {"spec": {**spec, "one": 9, "eight": 9}, "kind": "A"}
    assert unified(before, after) == [
        " spec:",
        "-  one: 1",
        "+  one: 9",
        "   two: 2",
        "   three: 3",
        "@@",
        "   six: 6",
        "   seven: 7",
        "-  eight: 8",
        "+  eight: 9",
        " kind: A",
    ]
    assert unified(None, {"a": 1}) == ["+a: 1"]
    assert unified({"a": 1}, None) == ["-a: 1"]
    assert unified(before, before) == []


TOKEN = "hf_" + "a1B2c3D4e5" * 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"env": [{"name": "HF_TOKEN", "value": "x"}]}, {"env": [{"name": "HF_TOKEN", "value": "(hidden)"}]}),
        ({"env": [{"name": "A", "value": TOKEN}]}, {"env": [{"name": "A", "value": "(hidden)"}]}),
        ({"args": ["--api-key", "letmein"]}, {"args": ["--api-key", "(hidden)"]}),
        ({"args": [f"--key={TOKEN}"]}, {"args": ["(hidden)"]}),
        ({"data": {"password": "x"}}, {"data": {"password": "(hidden)"}}),
        ({"secretKey": "AWS_SECRET_ACCESS_KEY"}, {"secretKey": "AWS_SECRET_ACCESS_KEY"}),
        ({"secretKeyRef": {"name": "hub", "key": "token"}}, {"secretKeyRef": {"name": "hub", "key": "token"}}),
        ({"a": 1, "b": None, "c": ["plain"]}, {"a": 1, "b": None, "c": ["plain"]}),
    ],
)
def test_secrets_are_masked(value: Any, expected: Any) -> None:
    assert masked(value) == expected


def test_no_secret_is_in_what_is_said() -> None:
    def model(secret: str) -> Any:
        env = [{"name": "API_TOKEN", "value": secret}]
        return {"kind": SERVICE, "metadata": {"name": "m"}, "spec": {"predictor": {"model": {"env": env}}}}

    change = object_change((SERVICE, "m"), model("first"), model("second"))
    assert change is not None
    assert said([change], "standard") == ("env `API_TOKEN` `(hidden)` → `(hidden)`",)
    assert unified(change.before, change.after) == []


def test_no_secret_is_in_items_of_a_list() -> None:
    def model(secret: str) -> Any:
        return {"kind": SERVICE, "spec": {"predictor": {"model": {"args": ["--api-key", secret, "--port=1"]}}}}

    change = object_change((SERVICE, "m"), model("first"), model("second"))
    assert change is not None
    assert said([change], "standard") == ("args",)


STOP, AUTH = "serving.kserve.io/stop", "security.opendatahub.io/enable-auth"


@pytest.mark.parametrize(
    ("kind", "mode", "before", "after", "words"),
    [
        (SERVICE, "standard", {AUTH: "false"}, {AUTH: "true"}, "token authorization on"),
        (SERVICE, "standard", {AUTH: "true"}, {AUTH: "false"}, "token authorization off"),
        (SERVICE, "standard", {}, {AUTH: "true"}, "token authorization on"),
        (SERVICE, "standard", {AUTH: "true"}, {}, "token authorization off"),
        (LLM, "distributed", {}, {AUTH: "false"}, "token authorization off"),
        (LLM, "distributed", {AUTH: "false"}, {}, "token authorization on"),
        (LLM, "distributed", {}, {STOP: "true"}, "stopped"),
        (LLM, "distributed", {STOP: "true"}, {}, "started again"),
        (
            SERVICE,
            "standard",
            {"openshift.io/description": ""},
            {"openshift.io/description": "a"},
            "description `a` added",
        ),
        (
            SERVICE,
            "standard",
            {"openshift.io/description": "a"},
            {"openshift.io/description": ""},
            "description `a` removed",
        ),
        (
            SERVICE,
            "standard",
            {"opendatahub.io/connection-path": "a"},
            {"opendatahub.io/connection-path": "b"},
            "location `a` → `b`",
        ),
    ],
)
def test_what_an_annotation_says(kind: str, mode: ServingMode, before: Any, after: Any, words: str) -> None:
    old, new = ({"kind": kind, "metadata": {"name": "m", "annotations": each}} for each in (before, after))
    change = object_change((kind, "m"), old, new)
    assert change is not None
    assert said([change], mode) == (words,)


def test_a_short_form_of_a_value() -> None:
    digest = "sha256:" + "0123456789abcdef" * 4
    assert value_text(f"registry.example.org/a/very/long/path/to/an/image@{digest}") == (
        "registry.example.org/a/very/long/path/to/an/image@sha256:01234567…"
    )
    assert value_text(f"registry.example.org/image@{digest[:-1]}") == "(hidden)"
    assert value_text("x" * 50) == "x" * 35 + "..."
    assert [value_text(value) for value in (3, True, {"a": 1}, [1], ABSENT)] == ["3", "true", "", "", ""]


# ---- the table of effects --------------------------------------------------------------------------------------------


def schema(name: str) -> Any:
    return json.loads((packaged("schemas") / f"{name}.schema.json").read_bytes())


def test_the_table_fits_its_schema() -> None:
    complaints = [
        error.message for error in jsonschema.Draft202012Validator(schema("effects")).iter_errors(knowledge())
    ]
    assert complaints == []


def test_effects_are_the_same_everywhere() -> None:
    assert schema("plan")["$defs"]["effect"]["enum"] == [effect.id for effect in Effect]
    assert set(EFFECTS_BY_ID) >= {entry["effect"] for entry in knowledge()["rules"]}
    assert set(EFFECTS_BY_ID) >= set(knowledge()["refusals"].values())
    assert set(EFFECTS_BY_ID) >= {entry["effect"] for entry in knowledge()["removals"]}


def test_effects_that_pods_notice_are_between_those_that_none_does_and_those_that_callers_do() -> None:
    tones = [effect.tone for effect in Effect]
    assert tones.index("warn") == Effect.METADATA.weight
    assert set(tones[Effect.ROLLING.weight + 1 :]) == {"bad"}
    assert {effect for effect in Effect if effect.value.destroys} == {
        Effect.UNMANAGED,
        Effect.RECREATE,
        Effect.WITH_SERVER,
        Effect.DELETE,
        Effect.PRUNING,
        Effect.NAMESPACE,
        Effect.PROJECT,
        Effect.ENVIRONMENT,
    }


@pytest.mark.parametrize(
    "entry", knowledge()["rules"], ids=lambda entry: f"{entry.get('kinds', ['*'])[0]} {'.'.join(entry['at'])}"
)
def test_every_rule_is_the_first_for_some_field(entry: Any) -> None:
    steps = entry["at"][:-1] if entry["at"][-1] == "**" else entry["at"]
    path = tuple(step.replace("m??Replicas", "minReplicas").replace("*", "x") for step in steps)
    ends: list[tuple[str, ...]] = [("anything",), ()] if entry["at"][-1] == "**" else [()]
    found = [
        rule_for(kind, mode, path + end)
        for kind in entry.get("kinds", ["Unheard"])
        for mode in (*entry.get("modes", MODES), *([] if "modes" in entry else [None]))
        for end in ends
    ]
    assert entry["reason"] in {rule.reason for rule in found}
    assert entry["effect"] in {rule.effect.id for rule in found}


@pytest.mark.parametrize(
    ("kind", "mode", "path", "effect"),
    [
        (SERVICE, "standard", "metadata/annotations/anything", Effect.METADATA),
        (SERVICE, "server", "metadata/annotations/anything", Effect.NOTHING),
        (SERVICE, "standard", "metadata/annotations/haproxy.router.openshift.io~1timeout", Effect.NOTHING),
        (SERVICE, "standard", "metadata/annotations/security.opendatahub.io~1enable-auth", Effect.ROLLING),
        (SERVICE, "advanced", "metadata/annotations/security.opendatahub.io~1enable-auth", Effect.NOTHING),
        (SERVICE, "standard", "metadata/labels/networking.knative.dev~1visibility", Effect.METADATA),
        (SERVICE, "advanced", "metadata/labels/networking.knative.dev~1visibility", Effect.NOTHING),
        (SERVICE, "standard", "spec/predictor/minReplicas", Effect.SCALE),
        (SERVICE, "advanced", "spec/predictor/minReplicas", Effect.ROLLING),
        (SERVICE, "multi-node", "spec/predictor/deploymentStrategy/type", Effect.ROLLING),
        (SERVICE, "standard", "spec/predictor/deploymentStrategy/type", Effect.NOTHING),
        (SERVICE, "standard", "spec/predictor/timeout", Effect.ROLLING),
        (SERVICE, "advanced", "spec/predictor/timeout", Effect.ROLLING),
        (SERVICE, "standard", "spec/predictor/model/env/A/value", Effect.ROLLING),
        (SERVICE, "standard", "spec/predictor/initContainers/prepare/image", Effect.ROLLING),
        (SERVICE, "standard", "spec/transformer/containers/shape/image", Effect.BESIDE),
        (SERVICE, "advanced", "spec/transformer/minReplicas", Effect.BESIDE),
        (SERVICE, "standard", "spec/transformer/minReplicas", Effect.NOTHING),
        (SERVICE, "multi-node", "spec/transformer/containers/shape/image", Effect.ROLLING),
        (RUNTIME, "standard", "metadata/annotations/anything", Effect.NOTHING),
        (RUNTIME, "standard", "spec/annotations/anything", Effect.ROLLING),
        (RUNTIME, "standard", "spec/supportedModelFormats/vLLM/priority", Effect.NOTHING),
        (RUNTIME, "server", "spec/supportedModelFormats/onnx 1/autoSelect", Effect.ROLLING),
        (RUNTIME, "server", "spec/replicas", Effect.SCALE),
        (LLM, "distributed", "metadata/annotations/anything", Effect.NOTHING),
        (LLM, "distributed", "metadata/annotations/prometheus.io~1port", Effect.METADATA),
        (LLM, "distributed", "metadata/labels/kueue.x-k8s.io~1priority-class", Effect.METADATA),
        (LLM, "distributed", "metadata/labels/kueue.x-k8s.io~1queue-name", Effect.NOTHING),
        (SERVICE, "standard", "metadata/labels/kueue.x-k8s.io~1queue-name", Effect.NOTHING),
        (LLM, "distributed", "spec/replicas", Effect.SCALE),
        (LLM, "distributed", "spec/router/gateway/refs", Effect.NOTHING),
        (LLM, "distributed", "spec/template/containers/main/env/A", Effect.ROLLING),
        ("Route", None, "spec/host", Effect.NOTHING),
        ("Service", None, "spec/clusterIP", Effect.RECREATE),
        ("Service", None, "spec/selector/app", Effect.NOTHING),
        ("NetworkPolicy", None, "spec/ingress/0/from", Effect.NOTHING),
        ("InferenceGraph", None, "spec/nodes/root/steps", Effect.BESIDE),
        ("Deployment", None, "spec/template/spec/containers/web/image", Effect.BESIDE),
        ("Deployment", None, "spec/selector/matchLabels/app", Effect.RECREATE),
        ("StatefulSet", None, "spec/volumeClaimTemplates/data", Effect.RECREATE),
        ("CronJob", None, "spec/jobTemplate/spec/template/spec/containers/fetch/image", Effect.NOTHING),
        ("ScaledObject", None, "spec/scaleTargetRef/name", Effect.NOTHING),
        ("RoleBinding", None, "roleRef/name", Effect.NOTHING),
        ("RoleBinding", None, "subjects/ServiceAccount a b", Effect.NOTHING),
        ("ExternalSecret", None, "spec/data/token/remoteRef/key", Effect.NEXT_START),
        ("ExternalSecret", None, "spec/refreshInterval", Effect.NOTHING),
        ("Unheard", None, "spec/anything", Effect.NOTHING),
    ],
)
def test_the_effect_of_a_field(kind: str, mode: ServingMode | None, path: str, effect: Effect) -> None:
    assert rule_for(kind, mode, tuple(step.replace("~1", "/") for step in path.split("/"))).effect is effect


# ---- how workloads roll ----------------------------------------------------------------------------------------------


def serving(
    mode: ServingMode, most: int, *, least: int | None = None, grouped: bool = False, recreates: bool = False
) -> RunningWorkload:
    return RunningWorkload(
        key=(SERVICE, "m"),
        mode=mode,
        model=True,
        least=most if least is None else least,
        most=most,
        stopped=False,
        recreates=recreates,
        grouped=grouped,
        per_replica={},
        accelerator=None,
        images=(),
        runtime=None,
        server=None,
        address=None,
        tokens=(),
    )


@pytest.mark.parametrize(
    ("one", "surge", "missing"),
    [
        (serving("standard", 1), 1, 0),
        (serving("standard", 3), 1, 0),
        (serving("standard", 4), 1, 1),
        (serving("standard", 5), 2, 1),
        (serving("standard", 9), 3, 2),
        (serving("standard", 2, recreates=True), 0, 2),
        (serving("multi-node", 1, grouped=True), 1, 0),
        (serving("advanced", 4, least=0), 1, 0),
        (serving("advanced", 4, least=3), 3, 0),
        (serving("server", 1), 1, 0),
        (serving("server", 2), 2, 0),
        (serving("server", 7), 6, 1),
        (serving("distributed", 2), 1, 0),
        (serving("distributed", 2, grouped=True), 0, 1),
        (serving("distributed", 0, grouped=True), 0, 0),
    ],
)
def test_how_a_workload_rolls(one: RunningWorkload, surge: int, missing: int) -> None:
    assert (one.surge(), one.missing()) == (surge, missing)


FACTS = b"""\
accelerators:
  a100: {identifier: nvidia.com/gpu, tolerations: [{key: gpu, value: a100}, {key: spot, operator: Exists, value: ""}]}
  h100: {identifier: nvidia.com/gpu, tolerations: [{key: gpu, value: h100}]}
  fpga: {identifier: example.com/fpga}
cluster: {name: prod, appsDomain: apps.example.org}
gateways: {own: {host: llm.example.org}}
"""


def environment(release: str = "rhoai-3.4") -> Environment:
    return environment_from("prod", as_layer(parse(FACTS, "environments/prod.yaml")), catalog.release(release))


def llm(**spec: Any) -> Any:
    return {
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": LLM,
        "metadata": {"name": "llm", "namespace": "n"},
        "spec": spec,
    }


def pods(count: int) -> Any:
    return {"containers": [{"name": "main", "resources": {"limits": {"nvidia.com/gpu": str(count)}}}]}


def test_a_distributed_service() -> None:
    spec = {
        "replicas": 2,
        "parallelism": {"data": 8, "dataLocal": 4},
        "template": {**pods(4), "tolerations": [{"key": "gpu", "value": "h100"}]},
        "worker": pods(4),
        "prefill": {"replicas": 3, "template": pods(1)},
        "router": {"gateway": {"refs": [{"name": "own", "namespace": "gw"}]}},
    }
    (one,) = running_workloads(project_state(environment(), "n", [llm(**spec)])).values()
    assert (one.mode, one.least, one.most, one.grouped, one.accelerator) == ("distributed", 2, 2, True, "h100")
    assert (one.per_replica, one.beside, one.accelerators) == (
        {"nvidia.com/gpu": 8},
        {"nvidia.com/gpu": 3},
        {"nvidia.com/gpu": 19},
    )
    assert one.address is not None
    assert (one.address.external, one.address.guarded) == ("https://llm.example.org/n/llm", True)


def test_a_change_of_a_distributed_service_that_the_cluster_refuses() -> None:
    def made(data: int) -> Any:
        parallelism = {"data": data, "dataLocal": 4}
        return project_state(
            environment(), "n", [llm(replicas=1, parallelism=parallelism, template=pods(4), worker=pods(4))]
        )

    before, after = made(8), made(16)
    release = catalog.release("rhoai-3.4")
    change = ProjectChange(
        name="p", before=before, after=after, was=running_workloads(before), now=running_workloads(after), prune=True
    )
    (row,) = rows_of(change, rulebook(release.capabilities, release.terms))
    assert row.consequences[0].effect is Effect.RECREATE
    assert row.command == "oc delete -n n llminferenceservice/llm && argocd app sync models-prod.p"


OBJECTS: list[Any] = [
    llm(replicas=1, template=pods(1)),
    {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": SERVICE,
        "metadata": {"name": "m", "namespace": "n", "labels": {"a": "b"}, "annotations": {"c": "d"}},
        "spec": {
            "predictor": {
                "minReplicas": 1,
                "maxReplicas": 2,
                "tolerations": [{"key": "gpu", "value": "a100"}, {"key": "spot", "operator": "Exists"}],
                "imagePullSecrets": [{"name": "s"}],
                "model": {"runtime": "r", "storage": {"key": "s"}, "resources": {"limits": {"nvidia.com/gpu": "1"}}},
                "workerSpec": {"pipelineParallelSize": 2, "containers": [{"name": "worker-container"}]},
            }
        },
    },
    {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": RUNTIME,
        "metadata": {"name": "r", "namespace": "n"},
        "spec": {
            "multiModel": False,
            "containers": [{"name": "kserve-container", "image": "i", "ports": [{"containerPort": 8080}]}],
            "workerSpec": {"containers": [{"name": "worker-container", "image": "i"}]},
        },
    },
    {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "t", "namespace": "n", "annotations": {"kubernetes.io/service-account.name": "m-sa"}},
    },
    {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "s", "namespace": "n"},
        "spec": {},
    },
]

ANYTHING: list[Any] = [None, True, 0, -3, 2.5, "", "text", [], [1], [{}], [None], {}, {"a": 1}, {"name": []}]


@st.composite
def spoilt(draw: st.DrawFn) -> list[Any]:
    """Objects of which a few values, anywhere below `spec` and in the maps of `metadata`, are replaced by anything."""
    objects = deepcopy(OBJECTS)
    for _ in range(draw(st.integers(0, 4))):
        item = draw(st.sampled_from(objects))
        parents: list[tuple[Any, Any]] = [(item, "spec")] if "spec" in item else []
        parents += [(item["metadata"], key) for key in ("labels", "annotations") if key in item["metadata"]]
        stack = [item.get("spec")]
        while stack:
            value = stack.pop()
            pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
            for key, inner in pairs:
                parents.append((value, key))
                stack.append(inner)
        if parents:
            parent, key = draw(st.sampled_from(parents))
            parent[key] = deepcopy(draw(st.sampled_from(ANYTHING)))
    return objects


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(spoilt(), st.sets(st.integers(0, 4)), st.booleans(), st.sampled_from(["n", "other"]))
def test_whatever_was_committed_can_be_planned(objects: list[Any], kept: set[int], prune: bool, namespace: str) -> None:
    before = project_state(
        environment("rhoai-2.25"), namespace, [item for index, item in enumerate(objects) if index not in kept]
    )
    after = project_state(environment("rhoai-2.25"), "n", OBJECTS)
    release = catalog.release("rhoai-2.25")
    change = ProjectChange(
        name="p", before=before, after=after, was=running_workloads(before), now=running_workloads(after), prune=prune
    )
    for row in rows_of(change, rulebook(release.capabilities, release.terms)):
        assert row.consequences
        assert [one.effect.weight for one in row.consequences] == sorted(
            (one.effect.weight for one in row.consequences), reverse=True
        )
        for each in row.objects:
            unified(each.before, each.after)


def test_accelerators_are_counted_over_all_nodes() -> None:
    found = running_workloads(project_state(environment(), "n", OBJECTS))
    assert used_by(found.values()) == {"nvidia.com/gpu": 3}


# ---- Markdown --------------------------------------------------------------------------------------------------------

NASTY = "a|b `c` <script>alert(1)</script> @someone [x](http://y) ![i](z) **b** #1 \\ \x1b[31m \u202e </details>"


def a_plan(rows: list[Row], **beside: Any) -> Plan:
    figures = Figures(
        models=(1, 1),
        added=0,
        changed=len(rows),
        removed=0,
        replicas=(1, 1),
        accelerators={},
        uses=(),
        resources=(),
        cost=None,
        routes=(0, 0),
        tokens=(0, 0),
        images=(),
        runtimes=(),
    )
    one = EnvironmentPlan(
        name="prod",
        state="changed",
        differs=True,
        prune=True,
        figures=figures,
        facts=(),
        remarks=(),
        rows=tuple(rows),
        needs=(),
    )
    return Plan(revision="main", commit="0" * 40, stale=(), built=(), environments=(one,), findings=(), **beside)


def a_row(name: str, effect: Effect = Effect.ROLLING, words: int = 1, value: str = "b") -> Row:
    before, after = ({"spec": {"text": [f"{each}{number}" for number in range(words)]}} for each in ("a", value))
    change = object_change((SERVICE, name), before, after)
    assert change is not None
    return Row(
        project="p",
        key=(SERVICE, name),
        state="changed",
        what=(f"text {code(value)}",),
        consequences=(Impact(effect, f"about {code(value)}"),),
        objects=(change,),
    )


def test_what_users_write_is_never_markup() -> None:
    told = plan_markdown(a_plan([a_row(NASTY, value=NASTY)]))
    lines = told.splitlines()
    spans = "`a\\|b 'c' <script>alert(1)</script> @someone [x](http://y) ![i](z) **b** #1 \\ \\u001b[31m \\u202e </details>`"
    row = next(line for line in lines if line.startswith("| `p/"))
    assert row == f"| {spans.replace('`a', '`p/a', 1)} | 🟡 **rolling restart**: about {spans} | text {spans} |"
    summary = next(line for line in lines if line.startswith("<details>"))
    assert "<script" not in summary and "@" not in summary and "&#60;script&#62;" in summary
    fence = next(line for line in lines if line.startswith("```"))
    assert fence == "```diff"
    inside = lines[lines.index("```diff") + 1 :]
    assert all(line[:1] in "+- @`" for line in inside[: inside.index("```")])


def test_a_fence_is_longer_than_any_in_the_difference() -> None:
    told = plan_markdown(a_plan([a_row("m", value="````")]))
    assert "\n`````diff\n" in told


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("a `b|c` d", "a `b|c` d"),
        ("plain", "plain"),
        ("``", ""),
    ],
)
def test_names_and_values_stand_in_code_spans(given_text: str, expected: str) -> None:
    assert inline(given_text) == expected


def test_escaped_text_is_no_markup() -> None:
    assert escaped_markdown("a*b_c@d <e>") == "a&#42;b&#95;c&#64;d &#60;e&#62;"


def test_the_marker_comes_first_and_the_comment_is_never_too_long() -> None:
    rows = [a_row(f"model-{number:04}", words=30, value=str(number)) for number in range(400)]
    rows += [a_row("gone", Effect.DELETE), a_row("calm", Effect.NOTHING)]
    told = plan_markdown(a_plan(rows))
    assert told.startswith(f"{MARKER}\n## ")
    assert len(told) <= MAX_CHARACTERS < 65_536
    assert sum(line.startswith("| `p/") for line in told.splitlines()) == 401
    folds = told.count("<details>") - 1  # one lists the change without effect
    assert told.splitlines()[-1] == (
        f"_Left out, because a comment cannot be longer: {402 - folds} differences. `modelfleet plan --format json` has them all._"
    )


def test_what_is_cut_is_what_matters_least() -> None:
    rows = [a_row(f"model-{number}", words=4, value=str(number)) for number in range(40)]
    rows += [a_row("gone", Effect.DELETE), a_row("calm", Effect.NOTHING)]
    told = plan_markdown(a_plan(sorted(rows, key=lambda row: -row.effect.weight)), most=3000)
    names = [line.split("`")[1] for line in told.splitlines() if line.startswith("| `p/")]
    assert names[0] == "p/gone"
    assert "p/calm" not in names
    assert len(told) <= 3000


def test_stale_acknowledgements_and_missing_ones_follow_the_summary() -> None:
    at = Location("projects/a.yaml", 3, 5)
    findings = (
        Finding(
            at=at,
            code="PLAN001",
            path="environments.prod.acknowledge",
            message="m",
            hint="write `acknowledge: [A/b]`",
            policy=True,
        ),
        Finding(
            at=at,
            code="PLAN002",
            path="acknowledge",
            message="'@x' is stale",
            hint="remove it",
            severity=Severity.WARNING,
        ),
    )
    plan = a_plan([a_row("m")])
    told = plan_markdown(Plan(**{**{name: getattr(plan, name) for name in Plan.__slots__}, "findings": findings}))
    lines = told.splitlines()
    assert lines[3:6] == ["**1 model restarts.**", "", "| environment | what happens | models | accelerators |"]
    first = lines.index(
        "> ⛔ **Not acknowledged.** Merging destroys something that people may be using. If that is meant, write:"
    )
    assert lines[first + 1 : first + 5] == [
        ">",
        "> - `projects/a.yaml:3`, under `environments.prod`: `acknowledge: [A/b]`",
        "",
        "> ⚠️ `projects/a.yaml:3`: '&#64;x' is stale; remove it",
    ]
    assert first < lines.index("### `prod`: 1 model changed")


@pytest.mark.parametrize(("files", "models"), [(1000, 1), (20, 600)])
def test_however_much_is_to_be_acknowledged_the_comment_is_not_too_long(files: int, models: int) -> None:
    findings = tuple(
        Finding(
            at=Location(f"projects/team-{number}.yaml", 3, 5),
            code="PLAN001" if severity is Severity.ERROR else "PLAN002",
            path="environments.prod.acknowledge",
            message="m",
            hint=f"write `acknowledge: [{', '.join(f'InferenceService/m-{each}' for each in range(models))}]`",
            severity=severity,
        )
        for severity in (Severity.ERROR, Severity.WARNING)
        for number in range(files)
    )
    rows = [a_row(f"model-{number}", Effect.DELETE) for number in range(20)]
    (one,) = a_plan(rows).environments
    many = tuple(replace(one, name=f"e{number}") for number in range(300))
    told = plan_markdown(replace(a_plan([]), environments=many, built=("`b`" * 30,) * 1000, findings=findings))
    assert len(told.encode()) <= MAX_CHARACTERS
    assert any(
        line.startswith("> - and ") and line.endswith(": `modelfleet plan` names them all")
        for line in told.splitlines()
    )
    assert any(line.startswith("| and ") for line in told.splitlines())


def test_a_table_of_which_no_row_is_left_has_no_head_either() -> None:
    told = plan_markdown(
        in_environments(
            [a_row(f"m{number}", value=str(number)) for number in range(60)], [a_row("n", value="z" * 900)]
        ),
        most=5000,
    )
    assert "### `e1`: " in told
    assert "p/n" not in told.partition("### `e1`")[2]
    assert told.count("| what | effect | change |") == 1


def test_what_is_left_out_is_counted_in_words() -> None:
    rows = [replace(a_row(f"m{number}", Effect.DELETE), command="oc delete " + "x" * 400) for number in range(30)]
    told = plan_markdown(in_environments(rows, rows), most=4000)
    assert " 2 lists of commands" in told.splitlines()[-1]


# ---- text ------------------------------------------------------------------------------------------------------------


def test_a_plan_for_a_terminal() -> None:
    lines = list(plan_text(a_plan([a_row("m")])))
    assert [line.text for line in lines] == [
        "1 model restarts.",
        "",
        "prod: 1 model changed",
        "  models 1, replicas at most 1, routes 0, tokens 0",
        "",
        "  p: model m: text b",
        "    rolling restart: about b",
        "",
        "p: InferenceService m in prod",
        "   spec:",
        "     text:",
        "  -  - a0",
        "  +  - b0",
    ]
    assert [line.tone for line in lines if line.tone != "plain"] == [
        "head",
        "head",
        "faint",
        "warn",
        "head",
        "faint",
        "faint",
        "removed",
        "added",
    ]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("a", "b", ("a", "b")),
        (
            "https://git.example.org/a-long-name/models.git",
            "https://git.example.org/a-long-name/other.git",
            ("...ng-name/models.git", "...ng-name/other.git"),
        ),
        ("a" * 50, "a" * 60, ("..." + "a" * 8, "..." + "a" * 18)),
        ("a" * 50, ABSENT, ("a" * 35 + "...", "")),
        ("a" * 50, "a" * 50, ("a" * 35 + "...", "a" * 35 + "...")),
    ],
)
def test_two_values_are_shown_so_that_they_differ(before: Any, after: Any, words: tuple[str, str]) -> None:
    assert both_texts(before, after) == words


def test_differences_may_be_left_out() -> None:
    found = a_plan([a_row("m")])
    assert list(plan_text(found, with_differences=False)) == list(plan_text(found))[:-6]


# ---- what a plan comes to --------------------------------------------------------------------------------------------


def in_environments(*rows: Sequence[Row]) -> Plan:
    plan = a_plan([])
    (one,) = plan.environments
    found = tuple(replace(one, name=f"e{number}", rows=tuple(here)) for number, here in enumerate(rows))
    return replace(plan, environments=found)


def several(row: Row, *effects: Effect, state: State = "changed") -> Row:
    return replace(row, state=state, consequences=tuple(Impact(effect) for effect in effects))


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([[a_row("m", Effect.NOTHING)]], "No running model is touched."),
        ([[a_row("m", Effect.NEXT_START)], [a_row("m", Effect.ADMIN)]], "No running model is touched."),
        ([[a_row("m", Effect.START)]], "No running model is touched: 1 model starts."),
        ([[a_row("m", Effect.SCALE), a_row("n", Effect.SCALE)]], "No running model is touched: 2 models are scaled."),
        ([[a_row("m")], [a_row("m")]], "1 model restarts in 2 environments."),
        ([[a_row("m"), a_row("n", Effect.METADATA)], [a_row("o")]], "3 models restart in 2 environments."),
        (
            [[several(a_row("m"), Effect.URL_CHANGED, Effect.ROLLING, Effect.SCALE), a_row("n", Effect.DOWNTIME)]],
            "1 model is down for a while, 1 model gets another URL, 1 model restarts.",
        ),
        ([[several(a_row("m"), Effect.DELETE, Effect.URL_GONE, state="removed")]], "1 model is deleted."),
        (
            [[several(a_row("m"), Effect.DELETE), replace(several(a_row("s"), Effect.DELETE), key=(RUNTIME, "s"))]],
            "1 model and 1 model server are deleted.",
        ),
        ([[replace(several(a_row("p"), Effect.PROJECT), key=(PROJECT, "p"))]], "1 project leaves."),
        (
            [[replace(a_row("x", Effect.START), key=(kind, "x")) for kind in (SERVICE, RUNTIME, PROJECT)]],
            "No running model is touched: 1 model, 1 model server and 1 project start.",
        ),
        ([[replace(a_row("s", Effect.UNMANAGED), key=(SET, "s"))]], "1 environment is left to run unmanaged."),
        ([[replace(a_row("m", Effect.UNMANAGED), state="removed")]], "1 model is left to run unmanaged."),
        ([[a_row("m", Effect.TOKEN_KEPT)], [a_row("m")]], "1 removed token still opens its model, 1 model restarts."),
        (
            [
                [
                    replace(
                        a_row("p", Effect.URL_CHANGED),
                        key=(PROJECT, "p"),
                        models=tuple((SERVICE, name) for name in "abc"),
                    )
                ],
                [a_row("a", Effect.URL_CHANGED), a_row("d", Effect.URL_CHANGED)],
            ],
            "4 models get other URLs in 2 environments.",
        ),
    ],
)
def test_one_sentence_says_what_merging_does(rows: list[list[Row]], sentence: str) -> None:
    assert verdict(in_environments(*rows)) == sentence


def test_every_effect_on_what_runs_is_in_the_sentence_or_no_news_of_it() -> None:
    silent = {
        effect for effect in Effect if verdict(in_environments([a_row("m", effect)])) == "No running model is touched."
    }
    assert silent == {Effect.NOTHING, Effect.NEXT_START, Effect.ADMIN, Effect.TOKEN_NEW, Effect.URL_NEW}


def test_what_happens_is_said_with_names_the_heaviest_first() -> None:
    rows = [a_row(name) for name in "abcde"] + [a_row("quiet", Effect.NOTHING), a_row("gone", Effect.DELETE)]
    (one,) = in_environments(rows).environments
    assert list(happenings(one)) == [
        (Effect.DELETE, "`p/gone`"),
        (Effect.ROLLING, "`p/a`, `p/b`, `p/c` and 2 more"),
        (Effect.NOTHING, ""),
    ]
    counted = replace(one, figures=replace(one.figures, changed=6, removed=1))
    assert title(counted) == "5 models changed, 1 model removed, 1 change without effect"


def test_what_changes_alike_in_several_environments_is_shown_once() -> None:
    rows = [[a_row("m"), a_row("n")], [a_row("m"), a_row("n", value="c")]]
    found = [(one.change.key[1], one.environments) for one in object_differences(in_environments(*rows))]
    assert found == [("m", ("e0", "e1")), ("n", ("e0",)), ("n", ("e1",))]
    told = plan_markdown(in_environments(*rows))
    assert [line for line in told.splitlines() if line.startswith("<details>")] == [
        "<details><summary>InferenceService <code>m</code> of <code>p</code> in <code>e0</code>, <code>e1</code> (+1 −1)</summary>",
        "<details><summary>InferenceService <code>n</code> of <code>p</code> in <code>e0</code> (+1 −1)</summary>",
        "<details><summary>InferenceService <code>n</code> of <code>p</code> in <code>e1</code> (+1 −1)</summary>",
    ]


def test_differences_on_a_terminal_have_an_end() -> None:
    rows = [a_row(f"model-{number}", words=60) for number in range(20)]
    lines = [line.text for line in plan_text(a_plan(rows))]
    assert "  ... 82 more lines" in lines
    assert lines[-1] == "further differences are left out: --format json has them all"
    assert len(lines) < 520


def test_an_object_that_comes_or_goes_is_named_alone() -> None:
    change = ObjectChange((SERVICE, "m"), None, {"kind": SERVICE}, ())
    row = Row(
        project="p",
        key=(SERVICE, "m"),
        state="added",
        what=("new",),
        consequences=(Impact(Effect.START),),
        objects=(change,),
    )
    assert [line.text for line in plan_text(a_plan([row]))][-2:] == ["  p: model m: new", "    starts"]
    assert "- InferenceService `m`" in plan_markdown(a_plan([row])).splitlines()


def test_the_documentation_has_every_effect_the_heaviest_first() -> None:
    page = (REPOSITORY / "docs" / "effects.md").read_text("utf-8")
    rows = page[page.index("| effect |") :].splitlines()[2:]
    documented = [row.split("|")[2].strip() for row in rows if row]
    assert documented == [effect.title for effect in sorted(Effect, key=lambda effect: -effect.weight)]
