"""The CRDs of each release: upstream's with the release's differences are the product's own, field by field."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelfleet.admit.admit import ManifestFile, admit_files
from modelfleet.kubernetes.names import SERVING_GROUP
from modelfleet.resolve import catalog
from modelfleet.tools.differences import with_differences
from modelfleet.tools.schemas import Schemas

RELEASES = catalog.release_names()
FACTS: Mapping[str, Any] = yaml.safe_load((Path(__file__).parents[1] / "data" / "crd-fields.yaml").read_text("utf-8"))

Crds = Callable[[str], list[Mapping[str, Any]]]
SchemasOf = Callable[[str], Schemas]


def versions(crds: list[Mapping[str, Any]]) -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """The schemas of a release by kind and version."""
    return {
        (crd["spec"]["names"]["kind"], version["name"]): version["schema"]["openAPIV3Schema"]
        for crd in crds
        for version in crd["spec"]["versions"]
        if version["served"]
    }


def served(crds: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of KServe's own group; other groups come as their projects publish them."""
    return [crd for crd in crds if crd["spec"]["group"] == SERVING_GROUP]


def undescribed(node: Any, *, fields: bool = False) -> Any:
    if isinstance(node, list):
        return [undescribed(item) for item in node]
    if not isinstance(node, dict):
        return node
    words = () if fields else ("description", "example", "externalDocs", "title")
    return {
        key: undescribed(value, fields=key == "properties" and not fields)
        for key, value in node.items()
        if key not in words or not isinstance(value, str)
    }


def has(schema: Mapping[str, Any], field: str) -> bool:
    found: Any = schema
    for step in field.split("."):
        found = found.get("additionalProperties" if step == "*" else "properties", {})
        found = found if step == "*" else found.get(step.removesuffix("[]"))
        if found is None:
            return False
        found = found["items"] if step.endswith("[]") else found
    return True


def digest(schema: Mapping[str, Any]) -> str:
    text = json.dumps(undescribed(schema), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_the_schemas_of_each_release_are_those_of_the_product(crds_of_release: Crds) -> None:
    """One test, as the files are large: whole schemas by their digests, and each field by the releases that have it."""
    known = {release: versions(served(crds_of_release(release))) for release in RELEASES}
    for entry in FACTS["fields"]:
        place = (entry["kind"], entry["version"])
        wanted = {field: group["releases"] for group in entry["by"] for field in group["fields"]}
        found = {
            field: [release for release in RELEASES if place in known[release] and has(known[release][place], field)]
            for field in wanted
        }
        assert found == wanted
    digests = {
        release: {f"{kind}/{version}": digest(schema) for (kind, version), schema in schemas.items()}
        for release, schemas in known.items()
    }
    assert digests == FACTS["digests"]
    kinds = {release: sorted({kind for kind, _ in schemas}) for release, schemas in known.items()}
    assert kinds == {release: catalog.release(release).capabilities["servingKinds"] for release in RELEASES}


# ---- differences -----------------------------------------------------------------------------------------------------

THING: Mapping[str, Any] = {
    "spec": {
        "group": "example.org",
        "names": {"kind": "Thing"},
        "versions": [
            {
                "name": name,
                "served": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "items": {
                                "type": "array",
                                "items": {"type": "object", "properties": {"name": {"type": "string", "minLength": 1}}},
                            },
                            "byName": {"type": "object", "additionalProperties": {"type": "string", "minLength": 2}},
                            "pod": {"type": "object", "properties": {"image": {"type": "string"}}},
                        },
                    }
                },
            }
            for name in ("v1", "v2")
        ],
    }
}


def changed(*differences: Mapping[str, Any], version: str = "v1") -> Mapping[str, Any]:
    before = deepcopy(THING)
    found: Mapping[str, Any] = versions(
        [with_differences(THING, [{"kinds": ["Thing"], **each} for each in differences])]
    )["Thing", version]
    assert before == THING
    properties: Mapping[str, Any] = found["properties"]
    return properties


def test_a_difference_takes_fields_away_and_adds_them() -> None:
    found = changed({"at": ["items[]"], "patch": {"properties": {"name": None, "size": {"type": "integer"}}}})
    assert found["items"]["items"] == {"type": "object", "properties": {"size": {"type": "integer"}}}


