"""Rules on what a platform and its release can do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelfleet.finding import Severity
from modelfleet.resolve import catalog
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.model import Model
from modelfleet.resolve.release import Release
from modelfleet.rules import Violation, having
from modelfleet.rules.spec.subjects import OfLocated, OfModel, OfProject, platform_of, spec_rule


@spec_rule("CAP001", "The cluster has no multi-model platform")
def no_model_mesh(subject: OfProject) -> Iterator[Violation]:
    environment = subject.environment
    if subject.project.platform != "multi-model":
        return
    way_out = (
        "serve each model as a single-model deployment there: platform: single-model, servers: null, models: {...}"
    )
    if not environment.can("modelMesh"):
        title = environment.release.title if environment.release else "the release"
        yield Violation(
            pointer=("platform",), message=f"multi-model needs ModelMesh, which {title} does not have", hint=way_out
        )
    elif environment.platforms.model_mesh is False:
        see = environment.facts.at(("platforms", "modelMesh"))
        yield Violation(
            pointer=("platform",),
            message="multi-model needs ModelMesh, which is switched off here",
            hint=way_out,
            see=see,
        )


@spec_rule("CAP002", "The platform is deprecated", when=having("modelMesh"))
def deprecated_platform(subject: OfProject) -> Iterator[Violation]:
    if subject.project.platform != "multi-model":
        return
    if fact := lifecycle(subject.environment.release, "modelMesh", "deprecated"):
        yield Violation(
            pointer=("platform",),
            message=f"the multi-model platform is deprecated since {title_of_release(fact['since'])}",
            hint=fact["remedy"],
            severity=Severity.WARNING,
        )


def lifecycle(release: Release | None, feature: str, state: str) -> Mapping[str, str] | None:
    """What a release's data says of a feature in this state (deprecated, removed, preview)."""
    facts = release.lifecycle if release else ()
    return next((fact for fact in facts if fact["feature"] == feature and fact["state"] == state), None)


def title_of_release(release: str) -> str:
    """A release as people call it; one that is older than all that are known stays as it is."""
    return catalog.release(release).title if release in catalog.release_names() else release


@spec_rule("CAP013", "The cluster has no advanced mode")
def no_serverless(subject: OfModel) -> Iterator[Violation]:
    environment, pointer = subject.environment, (*subject.model.pointer, "mode")
    if subject.model.mode != "advanced" or subject.model.llm is not None:
        return
    way_out = "use mode: standard" + (", which has at least one replica" if subject.model.minimum == 0 else "")
    if not environment.can("serverless"):
        title = environment.release.title if environment.release else "the release"
        yield Violation(
            pointer=pointer,
            message=f"advanced needs Knative Serverless, which {title} does not have",
            hint=way_out,
        )
    elif environment.platforms.serverless is False:
        yield Violation(
            pointer=pointer,
            message="advanced needs Knative Serverless, which is switched off here",
            hint=way_out,
            see=environment.facts.at(("platforms", "serverless")),
        )


def can_scale_to_zero(environment: Environment) -> bool:
    return bool(environment.can("serverless")) and environment.platforms.serverless is not False


@spec_rule("CAP025", "The next release no longer has what the model uses")
def gone_in_next_release(subject: OfModel) -> Iterator[Violation]:
    release, runtime = subject.environment.release, subject.model.runtime
    if release is None or release.successor is None:
        return
    following = catalog.release(release.successor)
    used = {}
    if subject.model.mode == "advanced":
        used["mode"] = ("serverless", "mode advanced")
    pinned = subject.model.shared is not None and subject.model.shared.release is not None
    own = pinned or (runtime is not None and runtime.document is not None)
    if runtime is not None and not own and platform_of(subject.model) in runtime.platforms:
        used["runtime"] = (f"runtime:{runtime.name}", repr(runtime.name))
    for field, (feature, what) in used.items():
        fact = lifecycle(following, feature, "removed")
        if fact is not None and fact["since"] == following.name:
            yield Violation(
                pointer=(*subject.model.pointer, field),
                message=f"{following.title} no longer has {what}",
                hint=f"before the upgrade: {fact['remedy']}",
                severity=Severity.WARNING,
            )


@spec_rule("CAP027", "Nothing shows the description")
def unseen_description(subject: OfLocated) -> Iterator[Violation]:
    model, release = subject.located, subject.environment.release
    distributed = isinstance(model, Model) and model.llm is not None
    shown = subject.server is None and subject.environment.can("inferenceDescription")
    if model.description and release is not None and not (distributed or shown):
        yield Violation(
            pointer=(*model.pointer, "description"),
            message=f"{release.title} shows no description of a model, so none is written",
            hint="keep it for later releases, or turn it into a comment",
            severity=Severity.WARNING,
        )
