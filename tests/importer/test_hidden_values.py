"""No value of a secret that an import is given reaches a file or a message, whatever its shape and wherever it stands."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from console import modelfleet
from lab_environment import LAB
from modelfleet.kubernetes import emit

BODY = "q7Zk2Xw9Lm4Tn8Rv3Bc6Yd1Hs5Jf0Gp"
STARTS = ("hf_", "ghp_", "gho_", "github_pat_", "glpat-", "AKIA", "ASIA", "sk_live_", "rk_live_", "nvapi-", "gsk_", "xai-", "pplx-",
    "r8_", "npm_", "sha256~", "dckr_pat_", "hvs.", "glsa_", "Bearer ", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI.", "https://user:",
    "")  # fmt: skip
SHAPES = [f"{start}{BODY}{number:02d}{end}" for number, start in enumerate(STARTS * 3) for end in ("",)][:63]


def objects(number: int, value: str) -> Iterator[dict[str, Any]]:
    """A secret in eight places."""
    encoded = base64.b64encode(value.encode()).decode()
    applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"stringData": {"token": value}})}
    name = f"one-{number}"
    yield {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"{name}-data", "annotations": applied},
        "data": {"token": encoded},
    }
    yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"{name}-plain"}, "stringData": {"token": value}}
    yield {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"{name}-s3", "annotations": {"opendatahub.io/connection-type": "s3"}},
        "stringData": {
            "AWS_SECRET_ACCESS_KEY": value,
            "AWS_S3_ENDPOINT": f"https://user:{value.replace(' ', '')}@s3.example.org",
            "AWS_S3_BUCKET": "models",
        },
    }
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": {"password": value, "plain": "yes"},
    }
    yield {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "annotations": {"serving.kserve.io/deploymentMode": "RawDeployment"}},
        "spec": {
            "predictor": {
                "model": {
                    "modelFormat": {"name": "vLLM"},
                    "runtime": "vllm-cuda-runtime",
                    "storageUri": "oci://registry.example.org/models/one:1",
                    "args": ["--api-key", value, f"--token={value}", "--max-model-len=100"],
                    "env": [{"name": "HF_TOKEN", "value": value}],
                }
            }
        },
    }


def test_five_hundred_secrets_reach_neither_a_file_nor_a_message(tmp_path: Path) -> None:
    given = [item for number, value in enumerate(SHAPES) for item in objects(number, value)]
    (tmp_path / "objects.yaml").write_text("---\n".join(map(emit.dump, given)), encoding="utf-8")
    root = tmp_path / "repository"
    (root / "environments").mkdir(parents=True)
    (root / "environments/prod.yaml").write_text(LAB, encoding="utf-8")
    source = str(tmp_path / "objects.yaml")
    ran = modelfleet(root, "import", "project", "lab", "--env", "prod", "--write", source)
    assert ran.code == 3
    said = ran.out + ran.err + "".join(path.read_text("utf-8") for path in root.rglob("*") if path.is_file())
    assert (root / "projects/lab.yaml").is_file()
    values = [*SHAPES, *(base64.b64encode(value.encode()).decode() for value in SHAPES)]
    assert [value for value in values if value in said] == []
    assert (len(SHAPES) * 8 >= 500, BODY in said) == (True, False)
