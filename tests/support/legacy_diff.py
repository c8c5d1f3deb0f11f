"""What becomes of our objects in a cluster, and what Argo CD's comparison without server-side diff makes of that.

`live` models the webhooks and controllers that change objects, `drift` the three-way comparison of custom resources
where Git is what was applied last. If `drift(git, live(git, cluster))` is empty, an object is in sync forever.

Sources: argoproj/argo-cd v3.5.1, gitops-engine/pkg/diff/diff.go (ThreeWayDiff), gitops-engine/pkg/utils/json/json.go;
red-hat-data-services/kserve rhoai-2.22 to rhoai-3.5, pkg/apis/serving/v1beta1/inference_service_defaults.go and go.mod;
controller-runtime v0.19.7, pkg/webhook/admission/defaulter_custom.go; red-hat-data-services/rhods-operator rhoai-3.3,
internal/webhook; red-hat-data-services/odh-model-controller rhoai-3.5, internal/webhook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.kubernetes.quantity import NotAQuantity, canonical_quantity
from modelfleet.resolve.release import Capabilities

Object = dict[str, Any]

# ---- the comparison --------------------------------------------------------------------------------------------------


IGNORED = {("spec", "predictor", "model", "args"), ("spec", "predictor", "model", "env")}
"""Ignored by the ApplicationSet where the list is empty (data/argocd.yaml, emptyArguments)."""


def reduced(git: Any, live: Any) -> Any:
    """The live value without the keys that Git lacks, in the items of lists too; further items of a list stay."""
    if isinstance(git, dict) and isinstance(live, dict):
        return {key: reduced(value, live[key]) for key, value in git.items() if key in live}
    if isinstance(git, list) and isinstance(live, list):
        return [reduced(git[index], item) if index < len(git) else item for index, item in enumerate(live)]
    return live


_MERGED_BY_NAME = {"ServiceAccount": ("secrets",)}
"""Lists of core kinds that have a merge key: what others add to them is not drift."""


def drift(git: Object, live: Object) -> list[Pointer]:
    """Where Git and the cluster differ for Argo CD; nothing is added to what the user wrote, nothing is forgiven."""
    wanted = deepcopy(git)
    # Neither counts: the namespace is the Application's where Git has none, an empty map of annotations is removed.
    wanted["metadata"].pop("namespace", None)
    if not wanted["metadata"].get("annotations", True):
        del wanted["metadata"]["annotations"]
    found = deepcopy(live)
    for key in _MERGED_BY_NAME.get(git["kind"], ()):
        if key in wanted:
            names = [item["name"] for item in wanted[key]]
            found[key] = sorted(
                (item for item in found[key] if item["name"] in names), key=lambda it: names.index(it["name"])
            )
    return list(_differences(wanted, reduced(wanted, found), ()))


def _differences(git: Any, live: Any, at: Pointer) -> Iterable[Pointer]:
    if isinstance(git, dict) and isinstance(live, dict):
        for key, value in git.items():
            yield from _differences(value, live[key], (*at, key)) if key in live else [(*at, key)]
    elif isinstance(git, list) and isinstance(live, list) and len(git) == len(live):
        for index, value in enumerate(git):
            yield from _differences(value, live[index], (*at, index))
    elif isinstance(git, bool) is not isinstance(live, bool) or git != live:
        yield at


# ---- the cluster -----------------------------------------------------------------------------------------------------

STRANGE_PROFILE: Mapping[str, Any] = {
    "tolerations": [{"key": "profile", "operator": "Exists"}],
    "nodeSelector": {"profile": "strange"},
}
"""What a hardware profile may ask for that Git does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What in a cluster changes objects.

    `connections` maps the Secret of a connection to `s3`, `oci` or the address of a `uri`; `profile` is what every
    hardware profile asks for. `drops_empty`: KServe's webhook writes the object anew from its Go types, so that what is
    empty there is gone; all releases up to 3.4 do, and what is quiet with it is quiet without.
    """

    rewrites_modes: Mapping[str, str]
    default_mode: str
    has_connections: bool
    has_profiles: bool
    connections: Mapping[str, str] = field(default_factory=dict)
    profile: Mapping[str, Any] = field(default_factory=lambda: STRANGE_PROFILE)
    drops_empty: bool = True


def cluster_of(capabilities: Capabilities, objects: Iterable[Object] = ()) -> Cluster:
    """The cluster of a release, with the connections whose ExternalSecrets are among the objects."""
    return Cluster(
        rewrites_modes=capabilities["rewritesModes"],
        default_mode=capabilities["defaultMode"],
        has_connections=capabilities["connectionAnnotation"],
        has_profiles=capabilities["hardwareProfiles"],
        connections=dict(_connections(objects)),
    )


def _connections(objects: Iterable[Object]) -> Iterable[tuple[str, str]]:
    for item in objects:
        if item["kind"] == "ExternalSecret":
            metadata = item["spec"].get("target", {}).get("template", {}).get("metadata", {})
            annotations = metadata.get("annotations") or {}
            kind = annotations.get("opendatahub.io/connection-type-protocol")
            kind = kind or annotations.get("opendatahub.io/connection-type-ref", "").removesuffix("-v1")
            if kind:
                yield item["metadata"]["name"], kind


def live(git: Object, cluster: Cluster) -> Object:
    """The object as it is in the cluster some time after it was applied."""
    found = deepcopy(git)
    for change in _CHANGES.get(git["kind"], ()):
        change(found, cluster)
    found["metadata"] |= {"uid": "0", "resourceVersion": "1", "creationTimestamp": "2025-01-01T00:00:00Z"}
    return found


# ---- webhooks of the operator and of odh-model-controller ------------------------------------------------------------


def _annotations(item: Object) -> Mapping[str, str]:
    found: Mapping[str, str] = item["metadata"].get("annotations") or {}
    return found


def _connection(item: Object, cluster: Cluster) -> None:
    name = _annotations(item).get("opendatahub.io/connections")
    if not cluster.has_connections or name is None:
        return
    kind = cluster.connections[name]  # a Secret that is not there refuses the model
    predictor = item["spec"]["predictor"]
    if kind == "s3":
        predictor.setdefault("serviceAccountName", f"{name}-sa")
        storage = predictor["model"].setdefault("storage", {})
        storage["key"] = name
        if path := _annotations(item).get("opendatahub.io/connection-path"):
            storage.setdefault("path", path)
    elif kind == "oci":
        secrets = predictor.setdefault("imagePullSecrets", [])
        if {"name": name} not in secrets:
            secrets.append({"name": name})
    else:
        predictor["model"]["storageUri"] = kind


def _profile(item: Object, cluster: Cluster) -> None:
    if not cluster.has_profiles or "opendatahub.io/hardware-profile-name" not in _annotations(item):
        return
    spec = item["spec"]
    pod = spec["predictor"] if item["kind"] == "InferenceService" else spec.setdefault("template", {})
    asked = [dict(one) for one in cluster.profile.get("tolerations", ())]
    own = pod.get("tolerations", [])
    if asked:
        pod["tolerations"] = asked + [one for one in own if one not in asked]
    if selector := cluster.profile.get("nodeSelector"):
        pod["nodeSelector"] = {**pod.get("nodeSelector", {}), **selector}


# ---- KServe's defaulter ----------------------------------------------------------------------------------------------

_MODE = "serving.kserve.io/deploymentMode"
_OLD_BLOCKS = (
    "huggingface",
    "lightgbm",
    "onnx",
    "paddle",
    "pmml",
    "pytorch",
    "sklearn",
    "tensorflow",
    "triton",
    "xgboost",
)


def _defaults(item: Object, cluster: Cluster) -> None:
    annotations = item["metadata"].setdefault("annotations", {})
    mode = annotations.setdefault(_MODE, cluster.default_mode)
    annotations[_MODE] = cluster.rewrites_modes.get(mode, mode)
    annotations.setdefault("modelFormat", "any")
    predictor = item["spec"]["predictor"]
    predictor.setdefault("automountServiceAccountToken", False)
    for block in _OLD_BLOCKS:
        if block in predictor:
            predictor["model"] = {"modelFormat": {"name": block}, **predictor.pop(block)}
    for container in predictor.get("containers", ()):
        container.setdefault("resources", {})


def _canonical(item: Object, _: Cluster) -> None:
    item["spec"] = _spelled(item["spec"], key="")


_AMOUNTS = ("limits", "requests", "capacity")


def _spelled(value: Any, key: str) -> Any:
    if isinstance(value, list):
        return [_spelled(one, "") for one in value]
    if isinstance(value, dict):
        amounts = key in _AMOUNTS
        return {name: _quantity(one) if amounts else _spelled(one, name) for name, one in value.items()}
    return _quantity(value) if key == "sizeLimit" else value


def _quantity(value: Any) -> Any:
    try:
        return canonical_quantity(str(value))
    except NotAQuantity:
        return value


_FREE = ("annotations", "labels", "matchLabels", "nodeSelector", *_AMOUNTS)
"""Maps whose values Go writes whatever they are; but a map without any entry is gone."""
_TOLD_FROM_EMPTY = (
    *("automountServiceAccountToken", "canaryTrafficPercent", "containerConcurrency", "minReplicas", "replicas"),
    *("terminationGracePeriodSeconds", "timeout", "tolerationSeconds"),
    *("pipelineParallelSize", "tensorParallelSize", "data", "dataLocal", "pipeline", "tensor"),
    *("path", "runtime", "storageUri", "version"),
    *("allowPrivilegeEscalation", "optional", "privileged", "readOnlyRootFilesystem", "runAsNonRoot", "runAsUser"),
    *("mountPath", "name"),
)
"""Fields that are pointers in Go, or that it always writes."""


def _drops_empty(item: Object, cluster: Cluster) -> None:
    if cluster.drops_empty:
        item["spec"] = _without_empty(item["spec"])
        metadata = item["metadata"]
        for key in ("annotations", "labels"):
            if metadata.get(key) == {}:
                del metadata[key]


def _without_empty(value: Any, key: str = "") -> Any:
    if isinstance(value, list):
        return [_without_empty(one) for one in value]
    if isinstance(value, dict) and key not in _FREE:
        inner = {name: _without_empty(one, name) for name, one in value.items()}
        return {name: one for name, one in inner.items() if not _is_gone(name, one)}
    return value


def _is_gone(key: str, value: Any) -> bool:
    if value or (key in _TOLD_FROM_EMPTY and value is not None):
        return False
    return key in _FREE if isinstance(value, dict) else True


def _controlled(item: Object, _: Cluster) -> None:
    item["metadata"]["finalizers"] = ["inferenceservice.finalizers", "odh.inferenceservice.finalizers"]
    item["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}


# ---- CRD defaults and other controllers ------------------------------------------------------------------------------


def _ports(item: Object, _: Cluster) -> None:
    _with_protocol(item["spec"])


def _with_protocol(value: Any) -> None:
    for one in value.values() if isinstance(value, dict) else value:
        if isinstance(one, (dict, list)):
            _with_protocol(one)
    if isinstance(value, dict) and "containerPort" in value:
        value.setdefault("protocol", "TCP")


def _pulls(item: Object, _: Cluster) -> None:
    secret = {"name": f"{item['metadata']['name']}-dockercfg-x"}
    item["secrets"] = [secret, *item.get("secrets", [])]
    item["imagePullSecrets"] = [secret, *item.get("imagePullSecrets", [])]


def _token(item: Object, _: Cluster) -> None:
    item["metadata"].setdefault("annotations", {})["kubernetes.io/service-account.uid"] = "0"
    item["data"] = {"token": "dA==", "ca.crt": "Yw==", "namespace": "bg=="}


def _store(item: Object, _: Cluster) -> None:
    spec = item["spec"]
    spec.setdefault("refreshInterval", "1h0m0s")
    target = spec.setdefault("target", {})
    target.setdefault("creationPolicy", "Owner")
    target.setdefault("deletionPolicy", "Retain")
    if "template" in target:
        target["template"].setdefault("engineVersion", "v2")
        target["template"].setdefault("mergePolicy", "Replace")
    for entry in spec.get("data", ()):
        for key, value in (("conversionStrategy", "Default"), ("decodingStrategy", "None"), ("metadataPolicy", "None")):
            entry["remoteRef"].setdefault(key, value)


def _project(item: Object, _: Cluster) -> None:
    item["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = item["metadata"]["name"]
    item["metadata"].setdefault("annotations", {})["openshift.io/sa.scc.mcs"] = "s0:c1,c0"
    item["spec"] = {"finalizers": ["kubernetes"]}


_CHANGES: Mapping[str, tuple[Callable[[Object, Cluster], None], ...]] = {
    "InferenceService": (_connection, _profile, _defaults, _canonical, _drops_empty, _ports, _controlled),
    "LLMInferenceService": (_profile, _canonical, _drops_empty, _ports),
    "ServingRuntime": (_ports,),
    "ServiceAccount": (_pulls,),
    "Secret": (_token,),
    "ExternalSecret": (_store,),
    "Namespace": (_project,),
}
