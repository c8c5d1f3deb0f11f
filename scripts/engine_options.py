"""Write the tables of options that serving engines take, read from the engines' own argument parsers.

    pip install unearth && unearth "vllm==0.13.0" --no-binary --download DIR     # the source, nothing is built
    python scripts/engine_options.py vllm 0.13.0 UNPACKED_SOURCE [TABLES]
    python scripts/engine_options.py ovms 2025.4 GIT_REPOSITORY [TABLES]         # of OpenVINO Model Server, with its tags

vLLM's parser is built by vLLM itself, as its own documentation does: its pure Python runs, and everything that needs a
GPU, a compiler or a model is a stand-in. That takes an interpreter with pydantic, msgspec, regex, numpy and the like; a
module that is missing is named. What OpenVINO Model Server takes stands as literals in its C++ source.

A table holds facts alone: `options` says what follows an option, `aliases` are short names, `deprecated` what the parser
itself calls so.
"""

from __future__ import annotations

import abc
import argparse
import importlib
import importlib.abc
import importlib.machinery
import os
import re
import subprocess
import sys
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

TABLES = Path(__file__).resolve().parent.parent / "generator" / "modelfleet" / "data" / "options"

STAND_INS = {
    "amdsmi",
    "boto3",
    "compressed_tensors",
    "cutlass",
    "cv2",
    "deep_gemm",
    "fastsafetensors",
    "flashinfer",
    "habana_frameworks",
    "humming",
    "librosa",
    "llguidance",
    "lmformatenforcer",
    "mistral_common",
    "nixl",
    "numba",
    "opentelemetry",
    "outlines",
    "outlines_core",
    "pynvml",
    "quack",
    "ray",
    "runai_model_streamer",
    "scipy",
    "soundfile",
    "tensorizer",
    "tilelang",
    "torch",
    "torch_xla",
    "torchaudio",
    "torchvision",
    "transformers",
    "triton",
    "uvloop",
    "vllm._C",
    "vllm._moe_C",
    "vllm._rocm_C",
    "vllm.distributed",
    "vllm.env_override",
    "vllm.ir",
    "vllm.model_executor.models",
    "vllm.multimodal",
    "vllm.transformers_utils",
    "vllm.v1.sample",
    "vllm.vllm_flash_attn",
    "vllm_flash_attn",
    "vllm_spyre",
    "xformers",
    "xgrammar",
    "zmq",
}
"""Modules that take no part in the parser."""


