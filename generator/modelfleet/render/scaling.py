"""How many replicas an InferenceService has, and what makes them more."""

from __future__ import annotations

from typing import Any

from modelfleet.resolve.model import Model, Project


def scaling_values(project: Project, model: Model) -> dict[str, Any]:
    """The values of a template that say so. A group of nodes is not a Deployment that an autoscaler could size."""
    if model.multi_node:
        return {
            **dict.fromkeys(("min_replicas", "max_replicas")),
            "autoscaler_class": project.environment.term("autoscalerMultiNode"),
        }
    return {"min_replicas": model.minimum, "max_replicas": model.maximum, "autoscaler_class": None}
