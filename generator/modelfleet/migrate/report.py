"""What a step does, in words: which addresses, tokens and accelerators change, and what must hold before the next one."""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.kubernetes.names import access_name
from modelfleet.migrate.migrate import Migration, TakenStep
from modelfleet.migrate.step import Move, NotMigratable
from modelfleet.plan.project_change import ProjectChange
from modelfleet.plan.project_rows import rows_of
from modelfleet.resolve.fleet import DeployedProject
from modelfleet.rules.admission.rulebook import rulebook
from modelfleet.serving.accelerators import summed
from modelfleet.serving.workloads import SERVICE, ProjectState, RunningWorkload, project_state, running_workloads
from modelfleet.wording import listed, plural


def step_lines(taken: TakenStep, asked: Migration) -> Iterator[str]:
    """A step in words."""
    before, after = taken.before.of(asked.project), taken.after.of(asked.project)
    again = f"modelfleet migrate {asked.kind} --project {asked.project}"
    again += "".join(f" --env {name}" for name in sorted(asked.environments))
    places = dict.fromkeys(move.environment for move in taken.step.moves)
    for environment in places:
        moves = [move for move in taken.step.moves if move.environment == environment]
        if taken.name == "add":
            yield f"{environment}: {plural(len(moves), 'model')} beside the old"
            yield from _added(before[environment], after[environment], moves)
        else:
            yield f"{environment}: {plural(len(moves), 'old model')} removed"
            yield from _removed(before[environment], after[environment], moves)
    for remark in taken.step.remarks:
        yield f"note: {remark}"
    if asked.kind == "accelerator-profiles" and taken.name == "add":
        yield "next: render, review, merge; when the cluster has the hardware profiles, which an upgrade to 3.x makes,"
        yield f"      {again} --step remove"
    elif not places:
        yield "next: render, review, merge"
    elif taken.name == "add":
        yield "next: render, review, merge; when the new models answer (`modelfleet smoke`) and every caller has moved,"
        yield f"      {again} --step remove"
    else:
        yield "next: render, review, merge; without pruning the old objects stay until somebody deletes them, as the plan says"


def _side(one: DeployedProject) -> ProjectState:
    return project_state(one.project.environment, one.project.namespace, one.objects, one.project)


# ---- the first step --------------------------------------------------------------------------------------------------


def _added(before: DeployedProject, after: DeployedProject, moves: list[Move]) -> Iterator[str]:
    was, now = running_workloads(_side(before)), running_workloads(_side(after))
    for move in moves:
        old, new = was[SERVICE, move.old], now[SERVICE, move.new]
        _refuse_other_access(after, move, old, new)
        yield f"  {move.old} -> {move.new}"
        if old.address and new.address:
            yield f"    within the cluster  {old.address.internal} -> {new.address.internal} (port {new.address.port})"
            if new.address.external:
                yield f"    from outside        {old.address.external} -> {new.address.external}"
        tokens = _tokens(before, move)
        if tokens:
            owner = move.server or move.old
            yield (
                f"    tokens              {listed(tokens)}: new tokens of these names; until the old model is removed, those "
                f"of {access_name('ServiceAccount', owner)} open the new address as well"
            )
    more = summed((new.accelerators, 1) for key, new in now.items() if key not in was)
    for name, count in more.items():
        yield f"  accelerators: {count} more of {name} until the second step, since old and new models both hold theirs"
    if not more:
        yield "  both run until the second step, and take CPU and memory twice"
    if any(move.server for move in moves):
        yield (
            "  the namespace keeps modelmesh-enabled=true until then, so the dashboard shows it as a multi-model project "
            "and offers no single-model deployments in it"
        )


def _tokens(before: DeployedProject, move: Move) -> tuple[str, ...]:
    """The names of the tokens that open the old model."""
    project = before.project
    servers = [one.tokens for one in project.servers if one.name == move.server]
    models = [one.tokens for one in project.models if one.name == move.old]
    return next(iter(servers or models), ())


def _refuse_other_access(after: DeployedProject, move: Move, old: RunningWorkload, new: RunningWorkload) -> None:
    """Nothing may be more open than it was, or more closed, whatever a patch does."""
    ways = [
        (bool(one.address and one.address.external), bool(one.address and one.address.guarded)) for one in (old, new)
    ]
    if ways[0] != ways[1]:
        words = [
            f"{'open' if out else 'closed'} to the outside and {'with' if auth else 'without'} tokens"
            for out, auth in ways
        ]
        message = f"{move.old} is {words[0]}, and {move.new} would be {words[1]}; look at its patches"
        raise NotMigratable(after.project.spec.key_at(move.pointer), message)


# ---- the second step -------------------------------------------------------------------------------------------------


def _removed(before: DeployedProject, after: DeployedProject, moves: list[Move]) -> Iterator[str]:
    was = running_workloads(_side(before))
    for move in moves:
        old = was[SERVICE, move.old]
        where = f" on server {move.server}" if move.server else ""
        yield f"  {move.old}{where} goes, and {move.new} stays"
        if old.address:
            gone = [address for address in (old.address.internal, old.address.external) if address]
            yield f"    no longer answers at {' and '.join(gone)}"
        if tokens := _tokens(before, move):
            owner = access_name("ServiceAccount", move.server or move.old)
            successor = access_name("ServiceAccount", move.new)
            yield f"    the tokens {listed(tokens)} of {owner} are no longer valid; those of {successor} are"
    environment = after.project.environment
    rules = rulebook(environment.release.capabilities, environment.release.terms) if environment.release else None
    sides = _side(before), _side(after)
    change = ProjectChange(
        name=after.project.name,
        before=sides[0],
        after=sides[1],
        was=was,
        now=running_workloads(sides[1]),
        prune=environment.argocd.prune,
    )
    labels = [row.label for row in rows_of(change, rules) if row.destroys]
    if labels:
        yield (
            f"  the plan asks for this acknowledgement, under environments.{environment.name}: `acknowledge: "
            f"[{', '.join(labels)}]`"
        )
    if command := label_command(before, after):
        yield f"  then label the namespace: {command}"


def label_command(before: DeployedProject, after: DeployedProject) -> str | None:
    """What turns the label of a namespace that Argo CD leaves alone, where the project changes its platform."""
    if after.project.environment.managed or before.project.platform == after.project.platform:
        return None
    return f"oc label namespace {after.project.namespace} modelmesh-enabled=false --overwrite"
