"""What the operator writes into models by itself."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from console import example
from modelfleet.migrate.migrate import RepositoryState, repository_state
from modelfleet.rehearse.document import restarts_models
from modelfleet.rehearse.rewrites import operator_upgrade


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> RepositoryState:
    return repository_state(example(tmp_path_factory.mktemp("example")))


PROFILES = {
    "custom-serving": ("coolstore/coolstore", "vision/detector"),
    "nvidia-a100-gpu-serving": ("granite/granite-3-8b",),
    "nvidia-v100-gpu-serving": ("llama-on-demand/mistral-7b",),
    "containersize-small-serving": ("vision/segmenter", "vision/classifier", "vision/embedder"),
}


@pytest.mark.parametrize(
    ("start", "goal", "profiles", "restarts"),
    [
        ("rhoai-2.22", "rhoai-2.25", {}, False),
        ("rhoai-2.25", "rhoai-3.3", PROFILES, False),
        ("rhoai-2.25", "rhoai-3.0", PROFILES, True),
        ("rhoai-3.3", "rhoai-3.5", {}, False),
    ],
)
def test_the_hardware_profile_of_each_model(
    state: RepositoryState, start: str, goal: str, profiles: Mapping[str, tuple[str, ...]], restarts: bool
) -> None:
    """By its accelerator, else by its size, else a common one; a model of Knative's gets none."""
    found = operator_upgrade(state, "nerc-ocp-edu", start, goal)
    assert (found.profiles, restarts_models(found)) == (profiles, restarts)


def test_a_model_that_names_a_profile_keeps_it(state: RepositoryState) -> None:
    found = operator_upgrade(state, "nerc-ocp-test", "rhoai-2.25", "rhoai-3.3")
    assert found.profiles == {}


def test_the_words_of_modes(state: RepositoryState) -> None:
    standard = ("granite/granite-3-8b", "llama-405b/llama-405b")
    found = operator_upgrade(state, "nerc-ocp-test", "rhoai-3.3", "rhoai-3.5").modes
    assert found.keys() == {("RawDeployment", "Standard")}
    assert found["RawDeployment", "Standard"][:2] == standard
    assert operator_upgrade(state, "nerc-ocp-test", "rhoai-2.25", "rhoai-3.3").modes == {}
