"""Predictors in the older form, which name their framework in place of `model`: KServe turns the one into the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from modelfleet.importer.given import GivenObject
from modelfleet.kubernetes.objects import items, mapping
from modelfleet.rules.admission.request import frameworks_of


def with_model(one: GivenObject, runtimes: Mapping[str, GivenObject]) -> GivenObject:
    """The object as KServe makes it, with the runtime of the namespace that chooses itself for the framework."""
    spec = mapping(one.object.get("spec"))
    predictor = mapping(spec.get("predictor"))
    names = frameworks_of(predictor) if one.kind == "InferenceService" else ()
    if len(names) != 1 or "model" in predictor:
        return one
    (name,) = names
    runtime = next((key for key, each in runtimes.items() if _chooses_itself(each, name)), None)
    named = {"runtime": runtime} if runtime is not None else {}
    model = {"modelFormat": {"name": name}, **named, **mapping(predictor[name])}
    rest = {key: value for key, value in predictor.items() if key != name}
    return replace(one, object={**one.object, "spec": {**spec, "predictor": {**rest, "model": model}}})


def _chooses_itself(runtime: GivenObject, framework: str) -> bool:
    formats = items(mapping(runtime.object.get("spec")).get("supportedModelFormats"))
    return any(mapping(each).get("name") == framework and mapping(each).get("autoSelect") is True for each in formats)
