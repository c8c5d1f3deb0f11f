"""What is asked of the text of a manifest file, before there is an object: `admit` asks it while it reads."""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.rules import Violation
from modelfleet.rules.admission.request import AdmissionRequest, admission_rule

TEXT = frozenset({"(text)"})
"""No object is of this kind, so that no object is asked."""


@admission_rule(code="ADM004", title="A manifest file is YAML or JSON", stage="schema", kinds=TEXT)
def unreadable(request: AdmissionRequest) -> Iterator[Violation]:
    """Found by the reader; what follows in the file is not judged."""
    yield from ()


@admission_rule(code="ADM005", title="A key is written once", stage="schema", kinds=TEXT)
def written_twice(request: AdmissionRequest) -> Iterator[Violation]:
    """Found by the reader: kubectl takes the last, kustomize refuses the file."""
    yield from ()


@admission_rule(code="ADM006", title="A manifest is an object", stage="schema", kinds=TEXT)
def no_object(request: AdmissionRequest) -> Iterator[Violation]:
    """Found by the reader: a document that is a list or a single value."""
    yield from ()
