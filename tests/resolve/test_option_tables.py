"""The options of the engines' versions: as the real argparse would find them, and read from a parser by the script."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
import yaml

from modelfleet.packaged import packaged, packaged_data
from modelfleet.resolve.catalog import release as catalog_release
from modelfleet.resolve.catalog import release_names, shipped_runtime
from modelfleet.resolve.option_tables import OptionTable, option_parser, option_table, version_in

REPOSITORY = Path(__file__).resolve().parents[2]
PARSERS = packaged_data("parsers")
TABLES = [(name, version) for name, facts in PARSERS.items() for version in facts["versions"]]


def test_every_table_belongs_to_a_version() -> None:
    files = {(path.parent.name, path.stem) for path in packaged("data").glob("options/*/*.yaml")}
    assert files == set(TABLES)


@pytest.mark.parametrize(("name", "version"), TABLES)
def test_aliases_and_deprecated_options_are_options(name: str, version: str) -> None:
    table = option_table(name, version)
    assert {*table.aliases.values(), *table.deprecated} <= table.options.keys()


def test_what_to_do_is_said_of_options_that_a_version_dropped_or_will_drop() -> None:
    for name, facts in PARSERS.items():
        tables = [option_table(name, version) for version in facts["versions"]]
        for option, hint in facts["instead"].items():
            takes = [option in table.options for table in tables]
            dropped = [index for index in range(1, len(tables)) if takes[index - 1] and not takes[index]]
            assert dropped, f"no version dropped {option}"
            assert set(re.findall(r"--[a-z][a-z-]*[a-z]", hint)) <= tables[dropped[0]].options.keys(), option


class Refused(Exception):
    pass


class RealParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Refused(message)


def real_parser(table: OptionTable) -> argparse.ArgumentParser:
    parser = RealParser(add_help=False)
    for option in table.options:
        parser.add_argument(option, action="store_true")
    return parser


@pytest.mark.parametrize("version", ["0.10.1.1"])
def test_an_abbreviation_is_what_the_real_argparse_takes_it_for(version: str) -> None:
    table = option_table("vllm", version)
    parser, ours = real_parser(table), option_parser("vllm", version)
    names = {option[:length] for option in table.options for length in range(3, len(option) + 1)}
    for name in sorted(names):
        try:
            given = vars(parser.parse_args([name]))
            expected: object = [option for option in table.options if given[option[2:].replace("-", "_")]]
        except Refused as error:
            assert "ambiguous" in str(error)
            expected = "ambiguous"
        found = ours.named(name)
        assert (list(found) if len(found) == 1 else "ambiguous") == expected, name


@pytest.mark.parametrize(
    ("arg", "named"),
    [
        ("--max-model-len=8192", ("--max-model-len",)),
        ("--max_model_len", ("--max-model-len",)),
        ("--served-model=x", ("--served-model-name",)),
        ("-tp=2", ("--tensor-parallel-size",)),
        ("--no-enable-prefix-caching", ("--no-enable-prefix-caching",)),
        ("--speculative-config.model=x", ("--speculative-config",)),
        ("--speculative_config.draft_tensor_parallel_size", ("--speculative-config",)),
        ("--max-modl-len=8192", ()),
        ("--acme.x=1", ()),
        ("--", ()),
        ("-1", ()),
        ("8192", ()),
    ],
)
def test_what_an_argument_of_vllm_names(arg: str, named: tuple[str, ...]) -> None:
    assert option_parser("vllm", "0.13.0").named(arg) == named
    assert option_parser("vllm", None).named(arg) == named


def test_openvino_takes_no_abbreviations_and_no_dashes() -> None:
    parser = option_parser("ovms", "2025.4")
    assert [parser.named(arg) for arg in ("--rest_port=1", "--rest_po", "--rest-port")] == [("--rest_port",), (), ()]


@pytest.mark.parametrize(
    ("version", "title"),
    [
        ("0.9.1", "vLLM 0.9.1"),
        ("0.9.1.0", "vLLM 0.9.1"),
        ("0.9.0.1", "vLLM 0.9.0.1"),
        ("0.10.1.1.6", "vLLM 0.10.1.1"),
        ("0.9.12", "vLLM"),
        ("3.2.1", "vLLM"),
        (None, "vLLM"),
    ],
)
def test_a_build_number_may_follow_a_version(version: str | None, title: str) -> None:
    assert option_parser("vllm", version).title == title


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v0.10.1.1", "0.10.1.1"),
        ("0.15.0-cu129", "0.15.0"),
        ("2025.4-gpu", "2025.4"),
        ("1", None),
        ("latest", None),
        ("rhoai-3.3", None),
        (None, None),
    ],
)
def test_the_version_in_a_tag(text: str | None, version: str | None) -> None:
    assert version_in(text) == version


def test_before_and_after() -> None:
    parser = option_parser("vllm", "0.10.1.1")
    assert parser.other_versions("--enable-reasoning") == ("0.9.2", None)
    assert parser.other_versions("--shutdown-timeout") == (None, "0.18.0")
    assert parser.other_versions("--acme") == (None, None)
    assert parser.deprecated("--disable-log-requests")
    assert parser.gone_with("--disable-log-requests") == "0.17.1"
    assert parser.gone_with("--max-model-len") is None


def test_every_release_ships_versions_that_have_a_table() -> None:
    """A new release may bring an engine whose options are still to be read: see CONTRIBUTING."""
    without = {
        (release, name): engine.version
        for release in release_names()
        for name in catalog_release(release).runtimes
        if (engine := shipped_runtime(release, name).engine).parser and engine.version and not engine.parser.version
    }
    assert without == {}


# ---- the script


def script(*arguments: str) -> None:
    subprocess.run([sys.executable, str(REPOSITORY / "scripts/engine_options.py"), *arguments], check=True)


VLLM = {
    "vllm/__init__.py": "raise RuntimeError('the engine is not imported')",
    "vllm/utils/__init__.py": "",
    "vllm/utils/argparse_utils.py": """
