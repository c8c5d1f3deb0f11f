"""What is refused before anything is imported: what no cluster would take, said with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from console import miniature, modelfleet

MODEL = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: chat
  namespace: demo
  annotations: {sidecar.istio.io/inject: %s}
spec:
  predictor:
    minReplicas: %s
    model: {modelFormat: {name: onnx}, runtime: kserve-ovms, storageUri: "oci://quay.io/org/chat:1", args: %s}
"""


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            ("{a: b}", "1", "[]"),
            "given.yaml:6:16: error[IMP001]: metadata.annotations of InferenceService must be a map of strings",
        ),
        (
            ('"true"', "one", "[]"),
            "given.yaml:9:18: error[IMP001]: spec.predictor.minReplicas of InferenceService must be a whole number",
        ),
        (
            ('"true"', "1", "--port=1"),
            "given.yaml:10:108: error[IMP001]: spec.predictor.model.args of InferenceService must be a list of strings",
        ),
        (
            ('"true"', "1", "[[a]]"),
            "given.yaml:10:108: error[IMP001]: spec.predictor.model.args of InferenceService must be a list of strings",
        ),
    ],
)
def test_a_value_of_another_kind_is_refused_where_it_stands(values: tuple[str, ...], said: str, tmp_path: Path) -> None:
    root = miniature(tmp_path)
    (root / "given.yaml").write_text(MODEL % values, "utf-8")
    ran = modelfleet(root, "import", "project", "demo", "--env", "prod", str(root / "given.yaml"))
    assert (ran.code, ran.out, ran.err) == (1, "", f"{root}/{said}; a cluster would refuse the object\n")
    assert not (root / "projects" / "demo.yaml").exists()


@pytest.mark.parametrize("values", [('"true"', "1", "[--log_level=DEBUG]"), ("null", "null", "null")])
def test_what_a_cluster_drops_or_takes_is_read(values: tuple[str, ...], tmp_path: Path) -> None:
    root = miniature(tmp_path)
    (root / "given.yaml").write_text(MODEL % values, "utf-8")
    assert modelfleet(
        root, "import", "project", "demo", "--env", "prod", "--dry-run", str(root / "given.yaml")
    ).code in (0, 3)


def test_a_service_without_a_spec_is_left_out_and_said(tmp_path: Path) -> None:
    root = miniature(tmp_path)
    (root / "given.yaml").write_text(MODEL.partition("spec:")[0] % '"true"', "utf-8")
    ran = modelfleet(root, "import", "project", "demo", "--env", "prod", "--dry-run", str(root / "given.yaml"))
    assert ran.code == 3
    assert "differs: InferenceService/chat: is not rendered: no field of a spec stands for it\n" in ran.out