def test_a_difference_reaches_what_a_map_holds() -> None:
    found = changed({"at": ["byName.*"], "patch": {"minLength": None, "maxLength": 9}})
    assert found["byName"]["additionalProperties"] == {"type": "string", "maxLength": 9}


def test_a_difference_reaches_everything_below_a_place() -> None:
    found = changed({"at": ["items.**", "byName.**"], "patch": {"minLength": None}})
    assert "minLength" not in json.dumps(found)


def test_a_copy_is_made_of_what_is_there_by_then_and_goes_its_own_way() -> None:
    found = changed(
        {"at": ["pod"], "patch": {"properties": {"args": {"type": "array"}}}},
        {"at": ["items[]"], "patch": {"properties": {"pod": {"$ref": "#/properties/pod", "required": ["image"]}}}},
        {"at": ["pod"], "patch": {"properties": {"image": None}}},
    )
    pod = {"image": {"type": "string"}, "args": {"type": "array"}}
    assert found["items"]["items"]["properties"]["pod"] == {
        "type": "object",
        "properties": pod,
        "required": ["image"],
    }
    assert found["pod"] == {"type": "object", "properties": {"args": {"type": "array"}}}


def test_a_difference_is_of_its_versions_and_kinds_alone() -> None:
    of_one = {"at": ["pod"], "versions": ["v2"], "patch": {"properties": {"image": None}}}
    of_another = {"at": ["pod"], "kinds": ["Other"], "patch": {"properties": {"image": None}}}
    pods = [
        changed(each, version=version)["pod"]["properties"] for each in (of_one, of_another) for version in ("v1", "v2")
    ]
    image = {"image": {"type": "string"}}
    assert pods == [image, {}, image, image]


def test_a_place_that_is_not_there_is_noticed() -> None:
    with pytest.raises(KeyError, match=r"pod\.imag"):
        changed({"at": ["pod.imag.tag"], "patch": {}})


# ---- what the API servers take ---------------------------------------------------------------------------------------


def refused(schemas: Schemas, release: str, *objects: str) -> list[str]:
    """What is found in these objects, by the first letters of the code that says it."""
    content = "\n---\n".join(objects).encode()
    verdicts = admit_files([ManifestFile(file="a.yaml", content=content)], catalog.release(release), schemas.folders)
    return [f"{found.code} {'.'.join(map(str, found.pointer))}: {found.message}" for v in verdicts for found in v.found]


SERVICE = """
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {{name: demo, annotations: {{serving.kserve.io/deploymentMode: {mode}}}}}
spec:
  {component}: {fields}
  predictor: {{model: {{modelFormat: {{name: onnx}}, storageUri: "s3://bucket/demo"}}{own}}}
"""


def service(component: str, fields: str, mode: str = "RawDeployment") -> str:
    """A model with these fields in one of its components."""
    if component == "predictor":
        return SERVICE.format(mode=mode, component="canaryTraffic", fields="", own=f", {fields}").replace(
            "  canaryTraffic: \n", ""
        )
    containers = '{containers: [{name: kserve-container, image: "quay.io/example/t:1"}], ' + fields + "}"
    return SERVICE.format(mode=mode, component=component, fields=containers, own="")


STORAGE = "logger: {mode: all, storage: {path: logs, parameters: {type: s3}, key: k}}"
METRICS = "autoScaling: {metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization}}}]}"


@pytest.mark.parametrize("component", ["predictor", "transformer", "explainer"])
@pytest.mark.parametrize(
    ("field", "fields", "releases"),
    [
        ("autoScaling", METRICS, ("rhoai-2.22", "rhoai-2.23")),
        ("autoScaling.behavior", "autoScaling: {behavior: {}, metrics: []}", ("rhoai-3.3", "rhoai-3.4")),
        ("logger.storage", STORAGE, ("rhoai-3.3", "rhoai-3.4")),
        ("storageUris", "storageUris: []", ("rhoai-3.3", "rhoai-3.4")),
    ],
    ids=["autoScaling", "autoScaling.behavior", "logger.storage", "storageUris"],
)
def test_a_field_is_refused_by_a_release_that_lacks_it(
    component: str, field: str, fields: str, releases: tuple[str, str], schemas_of_release: SchemasOf
) -> None:
    lacks, has = releases

    def unknown(release: str) -> list[str]:
        found = refused(schemas_of_release(release), release, service(component, fields))
        return [line for line in found if "unknown field" in line]

    assert unknown(lacks) == [f"ADM002 spec.{component}.{field}: unknown field '{field.rpartition('.')[2]}'"]
    assert unknown(has) == []


