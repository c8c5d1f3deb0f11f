"""Predictors that name their framework in place of a model."""

from __future__ import annotations

from typing import Any

from modelfleet.finding import Location
from modelfleet.importer.frameworks import with_model
from modelfleet.importer.given import GivenObject

TREES = {"protocolVersion": "v2", "storageUri": "gs://examples/trees"}


def given(kind: str, name: str, spec: dict[str, Any]) -> GivenObject:
    item = {"apiVersion": "serving.kserve.io/v1beta1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    return GivenObject(object=item, at=Location("objects.yaml"), live=False, owned=False, of_cluster=False)


def runtime(name: str, **written: Any) -> dict[str, GivenObject]:
    return {name: given("ServingRuntime", name, {"supportedModelFormats": [{"name": "xgboost", **written}]})}


def test_the_older_form_is_read_as_kserve_makes_it() -> None:
    trees = given("InferenceService", "trees", {"predictor": {"scaleTarget": 1, "xgboost": TREES}})
    predictor = with_model(trees, runtime("mlserver", autoSelect=True)).object["spec"]["predictor"]
    model = {"modelFormat": {"name": "xgboost"}, "runtime": "mlserver", **TREES}
    assert predictor == {"scaleTarget": 1, "model": model}
    predictor = with_model(trees, runtime("mlserver")).object["spec"]["predictor"]
    assert predictor["model"] == {"modelFormat": {"name": "xgboost"}, **TREES}


def test_what_has_a_model_stays_as_it_is() -> None:
    for predictor in ({"model": TREES}, {"containers": [{"name": "own"}]}, {"xgboost": TREES, "sklearn": TREES}):
        one = given("InferenceService", "trees", {"predictor": predictor})
        assert with_model(one, runtime("mlserver", autoSelect=True)) is one
