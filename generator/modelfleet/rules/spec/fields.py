"""Fields that a release does not have, or that a kind of workload does not take: both stand in `data/fields.yaml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer, Severity
from modelfleet.kubernetes.objects import mappings
from modelfleet.resolve.model import Model
from modelfleet.resolve.release import Term
from modelfleet.rules import Violation, having
from modelfleet.rules.spec.subjects import OfModel, OfWorkload, spec_rule
from modelfleet.spec.fields import WorkloadKind, needy_fields, pod_fields, refused_fields


@spec_rule("CAP017", "The release does not have the field")
def unknown_field(subject: OfWorkload) -> Iterator[Violation]:
    workload, release = subject.workload, subject.environment.release
    section, name = workload.pointer
    written = subject.project.spec.data[section][name]
    title = release.title if release else "the release"
    gone: list[str] = []
    for field in needy_fields():
        if not field.value_in(written) or subject.environment.can(field.needs):
            continue
        if not field.name.startswith(tuple(f"{outer}." for outer in gone)):
            gone.append(field.name)
            yield Violation(
                pointer=(*workload.pointer, *field.pointer),
                key=True,
                message=f"{title} does not support {field.name}",
                hint=f"{field.instead} for this environment" if field.instead else _away(field.name),
            )
    llm = workload.llm if isinstance(workload, Model) else None
    if llm is not None and llm.config and not subject.environment.can("llm"):
        yield Violation(
            pointer=(*workload.pointer, "runtime"),
            message=f"{title} has no LLMInferenceService, which {workload.runtime_name!r} configures",
            hint="use a ServingRuntime there",
        )


def _away(name: str) -> str:
    null = "" if "." in name else f": {name}: null"
    return f"remove {name} for this environment{null}"


@spec_rule("LLM002", "The field does not apply to an LLMInferenceService", when=having("llm"))
def foreign_to_distributed(subject: OfModel) -> Iterator[Violation]:
    if subject.model.llm is not None:
        yield from _refused(subject.written, subject.model.pointer, "distributed")


@spec_rule("CAP043", "The field does not apply to the deployment mode")
def foreign_to_mode(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    if model.llm is None:
        yield from _refused(subject.written, model.pointer, "multi-node" if model.multi_node else model.mode)


@spec_rule("CAP040", "Knative takes the field only where a feature is switched on", when=having("serverless"))
def feature_of_knative(subject: OfModel) -> Iterator[Violation]:
    if subject.model.mode != "advanced" or subject.model.llm is not None:
        return
    for field in pod_fields():
        if field.knative and field.value_in(subject.written) is not None:
            yield Violation(
                pointer=(*subject.model.pointer, *field.pointer),
                key=True,
                message=f"Knative refuses {field.pod} unless its feature {field.knative} is enabled, which it is not by default",
                hint="enable it in the KnativeServing of the cluster, or use mode: standard",
                severity=Severity.WARNING,
            )


@spec_rule("CAP050", "What is omitted would mean something else")
def unsaid_otherwise(subject: OfModel) -> Iterator[Violation]:
    model, environment = subject.model, subject.environment
    meant: dict[str, tuple[str, str]] = {}
    default = environment.can("defaultMode")
    if model.llm is None and default not in (None, environment.term(_MODE_TERMS[model.mode])):
        meant["mode"] = (f"if it is omitted, the mode is {default}", "remove mode from omit")
    if model.llm is not None and not model.guarded:
        meant["tokens"] = (
            "an LLMInferenceService asks for a token by default",
            "remove tokens from omit, or write callers: [] for authorization that others grant",
        )
    elif model.llm is None and model.guarded:
        meant["tokens"] = ("if they are omitted, nobody is asked for a token", "remove tokens from omit")
        meant["mesh"] = ("outside of the service mesh nobody is asked for a token", "remove mesh from omit")
    meant |= _left_to_others(model)
    for index, field in enumerate(model.omit):
        if field in meant:
            message, hint = meant[field]
            yield Violation(pointer=(*model.pointer, "omit", index), message=message, hint=hint)


def _left_to_others(model: Model) -> Iterator[tuple[str, tuple[str, str]]]:
    """What is left to others: replicas to the autoscaler, resources to a hardware profile or a runtime, that one to the cluster."""
    bounds = model.written.get("replicas")
    if bounds is not None and (not isinstance(bounds, dict) or {"min", "max"} & bounds.keys()):
        yield (
            "replicas",
            ("the replicas are written, and nothing would be left of them", "remove replicas here or there"),
        )
    if model.written.get("size") is not None:
        yield "size", ("the size is written, and nothing would be left of it", "remove size here or there")
    elif model.hardware.accelerator is not None and model.hardware.profile is None:
        name = model.hardware.accelerator.name
        yield "size", (f"no hardware profile would bring {name} into the pods", "remove size from omit")
    if model.llm is not None:
        yield "runtime", ("an LLMInferenceService has no runtime", "remove runtime from omit")
    elif model.runtime_name is not None and not _would_be_chosen(model):
        yield (
            "runtime",
            ("nothing says that KServe would choose the runtime by the framework", "remove runtime from omit"),
        )
    if not model.multi_node or model.llm is not None:
        yield "workerSize", ("it has no workers that a runtime describes", "remove workerSize from omit")
    if model.llm is not None:
        yield "frameworkVersion", ("an LLMInferenceService has no framework", "remove frameworkVersion from omit")


def _would_be_chosen(model: Model) -> bool:
    """Whether the runtime offers itself for models of the framework, as one has to that no model names."""
    if model.runtime is None or model.format is None:
        return model.shared is not None and model.shared.existing and model.format is not None
    offers = mappings(model.runtime.spec.get("supportedModelFormats"))
    return any(one.get("autoSelect") is True and one.get("name") == model.format.name for _, one in offers)


_MODE_TERMS: Mapping[str, Term] = {"standard": "modeStandard", "advanced": "modeAdvanced"}


def _refused(written: Mapping[str, Any], pointer: Pointer, kind: WorkloadKind) -> Iterator[Violation]:
    for field, reason in refused_fields(kind):
        value = field.value_in(written)
        if value and value not in field.neutral:
            hint = field.instead or f"remove {field.pointer[-1]}"
            message = f"{field.name} does not go with llmd: {reason}" if kind == "distributed" else reason
            yield Violation(pointer=(*pointer, *field.pointer), key=True, message=message, hint=hint)
