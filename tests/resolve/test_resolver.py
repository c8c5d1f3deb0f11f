"""Defaults and arithmetic: what a merged spec and an environment's facts resolve to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelfleet.resolve import catalog
from modelfleet.resolve.catalog import RuntimeCatalog
from modelfleet.resolve.connections import connection_kinds
from modelfleet.resolve.environment import (
    OTHER_GATEWAY,
    ArgocdInstance,
    Environment,
    HardwareProfile,
    SecretStore,
    environment_from,
    without_empty,
)
from modelfleet.resolve.hardware import Accelerator, Hardware
from modelfleet.resolve.model import Connection, ModelLocation, Project
from modelfleet.resolve.resolver import (
    amounts,
    chosen_format,
    replicas,
    resolve,
)
from modelfleet.resolve.runtime import Format
from modelfleet.resolve.shared_runtimes import env_entry
from modelfleet.resolve.timeouts import seconds
from modelfleet.spec.load import parse
from modelfleet.spec.merge import as_layer

FACTS = """\
cluster: {name: prod-1, appsDomain: apps.example.org}
sizes:
  Small: {requests: {cpu: "1", memory: 4Gi}, limits: {cpu: 2000m, memory: 8192Mi}}
  Sized: {hardwareProfile: {name: small, namespace: apps}, requests: {cpu: "1"}, limits: {cpu: "1"}}
accelerators:
  a100: {identifier: nvidia.com/gpu, perNode: 4, computeCapability: "8.0", tolerations: [{key: gpu, operator: Exists}]}
  mig: {identifier: nvidia.com/mig-1g.5gb, nodeSelector: {mig: "true"}}
  profiled: {identifier: nvidia.com/gpu, hardwareProfile: {name: a100, namespace: apps}}
  both: {identifier: nvidia.com/gpu, tolerations: [{key: gpu}], hardwareProfile: {name: a100, namespace: apps}}
