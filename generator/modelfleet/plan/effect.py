"""The closed set of effects that a change has on running models: one table, from which all that names an effect is made.

The order is the order of weight. `schemas/plan.schema.json` and `docs/effects.md` are made of it by `modelfleet docs --write`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Literal

from modelfleet.records import dataclass

Tone = Literal["plain", "head", "good", "mild", "warn", "bad", "added", "removed", "faint"]
"""How a line is meant; whoever shows it chooses the colours."""

TONE_MARKS: Mapping[Tone, str] = {"faint": "⚪", "good": "🟢", "mild": "🔵", "warn": "🟡", "bad": "🔴"}
"""The colours of tables in Markdown."""

Verbs = tuple[str, str]
"""What one thing does, and what several do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectFacts:
    """What is known of an effect. `title` and `explained` are for people, `verbs` for the sentence that sums a plan up.

    `noticed`: requests, or those who send them, may notice it. `destroys`: it has to be acknowledged where anything runs.
    `stays`: what has to be acknowledged is then not deleted, but left on the cluster. `counted`: what the sentence counts,
    where that is not the thing that changes.
    """

    title: str
    tone: Tone
    explained: str
    verbs: Verbs | None = None
    noticed: bool = True
    destroys: bool = False
    stays: bool = False
    counted: str = ""