class _AnyType(abc.ABCMeta):
    """The metaclass of stand-ins: a class that can be subclassed, called, indexed, compared and asked for anything."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = stand_in(name)
        type.__setattr__(cls, name, value)
        return value

    def __call__(cls, *args: Any, **named: Any) -> Any:
        if len(args) == 1 and not named and callable(args[0]) and not isinstance(args[0], _AnyType):
            return args[0]  # it was used as a decorator
        return type.__call__(cls)

    def __instancecheck__(cls, instance: Any) -> bool:
        return False


class _Anything(metaclass=_AnyType):
    def __init__(self, *args: Any, **named: Any) -> None: ...

    def __init_subclass__(cls, **named: Any) -> None: ...

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return stand_in(name)

    def __call__(self, *args: Any, **named: Any) -> Any:
        return args[0] if len(args) == 1 and callable(args[0]) else stand_in("result")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return importlib.import_module("pydantic_core").core_schema.any_schema()


def _operators() -> dict[str, Any]:
    """What the operators of a stand-in give, for its classes and their instances alike."""
    same = ["__getitem__", "__or__", "__ror__", "__enter__"]
    other = ["add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "floordiv", "mod", "rmod"]
    return {
        **dict.fromkeys(same, lambda self, *rest: self),
        **dict.fromkeys([f"__{name}__" for name in other], lambda self, value: value),
        **dict.fromkeys(["__lt__", "__gt__", "__le__", "__ge__", "__exit__"], lambda self, *rest: False),
        **dict.fromkeys(["__len__", "__int__", "__index__"], lambda self: 0),
        "__bool__": lambda self: False,
        "__iter__": lambda self: iter(()),
        "__setitem__": lambda self, key, value: None,
    }


for _name, _operator in _operators().items():
    setattr(_AnyType, _name, _operator)
    setattr(_Anything, _name, _operator)


def stand_in(name: str) -> Any:
    """A class that stands for whatever has this name."""
    return "2.9.0" if name == "__version__" else _AnyType(name, (_Anything,), {"__module__": "stand_ins"})


class _Module(types.ModuleType):
    def __init__(self, name: str, *path: str) -> None:
        super().__init__(name)
        self.__path__ = list(path)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__version__":
            raise AttributeError(name)
        value = stand_in(name)
        setattr(self, name, value)
        return value


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        parts = name.split(".")
        parents = {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
        schema_of_requests = parts[0] == "vllm" and parts[-1] == "protocol"
        if schema_of_requests or not parents.isdisjoint(STAND_INS):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None: ...


def vllm_parsers(source: Path) -> Iterator[argparse.ArgumentParser]:
    """The parsers of `vllm serve` and of the module api_server, as this source builds them."""
    os.environ.update(VLLM_TARGET_DEVICE="cpu", VLLM_LOGGING_LEVEL="ERROR")
    sys.meta_path.insert(0, _Finder())
    package = _Module("vllm", str(source / "vllm"))  # without its __init__, which imports the engine
    version = types.ModuleType("vllm._version")
    vars(version).update(__version__="0.0.0", __version_tuple__=(0, 0, 0), version="0.0.0")
    sys.modules.update({"vllm": package, "vllm._version": version})

    platforms = importlib.import_module("vllm.platforms")
    platform = importlib.import_module("vllm.platforms.interface").UnspecifiedPlatform()
    type(platform).device_type = type(platform).device_name = "cuda"
    vars(platforms)["_current_platform"] = platform
    flexible = (
        getattr(importlib.import_module("vllm.utils"), "FlexibleArgumentParser", None)
        or importlib.import_module("vllm.utils.argparse_utils").FlexibleArgumentParser
    )
    (file,) = (source / "vllm/entrypoints").rglob("cli_args.py")  # it moved between folders
    name = ".".join(file.relative_to(source).with_suffix("").parts)
    yield importlib.import_module(name).make_arg_parser(flexible())
    if (source / "vllm/entrypoints/cli/serve.py").exists():
        commands = flexible().add_subparsers(dest="subparser")
        yield importlib.import_module("vllm.entrypoints.cli.serve").ServeSubcommand().subparser_init(commands)


def vllm_table(source: Path) -> dict[str, Any]:
    """The options of one version of vLLM."""
    options = {"--config": "value"}  # read before the parser sees it in the oldest versions
    aliases: dict[str, str] = {}
    deprecated: set[str] = set()
    for parser in vllm_parsers(source):
        marked: set[argparse.Action] = getattr(type(parser), "_deprecated", set())
        for action in parser._actions:
            if not action.option_strings or action.dest == "help":
                continue
            taken = [name for name, other in parser._option_string_actions.items() if other is action]
            long = [name for name in taken if name.startswith("--")]
            switches = [name for name in long if f"--no-{name[2:]}" in long]
            counterparts = {f"--no-{name[2:]}" for name in switches}
            options |= {name: _follows(action) for name in long if name not in counterparts}
            options |= dict.fromkeys(switches, "switch")
            aliases |= {name: long[0] for name in taken if not name.startswith("--")}
            if action in marked or re.match(r"\[DEPRECATED\]|This parameter is deprecated", action.help or ""):
                deprecated |= set(long) - counterparts
    return {"options": options, "aliases": aliases, "deprecated": sorted(deprecated)}


def _follows(action: argparse.Action) -> str:
    """What follows an option on the command line."""
    if action.nargs == 0:
        return "nothing"
    if action.nargs in ("?", "*"):
        return "optional"
    return "values" if action.nargs == "+" or isinstance(action.nargs, int) else "value"


_OVMS_OPTION = re.compile(r'\(\s*"(?:\w, ?)?(\w{2,})",\s*"(.*?)(?=\n\s*\("|;\s*\n)', re.DOTALL)


def ovms_table(repository: Path, version: str) -> dict[str, Any]:
    """The options of one version of OpenVINO Model Server: its own, and those of the graphs that it can make."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", repository, *words], check=True, capture_output=True, text=True).stdout

    files = git("ls-tree", "-r", "--name-only", f"v{version}", "src/").splitlines()
    texts = [
        git("show", f"v{version}:{file}") for file in files if file.endswith("cli_parser.cpp") and "/test/" not in file
    ]
    options: dict[str, str] = {}
    for text in texts:
        for name, rest in _OVMS_OPTION.findall(re.sub(r"^#.*$", "", text, flags=re.MULTILINE)):
            kind = re.search(r"value<([\w:]+)", rest)
            options[f"--{name}"] = "nothing" if not kind else "optional" if kind[1] == "bool" else "value"
    del options["--help"]
    return {"options": options, "aliases": {}, "deprecated": []}


def table_text(engine: str, version: str, table: dict[str, Any]) -> str:
    """A table as the text of its data file."""
    lines = [
        f"# What the argument parser of {engine} {version} takes; scripts/engine_options.py reads it from there.",
        "options:",
    ]
    lines += [f"  {name}: {follows}" for name, follows in sorted(table["options"].items())]
    for part in ("aliases", "deprecated"):
        lines.append(f"{part}:" if table[part] else f"{part}: {'{}' if part == 'aliases' else '[]'}")
        entries = table[part]
        lines += (
            [f"  {key}: {entries[key]}" for key in sorted(entries)]
            if part == "aliases"
            else [f"- {name}" for name in entries]
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Writes one table."""
    engine, version, source, *folder = arguments
    table = vllm_table(Path(source)) if engine == "vllm" else ovms_table(Path(source), version)
    file = (Path(folder[0]) if folder else TABLES) / engine / f"{version}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(table_text(engine, version, table))


if __name__ == "__main__":
    main(sys.argv[1:])
