"""The canary of an InferenceService: a predictor of its own, which KServe lays over the stable one."""

from __future__ import annotations

from typing import Any

from modelfleet.render.values import list_or_none
from modelfleet.resolve.canary import Canary


def canary_entries(canary: Canary | None) -> list[dict[str, Any]] | None:
    """What stands in `spec.canary`. Where the model is read from stands there only if that is another place."""
    if canary is None:
        return None
    model, hardware = canary.model, canary.model.hardware
    where = model.location.carried("fields") if canary.moved else {}
    storage = {key: where.get(f"storage_{key}") for key in ("key", "path")}
    container = {
        "name": "",  # the API server wants it, and fills it in for the model alone
        "modelFormat": _said({"name": model.format.name, "version": model.format.version}) if model.format else None,
        "runtime": model.serving_runtime,
        "storage": _said(storage) or None,
        "storageUri": where.get("storage_uri"),
        "image": canary.image,
        "args": list(model.args) or None,
        "env": list(model.env) or None,
        "resources": hardware.resources,
        **model.container_spec,
    }
    predictor = {
        "name": canary.name,
        "minReplicas": canary.replicas,
        "nodeSelector": hardware.node_selector or None,
        "tolerations": list_or_none(hardware.tolerations),
        **model.pod_spec,
        "model": _said(container),
    }
    return [{"trafficPercent": canary.percent, "predictor": _said(predictor)}]


def _said(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
