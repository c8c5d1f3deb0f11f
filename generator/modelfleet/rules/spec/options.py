"""Runtime parameters: arguments and environment variables that the runtime or the controller sets itself."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from modelfleet.finding import Pointer, Severity
from modelfleet.kubernetes.names import MODEL_FOLDER
from modelfleet.patterns import lazy_pattern
from modelfleet.resolve.catalog import reserved_env
from modelfleet.resolve.model import EnvSecret, Model
from modelfleet.resolve.runtime import Engine, Runtime
from modelfleet.rules import Violation
from modelfleet.rules.spec.subjects import OfModel, spec_rule
from modelfleet.wording import did_you_mean, listed

_EXPANDED = lazy_pattern(r"\{\{\s*\.(Name|Namespace|Labels\.[\w.]+|Annotations\.[\w.]+)\s*\}\}", re.ASCII)
"""What KServe expands in arguments and variables (kserve, pkg/controller/v1beta1/inferenceservice/utils/utils.go)."""

_HIDDEN = lazy_pattern(r"\s(--?[A-Za-z][\w-]*)", re.ASCII)
_VARIABLE = lazy_pattern(r"(?<!\$)\$\([A-Za-z_][\w.-]*\)", re.ASCII)


@spec_rule("OPT001", "The option is set already")
def reserved_argument(subject: OfModel) -> Iterator[Violation]:
    model, engine = subject.model, subject.model.engine
    if engine is None:
        return
    there, own = _set_by_runtime(model, engine), _of_own_commands(model)
    for pointer, arg, value in valued(subject.arguments):
        if pointer[:-2] in own or _more_names(subject, engine, pointer):
            continue
        name, option = arg.partition("=")[0], engine.option(arg)
        shown = name if name == option else f"{name} ({option})"
        if model.served_name is not None and option == engine.facts["servedNameArg"]:
            if value != model.served_name:
                message = f"{shown} says {value!r}, and servedName says {model.served_name!r}"
                yield Violation(pointer=pointer, message=message, hint="remove it: servedName passes it")
        elif option not in engine.reserved_args or option not in there:
            continue
        elif value and value == there[option]:
            yield Violation(
                pointer=pointer,
                message=f"the runtime passes {shown} already, with the same value",
                hint="remove it, so that it is set in one place only",
                severity=Severity.WARNING,
            )
        else:
            message = f"{shown} is set by the runtime"
            yield Violation(pointer=pointer, message=message, hint=f"remove it: {engine.reserved_args[option]}")


def _more_names(subject: OfModel, engine: Engine, pointer: Pointer) -> bool:
    """Whether an argument names the model as the gateway does, and perhaps otherwise too: the last of such options counts."""
    model = subject.model
    following = [arg for at, arg in subject.arguments if at[:-1] == pointer[:-1] and int(at[-1]) >= int(pointer[-1])]
    option, equals, value = following[0].partition("=")
    if model.llm is None or option != engine.facts["servedNameArg"]:
        return False
    words = [value] if equals else list(takewhile(lambda word: not word.startswith("-"), following[1:]))
    return (model.served_name or model.name) in words


def _of_own_commands(model: Model) -> Collection[Pointer]:
    """Where arguments are written that follow a command of one's own, which nothing is passed to but them."""
    pods = model.llm.pods if model.llm is not None else ()
    return {(*model.pointer, *place) for place, one in pods if one.command}


def valued(arguments: Sequence[tuple[Pointer, str]]) -> Iterator[tuple[Pointer, str, str]]:
    """Every option, with its value, which may be the next element."""
    for index, (pointer, arg) in enumerate(arguments):
        if arg.startswith("-"):
            _, equals, value = arg.partition("=")
            after, following = arguments[index + 1] if index + 1 < len(arguments) else ((), "")
            yield pointer, arg, value if equals else following if after[:-1] == pointer[:-1] else ""


def _set_by_runtime(model: Model, engine: Engine) -> Mapping[str, str]:
    """The options that a model finds set: those of the container that serves. What a preset of llm-d sets is known by name.

    Nothing is known of a runtime that is not ours.
    """
    if model.runtime is None or model.runtime.kind != "ServingRuntime":
        return {} if model.llm is None else dict.fromkeys(engine.reserved_args, "")
    return {option: value.replace("{{.Name}}", model.name) for option, value in model.runtime.passed.items()}