import argparse
import torch
class FlexibleArgumentParser(argparse.ArgumentParser):
    _deprecated = set()
    def add_argument(self, *names, deprecated=False, **named):
        action = super().add_argument(*names, **named)
        if deprecated:
            self._deprecated.add(action)
        return action
""",
    "vllm/platforms/__init__.py": "_current_platform = None",
    "vllm/platforms/interface.py": "class UnspecifiedPlatform:\n    device_type = device_name = ''\n",
    "vllm/entrypoints/openai/cli_args.py": """
import argparse
import torch.nn as nn
from vllm.distributed import get_group
from vllm.platforms import _current_platform
from vllm.utils.argparse_utils import FlexibleArgumentParser
class Layer(nn.Module):
    @torch.compile
    def forward(self, x):
        return x
def make_arg_parser(parser):
    assert _current_platform.device_type == "cuda"
    parser.add_argument("model_tag", nargs="?")
    parser.add_argument("--port", "-p", type=int)
    parser.add_argument("--names", nargs="+")
    parser.add_argument("--flag", action="store_true", deprecated=True)
    parser.add_argument("--log", action=argparse.BooleanOptionalAction)
    parser.add_argument("--old", nargs="?", help="[DEPRECATED] It is old.")
    return parser
""".replace("import torch.nn as nn", "import torch\nimport torch.nn as nn"),
}


def test_the_script_reads_a_parser_that_needs_a_gpu(tmp_path: Path) -> None:
    for name, text in VLLM.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    script("vllm", "9.9.9", str(tmp_path), str(tmp_path / "tables"))
    assert yaml.safe_load((tmp_path / "tables/vllm/9.9.9.yaml").read_text()) == {
        "options": {
            "--config": "value",
            "--flag": "nothing",
            "--log": "switch",
            "--names": "values",
            "--old": "optional",
            "--port": "value",
        },
        "aliases": {"-p": "--port"},
        "deprecated": ["--flag", "--old"],
    }


OVMS = """
#include "x.hpp"
        options->add_options()
            ("h, help",
                "Show help; and exit")
            ("rest_port",
                "The port; 0 for none",
                cxxopts::value<uint32_t>()->default_value("0"),
                "REST_PORT")
#ifdef TRACE
            ("pull",
                "Pull (a model)",
                cxxopts::value<bool>()->default_value("false"),
                "PULL")
#endif
            ("version",
                "Show the version");
"""


def test_the_script_reads_the_source_of_openvino(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/cli_parser.cpp").write_text(OVMS)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"], ["tag", "v1.2"]):
        subprocess.run([*git, *words], check=True)
    script("ovms", "1.2", str(tmp_path), str(tmp_path / "tables"))
    assert yaml.safe_load((tmp_path / "tables/ovms/1.2.yaml").read_text()) == {
        "options": {"--pull": "optional", "--rest_port": "value", "--version": "nothing"},
        "aliases": {},
        "deprecated": [],
    }
