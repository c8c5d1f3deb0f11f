"""The command `smoke`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from modelfleet.cli.options import env_option, no_such, project_option, scope_of
from modelfleet.cli.output import DRIFT, Exit, print_json, say, tell
from modelfleet.endpoints.endpoints import CLUSTER_CA
from modelfleet.pipeline.fleet import fleet
from modelfleet.smoke.exchange import Caller, trust_of
from modelfleet.smoke.openai import OPENAI_TASKS
from modelfleet.smoke.probe import SmokeOptions
from modelfleet.smoke.report import smoke_data, smoke_junit, smoke_lines
from modelfleet.smoke.run import call_all
from modelfleet.smoke.target import SmokeTarget, Vantage, reachable, smoke_targets, with_base

_LOOPBACK = ("localhost", "127.0.0.1", "::1")

_MAX_FILE = 64 * 1024 * 1024

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        """Seconds; `30s`, `10m` and `1h` are understood, too."""
        if isinstance(value, int | float):
            return float(value)
        found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([smh]?)", str(value))
        if found is None:
            self.fail(f"{value!r} is not a duration; write 30s or 10m", parameter, context)
        return float(found[1]) * _UNITS[found[2]]


def _place(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, int] | None:
    if value is None:
        return None
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        message = f"{value!r} is not HOST:PORT"
        raise click.BadParameter(message, context, parameter)
    return host.strip("[]"), int(port)


@click.command(short_help="Call every model and check that it answers as it should.")
@env_option
@project_option
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--url", metavar="URL", help="Call one model at this address, for example through a port-forward.")
@click.option(
    "--from",
    "vantage",
    type=click.Choice(["outside", "inside"]),
    default="outside",
    show_default=True,
    help="Where the calls are made from: inside means from a pod in the cluster.",
)
@click.option("--token-file", type=click.Path(path_type=Path), metavar="FILE", help="The file that holds the token.")
@click.option("--token-env", metavar="VARIABLE", help="The environment variable that holds the token.")
@click.option(
    "--ca",
    "authorities",
    type=click.Path(path_type=Path),
    metavar="FILE",
    multiple=True,
    help="A certificate authority to trust besides the system's (PEM); may be given several times.",
)
@click.option(
    "--connect-to",
    callback=_place,
    metavar="HOST:PORT",
    help="Connect to this address instead; the names in TLS and HTTP stay.",
)
@click.option(
    "--input",
    "request_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The body of the inference request (JSON), instead of a generated one.",
)
@click.option(
    "--task",
    type=click.Choice(OPENAI_TASKS),
    help="What to ask an OpenAI server for; default: the first that it supports.",
)
@click.option("--timeout", type=_Duration(), default="30s", show_default=True, help="How long one call may take.")
@click.option(
    "--wait", type=_Duration(), default="60s", show_default=True, help="How long to wait for a model to be ready."
)
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=8, show_default=True, help="How many models are called at once."
)
@click.option("--format", "form", type=click.Choice(["text", "json", "junit"]), default="text", help="Output format.")
@click.pass_obj
def smoke(
    root: Path,
    /,
    environments: tuple[str, ...],
    projects: tuple[str, ...],
    models: tuple[str, ...],
    form: str,
    **given: Any,
) -> None:
    """Call every model of an environment and check that it answers as its spec promises.

    It asks for readiness, for metadata and for one real inference in each protocol. It also tries what must fail: a call
    without a token, and a call from outside to a model that has no route. The exit code is 3 if a model does not do what
    it should.
    """
    targets = _targets(root, environments, projects, given["vantage"])
    targets = _chosen(targets, models, given["url"])
    if not targets:
        message = "there is nothing to call: no project runs in this environment"
        raise click.UsageError(message)
    caller = Caller(
        trust=trust_of((*given["authorities"], *_cluster_authorities(given["vantage"]))),
        limit_s=max(given["timeout"], 0.1),
        token=_token(given["token_file"], given["token_env"]),
        connect_to=given["connect_to"],
    )
    _keep_the_token_safe(targets, caller)
    if given["request_file"] is not None and len({one.model for one in targets}) > 1:
        message = "--input is for one model: name it"
        raise click.UsageError(message)
    request = _json_of(given["request_file"]) if given["request_file"] is not None else None
    options = SmokeOptions(request=request, task=given["task"], wait_s=given["wait"])
    reports = call_all(targets, caller, options, given["jobs"], tell if sys.stderr.isatty() else lambda text: None)
    if form == "json":
        print_json(smoke_data(reports))
    elif form == "junit":
        click.echo(smoke_junit(reports), nl=False)
    else:
        for line in smoke_lines(reports):
            say(line)
    if any(report.verdict in ("failed", "blocked") for report in reports):
        raise Exit(DRIFT)


def _targets(root: Path, environments: Sequence[str], projects: Sequence[str], vantage: Vantage) -> list[SmokeTarget]:
    found = fleet(root)
    if not environments:
        message = f"say which environment is called: --env {' or --env '.join(sorted(found.environments))}"
        raise click.UsageError(message)
    scope = scope_of(found, environments, projects)
    chosen = [one for one in found.deployed if scope.owns((one.project.environment.name, one.project.name))]
    chosen.sort(key=lambda one: (one.project.environment.name, one.project.name))
    return [target for one in chosen for target in smoke_targets(one, vantage)]


def _chosen(targets: list[SmokeTarget], models: Sequence[str], url: str | None) -> list[SmokeTarget]:
    known = {one.model for one in targets}
    for name in models:
        if name not in known:
            raise click.UsageError(no_such("MODEL", name, sorted(known)))
    targets = [one for one in targets if not models or one.model in models]
    if url is None:
        return list(reachable(targets))
    if len({(one.environment, one.project, one.model) for one in targets}) > 1:
        message = "--url is the address of one model: name it, and its --project if several have one of that name"
        raise click.UsageError(message)
    scheme = _scheme_of(url)
    found = list(with_base(targets, url))
    if not found:
        message = f"--url: the model does not speak {'gRPC' if scheme.startswith('grpc') else 'HTTP'}"
        raise click.UsageError(message)
    return found


def _scheme_of(url: str) -> str:
    try:
        address = urlsplit(url)
        fits = address.scheme in ("http", "https", "grpc", "grpcs") and address.hostname and address.port != 0
    except ValueError:  # of a port that is none, or of brackets
        address, fits = urlsplit(""), False
    if not fits:
        message = "--url: an address begins with http://, https://, grpc:// or grpcs:// and a host"
        raise click.UsageError(message)
    if address.username is not None or address.query or address.fragment:
        message = "--url: an address holds no password, query or fragment; a token is given with --token-file"
        raise click.UsageError(message)
    return address.scheme


def _cluster_authorities(vantage: Vantage) -> tuple[Path, ...]:
    place = Path(CLUSTER_CA)
    return (place,) if vantage == "inside" and place.is_file() else ()


def _token(file: Path | None, variable: str | None) -> str | None:
    """The token; what is wrong with it is said without it."""
    if file is not None and variable is not None:
        message = "give --token-file or --token-env, not both"
        raise click.UsageError(message)
    if file is not None:
        text, where = file.read_bytes()[:_MAX_FILE].decode("utf-8", "replace"), f"--token-file {file}"
    elif variable is not None:
        text, where = os.environ.get(variable, ""), f"--token-env {variable}"
    else:
        return None
    token = text.strip()
    if not re.fullmatch(r"[!-~]+", token):
        message = f"{where}: does not hold a token, which is one word without spaces"
        raise click.UsageError(message)
    return token


def _keep_the_token_safe(targets: Sequence[SmokeTarget], caller: Caller) -> None:
    """A token goes over TLS, or stays on this machine."""
    if caller.token is None:
        return
    for one in targets:
        address = urlsplit(one.base or "")
        host = caller.connect_to[0] if caller.connect_to else address.hostname
        if one.token and address.scheme in ("http", "grpc") and host not in _LOOPBACK:
            message = f"{one.base}: a token would be sent in the clear; use an address with TLS"
            raise click.UsageError(message)


def _json_of(file: Path) -> Any:
    import json

    content = file.read_bytes()
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as wrong:
        where = f":{wrong.lineno}:{wrong.colno}" if isinstance(wrong, json.JSONDecodeError) else ""
        message = f"--input {file}{where}: is not JSON"
        raise click.UsageError(message) from None