secrets: {provider: external-secrets, keyPrefix: models/prod}
namespaces: managed
"""
OLD, NEW = "rhoai-2.25", "rhoai-3.3"


def environment(facts: str = FACTS, release: str | None = OLD) -> Environment:
    known = catalog.release(release) if release else None
    return environment_from("prod", as_layer(parse(facts.encode(), "environments/prod.yaml")), known)


def project(spec: str, facts: str = FACTS, release: str | None = OLD) -> Project:
    merged = as_layer(parse(spec.encode(), "projects/acme.yaml"))
    return resolve("acme", "projects/acme.yaml", merged, environment(facts, release), RuntimeCatalog({}))


def model(fields: str = "", release: str | None = OLD, facts: str = FACTS) -> Any:
    """The one model of a spec, with these fields."""
    return project(f"models: {{m: {{{fields}}}}}", facts, release).models[0]


# ---- values


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (None, (1, 1)),
        (0, (0, 0)),
        (3, (3, 3)),
        ({"min": 2, "max": 5}, (2, 5)),
        ({"max": 5}, (1, 5)),
        ({"min": 4}, (4, 4)),
        ({"min": 0}, (0, 1)),
        ({"min": 3, "max": 1}, (3, 1)),
    ],
)
def test_replicas(written: Any, wanted: tuple[int, int]) -> None:
    assert replicas(written) == wanted


@pytest.mark.parametrize(("text", "wanted"), [("30s", 30), ("10m", 600), ("2h", 7200), (None, None)])
def test_durations_in_seconds(text: str | None, wanted: int | None) -> None:
    assert seconds(text) == wanted


def test_amounts_are_canonical_and_what_is_none_is_left_for_the_rules() -> None:
    assert amounts({"cpu": "1000m", "memory": "0.5Gi", "x": "lots"}) == {"cpu": "1", "memory": "512Mi", "x": "lots"}
    assert amounts(None) is None


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("text", {"name": "N", "value": "text"}),
        ("", {"name": "N"}),
        (
            {"secret": "s", "key": "k"},
            {"name": "N", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ),
    ],
)
def test_a_variable_as_a_container_lists_it(value: Any, wanted: dict[str, Any]) -> None:
    assert env_entry("N", value) == wanted


def test_a_toleration_has_no_empty_value() -> None:
    assert without_empty({"key": "gpu", "operator": "Exists", "value": ""}) == {"key": "gpu", "operator": "Exists"}
    assert without_empty({"key": "gpu", "value": "a100"}) == {"key": "gpu", "value": "a100"}


# ---- the framework


@pytest.mark.parametrize(
    ("runtime", "written", "wanted"),
    [
        ("vllm-cuda-runtime", None, Format("vLLM", None)),
        ("vllm-cuda-runtime", "vLLM", Format("vLLM", None)),
        ("kserve-ovms", None, None),
        ("kserve-ovms", "onnx-1", Format("onnx", "1")),
        ("kserve-ovms", "onnx", Format("onnx", "1")),
        ("kserve-ovms", "tensorflow-2", Format("tensorflow", "2")),
        ("kserve-ovms", "tensorflow", None),
        ("kserve-ovms", "ONNX", None),
    ],
)
def test_the_framework_is_the_one_that_can_be_meant(runtime: str, written: str | None, wanted: Format | None) -> None:
    assert chosen_format(catalog.shipped_runtime(OLD, runtime), written) == wanted


def test_no_framework_without_a_runtime() -> None:
    assert chosen_format(None, "onnx-1") is None


# ---- defaults


def test_a_spec_that_says_nothing() -> None:
    found = project("version: 1")
    assert (found.name, found.namespace, found.display_name, found.description, found.platform) == (
        "acme",
        "acme",
        "acme",
        None,
        "single-model",
    )
    assert (found.connections, found.secrets, found.models, found.servers) == ({}, {}, (), ())


def test_a_model_that_says_nothing() -> None:
    found = model()
    assert (found.name, found.pointer, found.display_name, found.mode) == ("m", ("models", "m"), "m", "standard")
    assert (found.minimum, found.maximum, found.route, found.route_timeout, found.tokens) == (1, 1, False, None, ())
    assert (found.args, found.env, found.stopped, found.llm, found.runtime, found.engine) == (
        (),
        (),
        False,
        None,
        None,
        None,
    )
    nothing = Hardware(
        size=None,
        requests=None,
        limits=None,
        accelerator=None,
        profile=None,
        inline=False,
        own_tolerations=(),
        own_node_selector={},
    )
    assert found.hardware == nothing


def test_a_display_name_loses_the_blanks_around_it() -> None:
    assert model("displayName: '  Model  '").display_name == "Model"
    assert project("displayName: '  '").display_name == ""


def test_a_route_with_a_timeout_is_a_route() -> None:
    found = model("route: {timeout: 10m}")
    assert (found.route, found.route_timeout) == (True, "10m")


def test_a_leading_slash_of_a_path_is_dropped_once() -> None:
    found = model("location: {connection: store, path: /a/b}").location
    assert found == ModelLocation(connection=None, connection_name="store", path="a/b", uri=None, pvc=None)
    assert model("location: {pvc: p, path: //a}").location.path == "/a"


def test_sizes_of_nodes_in_a_group() -> None:
    found = model("multiNode: {pipelineParallelSize: 2}")
    assert (found.pipeline, found.tensor) == (2, 1)
    assert (model().pipeline, model().tensor) == (None, None)


# ---- connections and secrets

CONNECTIONS = """\
namespace: acme-ml
connections:
  bucket: {s3: {endpoint: "https://s3.example.org", bucket: models}}
  named: {displayName: Named, description: Text, oci: {host: quay.io}, credentials: {key: team/quay}}
  ready: {s3: {bucket: models}, existing: true}
  web: {uri: "https://models.example.org/m"}
secrets:
  kept: {keys: [a, b]}
  given: {keys: [a], existing: true}