class Effect(Enum):
    """What happens to a running model, the lightest first."""

    NOTHING = EffectFacts(
        title="nothing",
        tone="faint",
        explained="neither pods nor callers notice; where there is a reason, the plan gives it",
    )
    NEXT_START = EffectFacts(
        title="read at the next start",
        tone="mild",
        explained=(
            "the store, the keys or the settings of a Secret; a model on a server reads them when it is loaded again"
        ),
    )
    ADMIN = EffectFacts(
        title="an administrator applies it",
        tone="mild",
        explained="what Argo CD itself needs: `oc apply -k environments/<env>/argocd`",
    )
    TOKEN_NEW = EffectFacts(
        title="new token",
        tone="good",
        explained="its Secret is created, and the cluster fills it in",
    )
    URL_NEW = EffectFacts(
        title="URL appears",
        tone="good",
        explained="it can be reached from outside",
    )
    START = EffectFacts(
        title="starts",
        tone="good",
        verbs=("starts", "start"),
        noticed=False,
        explained="a new model",
    )
    SCALE = EffectFacts(
        title="scale",
        tone="mild",
        verbs=("is scaled", "are scaled"),
        noticed=False,
        explained="more or fewer replicas; running pods stay",
    )
    SHARE = EffectFacts(
        title="share of requests",
        tone="mild",
        verbs=("gets another share of the requests", "get other shares of the requests"),
        noticed=False,
        explained="how many of the requests go to a canary, or to a model of a group; no pod restarts",
    )
    CANARY = EffectFacts(
        title="canary",
        tone="mild",
        verbs=("has a canary that changes", "have canaries that change"),
        noticed=False,
        explained="the pods of a canary come, go or are replaced; those of the model stay",
    )
    RELOAD = EffectFacts(
        title="model is reloaded",
        tone="mild",
        verbs=("is reloaded", "are reloaded"),
        explained="ModelMesh loads the new version and moves the requests to it; no pod restarts",
    )
    BESIDE = EffectFacts(
        title="pods beside the model restart",
        tone="mild",
        verbs=("restarts pods beside it", "restart pods beside them"),
        explained="those of a transformer, of a graph or of something in objects/; the models' own pods go on",
    )
    METADATA = EffectFacts(
        title="metadata that restarts pods",
        tone="warn",
        verbs=("restarts", "restart"),
        explained=(
            "the same, for nothing but a label or an annotation: KServe copies those of an InferenceService to its pods"
        ),
    )
    ROLLING = EffectFacts(
        title="rolling restart",
        tone="warn",
        verbs=("restarts", "restart"),
        explained=(
            "new pods start before the old ones stop; the plan says how many more accelerators that takes, and "
            "whether the quota has them"
        ),
    )
    TOKEN_LOST = EffectFacts(
        title="token lost",
        tone="bad",
        verbs=("loses a token", "lose tokens"),
        explained="its Secret goes with the ServiceAccount of a model that is deleted or moves, and others are still asked for one",
    )
    SECRET_GONE = EffectFacts(
        title="Secret disappears",
        tone="bad",
        verbs=("is deleted though models read its Secret", "are deleted though models read their Secrets"),
        explained=(
            "what made it from the store goes, and its Secret with it: models that read it run on, and cannot "
            "start again"
        ),
    )
    AUTH_OFF = EffectFacts(
        title="authorization off",
        tone="bad",
        verbs=("can be called without a token", "can be called without a token"),
        explained="anyone who can reach it may call it",
    )
    AUTH_ON = EffectFacts(
        title="authorization on",
        tone="bad",
        verbs=("asks for a token from now on", "ask for tokens from now on"),
        explained="callers without a token are refused",
    )
    URL_CHANGED = EffectFacts(
        title="URL changes",
        tone="bad",
        verbs=("gets another URL", "get other URLs"),
        explained=(
            "from outside, or inside the cluster: with tokens a model answers on port 8443, without them on the container's port"
        ),
    )
    URL_GONE = EffectFacts(
        title="URL disappears",
        tone="bad",
        verbs=("loses its URL", "lose their URLs"),
        explained="it can no longer be reached from outside: its route is switched off, or the model goes",
    )
    DOWNTIME = EffectFacts(
        title="downtime",
        tone="bad",
        verbs=("is down for a while", "are down for a while"),
        explained=(
            "nothing answers for a while: `strategy: recreate`, one group of nodes under llm-d, a server that goes "
            "while its model stays"
        ),
    )
    STOPPED = EffectFacts(
        title="stopped",
        tone="bad",
        verbs=("is stopped", "are stopped"),
        explained=(
            "`stopped: true`, or no replicas: nothing answers until somebody starts it again. Nothing is lost, so it "
            "needs no acknowledgement"
        ),
    )
    TOKEN_KEPT = EffectFacts(
        title="token stays valid",
        tone="bad",
        verbs=("still opens its model", "still open their models"),
        counted="removed token",
        explained=(
            "its Secret is no longer in Git, and Argo CD does not delete it, whether it prunes or not "
            "([why](argocd.md#tokens-that-leave-git)): it opens the model until somebody deletes it. The command is shown"
        ),
    )
    UNMANAGED = EffectFacts(
        title="stays unmanaged",
        tone="bad",
        verbs=("is left to run unmanaged", "are left to run unmanaged"),
        destroys=True,
        stays=True,
        explained=(
            "it is no longer in Git and nothing is pruned: it runs on, with its accelerators, until somebody "
            "deletes it. The command is shown"
        ),
    )
    RECREATE = EffectFacts(
        title="must be deleted and recreated",
        tone="bad",
        verbs=("must be deleted and recreated", "must be deleted and recreated"),
        destroys=True,
        explained=(
            "the deployment mode, the workers of a runtime, the nodes or the pods for prompts of an LLMInferenceService, or an "
            "immutable field of a claim, a Job or a Deployment in objects/: the cluster refuses to change them. The command is "
            "shown; before the merge it would only recreate the old one, and it "
            "ends with `argocd app sync`, since Argo CD does not retry a commit forever"
        ),
    )
    WITH_SERVER = EffectFacts(
        title="goes with its server",
        tone="bad",
        verbs=("goes with its server", "go with their server"),
        destroys=True,
        explained="a model server goes, and with it its models",
    )
    DELETE = EffectFacts(
        title="deleted",
        tone="bad",
        verbs=("is deleted", "are deleted"),
        destroys=True,
        explained=(
            "Argo CD deletes it. For something in objects/, the plan says what is lost with it, such as pods or data on a volume"
        ),
    )
    PRUNING = EffectFacts(
        title="pruning starts",
        tone="bad",
        verbs=(
            "starts to delete what earlier changes left running",
            "start to delete what earlier changes left running",
        ),
        destroys=True,
        explained=(
            "`argocd.prune` is switched on: Argo CD deletes what is no longer in Git, also what earlier changes have left "
            "on the cluster. No plan sees what that is"
        ),
    )
    NAMESPACE = EffectFacts(
        title="namespace changes",
        tone="bad",
        verbs=("moves to another namespace", "move to other namespaces"),
        destroys=True,
        stays=True,
        explained="everything is created again; what is in the old namespace stays",
    )
    PROJECT = EffectFacts(
        title="project goes",
        tone="bad",
        verbs=("leaves", "leave"),
        destroys=True,
        stays=True,
        explained=(
            "it leaves the environment. Argo CD does not delete any of it, whether it prunes or not "
            "([why](argocd.md#what-disappears-from-git)). Where a new project takes its namespace, as one that is "
            "only renamed may, the cluster sees the same objects, and they keep running: the plan shows what "
            "changes about them, and the command that hands them to the new Application. Its own Application "
            "stays, too: the row ends with the command that deletes it on the cluster of Argo CD"
        ),
    )
    ENVIRONMENT = EffectFacts(
        title="environment goes",
        tone="bad",
        verbs=("goes", "go"),
        destroys=True,
        stays=True,
        explained="its file is gone. Argo CD does not delete any of it",
    )
    REFUSED = EffectFacts(
        title="refused by the cluster",
        tone="bad",
        verbs=("would be refused by the cluster", "would be refused by the cluster"),
        explained="a webhook would refuse the update, and deleting would not help",
    )

    @property
    def id(self) -> str:
        """Its name in data and for machines."""
        return self.name.lower().replace("_", "-")

    @property
    def weight(self) -> int:
        """Grows with what the effect means to those who use the model."""
        return _WEIGHTS[self]

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.value.title

    @property
    def tone(self) -> Tone:
        """How it is meant."""
        return self.value.tone


_WEIGHTS = {effect: index for index, effect in enumerate(Effect)}


EFFECTS_BY_ID = {effect.id: effect for effect in Effect}
"""Every effect by its name in data."""


RESTARTS = frozenset({Effect.METADATA, Effect.ROLLING, Effect.DOWNTIME})
"""What an effect on pods may come to."""


def sentence_order() -> tuple[Verbs, ...]:
    """The verbs of all effects that are news, the heaviest first."""
    heaviest_first = sorted(Effect, key=lambda effect: -effect.weight)
    return tuple(dict.fromkeys(effect.value.verbs for effect in heaviest_first if effect.value.verbs is not None))
