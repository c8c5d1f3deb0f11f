"""Configuration of programs that call models: the example's clusters as golden files, and what none of them may hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from console import REPOSITORY, example, modelfleet

GOLDEN = REPOSITORY / "tests/golden/endpoints"
PROGRAMS = ("open-webui", "litellm", "llama-stack", "backstage")


def configuration(root: Path, program: str, *words: str) -> str:
    said = modelfleet(example(root), "endpoints", "--format", program, "--env", "nerc-ocp-prod", *words)
    assert said.code == 0
    return said.out


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_example(program: str, tmp_path: Path, update_golden: bool) -> None:
    said = configuration(tmp_path, program)
    place = GOLDEN / f"{program}.yaml"
    if update_golden:
        place.write_text(said, "utf-8")
    assert said == place.read_text("utf-8")


def read(text: str) -> list[Any]:
    return list(yaml.safe_load_all(text))


def test_each_address_of_open_webui_has_its_key(tmp_path: Path) -> None:
    (found,) = read(configuration(tmp_path, "open-webui", "--inside"))
    variables = {one["name"]: one for one in found["env"]}
    urls = variables["OPENAI_API_BASE_URLS"]["value"].split(";")
    keys = variables["OPENAI_API_KEYS"]["value"].split(";")
    assert urls == [
        "https://granite-3-8b-predictor.granite-3f9c1e.svc.cluster.local:8443/v1",
        "http://llama-405b-predictor.llama-405b-91d0e3.svc.cluster.local:8080/v1",
        "https://llama-3-8b.llama-on-demand-b41c22.svc.cluster.local/v1",
    ]
    assert keys == ["$(GRANITE_GRANITE_3_8B_TOKEN)", "none", "$(LLAMA_ON_DEMAND_LLAMA_3_8B_TOKEN)"]
    before = list(variables)[: list(variables).index("OPENAI_API_KEYS")]
    assert {key[2:-1] for key in keys if key != "none"} <= set(before)  # Kubernetes expands what stands above


def test_every_entity_of_backstage_has_a_name_of_its_own(tmp_path: Path) -> None:
    entities = read(configuration(tmp_path, "backstage"))
    names = [(one["kind"], one["metadata"]["namespace"], one["metadata"]["name"]) for one in entities]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 63 for _, _, name in names)
    apis = {f"{space}/{name}" for kind, space, name in names if kind == "API"}
    assert {name for one in entities for name in one["spec"].get("providesApis", ())} == apis


def test_a_configuration_is_for_one_environment(tmp_path: Path) -> None:
    said = modelfleet(example(tmp_path), "endpoints", "--format", "litellm")
    assert (said.code, said.out, said.err) == (
        2,
        "",
        "modelfleet: --format litellm is for one environment, since models have the same names in others: select it with --env\n",
    )
