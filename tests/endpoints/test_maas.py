"""How a model is called that is published in Models-as-a-Service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from console import modelfleet
from matrix import CLUSTER, environment_of
from modelfleet.pipeline.fleet import fleet
from repository import laid_over, write

GRANTS = {
    "policies": {"chat": {"groups": ["data-team"], "models": ["acme/chat"]}},
    "subscriptions": {
        "gold": {"groups": ["data-team"], "models": {"acme/chat": [{"tokens": 100000, "window": "24h"}]}}
    },
}


def published(root: Path, **facts: Any) -> Path:
    project = {
        "version": 1,
        "platform": "single-model",
        "models": {"chat": {"llmd": True, "maas": True, "size": "Medium", "location": {"uri": "hf://acme/chat"}}},
        "environments": {CLUSTER: {}},
    }
    environment = laid_over(environment_of("rhoai-3.5"), {"cluster": {"appsDomain": "apps.example.org"}, **facts})
    return write(root, {f"environments/{CLUSTER}": environment, "projects/acme": project})


def test_a_key_opens_it_and_the_endpoint_says_how_to_get_one(tmp_path: Path) -> None:
    ran = modelfleet(published(tmp_path, maas=GRANTS), "endpoints")
    assert ran.code == 0
    assert ran.out.splitlines()[3:] == [
        "  acme     chat   OpenAI    outside  443   yes    https://maas.apps.example.org/acme/chat/v1/chat/completions",
        "",
        "  acme/chat: an API key: curl -sS -X POST https://maas.apps.example.org/maas-api/v1/api-keys "
        '-H "Authorization: Bearer $(oc whoami -t)" -H \'Content-Type: application/json\' -d \'{"name": "my-key"}\'; '
        "subscription gold: 100000 tokens in 24h for group data-team",
        "",
        "  # acme/chat",
        "  curl -sS https://maas.apps.example.org/acme/chat/v1/chat/completions "
        "-H \"Authorization: Bearer $API_KEY\" -H 'Content-Type: application/json' "
        '-d \'{"model": "chat", "messages": [{"role": "user", "content": "Hello"}]}\'',
    ]


def test_the_gateway_of_the_cluster_and_its_host_are_facts(tmp_path: Path) -> None:
    facts = {"gateway": {"name": "models", "namespace": "gateways"}, "host": "models.example.org"}
    (deployed,) = fleet(published(tmp_path, maas=facts)).deployed
    objects = {item["kind"]: item for item in deployed.objects}
    assert objects["LLMInferenceService"]["spec"]["router"]["gateway"] == {"refs": [facts["gateway"]]}
    assert "security.opendatahub.io/enable-auth" not in objects["LLMInferenceService"]["metadata"]["annotations"]
    assert objects["MaaSModelRef"]["spec"] == {"modelRef": {"kind": "LLMInferenceService", "name": "chat"}}
    ran = modelfleet(tmp_path, "endpoints")
    assert "https://models.example.org/acme/chat/v1/chat/completions" in ran.out.splitlines()[3]
