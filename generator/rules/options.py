"""Runtime parameters: arguments and environment variables that the runtime or the controller sets itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from generator.catalog import reserved_env
from generator.finding import Severity, listed, nearest
from generator.rules import Problem
from generator.rules.subjects import OfModel, rule

_EXPANDED = re.compile(r"\{\{\s*\.(Name|Namespace|Labels\.[\w.]+|Annotations\.[\w.]+)\s*\}\}", re.ASCII)
"""What KServe expands in arguments and variables (kserve, pkg/controller/v1beta1/inferenceservice/utils/utils.go)."""

_HIDDEN = re.compile(r"\s(--?[A-Za-z][\w-]*)", re.ASCII)
_VARIABLE = re.compile(r"(?<!\$)\$\([A-Za-z_][\w.-]*\)", re.ASCII)


@rule("OPT001", "The option is set already")
def reserved_argument(subject: OfModel) -> Iterator[Problem]:
    model, engine = subject.model, subject.model.engine
    if engine is None:
        return
    for index, arg in enumerate(model.args):
        name, option = arg.partition("=")[0], engine.option(arg)
        if option in engine.reserved_args:
            shown = name if name == option else f"{name} ({option})"
            yield Problem(
                pointer=(*model.pointer, "args", index),
                message=f"{shown} is set by the runtime",
                hint=engine.reserved_args[option],
            )


@rule("OPT002", "An element of args is more than one argument")
def hidden_option(subject: OfModel) -> Iterator[Problem]:
    for index, arg in enumerate(subject.model.args):
        found = _HIDDEN.search(arg)
        if arg.startswith("-") and found and not _quoted(arg):
            yield Problem(
                pointer=(*subject.model.pointer, "args", index),
                message=f"an element is one argument, and this one holds {found[1]} as well",
                hint=f"write {found[1]} as an element of its own",
            )


def _quoted(arg: str) -> bool:
    """A value in JSON or in quotes may hold anything."""
    return arg.partition("=")[2][:1] in ("{", "[", '"', "'")


@rule("OPT003", "KServe would expand the braces")
def expanded_argument(subject: OfModel) -> Iterator[Problem]:
    model = subject.model
    texts = [((*model.pointer, "args", index), arg) for index, arg in enumerate(model.args)]
    texts += [((*model.pointer, "env", item["name"]), item["value"]) for item in model.env if "value" in item]
    for pointer, text in texts:
        if "{{" in _EXPANDED.sub("", text):
            yield Problem(
                pointer=pointer,
                message="'{{' is expanded by KServe as a Go template, and the model would not start",
                hint="only {{.Name}}, {{.Namespace}}, {{.Labels.x}} and {{.Annotations.x}} pass; "
                "put a chat template into the model's folder",
            )


@rule("OPT004", "Kubernetes expands the variable")
def expanded_variable(subject: OfModel) -> Iterator[Problem]:
    for index, arg in enumerate(subject.model.args):
        if found := _VARIABLE.search(arg):
            yield Problem(
                pointer=(*subject.model.pointer, "args", index),
                message=f"{found[0]} is replaced by Kubernetes with that variable's value",
                hint=f"write ${found[0]} for the text itself",
                severity=Severity.WARNING,
            )


@rule("OPT005", "The variable is set by the runtime or the controller")
def reserved_variable(subject: OfModel) -> Iterator[Problem]:
    model = subject.model
    own = model.engine.facts["reservedEnv"] if model.engine else {}
    common = reserved_env(advanced=model.mode == "advanced")
    for item in model.env:
        reason = common.get(item["name"]) or own.get(item["name"])
        if reason:
            yield Problem(
                pointer=(*model.pointer, "env", item["name"]),
                key=True,
                message=f"{item['name']} is not yours to set",
                hint=reason,
            )


@rule("OPT006", "The Secret holds no such key")
def unknown_secret_key(subject: OfModel) -> Iterator[Problem]:
    model, known = subject.model, subject.project.secrets
    for item in model.env:
        reference = (item.get("valueFrom") or {}).get("secretKeyRef")
        if reference is None:
            continue
        pointer = (*model.pointer, "env", item["name"])
        secret = known.get(reference["name"])
        if secret is None:
            near = nearest(reference["name"], known)
            yield Problem(
                pointer=(*pointer, "secret"),
                message=f"no Secret {reference['name']!r} is declared in secrets",
                hint=f"did you mean {near!r}?" if near else f"add secrets: {{{reference['name']}: {{keys: [{reference['key']}]}}}}",
            )
        elif reference["key"] not in secret.keys:
            yield Problem(
                pointer=(*pointer, "key"),
                message=f"Secret {secret.name!r} declares no key {reference['key']!r}",
                hint=f"it has {listed(secret.keys)}",
            )
