"""Commands that a plan recommends to whoever merges."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence

from modelfleet.plan.effect import Effect
from modelfleet.plan.effects import Impact, ObjectChange, code
from modelfleet.plan.project_change import ProjectChange, Successor
from modelfleet.render.argocd import application_name, argocd_line
from modelfleet.serving.workloads import LLM_CONFIG, MODELS, RUNTIME, Key


def deletion(change: ProjectChange, objects: Sequence[ObjectChange], *, again: bool = False) -> str | None:
    """The command that removes objects from the namespace in which they are; `again`: Argo CD is to make them anew.

    Argo CD tries a commit whose sync failed a few times and then no more, so it has to be told. What another project has
    there from now on is handed over to it instead; and with a Namespace everything in it would go.
    """
    side = change.before
    if side is None:
        return None
    there = [item.key for item in objects if item.before is not None]
    commands = []
    if gone := [key for key in there if key not in change.passed_on and key[0] != "Namespace"]:
        commands.append(shlex.join(["oc", "delete", "-n", side.namespace, *_listed(gone)]))
        commands += [_sync(side.environment.name, change.name)] if again else []
    if change.successor is not None and (shared := [key for key in there if key in change.passed_on]):
        commands.append(handover(shared, change.successor))
    return " && ".join(commands) or None


def handover(keys: Iterable[Key], to: Successor) -> str:
    """The command by which objects of one project become those of another's Application, which else may not touch them."""
    environment = to.side.environment
    words = ["-n", to.side.namespace, *_listed(keys)]
    if argocd_line(str(environment.argocd.version)).tracking == "label":
        application = application_name(environment.name, to.name)
        command = ["oc", "label", "--overwrite", *words, f"app.kubernetes.io/instance={application}"]
    else:
        command = ["oc", "annotate", *words, "argocd.argoproj.io/tracking-id-"]
    return f"{shlex.join(command)} && {_sync(environment.name, to.name)}"


def passed_on(change: ProjectChange) -> Iterator[Impact]:
    """What becomes of the objects that another project has from now on."""
    if change.successor is not None and change.passed_on:
        text = (
            f"what {code(change.successor.name)} has there, too, becomes its own: Argo CD refuses to sync it as long as it is "
            "marked as this project's"
        )
        yield Impact(Effect.NOTHING, text)


def application_left(change: ProjectChange) -> Iterator[Impact]:
    """The Application of a project that leaves an environment: no ApplicationSet deletes it."""
    if change.before is None or change.environment_goes:
        return
    environment = change.before.environment
    command = ["oc", "delete", "application", application_name(environment.name, change.name)]
    if namespace := environment.argocd.namespace:
        command += ["-n", namespace]
    text = f"its Application stays, too, and no longer finds its folder: then {code(shlex.join(command))} where Argo CD runs"
    yield Impact(Effect.NOTHING, text)


def _listed(keys: Iterable[Key]) -> list[str]:
    """Objects for a command, the models first."""
    order = {kind: index for index, kind in enumerate((*MODELS, RUNTIME, LLM_CONFIG))}
    return [f"{kind.lower()}/{name}" for kind, name in sorted(keys, key=lambda key: order.get(key[0], len(order)))]


def _sync(environment: str, project: str) -> str:
    return shlex.join(["argocd", "app", "sync", application_name(environment, project)])
