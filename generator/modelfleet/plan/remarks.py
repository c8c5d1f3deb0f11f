"""What a plan says of an environment as a whole: another branch, pruning, labels, many models that go at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from modelfleet.kubernetes.differences import ABSENT
from modelfleet.layout import argocd_folder
from modelfleet.plan.acknowledgements import Destruction, RequiredAck
from modelfleet.plan.committed_environments import revision_of
from modelfleet.plan.compared import Compared, prunes
from modelfleet.plan.comparison import Comparison, unlike_rendered
from modelfleet.plan.effects import code
from modelfleet.plan.figures import EnvironmentFacts
from modelfleet.plan.row import Row
from modelfleet.plan.words import names
from modelfleet.serving.workloads import RUNTIME, Key, RunningWorkload
from modelfleet.wording import plural


def _shares(found: Mapping[Key, RunningWorkload]) -> bool:
    """Whether there are model servers, whose namespace has another label."""
    return any(key[0] == RUNTIME for key in found)


def _unlisted(rows: Sequence[Row]) -> Iterator[str]:
    """The kinds that the AppProject no longer lists."""
    for row in rows:
        for change in row.objects:
            for step in change.steps if change.key[0] == "AppProject" else ():
                if step.path[:2] == ("spec", "namespaceResourceWhitelist") and step.after is ABSENT:
                    yield step.path[-1].rpartition(" ")[2]


def _branch(comparison: Comparison, facts: EnvironmentFacts) -> Iterator[str]:
    """That another branch is synced from now on, which need not be the one that this is merged into."""
    old, new = revision_of(facts.before), revision_of(facts.after)
    if facts.after is None or old is None or new is None or old == new:
        return
    count = unlike_rendered(comparison, facts.after.name, new)
    if count is None:
        differs = "which is not here to compare with"
    elif count:
        differs = (
            f"where {plural(count, 'generated file')} of this environment {'is' if count == 1 else 'are'} not as rendered here: "
            "unless this is merged there, too, what is there is synced and not what this plan shows"
        )
    else:
        differs = "where everything is as rendered here"
    yield f"once the ApplicationSet is applied, Argo CD syncs {code(new)} instead of {code(old)}, {differs}"


def large_loss(loss: Destruction, needs: Sequence[RequiredAck]) -> Iterator[str]:
    """That many models go at once; while that is not acknowledged, how it is to be."""
    if loss.large:
        go = f"{loss.gone} of {plural(loss.models, 'model')} go at once, more than a fifth"
        lacking = next((need.text for need in needs if need.text == loss.many and not need.given), None)
        yield f"{go}: that needs an acknowledgement of its own, {code(lacking)}" if lacking else go


def _of_pruning_and_labels(facts: EnvironmentFacts, rows: Sequence[Row], changes: Sequence[Compared]) -> Iterator[str]:
    after = facts.after
    if after is not None and prunes(after) and (kinds := list(_unlisted(rows))):
        yield (
            f"apply {code(argocd_folder(after.name))} only when Argo CD has deleted what goes: "
            f"from then on it may no longer touch {', '.join(map(code, kinds))}"
        )
    if after is not None and not after.managed:
        new = [
            one.change.after.namespace
            for one in changes
            if one.change.after is not None
            and (one.change.before is None or one.change.moves or _shares(one.change.was) != _shares(one.change.now))
        ]
        if new:
            what = "the namespace" if len(new) == 1 else "the namespaces"
            command = code(f"modelfleet labels --env {after.name}")
            yield f"{what} {names(new)} must exist, with the labels that {command} prints"


def remarks(
    comparison: Comparison, facts: EnvironmentFacts, rows: Sequence[Row], changes: Sequence[Compared]
) -> Iterator[str]:
    """What is to be known of an environment before it is merged, beside its rows."""
    yield from _branch(comparison, facts)
    yield from _of_pruning_and_labels(facts, rows, changes)