@spec_rule("OPT015", "Nothing tells the engine which model to serve, or its name")
def missing_argument(subject: OfModel) -> Iterator[Violation]:
    model, engine, runtime = subject.model, subject.model.engine, subject.model.runtime
    if engine is None or runtime is None or model.llm is not None or not runtime.words:
        return  # an image that starts by itself may know
    there = runtime.passed | engine.passed(model.args)
    texts = [*runtime.words, *model.args]
    named = any(word.startswith(MODEL_FOLDER) for text in texts for word in text.split())
    for option, need in engine.facts["neededArgs"].items():
        if there.keys().isdisjoint((option, *need["or"])) and not (named and need.get("positional")):
            yield Violation(
                pointer=(*model.pointer, "runtime"),
                message=f"neither {runtime.name!r} nor the model passes {option}: {need['lacking']}",
                hint=need["write"],
                severity=Severity.WARNING,
            )


@spec_rule("OPT016", "The engine listens on another port than its Service leads to")
def other_port(subject: OfModel) -> Iterator[Violation]:
    model, engine, runtime = subject.model, subject.model.engine, subject.model.runtime
    facts = engine.facts["port"] if engine is not None else None
    if engine is None or facts is None or runtime is None or model.llm is not None:
        return
    passed = runtime.passed | engine.passed(model.args)
    told = passed.get(facts["option"])
    if told is None and (not runtime.words or not passed.keys().isdisjoint(facts["or"])):
        return  # an image that starts by itself may know, and a file
    port = str(facts["else"]) if told is None else told
    wanted = str(runtime.port)
    if not port.isdecimal() or port == wanted:
        return
    own = next((at for at, arg, _ in valued(subject.arguments) if engine.option(arg) == facts["option"]), None)
    if own is not None and facts["option"] in runtime.passed:
        return  # that it is passed twice is said already
    yield Violation(
        pointer=own or (*model.pointer, "runtime"),
        message=f"{engine.facts['title']} listens on port {port}, and the Service leads to {wanted}, the port of the container",
        hint=f"write {facts['option']}={wanted}" + ("" if own else " in the runtime, or declare its port"),
        severity=Severity.WARNING,
    )


@spec_rule("OPT002", "An element of args is more than one argument")
def hidden_option(subject: OfModel) -> Iterator[Violation]:
    for pointer, arg in subject.arguments:
        found = _HIDDEN.search(arg)
        name = arg.partition("=")[0]
        if arg.startswith("--") and " " in name and not found:
            option, _, rest = name.partition(" ")
            yield Violation(
                pointer=pointer,
                message=f"an element is one argument, and there is no option {name[:40]!r}",
                hint=f"write {option}={rest.strip()[:20]}, or two elements",
            )
        if arg.startswith("-") and found and not _quoted(arg):
            yield Violation(
                pointer=pointer,
                message=f"an element is one argument, and this one also holds {found[1]}",
                hint=f"write {found[1]} as an element of its own",
            )


def _quoted(arg: str) -> bool:
    """A value in JSON or in quotes may hold anything."""
    return arg.partition("=")[2][:1] in ("{", "[", '"', "'")


@spec_rule("OPT003", "KServe would expand the braces")
def expanded_argument(subject: OfModel) -> Iterator[Violation]:
    texts = [
        *subject.arguments,
        *((pointer, text) for pointer, _, text in subject.variables if isinstance(text, str)),
    ]
    yield from expanded_braces(texts)


def expanded_braces(texts: Iterable[tuple[Pointer, str]]) -> Iterator[Violation]:
    """Texts in which KServe would expand more than it should."""
    for pointer, text in texts:
        if "{{" in _EXPANDED.sub("", text):
            yield Violation(
                pointer=pointer,
                message="'{{' is expanded by KServe as a Go template, and the model would not start",
                hint="only {{.Name}}, {{.Namespace}}, {{.Labels.x}} and {{.Annotations.x}} pass; "
                "put a chat template into the model's folder",
            )