def test_required_fields_differ_from_upstream(schemas_of_release: SchemasOf) -> None:
    """Upstream asks for maxReplicas in a rule that no schema holds; the product requires it."""
    scaling = """
apiVersion: serving.kserve.io/v1alpha2
kind: LLMInferenceService
metadata: {{name: demo}}
spec: {{model: {{uri: "hf://example/model"}}, scaling: {{{most}wva: {{hpa: {{}}}}}}, router: {{gateway: {{}}, route: {{}}}}}}
"""
    schemas = schemas_of_release("rhoai-3.4")
    assert refused(schemas, "rhoai-3.4", scaling.format(most="")) == [
        "ADM002 spec.scaling.maxReplicas: 'maxReplicas' is missing"
    ]
    assert refused(schemas, "rhoai-3.4", scaling.format(most="maxReplicas: 3, ")) == []


CLAIMS = """
apiVersion: serving.kserve.io/v1alpha1
kind: {kind}
metadata: {{name: claims}}
spec:
  resourceClaims: [{{name: gpu, resourceClaimTemplateName: one-gpu}}]
  supportedModelFormats: [{{name: vLLM}}]
  containers: [{{name: kserve-container, image: "registry.example.org/vllm:1"}}]
"""

TEMPLATED = """
apiVersion: serving.kserve.io/v1alpha1
kind: LLMInferenceServiceConfig
metadata: {name: mine}
spec:
  template: {containers: [{name: main, resources: {limits: {cpu: "{{ .Cpus }}"}}}]}
  router: {scheduler: {tokenizer: {template: {containers: [{name: tokenizer}]}}}}
"""


def test_what_the_newest_release_has_beyond_upstream(schemas_of_release: SchemasOf) -> None:
    new, old = schemas_of_release("rhoai-3.5"), schemas_of_release("rhoai-3.4")
    runtimes = [CLAIMS.format(kind="ServingRuntime"), CLAIMS.format(kind="ClusterServingRuntime")]
    assert refused(new, "rhoai-3.5", *runtimes, TEMPLATED) == []
    assert refused(old, "rhoai-3.4", *runtimes) == [
        "ADM002 spec.resourceClaims: unknown field 'resourceClaims'",
        "ADM003 kind: this release has no kind 'ClusterServingRuntime'",
    ]


def test_a_graph_is_judged_by_its_schema(schemas_of_release: SchemasOf) -> None:
    graph = """
apiVersion: serving.kserve.io/v1alpha1
kind: InferenceGraph
metadata: {{name: graph}}
spec: {{nodes: {{root: {{routerType: {router}, steps: [{{serviceName: demo, name: first}}]}}}}}}
"""
    for release in ("rhoai-2.19", "rhoai-2.25", "rhoai-3.5"):
        schemas = schemas_of_release(release)
        assert refused(schemas, release, graph.format(router="Sequence")) == []
        assert refused(schemas, release, graph.format(router="Parallel")) == [
            "ADM002 spec.nodes.root.routerType: 'Parallel' is not a valid value"
        ]


OWNED = """
  creationTimestamp: "2025-01-01T00:00:00Z"
  deletionGracePeriodSeconds: 30
  generation: 3
  managedFields: [{manager: kubectl, operation: Apply}]
  resourceVersion: "77"
  selfLink: /apis/x
  uid: 5d3c1c2e-0000-4000-8000-000000000001
"""


def exported(kind: str = "InferenceService", more: str = OWNED, spec: str = "") -> str:
    spec = spec or '{predictor: {model: {modelFormat: {name: onnx}, storageUri: "s3://bucket/demo"}}}'
    mode = "serving.kserve.io/deploymentMode: RawDeployment"
    metadata = f"metadata:\n  name: demo\n  annotations: {{{mode}}}\n  {more.strip()}\n"
    return f"apiVersion: serving.kserve.io/v1beta1\nkind: {kind}\n{metadata}spec: {spec}\n"