"""


def test_connections_and_where_their_credentials_are_kept() -> None:
    found = project(CONNECTIONS).connections
    assert found["bucket"] == Connection(
        name="bucket",
        pointer=("connections", "bucket"),
        kind=connection_kinds()["s3"],
        display_name="bucket",
        description="",
        settings={"endpoint": "https://s3.example.org", "bucket": "models"},
        existing=False,
        key="models/prod/acme-ml/bucket",
    )
    assert [(one.kind.name, one.existing, one.key, one.secret) for one in found.values()] == [
        ("s3", False, "models/prod/acme-ml/bucket", True),
        ("oci", False, "team/quay", True),
        ("s3", True, "models/prod/acme-ml/ready", False),
        ("uri", False, "models/prod/acme-ml/web", False),
    ]
    assert (found["named"].display_name, found["named"].description) == ("Named", "Text")


def test_secrets_for_variables() -> None:
    found = project(CONNECTIONS).secrets
    assert [(one.name, one.keys, one.existing, one.key) for one in found.values()] == [
        ("kept", ("a", "b"), False, "models/prod/acme-ml/kept"),
        ("given", ("a",), True, "models/prod/acme-ml/given"),
    ]


def test_without_a_store_every_secret_exists() -> None:
    found = project(CONNECTIONS, "secrets: {provider: existing}")
    assert [one.existing for one in found.connections.values()] == [True, True, True, False]
    assert [one.key for one in found.connections.values()] == [None, "team/quay", None, None]
    assert [one.existing for one in found.secrets.values()] == [True, True]


# ---- hardware


def hardware(fields: str, release: str = OLD) -> Hardware:
    found: Hardware = model(fields, release).hardware
    return found


def test_a_size_by_name_is_canonical() -> None:
    found = hardware("size: Small")
    assert (found.size, found.requests, found.limits) == (
        "Small",
        {"cpu": "1", "memory": "4Gi"},
        {"cpu": "2", "memory": "8Gi"},
    )


def test_a_size_of_ones_own_has_no_name() -> None:
    found = hardware("size: {requests: {cpu: 500m, memory: 1Gi}, limits: {cpu: 1, memory: 1024Mi}}")
    assert (found.size, found.requests, found.limits) == (
        None,
        {"cpu": "500m", "memory": "1Gi"},
        {"cpu": "1", "memory": "1Gi"},
    )


def test_a_size_that_is_not_offered_is_left_open() -> None:
    found = hardware("size: Huge")
    assert (found.size, found.requests, found.limits) == ("Huge", None, None)


def test_an_accelerator() -> None:
    found = hardware("accelerator: {name: a100, count: 2}")
    assert found.accelerator == Accelerator(
        name="a100",
        count=2,
        identifier="nvidia.com/gpu",
        tolerations=({"key": "gpu", "operator": "Exists"},),
        node_selector=None,
        profile=None,
        per_node=4,
        compute_capability="8.0",
        memory=None,
        known=True,
    )
    assert hardware("accelerator: a100").accelerator == hardware("accelerator: {name: a100}").accelerator
    assert hardware("accelerator: mig").node_selector == {"mig": "true"}


def test_an_accelerator_that_is_not_offered_is_left_open() -> None:
    found = hardware("accelerator: h200").accelerator
    assert found is not None
    assert (found.known, found.identifier, found.count) == (False, None, 1)


PROFILE = HardwareProfile(name="a100", namespace="apps", minimum={}, maximum={})


@pytest.mark.parametrize(
    ("accelerator", "release", "tolerations", "profile"),
    [
        ("a100", OLD, ({"key": "gpu", "operator": "Exists"},), None),
        ("a100", NEW, ({"key": "gpu", "operator": "Exists"},), None),
        ("profiled", OLD, (), PROFILE),
        ("profiled", NEW, (), PROFILE),
        ("both", OLD, ({"key": "gpu"},), None),
        ("both", NEW, (), PROFILE),
    ],
)
def test_tolerations_or_a_hardware_profile_whichever_the_release_reads(
    accelerator: str, release: str, tolerations: Any, profile: Any
) -> None:
    found = hardware(f"accelerator: {accelerator}", release)
    assert (found.tolerations, found.profile) == (tolerations, profile)


def test_the_accelerators_profile_goes_before_the_sizes() -> None:
    assert hardware("size: Sized").profile == HardwareProfile(name="small", namespace="apps", minimum={}, maximum={})
    assert hardware("size: Sized, accelerator: profiled", NEW).profile == PROFILE


# ---- servers


def test_models_on_a_server() -> None:
    found = project("servers: {s: {runtime: ovms, replicas: 2, models: {m: {framework: onnx, location: {path: /x}}}}}")
    (server,) = found.servers
    (served,) = server.models
    assert (server.name, server.pointer, server.minimum) == ("s", ("servers", "s"), 2)
    assert (served.name, served.pointer, served.display_name) == ("m", ("servers", "s", "models", "m"), "m")
    assert (served.format, served.location.path) == (Format("onnx", "1"), "x")


# ---- the base, and Argo CD


def test_the_base_leaves_open_what_base_yaml_leaves_open() -> None:
    found = project("models: {m: {runtime: kserve-ovms, size: Small, accelerator: a100}}", "version: 1", None)
    hardware = found.models[0].hardware
    assert (found.models[0].runtime, hardware.requests, hardware.tolerations) == (None, None, ())
    assert hardware.accelerator is not None
    assert (hardware.accelerator.known, hardware.accelerator.identifier) == (False, None)


def test_what_disappears_from_git_stays_unless_something_else_is_said() -> None:
    open_facts = ArgocdInstance(
        namespace=None, repository=None, revision=None, version=None, prune=False, secrets_first=False
    )
    assert environment().argocd == open_facts
    written = environment("argocd: {prune: true, version: x, secretsFirst: true}")
    assert written.argocd == replace(open_facts, prune=True, version="x", secrets_first=True)


def test_a_store_is_spoken_to_in_its_current_version_unless_something_else_is_said() -> None:
    existing = environment("secrets: {provider: existing}").secrets
    assert existing == SecretStore(
        provider="existing",
        api_version="external-secrets.io/v1",
        refresh_interval="1h",
        kind=None,
        name=None,
        key_prefix=None,
    )
    assert (existing.by_operator, environment("{}").secrets.by_operator) == (False, True)
    written = environment("secrets: {apiVersion: external-secrets.io/v1beta1, refreshInterval: 5m}").secrets
    assert written == replace(existing, provider=None, api_version="external-secrets.io/v1beta1", refresh_interval="5m")


def test_a_cluster_by_its_name_or_address() -> None:
    assert environment().cluster.destination == {"name": "prod-1"}
    by_address = environment("cluster: {server: 'https://x:6443/', appsDomain: d}")
    assert by_address.cluster.destination == {"server": "https://x:6443/"}
    assert (environment().cluster_key, by_address.cluster_key) == ("prod-1", "https://x:6443")


def test_a_gateway_of_which_nothing_is_said_is_of_openshifts_class() -> None:
    found = environment("gateways: {a: {host: h}, b: {class: istio}}")
    assert (found.gateway("a").host, found.gateway("a").gateway_class) == ("h", "openshift-default")
    assert (found.gateway("b").host, found.gateway("b").gateway_class) == (None, "istio")
    assert found.gateway("c") == OTHER_GATEWAY


def test_a_projects_own_quota_goes_before_the_common_one_line_by_line() -> None:
    quota = environment("quota: {default: {requests.x/a: 1, requests.x/b: 2}, projects: {p: {requests.x/a: 3}}}").quota
    assert [quota.amount("p", name) for name in ("x/a", "x/b", "x/c")] == ["3", "2", None]
    assert [quota.pointer("p", f"requests.{name}") for name in ("x/a", "x/b")] == [
        ("quota", "projects", "p", "requests.x/a"),
        ("quota", "default", "requests.x/b"),
    ]
    assert quota.amount("other", "x/a") == "1"


def test_what_base_yaml_leaves_empty_is_not_there() -> None:
    found = environment("{sizes: {S: null}, accelerators: {a: null}, runtimes: {r: null}, gateways: null, quota: null}")
    assert (found.sizes, found.accelerators, found.runtimes, found.gateways) == ({}, {}, {}, {})
    assert found.quota.amount("p", "x/a") is None
