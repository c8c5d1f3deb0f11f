"""Routes and token authorization."""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.finding import Severity
from modelfleet.resolve.model import Model
from modelfleet.rules import Violation, having
from modelfleet.rules.spec.subjects import OfModel, OfWorkload, spec_rule


@spec_rule("NET001", "A route without tokens is open to everybody")
def open_route(subject: OfWorkload) -> Iterator[Violation]:
    workload = subject.workload
    distributed = isinstance(workload, Model) and workload.llm is not None  # LLM001 speaks of its gateway
    if workload.route and not workload.guarded and not distributed:
        yield Violation(
            pointer=(*workload.pointer, "route"),
            message="a route without tokens: whoever knows the address can use the model",
            hint="add tokens: [...], or take the route away",
            severity=Severity.WARNING,
        )


@spec_rule("NET004", "401 needs tokens", when=having("return401"))
def unauthorized_without_tokens(subject: OfModel) -> Iterator[Violation]:
    if subject.model.return_401 and not subject.model.guarded:
        yield Violation(
            pointer=(*subject.model.pointer, "return401"),
            message="return401 says what the authorization proxy answers, and without tokens there is none",
            hint="add tokens: [...], or take return401 away",
        )
