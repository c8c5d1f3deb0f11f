"""The train as a document for those who do the upgrade: what to merge and to do, in which order, and what it comes to.

Markdown, made from the rendered states; names and values of users stand in code spans.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelfleet.capacity.amounts import quantity_text
from modelfleet.migrate.report import label_command
from modelfleet.patterns import lazy_pattern
from modelfleet.plan.effect import RESTARTS, Effect
from modelfleet.plan.effects import code
from modelfleet.plan.environment_words import thing
from modelfleet.rehearse.branches import branch_names
from modelfleet.rehearse.callers import NEW, OLD, CallerGroup, alike, caller_changes
from modelfleet.rehearse.room import uses_of
from modelfleet.rehearse.stop import Merge, OperatorUpgrade, Stop, Train, in_environment
from modelfleet.resolve import catalog
from modelfleet.resolve.catalog import short
from modelfleet.resolve.fleet import DeployedProject
from modelfleet.resolve.road import type_of
from modelfleet.serving.accelerators import quota_of
from modelfleet.serving.workloads import RunningWorkload, project_state, running_workloads, used_by
from modelfleet.wording import listed, plural

_ALL = 1000


def train_document(train: Train) -> Iterator[str]:
    """The lines of the document."""
    yield f"# Upgrade of {code(train.environment)} from OpenShift AI {short(train.road[0])} to {short(train.road[-1])}"
    yield ""
    yield from _head(train)
    if train.obstacles:
        yield from _obstacles(train)
    if train.stops:
        yield from _overview(train)
    branches = dict(zip(map(id, train.merges), branch_names(train), strict=True))
    for index, stop in enumerate(train.stops):
        yield ""
        yield f"## {index + 1}. {_title(stop)}"
        yield ""
        if isinstance(stop, OperatorUpgrade):
            yield from _operator(train, index, stop)
        else:
            yield from _merge(train, stop, branches[id(stop)])


# ---- what is said first ----------------------------------------------------------------------------------------------


def _head(train: Train) -> Iterator[str]:
    types = [(name, type_of(catalog.release(name))) for name in train.road]
    road = " → ".join(f"{short(name)} ({kind})" if kind else short(name) for name, kind in types)
    upgrades = len(train.stops) - len(train.merges)
    yield (
        f"Road: {road}. {plural(len(train.merges), 'pull request')} and {plural(upgrades, 'upgrade')} of the operator, "
        "in this order; each branch stands on the one before."
    )
    yield ""
    yield (
        "Every state was rendered and checked: it is admitted by each release that runs while Git holds it, and no model can "
        "be reached from more places, or called by more callers, than before. " + _room(train)
    )
    yield ""
    yield (
        "`modelfleet plan` on a branch shows each difference. What is not in Git is not judged: Red Hat's `rhai-cli lint` looks "
        "at the live cluster."
    )


def _room(train: Train) -> str:
    """What is known of the room for old and new at once."""
    facts = train.start.fleet.environments[train.environment]
    raised = any(merge.raises for merge in train.merges)
    quota = (
        "No quota is exceeded at any moment, once step 1 is done." if raised else "No quota is exceeded at any moment."
    )
    if not facts.quota.default and not facts.quota.projects:
        quota = "The environment names no quotas, so whether old and new fit into them together is not known."
    nodes = "" if facts.nodes else " It names no nodes, so whether these have room for both is not known."
    return quota + (nodes if quota.startswith("The") else nodes.replace(" It", " The environment"))


def _obstacles(train: Train) -> Iterator[str]:
    yield ""
    yield "## By hand first"
    yield ""
    upgrades = [stop.goal for stop in train.stops if isinstance(stop, OperatorUpgrade)]
    ends = f"after the upgrade to {short(upgrades[-1])}" if upgrades else "before the first upgrade of the operator"
    yield f"The train ends {ends}, because of what follows. Change it, merge that, and rehearse again."
    yield ""
    for one in train.obstacles:
        yield f"- {one.text}"


def _overview(train: Train) -> Iterator[str]:
    yield ""
    yield "| step | what | runs | what happens |"
    yield "|---|---|---|---|"
    for index, stop in enumerate(train.stops):
        runs = " and ".join(map(short, train.alive(index)))
        yield f"| {index + 1} | {_title(stop)} | {runs} | {_happens(train, stop)} |"


def _title(stop: Stop) -> str:
    if isinstance(stop, OperatorUpgrade):
        return f"Upgrade the operator to {short(stop.goal)}"
    name, colon, rest = stop.title.partition(": ")
    return f"Merge {code(name)}: {rest}" if colon else f"Merge: {stop.title}"


def _happens(train: Train, stop: Stop) -> str:
    """A stop in a few words."""
    if isinstance(stop, OperatorUpgrade):
        return "the models restart" if restarts_models(stop) else "no pod restarts"
    started = sum(row.effect is Effect.START for row in stop.rows)
    restarted = sum(
        max(len(row.models), 1) for row in stop.rows if any(one.effect in RESTARTS for one in row.consequences)
    )
    words = [
        f"{plural(started, 'model')} {'starts' if started == 1 else 'start'}" if started else "",
        f"{plural(restarted, 'model')} {'restarts' if restarted == 1 else 'restart'}" if restarted else "",
        "callers move" if any(caller_changes(stop, train.environment)) else "",
        "the old addresses end" if stop.step == "remove" else "",
    ]
    return ", ".join(filter(None, words)) or "nothing restarts"


# ---- a pull request --------------------------------------------------------------------------------------------------


def _merge(train: Train, merge: Merge, branch: str) -> Iterator[str]:
    files = listed([code(document.file) for document in merge.documents])
    yield f"Branch {code(branch)}: changes {files}, and what is rendered from it."
    if merge.raises:
        yield from _quotas(train, merge)
    yield from _bullets("To know and to do before the merge", map(_escaped, merge.remarks))
    yield from _effects(merge)
    yield from _accelerators(train, merge)
    yield from _callers(train, merge)
    if merge.step == "remove":
        yield from _leftovers(train, merge)
    yield from _next(train, merge)


_MARKUP = lazy_pattern(r"[^\s()]*<[^\s()]*")


def _escaped(text: str) -> str:
    """A sentence in which nothing is taken for markup."""
    return _MARKUP.sub(lambda found: code(found[0]), text)


def _bullets(title: str, texts: Iterable[str]) -> Iterator[str]:
    texts = list(texts)
    if texts:
        yield ""
        yield f"{title}:"
        yield ""
        yield from (f"- {text}" for text in texts)


def _quotas(train: Train, merge: Merge) -> Iterator[str]:
    yield ""
    yield "Have these quotas granted on the cluster before the merge:"
    yield ""
    yield "| project | resource | quota | needed on the way | needed after the last step |"
    yield "|---|---|---|---|---|"
    last = in_environment(train.merges[-1].after, train.environment)
    for one in merge.raises:
        use = next(use for use in uses_of(last[one.project]) if use.resource == one.resource)
        end = max(use.used + use.rolling, one.hard)
        amounts = (one.hard, one.needed, end)
        texts = [quantity_text(amount, one.resource) for amount in amounts]
        after = "not known" if train.obstacles else "as today" if end == one.hard else texts[2]
        yield f"| {code(one.project)} | {code(one.resource)} | {texts[0]} | {texts[1]} | {after} |"


_OF_ADDITIONS = (Effect.START, Effect.URL_NEW, Effect.TOKEN_NEW)
"""What a model that is added beside another does; what callers have to change says it better."""


def _effects(merge: Merge) -> Iterator[str]:
    """What merging does to models that stay, by effect."""
    found: dict[tuple[Effect, str], dict[str, None]] = {}
    for row in merge.rows:
        for item in row.consequences:
            known = row.destroys if merge.step == "remove" else merge.moves and item.effect in _OF_ADDITIONS
            if item.effect is not Effect.NOTHING and not known:
                found.setdefault((item.effect, item.text), {})[thing(row)] = None
    lines = [
        f"**{effect.value.title}**: {listed(list(things), _ALL)}" + (f" ({text})" if text else "")
        for (effect, text), things in sorted(found.items(), key=lambda each: -each[0][0].weight)
    ]
    yield from _bullets("What merging does", lines)
    if not lines and merge.step is None:
        yield ""
        yield "No running model is touched."


def _accelerators(train: Train, merge: Merge) -> Iterator[str]:
    """How many accelerators old and new hold together."""
    if merge.project is None or merge.step != "add":
        return
    one = in_environment(merge.after, train.environment)[merge.project]
    before = used_by(_running(in_environment(merge.before, train.environment)[merge.project]))
    for name, count in used_by(_running(one)).items():
        if more := count - before.get(name, 0):
            limit = quota_of(one.project.environment, merge.project, name)
            of_quota = f" of its quota of {limit}" if limit is not None else ""
            yield ""
            yield (
                f"Accelerators: until the old deployments are gone, the project holds {more} more {code(name)}, "
                f"{count}{of_quota}."
            )


def _running(one: DeployedProject) -> Iterable[RunningWorkload]:
    project = one.project
    return running_workloads(project_state(project.environment, project.namespace, one.objects, project)).values()


def _callers(train: Train, merge: Merge) -> Iterator[str]:
    groups = list(alike(caller_changes(merge, train.environment)))
    if not groups:
        return
    yield ""
    several = any(len(group.names) > 1 for group in groups)
    yield "Callers have to change" + (f" ({OLD} and {NEW} stand for the names):" if several else ":")
    yield ""
    for group in groups:
        pairs = [code(old) if old == new else f"{code(old)} → {code(new)}" for old, new in group.names]
        yield f"- {listed(pairs, _ALL)} of {code(group.project)}, called by {_consumers(group)}"
        for protocol, texts in group.differences.items():
            yield f"  - {protocol}"
            yield from (f"    - {text}" for text in texts)
        if group.tokens:
            secrets = listed([code(token) for token in group.tokens], _ALL)
            yield f"  - tokens: new ones in {secrets}; the old ones open the new address, too, until the old model is gone"


def _consumers(group: CallerGroup) -> str:
    if not group.consumers:
        return "nobody whom the spec names (`consumers:`)"
    return listed([code(name) + (f" ({code(contact)})" if contact else "") for name, contact in group.consumers], _ALL)


def _leftovers(train: Train, merge: Merge) -> Iterator[str]:
    """What the plan wants acknowledged, and what stays on the cluster until it is deleted by hand."""
    project = str(merge.project)
    labels = [row.label for row in merge.rows if row.destroys]
    if labels:
        yield ""
        yield (
            f"`modelfleet plan` asks for an acknowledgement in {code(f'projects/{project}.yaml')}, under "
            f"{code(f'environments.{train.environment}')}: {code(f'acknowledge: [{listed(labels, _ALL)}]')}."
        )
    old, new = (in_environment(state, train.environment)[project] for state in (merge.before, merge.after))
    commands = [row.command for row in merge.rows if row.command] + [label_command(old, new) or ""]
    if any(commands):
        yield ""
        yield "After the merge, delete what Argo CD leaves on the cluster; until then it runs on and counts for the quota:"
        yield ""
        yield "```sh"
        yield from filter(None, commands)
        yield "```"


def _next(train: Train, merge: Merge) -> Iterator[str]:
    if merge.step == "add" and merge.moves:
        command = f"modelfleet smoke --env {train.environment} --project {merge.project}"
        yield ""
        yield f"Go on when the new models answer ({code(command)}) and no caller is left at the old ones."


# ---- the operator ----------------------------------------------------------------------------------------------------


def restarts_models(stop: OperatorUpgrade) -> bool:
    """Whether what the operator writes into models reaches their pods."""
    profiles = catalog.release(stop.goal).upgrade["profiles"]
    return bool(stop.profiles) and bool(profiles["restarts"])


def _operator(train: Train, index: int, stop: OperatorUpgrade) -> Iterator[str]:
    begin = max(
        (number for number, one in enumerate(train.stops[:index]) if isinstance(one, OperatorUpgrade)), default=0
    )
    numbers = [str(number) for number, one in enumerate(train.stops[:index], 1) if number > begin and _removes(one)]
    if numbers:
        steps = f"steps {', '.join(numbers)}" if len(numbers) > 1 else f"step {numbers[0]}"
        yield (
            f"First make sure that nothing is left on the cluster of what {steps} took out of Git: {short(stop.goal)} does "
            "not serve it."
        )
        yield ""
    yield f"Git stays as it is, which {short(stop.start)} and {short(stop.goal)} both admit; merge step {index + 2} soon after."
    if stop.profiles:
        yield from _profiles(stop)
    for (old, new), models in stop.modes.items():
        yield ""
        yield (
            f"Whenever one of {plural(len(models), 'model')} is written, a webhook of {short(stop.goal)} replaces the "
            f"deployment mode {code(old)} by {code(new)}. Git says {code(old)}, so Argo CD shows them as OutOfSync and puts "
            f"it back in vain until step {index + 2} is merged; no pod restarts."
        )
    if not stop.profiles and not stop.modes:
        yield ""
        yield "It writes nothing into the models of this environment."


def _removes(stop: Stop) -> bool:
    return isinstance(stop, Merge) and stop.step == "remove"


def _profiles(stop: OperatorUpgrade) -> Iterator[str]:
    facts = catalog.release(stop.goal).upgrade["profiles"]
    yield ""
    yield (
        "By itself it makes hardware profiles of the accelerator profiles and sizes, and writes one into each model that "
        "names none (`opendatahub.io/hardware-profile-name`). Git does not have the annotation, and Argo CD leaves alone "
        "what Git does not have, so it stays:"
    )
    yield ""
    yield "| hardware profile | models |"
    yield "|---|---|"
    for name, models in stop.profiles.items():
        place = f"{facts['namespace']}/{name}"
        yield f"| {code(place)} | {listed([code(model) for model in models], _ALL)} |"
    yield ""
    if facts["restarts"]:
        yield "KServe copies the annotation to the pods, so all of these models restart once."
    else:
        yield (
            'No pod restarts, unless the ConfigMap `inferenceservice-config` is marked `opendatahub.io/managed: "false"`: then '
            "add `opendatahub.io/hardware-profile-name` and `opendatahub.io/hardware-profile-namespace` to its "
            "serviceAnnotationDisallowedList before the upgrade."
        )
