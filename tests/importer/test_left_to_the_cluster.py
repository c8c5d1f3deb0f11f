"""What a model leaves unsaid of its runtime, hardware profile and service mesh is left to the cluster by its spec, too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from console import miniature, modelfleet

HEAD = "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: iris, namespace: demo}\n"
AMOUNTS = (
    "{requests: {cpu: '1', memory: 2Gi, nvidia.com/gpu: '1'}, limits: {cpu: '1', memory: 2Gi, nvidia.com/gpu: '1'}}"
)
FORMS = {
    "older": f"spec: {{predictor: {{sklearn: {{storageUri: 'gs://examples/iris', resources: {AMOUNTS}}}}}}}\n",
    "model": "spec: {predictor: {model: {modelFormat: {name: sklearn}, storageUri: 'gs://examples/iris', "
    f"resources: {AMOUNTS}}}}}}}\n",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("environment", "unsaid"), [("prod", "mesh"), ("test", "hardwareProfile")])
def test_what_nobody_names_is_left_to_the_cluster(form: str, environment: str, unsaid: str, tmp_path: Path) -> None:
    root = miniature(tmp_path)
    base = root / "environments" / "base.yaml"
    facts = re.sub(r"tolerations: \[\{.*\}\]", "tolerations: []", base.read_text("utf-8"))
    base.write_text(facts.replace("namespaces: managed", "namespaces: external"), "utf-8")
    (root / "given.yaml").write_text(HEAD + FORMS[form], "utf-8")
    ran = modelfleet(root, "import", "project", "demo", "--env", environment, str(root / "given.yaml"))
    told = (
        "InferenceService/iris: its framework is read as predictor.model, which is what KServe makes of the older form"
    )
    lines = ["1 object of demo will be as given", *([told] if form == "older" else [])]
    said = "\n".join([*lines, "first sync: no pod restarts", "wrote projects/demo.yaml", ""])
    assert (ran.code, ran.out, ran.err) == (0, said, "")
    model = yaml.safe_load((root / "projects" / "demo.yaml").read_text("utf-8"))["models"]["iris"]
    assert {"runtime", unsaid} <= set(model.pop("omit"))
    assert model == {
        **({"mode": "advanced", "route": True} if environment == "prod" else {}),
        "framework": "sklearn",
        "location": {"uri": "gs://examples/iris"},
        "size": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "1", "memory": "2Gi"}},
        "accelerator": "nvidia-a100-gpu",
    }
    assert "patch" not in model
    assert modelfleet(root, "check").code == 0