def test_an_exported_object_has_metadata_of_the_server(schemas_of_release: SchemasOf) -> None:
    schemas = schemas_of_release("rhoai-2.25")
    assert refused(schemas, "rhoai-2.25", exported()) == [  # a warning
        "ADM144 metadata.resourceVersion: an object with a resourceVersion cannot be created, and an update fails once the "
        "live one has changed"
    ]
    assert (
        refused(schemas, "rhoai-2.25", exported(more=OWNED.replace('resourceVersion: "77"', 'resourceVersion: ""')))
        == []
    )
    assert refused(schemas, "rhoai-2.25", exported(more="lables: {team: a}")) == [
        "ADM002 metadata.lables: unknown field 'lables'"
    ]


def test_an_exported_list_has_metadata_of_the_server(schemas_of_release: SchemasOf) -> None:
    inside = exported().replace("\n", "\n  ").rstrip()
    whole = f'apiVersion: v1\nkind: List\nmetadata: {{resourceVersion: "", selfLink: ""}}\nitems:\n- {inside}\n'
    assert [line[:6] for line in refused(schemas_of_release("rhoai-2.25"), "rhoai-2.25", whole)] == ["ADM144"]


ROUTE = """
apiVersion: route.openshift.io/v1
kind: Route
metadata: {{name: demo}}
spec: {{host: "{host}", path: "{path}", to: {{kind: Service, name: demo, weight: 100}}}}
"""


def test_an_empty_text_of_a_route_is_none(schemas_of_release: SchemasOf) -> None:
    schemas = schemas_of_release("rhoai-3.3")
    for host, path in (("", ""), ("models.example.org", "/v1"), ("", "/")):
        assert refused(schemas, "rhoai-3.3", ROUTE.format(host=host, path=path)) == []
    assert refused(schemas, "rhoai-3.3", ROUTE.format(host="not a host!", path="v1")) == [
        "ADM002 spec.host: 'not a host!' does not have the right form",
        "ADM002 spec.path: 'v1' does not have the right form",
    ]


WITHOUT = """
{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: a}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: a}
spec:
  selector: {matchLabels: {a: b}}
  template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: "quay.io/example/c:1"}]}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: a}
spec:
  podFailurePolicy: {}
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: "quay.io/example/c:1"}]}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: b}
spec:
  podFailurePolicy: {rules: [{action: Ignore, onPodConditions: [{type: DisruptionTarget}]}]}
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: "quay.io/example/c:1"}]}}
---
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  securityContext: {sysctls: [{name: net.core.somaxconn}]}
  affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1}]}}
  volumes: [{name: v, iscsi: {targetPortal: 192.0.2.1, iqn: "iqn.2001-04.org.example:storage"}}]
  containers:
  - {name: c, image: "quay.io/example/c:1", livenessProbe: {httpGet: {port: 80, httpHeaders: [{name: X-A}]}}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: a}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  iscsi: {targetPortal: 192.0.2.1, iqn: "iqn.2001-04.org.example:storage"}
---
{apiVersion: v1, kind: LimitRange, metadata: {name: a}, spec: {}}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a}, addressType: IPv4}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}, spec: {ingress: [{}]}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: a}, roleRef: {kind: Role, name: b}}
---
{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: a}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: a}
spec: {minAvailable: 1, selector: {matchLabels: {a: b}}}
status: {}
"""
"""Of each definition an object that lacks what only the OpenAPI requires; the API server's own validation takes them."""

LACKING = """
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: a}, roleRef: {kind: Role}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: a}
spec:
  template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: "quay.io/example/c:1"}]}}
"""


@pytest.mark.parametrize("release", ["rhoai-2.22", "rhoai-2.25", "rhoai-3.5"])
def test_what_only_the_openapi_requires_may_be_left_out(release: str, schemas_of_release: SchemasOf) -> None:
    assert refused(schemas_of_release(release), release, WITHOUT) == []


def test_what_the_api_server_requires_is_missed(schemas_of_release: SchemasOf) -> None:
    assert refused(schemas_of_release("rhoai-2.22"), "rhoai-2.22", LACKING) == [
        "ADM002 roleRef.name: 'name' is missing",
        "ADM002 spec.selector: 'selector' is missing",
    ]