@spec_rule("OPT004", "Kubernetes expands the variable")
def expanded_variable(subject: OfModel) -> Iterator[Violation]:
    texts = list(subject.arguments)
    texts += [(pointer, text) for pointer, _, text in subject.variables if isinstance(text, str)]
    for pointer, text in texts:
        if found := _VARIABLE.search(text):
            yield Violation(
                pointer=pointer,
                message=f"{found[0]} is replaced by Kubernetes with that variable's value",
                hint=f"write ${found[0]} for the literal text",
                severity=Severity.WARNING,
            )


def reserved(model: Model) -> Mapping[str, str]:
    """Variables that are not the user's to set, and why: of those that a runtime may set, the ones that this one sets."""
    facts = model.engine.facts if model.engine else {}
    there = model.runtime.variables if model.runtime else frozenset()
    by_runtime = {name: why for name, why in facts.get("runtimeEnv", {}).items() if name in there}
    return {**facts.get("reservedEnv", {}), **by_runtime, **reserved_env(advanced=model.mode == "advanced")}


@spec_rule("OPT005", "The variable is set by the runtime or the controller")
def reserved_variable(subject: OfModel) -> Iterator[Violation]:
    names = reserved(subject.model)
    for pointer, name, _ in subject.variables:
        if reason := names.get(name):
            yield Violation(pointer=pointer, key=True, message=f"{name} is not yours to set", hint=reason)


@spec_rule("OPT006", "The Secret holds no such key")
def unknown_secret_key(subject: OfModel) -> Iterator[Violation]:
    yield from unknown_references(subject.project.secrets, subject.variables)


def unknown_references(
    known: Mapping[str, EnvSecret], variables: Iterable[tuple[Pointer, str, Any]]
) -> Iterator[Violation]:
    """Variables that are taken from a Secret, or a key of one, that the project does not declare."""
    for pointer, _, reference in variables:
        if not isinstance(reference, dict) or "secret" not in reference:
            continue
        name, key = reference["secret"], reference["key"]
        secret = known.get(name)
        if secret is None:
            yield Violation(
                pointer=(*pointer, "secret"),
                message=f"no Secret {name!r} is declared in secrets",
                hint=did_you_mean(name, known, f"add secrets: {{{name}: {{keys: [{key}]}}}}"),
            )
        elif key not in secret.keys:
            yield Violation(
                pointer=(*pointer, "key"),
                message=f"Secret {name!r} declares no key {key!r}",
                hint=f"it has {listed(secret.keys)}",
            )


@spec_rule("OPT007", "The runtime does not pass on arguments")
def lost_arguments(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    if model.args and model.runtime is not None and model.llm is None and not passes_arguments(model.runtime):
        yield Violation(
            pointer=(*model.pointer, "args"),
            key=True,
            message=f"{model.runtime.name!r} runs a script that silently drops the arguments of a model",
            hint='remove args, or use a runtime of your own whose script ends in "$@"',
            severity=Severity.WARNING,
        )
    elif model.args and model.args[0].startswith("-") and _replaced_command(model):
        yield Violation(
            pointer=(*model.pointer, "args"),
            key=True,
            message=f"arguments take the place of the command of {model.runtime_name!r}, whose image would run {model.args[0]!r}",
            hint="remove args, and set what you need in env or in the model's settings file",
            severity=Severity.WARNING,
        )


def _replaced_command(model: Model) -> bool:
    """Whether arguments come in place of the default command of the image, since the runtime names none of its own."""
    if model.engine is None or model.runtime is None or not model.engine.facts["argsReplaceCommand"]:
        return False
    return not model.runtime.words


def passes_arguments(runtime: Runtime) -> bool:
    """Whether the serving program gets a model's arguments: behind `sh -c` they are only what the script makes of them."""
    words = runtime.words
    if "-c" not in words[:-1] or not words[words.index("-c") - 1].endswith("sh"):
        return True
    script = words[words.index("-c") + 1]
    return any(mark in script for mark in ("$@", "$*", "${@", "${*"))
