"""Rules on the runtimes that several models of a project share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from modelfleet.finding import Severity, dotted
from modelfleet.resolve.catalog import images, likely_releases, release, release_names, reserved_env, shipping_releases
from modelfleet.resolve.model import Server
from modelfleet.resolve.shared_runtimes import SharedRuntime
from modelfleet.rules import Violation
from modelfleet.rules.spec.command_line import deprecated_options, unknown_options, values_of_options
from modelfleet.rules.spec.images import moving_images
from modelfleet.rules.spec.options import expanded_braces, passes_arguments, unknown_references
from modelfleet.rules.spec.runtimes import near_runtime
from modelfleet.rules.spec.subjects import OfSharedRuntime, spec_rule
from modelfleet.wording import choices, did_you_mean


@spec_rule("RUN003", "No model uses the shared runtime")
def unused_runtime(subject: OfSharedRuntime) -> Iterator[Violation]:
    if not subject.users:
        yield Violation(
            pointer=subject.shared.pointer,
            key=True,
            message="no model names this runtime",
            hint=f"write runtime: {subject.shared.name} in a model, or remove it",
            severity=Severity.WARNING,
        )


@spec_rule("RUN004", "The shared runtime does not say what it is made from")
def made_of_nothing(subject: OfSharedRuntime) -> Iterator[Violation]:
    shared = subject.shared
    if shared.existing or shared.runtime is not None:
        return
    if shared.source is None:
        yield Violation(
            pointer=shared.pointer,
            message="'runtime' is missing",
            hint="name what it is made from, such as runtime: vllm-cuda-runtime, or write existing: true if it is already there",
        )
    elif shared.release is not None:
        yield from _not_in_release(shared, shared.source, shared.release)
    else:
        here = subject.environment.release
        names = subject.runtime_catalog.names(subject.environment.name, here.name if here else None)
        ships = [one for one in shipping_releases(shared.source) if one is not here]
        pin = f"; that of {ships[-1].title} is written release: {ships[-1].name}" if ships else ""
        yield Violation(
            pointer=(*shared.pointer, "runtime"),
            message=f"{here.title if here else 'the release'} ships no runtime {shared.source!r}, and runtimes/ holds none",
            hint=_meant(shared.source, names) + pin,
        )


def _not_in_release(shared: SharedRuntime, source: str, pinned: str) -> Iterator[Violation]:
    if pinned not in release_names():
        yield Violation(
            pointer=(*shared.pointer, "release"),
            message=f"there is no release {pinned!r}",
            hint=likely_releases(pinned),
        )
        return
    yield Violation(
        pointer=(*shared.pointer, "runtime"),
        message=f"{release(pinned).title} ships no runtime {source!r}",
        hint=_meant(source, sorted(release(pinned).runtimes)),
    )


def _meant(name: str, names: Sequence[str]) -> str:
    near = near_runtime(name, names)
    return f"did you mean {near!r}?" if near else choices(names)


@spec_rule("RUN005", "The runtime cannot be shared")
def not_to_be_shared(subject: OfSharedRuntime) -> Iterator[Violation]:
    shared, runtime = subject.shared, subject.shared.runtime
    for user in subject.users:
        if isinstance(user, Server):
            yield Violation(
                pointer=(*user.pointer, "runtime"),
                message="a model server is a ServingRuntime of its own, and cannot share one",
                hint=f"write runtime: {shared.source}"
                if shared.source
                else "name a runtime of runtimes/ or of the release",
                see=subject.project.spec.key_at(shared.pointer),
            )
    if runtime is None:
        return
    choice = subject.environment.runtimes.get(shared.source or "") if shared.release is None else None
    pointer = (*shared.pointer, "runtime")
    if runtime.kind != "ServingRuntime":
        yield Violation(
            pointer=pointer,
            message=f"{runtime.name!r} is an {runtime.kind}, which configures models of llm-d",
            hint="name it in llmd: {baseRefs: [...]} of the models",
        )
    elif runtime.multi_model:
        yield Violation(
            pointer=pointer,
            message=f"{runtime.name!r} is a multi-model runtime, of which each model server has its own",
            hint="name it in runtime of a server",
        )
    elif choice is not None and choice.disabled:
        yield Violation(
            pointer=pointer,
            message=f"{runtime.name!r} is disabled",
            hint="choose another runtime, or have the platform team enable it",
            see=subject.environment.facts.at(("runtimes", runtime.name, "disabled")),
        )
    else:
        yield from _without_image(shared)


def _without_image(shared: SharedRuntime) -> Iterator[Violation]:
    for container, image in images(shared.runtime) if shared.runtime else ():
        if image is None:
            yield Violation(
                pointer=shared.pointer,
                message=f"no image is known for container {container!r} of {shared.name!r}",
                hint=f"add images: {{{container}: ...}}"
                + (", since those of the environment are not of that release" if shared.release else ""),
            )


@spec_rule("RUN006", "What is already there cannot be changed")
def written_for_existing(subject: OfSharedRuntime) -> Iterator[Violation]:
    shared, project = subject.shared, subject.project
    if not shared.existing:
        return
    for key in subject.written:
        if key != "existing" and subject.written[key] is not None:
            yield Violation(
                pointer=(*shared.pointer, key),
                key=True,
                message=f"{shared.name!r} is already there, so nothing is made that {key} could apply to",
                hint=f"remove {key}, or remove existing and name what it is made from",
            )
    own = [
        one for one in project.workloads if one.shared is None and one.runtime is not None and one.name == shared.name
    ]
    for workload in own:
        yield Violation(
            pointer=shared.pointer,
            key=True,
            message=f"{dotted(workload.pointer)} has a ServingRuntime of its own of that name, which would replace this one",
            hint="rename one of the two",
            see=project.spec.key_at(workload.pointer),
        )
    kinds = subject.environment.can("servingKinds") or ()
    if shared.clustered and "ClusterServingRuntime" not in kinds:
        title = subject.environment.release.title if subject.environment.release else "the release"
        yield Violation(
            pointer=(*shared.pointer, "existing"),
            message=f"{title} has no ClusterServingRuntime",
            hint="put a ServingRuntime into the namespace, and write existing: true",
        )


@spec_rule("RUN007", "The arguments, variables or images of a shared runtime are wrong")
def shared_options(subject: OfSharedRuntime) -> Iterator[Violation]:
    shared, runtime = subject.shared, subject.shared.runtime
    if runtime is None:
        return
    arguments = [((*shared.pointer, "args", index), arg) for index, arg in enumerate(subject.written.get("args") or ())]
    written: dict[str, Any] = subject.written.get("env") or {}
    variables = [((*shared.pointer, "env", name), name, value) for name, value in written.items()]
    if arguments and not passes_arguments(runtime):
        yield Violation(
            pointer=(*shared.pointer, "args"),
            message=f"{runtime.name!r} runs a script that silently drops further arguments",
            hint="add a custom runtime to runtimes/ with them in its script",
        )
    elif runtime.engine.parser is not None:
        for violations_of in (unknown_options, deprecated_options, values_of_options):
            yield from violations_of(runtime.engine.parser, arguments)
    yield from expanded_braces([*arguments, *((at, value) for at, _, value in variables if isinstance(value, str))])
    yield from unknown_references(subject.project.secrets, variables)
    for pointer, name, _ in variables:
        if reason := reserved_env(advanced=False).get(name):
            yield Violation(pointer=pointer, key=True, message=f"{name} is not yours to set", hint=reason)
    containers = {str(container.get("name")) for container in runtime.containers}
    for name, image in (subject.written.get("images") or {}).items():
        pointer = (*shared.pointer, "images", name)
        if name not in containers:
            yield Violation(
                pointer=pointer,
                key=True,
                message=f"{runtime.name!r} has no container {name!r}",
                hint=did_you_mean(name, containers, choices(sorted(containers))),
            )
        else:
            yield from moving_images(pointer, image)
