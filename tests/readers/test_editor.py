"""A real YAML language server with the schemas that `init` and `schema` write: it offers what exists, nothing that is refused."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from console import modelfleet
from language_server import CURSOR, LanguageServer, Offer

SPEC = Path("projects/assistants.yaml")
_PROGRAM = "yaml-language-server/bin/yaml-language-server"


@pytest.fixture(scope="module")
def server() -> Iterator[LanguageServer]:
    found = LanguageServer(Path(os.environ["READERS"]) / _PROGRAM)
    yield found
    found.close()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    assert modelfleet(folder, "init", "--release", "2.25").code == 0
    return folder


def marked(root: Path, line: str, new: str, file: Path = SPEC) -> str:
    """The text of a file with a line replaced, in which the cursor stands."""
    text, count = re.subn(rf"(?m)^{line}.*$", new, (root / file).read_text("utf-8"))
    assert count == 1
    return text


def labels(offers: list[Offer]) -> list[str]:
    return [offer.label for offer in offers]


VALUES = {
    "size": ("    size:", "    size: |", ["Medium", "Small"]),
    "accelerator": ("    size:", "    accelerator: |", ["nvidia-gpu"]),
    "mode": ("    size:", "    mode: |", ["standard", "advanced"]),
    "platform": ("platform:", "platform: |", ["single-model", "multi-model"]),
    "framework": (
        "    framework:",
        "    framework: |",
        ["onnx-1", "openvino_ir-opset13", "paddle-2", "pytorch-2", "tensorflow-1", "tensorflow-2"],
    ),
    "size in an environment": (
        "  dev:",
        "  dev:\n    models:\n      sentiment:\n        size: |",
        ["Medium", "Small", "null"],  # null removes it there
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_are_those_that_exist(name: str, server: LanguageServer, root: Path) -> None:
    line, new, expected = VALUES[name]
    assert labels(server.offers(root / SPEC, marked(root, line, new))) == expected


def test_runtimes_are_those_of_the_release_and_releases_those_that_are_known(
    server: LanguageServer, root: Path
) -> None:
    found = labels(server.offers(root / SPEC, marked(root, "    runtime:", "    runtime: |")))
    assert ({"kserve-ovms", "vllm-cuda-runtime"} <= set(found), "mlserver-runtime" in found) == (True, False)
    file = Path("environments/dev.yaml")
    assert labels(server.offers(root / file, marked(root, "release:", "release: |", file)))[-3:] == [
        "rhoai-2.20",
        "rhoai-2.19",
        "null",
    ]


def test_an_environment_is_inserted_with_what_stands_for_no_difference(server: LanguageServer, root: Path) -> None:
    offers = server.offers(root / SPEC, marked(root, "  dev:", "  |"))
    assert ("dev", "dev: {}") in [(offer.label, offer.text) for offer in offers]


PLACES = {
    "the project": ("displayName:", "|"),
    "a model": ("    displayName:", "    |"),
    "a model in an environment": ("  dev:", "  dev:\n    models:\n      sentiment:\n        |"),
    "an environment": ("  dev:", "  dev:\n    |"),
}


@pytest.mark.parametrize("place", PLACES)
def test_what_is_inserted_whole_has_a_shape_that_check_accepts(place: str, server: LanguageServer, root: Path) -> None:
    """Whether it fits the cluster is another matter: an example names a runtime or a connection that need not be there.

    `servers` are of the other platform.
    """
    text = marked(root, *PLACES[place])
    offers = [offer for offer in server.offers(root / SPEC, text) if not offer.waits and offer.label != "servers"]
    assert len(offers) >= 3
    refused = {}
    before = (root / SPEC).read_text("utf-8")
    for offer in offers:
        (root / SPEC).write_text(text.replace(CURSOR, offer.text), "utf-8")
        said = [line for line in modelfleet(root, "check").err.splitlines() if re.search(r"error\[(SPEC|YAML)", line)]
        if said:
            refused[offer.label] = (offer.text, said)
    (root / SPEC).write_text(before, "utf-8")
    assert refused == {}


# ---- releases --------------------------------------------------------------------------------------------------------

RELEASES = {
    "an older release": (["2.25"], {"stopped"}, {"canary", "genAiAsset", "maas"}, ["standard", "advanced"]),
    "a newer release": (["3.5"], {"stopped", "canary", "genAiAsset", "maas"}, set(), ["standard"]),
    "both": (["2.25", "3.5"], {"stopped", "canary", "genAiAsset", "maas"}, set(), ["standard", "advanced"]),
}


@pytest.mark.parametrize("name", RELEASES)
def test_what_no_environment_takes_is_not_offered(name: str, server: LanguageServer, tmp_path: Path) -> None:
    releases, offered, missing, modes = RELEASES[name]
    assert modelfleet(tmp_path, "init", "--release", releases[0]).code == 0
    first = (tmp_path / "environments/dev.yaml").read_text("utf-8")
    for release in releases[1:]:
        other = first.replace(f"release: rhoai-{releases[0]}", f"release: rhoai-{release}")
        assert other != first
        (tmp_path / f"environments/on-{release.replace('.', '-')}.yaml").write_text(other, "utf-8")
    assert modelfleet(tmp_path, "schema", "--write", str(tmp_path / "schemas")).code == 0
    found = set(labels(server.offers(tmp_path / SPEC, marked(tmp_path, "    displayName:", "    |"))))
    assert (offered - found, missing & found) == (set(), set())
    assert labels(server.offers(tmp_path / SPEC, marked(tmp_path, "    size:", "    mode: |"))) == modes
