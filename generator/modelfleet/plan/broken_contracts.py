"""What callers were promised (`endpoints --lock`) and do not get any more, and who of the consumers that a spec names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelfleet.endpoints.contract import Breach, breaches, contract_in, contract_of
from modelfleet.layout import CONTRACT_FILE, overlay_folder
from modelfleet.plan import git
from modelfleet.plan.comparison import Comparison
from modelfleet.plan.effects import code
from modelfleet.resolve.consumers import Consumer
from modelfleet.wording import listed

_MAX_NAMES = 8


def broken_contracts(comparison: Comparison, environment: str) -> Iterator[str]:
    """A sentence for each model of which a committed contract is broken."""
    tree = comparison.tree(environment)
    top = overlay_folder(environment, "")
    paths = [path for path in tree.blobs if path.startswith(top) and path.endswith(f"/{CONTRACT_FILE}")]
    here = {one.project.name: one for one in comparison.after.deployed if one.project.environment.name == environment}
    for path, content in git.contents(tree, paths).items():
        project, promised = path.split("/")[2], contract_in(content)
        if promised is None:
            yield f"{code(path)} cannot be read as it was committed, so nobody knows what it promised"
            continue
        one = here.get(project)
        kept: Mapping[str, Any] = contract_of(one.project, one.objects) if one else {}
        consumers = one.project.consumers if one else ()
        yield from _sentences(project, list(breaches(promised, kept)), consumers)


def _sentences(project: str, found: Sequence[Breach], consumers: Sequence[Consumer]) -> Iterator[str]:
    """One for each model."""
    for model in dict.fromkeys(one.model for one in found):
        texts = [f"{one.protocol}: {one.text}" for one in found if one.model == model]
        called = [_named(one) for one in consumers if one.calls(model)]
        whom = f" for {listed(called, _MAX_NAMES)}" if called else ""
        yield f"the contract of {code(f'{project}/{model}')} breaks{whom}: {'; '.join(texts)}"


def _named(consumer: Consumer) -> str:
    return code(consumer.name) + (f" ({code(consumer.contact)})" if consumer.contact else "")
