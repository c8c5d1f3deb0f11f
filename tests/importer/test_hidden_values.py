"""No value of a secret that an import is given reaches a file or a message, whatever its shape and wherever it stands."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from console import modelfleet
from lab_environment import LAB
from modelfleet.kubernetes import emit

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
STARTS = ("hf_", "ghp_", "gho_", "github_pat_", "glpat-", "AKIA", "ASIA", "sk_live_", "rk_live_", "nvapi-", "gsk_", "xai-",
    "pplx-", "r8_", "npm_", "sha256~", "dckr_pat_", "hvs.", "glsa_", "Bearer ", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI.",
    "https://user:", "")  # fmt: skip
ALPHABETS = (LETTERS, LETTERS.lower(), "0123456789abcdef", LETTERS + "+/", LETTERS + "_-")
LENGTHS = (24, 32, 40, 48, 64)


def shapes() -> list[str]:
    """Five hundred secrets, no two of one beginning, alphabet and length, and all with a body that occurs nowhere else."""
    draw = random.Random(7)
    forms = [(start, letters, length) for start in STARTS for letters in ALPHABETS for length in LENGTHS]
    return [start + "".join(draw.choices(letters, k=length)) for start, letters, length in draw.sample(forms, 500)]


SHAPES = shapes()


def item(kind: str, name: str, version: str = "v1", **content: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **content.pop("metadata", {})}, **content}


def job(name: str, **container: Any) -> dict[str, Any]:
    pod = {
        "restartPolicy": "Never",
        "containers": [{"name": "fetch", "image": "registry.example.org/fetch:1", **container}],
    }
    return item("Job", name, "batch/v1", spec={"template": {"spec": pod}})


def model(name: str, more: Any = None, **of: Any) -> dict[str, Any]:
    served = {
        "modelFormat": {"name": "vLLM"},
        "runtime": "mine",
        "storageUri": "oci://registry.example.org/one:1",
        **of,
    }
    mode = {"annotations": {"serving.kserve.io/deploymentMode": "RawDeployment"}}
    spec = {"predictor": {"model": served, **(more or {})}}
    return item("InferenceService", name, "serving.kserve.io/v1beta1", metadata=mode, spec=spec)


def places(name: str, value: str) -> Iterator[dict[str, Any]]:
    """Objects that hold the secret, each in another place, under a name that tells what it is."""
    encoded = base64.b64encode(value.encode()).decode()
    applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"stringData": {"token": value}})}
    s3 = {"opendatahub.io/connection-type": "s3"}
    address = f"https://user:{value.replace(' ', '')}@s3.example.org"
    variable = [{"name": "HF_TOKEN", "value": value}]
    yield item("Secret", name, data={"token": encoded}, metadata={"annotations": applied})
    yield item(
        "Secret",
        name,
        stringData={"token": value, "AWS_S3_ENDPOINT": address, "AWS_S3_BUCKET": value},
        metadata={"annotations": s3},
    )
    yield item(
        "Secret", name, data={".dockerconfigjson": encoded, "OCI_HOST": encoded}, type="kubernetes.io/dockerconfigjson"
    )
    yield item(
        "SealedSecret",
        name,
        "bitnami.com/v1alpha1",
        spec={"encryptedData": {"token": value}, "template": {"data": {"password": value}}},
    )
    yield item("ConfigMap", name, data={"password": value, "plain": "yes"})
    yield item("ConfigMap", name, data={"settings.yaml": f"retries: 3\napi_key: {value}\n"})
    yield job(name, env=variable)
    yield job(name, args=["--api-key", value, f"--token={value}", "--retries=3"])
    yield model(name, args=["--api-key", value, f"--token={value}", "--max-model-len=100"], env=variable)
    yield model(name, {"initContainers": [{"name": "one", "image": "registry.example.org/i:1", "env": variable}]})
    yield model(
        name,
        {
            "containers": [
                {"name": "log", "image": "registry.example.org/l:1", "env": [{"name": "DB_PASSWORD", "value": value}]}
            ]
        },
    )
    yield item(
        "ExternalSecret", name, "external-secrets.io/v1", spec={"target": {"template": {"data": {"password": value}}}}
    )


COUNT = len(list(places("a", "b")))


def given() -> list[dict[str, Any]]:
    """Every secret in four of the places, so that every place holds more than a hundred of them."""
    found = []
    for number, value in enumerate(SHAPES):
        held = list(places(f"one-{number}", value))
        for step in range(4):
            one = held[(number + 3 * step) % COUNT]
            found.append({**one, "metadata": {**one["metadata"], "name": f"one-{number}-{step}"}})
    return found


def leaked(text: str) -> list[str]:
    """The secrets of which a part stands in a text, as it is or in base64."""
    parts = {value: value[-20:] for value in SHAPES}
    return [value for value, part in parts.items() if part in text or base64.b64encode(value.encode()).decode() in text]


def everything(root: Path) -> str:
    """All that a repository holds, what is hidden too."""
    return "".join(path.read_text("utf-8") for path in root.rglob("*") if path.is_file())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "repository/environments").mkdir(parents=True)
    (tmp_path / "repository/environments/prod.yaml").write_text(LAB, encoding="utf-8")
    return tmp_path / "repository"


def test_the_secrets_are_many_and_unlike() -> None:
    assert (len(SHAPES), len({value[-20:] for value in SHAPES})) == (500, 500)
    assert len(leaked("".join(SHAPES))) == 500


def test_five_hundred_secrets_reach_neither_a_file_nor_a_message_nor_the_journal(tmp_path: Path, root: Path) -> None:
    (tmp_path / "objects.yaml").write_text("---\n".join(map(emit.dump, given())), encoding="utf-8")
    said = []
    for words in (
        ("import", "project", "lab", "--env", "prod", "--dry-run", str(tmp_path / "objects.yaml")),
        ("import", "project", "lab", "--env", "prod", "--write", str(tmp_path / "objects.yaml")),
        ("import", "environment", "prod", str(tmp_path / "objects.yaml")),
        ("check",),
        ("render",),
    ):
        ran = modelfleet(root, *words)
        assert ran.code in (0, 3), ran.err[:300]
        said += [ran.out, ran.err]
    assert len(yaml.safe_load((root / "projects/lab.yaml").read_bytes())["models"]) > 100
    assert leaked("\n".join([*said, everything(root)])) == []


BROKEN = {
    "a key that is there twice": "token: {value}\n  token: {value}",
    "a tab": "token: {value}\n\tmore: 1",
    "a quote without an end": 'token: "{value}',
    "an alias that leads nowhere": "token: *{value}",
    "a value under the wrong key": "token: {value}: {value}",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_read_shows_none_of_it(name: str, tmp_path: Path, root: Path) -> None:
    said = ""
    for number, value in enumerate(SHAPES[::25]):
        content = BROKEN[name].replace("{value}", value.replace(" ", ""))
        source = tmp_path / f"objects-{number}.yaml"
        source.write_text(
            f"apiVersion: v1\nkind: Secret\nmetadata: {{name: one}}\nstringData:\n  {content}\n", encoding="utf-8"
        )
        for words in (("project", "lab", "--env", "prod", "--write"), ("environment", "other")):
            ran = modelfleet(root, "import", *words, str(source))
            said += ran.out + ran.err
    assert leaked(said + everything(root)) == []
