"""The canary of an InferenceService, read back as a field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from modelfleet.importer.source import FieldSource
from modelfleet.kubernetes.names import CONNECTION_PATH, CONNECTIONS
from modelfleet.kubernetes.objects import items, mapping
from modelfleet.serving.workloads import laid_over

_OWN = ("location", "size", "accelerator", "args", "env")


def canary_field(source: FieldSource, fields_of: Callable[[FieldSource], Mapping[str, Any]]) -> dict[str, Any] | None:
    """What the one canary says otherwise than its model; None where there is none, or more than one."""
    spec = mapping(source.item.get("spec"))
    entries = items(spec.get("canary"))
    if len(entries) != 1:
        return None
    entry, predictor = mapping(entries[0]), mapping(mapping(entries[0]).get("predictor"))
    whole = dict(laid_over(mapping(spec.get("predictor")), predictor))
    if own := mapping(predictor.get("model")).get("resources"):  # a size is written whole
        whole["model"] = {**mapping(whole.get("model")), "resources": own}
    item = {**source.item, "metadata": _metadata(source, predictor), "spec": {"predictor": whole}}
    both = [fields_of(replace(source, given=replace(source.given, object=one))) for one in (_stable(source), item)]
    found: dict[str, Any] = {"percent": entry.get("trafficPercent")}
    if predictor.get("name") not in (None, "canary"):
        found["name"] = predictor["name"]
    if predictor.get("minReplicas", 1) != 1:
        found["replicas"] = predictor["minReplicas"]
    container, stable = mapping(predictor.get("model")), mapping(mapping(spec.get("predictor")).get("model"))
    for key in ("image", "runtime"):
        if container.get(key) not in (None, stable.get(key)):
            found[key] = container[key]
    return found | {key: both[1][key] for key in _OWN if key in both[1] and both[1][key] != both[0].get(key)}


def _metadata(source: FieldSource, predictor: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata without the connection of the model, where the canary has files of its own."""
    metadata, model = dict(source.item["metadata"]), mapping(predictor.get("model"))
    if "storage" not in model and "storageUri" not in model:
        return metadata
    annotations = mapping(metadata.get("annotations"))
    own = {key: text for key, text in annotations.items() if key not in (CONNECTIONS, CONNECTION_PATH)}
    return {**metadata, "annotations": own}


def _stable(source: FieldSource) -> dict[str, Any]:
    return {**source.item, "spec": {"predictor": mapping(mapping(source.item.get("spec")).get("predictor"))}}
