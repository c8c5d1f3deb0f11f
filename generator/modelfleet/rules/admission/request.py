"""What an admission rule looks at, and how one is declared.

A rule gets a `Manifest`: an object that somebody wants to apply, with what is known of the cluster. Objects may be
hand-written and of any shape, so rules read them with `mapping` and `items` and never trust a type; what is of the
wrong type is left to the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, NotRequired, Required, TypedDict, Unpack

from modelfleet.finding import Pointer
from modelfleet.kubernetes.names import DEPLOYMENT_MODE
from modelfleet.kubernetes.objects import Peers, mapping, text
from modelfleet.records import dataclass
from modelfleet.resolve.release import Capabilities, Terms
from modelfleet.rules import Rule, Violation, always
from modelfleet.spec.secret_shapes import holds_shape
from modelfleet.spec.secrets import in_words

MODEL_MESH = "ModelMesh"
PREDICTOR: Pointer = ("spec", "predictor")
ANNOTATIONS: Pointer = ("metadata", "annotations")
SERVICE_KINDS = frozenset({"InferenceService"})
RUNTIME_KINDS = frozenset({"ServingRuntime"})
LLM_KIND = frozenset({"LLMInferenceService"})

FRAMEWORKS = (
    "sklearn", "tensorflow", "xgboost", "pytorch", "triton", "onnx", "huggingface", "pmml", "lightgbm", "paddle",
)  # fmt: skip
"""Predictors that name their model server; KServe's defaulter turns the first of them, in this order, into `model`."""

_FRAMEWORKS = frozenset(FRAMEWORKS)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRequest:
    """An object on its way to a cluster of one release.

    `live` is the same object as the cluster has it, or None where it is created. `peers` are other objects that are in
    the cluster or come with this one; `elsewhere` are those that may be there, such as objects of another file: what this
    one names is looked up among them, too. `schema` finds what the schema of its kind refuses, or is None where none is
    known; then `versions` are those in which the kind is served, if it is known in others. The rest is read from the
    object, because most rules ask for it, and is empty where it is not there.
    """

    object: Mapping[str, Any]
    capabilities: Capabilities
    terms: Terms
    old_object: Mapping[str, Any] | None = None
    peers: Peers = field(default_factory=dict)
    elsewhere: Peers = field(default_factory=dict)
    schema: Callable[[Mapping[str, Any]], Iterator[Violation]] | None = None
    versions: Sequence[str] = ()
    name: str = field(init=False)
    namespace: str = field(init=False)
    annotations: Mapping[str, Any] = field(init=False)
    spec: Mapping[str, Any] = field(init=False)
    predictor: Mapping[str, Any] = field(init=False)
    components: tuple[tuple[str, Mapping[str, Any]], ...] = field(init=False)
    """The predictor, the transformer and the explainer of an InferenceService, those that it has."""
    model: tuple[Pointer, Mapping[str, Any]] | None = field(init=False)
    """The model of the predictor and where it is written."""
    mode: str = field(init=False)
    """The deployment mode as the release spells it, the cluster's default where none is written."""

    def __post_init__(self) -> None:
        metadata = mapping(self.object.get("metadata"))
        annotations = mapping(metadata.get("annotations"))
        spec = mapping(self.object.get("spec"))
        written = annotations.get(DEPLOYMENT_MODE)
        store = object.__setattr__
        store(self, "name", text(metadata.get("name")))
        store(self, "namespace", text(metadata.get("namespace")))
        store(self, "annotations", annotations)
        store(self, "spec", spec)
        predictor = mapping(spec.get("predictor"))
        store(self, "predictor", predictor)
        store(self, "components", tuple(_components(spec)) if predictor else ())
        store(self, "model", _model(predictor))
        store(self, "mode", self.capabilities["defaultMode"] if written is None else self.spelt(written))

    def spelt(self, mode: Any) -> str:
        """A deployment mode in the release's own word, where it rewrites an older one."""
        word = text(mode)
        rewritten: str = self.capabilities["rewritesModes"].get(word, word)
        return rewritten

    @property
    def in_mode(self) -> str:
        """The deployment mode for a message, which tells whether it is written."""
        return f"{'the default ' if self.annotations.get(DEPLOYMENT_MODE) is None else ''}deployment mode {display(self.mode)}"

    @property
    def raw(self) -> bool:
        """Whether the model server is an ordinary Deployment."""
        return bool(self.mode == self.terms["modeStandard"])


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRule(Rule[AdmissionRequest]):
    """A rule on manifests.

    `where` is a field without which the rule has nothing to say, so that an object that lacks it is passed over
    quickly; `update` is set where the rule compares with the object in the cluster.
    """

    where: tuple[str, ...] = ()
    update: bool = False


Check = Callable[[AdmissionRequest], Iterator[Violation]]


class _Declared(TypedDict):
    code: Required[str]
    title: Required[str]
    stage: Required[str]
    kinds: NotRequired[Collection[str]]
    when: NotRequired[Callable[[Capabilities], bool]]
    where: NotRequired[Sequence[str | int]]
    update: NotRequired[bool]


def admission_rule(**declared: Unpack[_Declared]) -> Callable[[Check], AdmissionRule]:
    """Declares an admission rule: fields as of `AdmissionRule`. Without `kinds` it holds for every object."""

    def declare(check: Check) -> AdmissionRule:
        return AdmissionRule(
            code=declared["code"],
            title=declared["title"],
            stage=declared["stage"],
            check=check,
            when=declared.get("when", always),
            kinds=frozenset(declared.get("kinds", ())),
            where=tuple(str(step) for step in declared.get("where", ())),
            update=declared.get("update", False),
        )

    return declare


def display(value: object) -> str:
    """A value of an object for a message: of what could be a secret, only what has the shape of one is hidden."""
    return in_words(value, holds_shape)


def _components(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in ("predictor", "transformer", "explainer"):
        component = spec.get(name)
        if component and isinstance(component, dict):
            yield name, component


def _model(predictor: Mapping[str, Any]) -> tuple[Pointer, Mapping[str, Any]] | None:
    for name in frameworks_of(predictor):
        if isinstance(predictor[name], dict):
            return (*PREDICTOR, name), predictor[name]
    model = predictor.get("model")
    return ((*PREDICTOR, "model"), model) if isinstance(model, dict) else None


def frameworks_of(predictor: Mapping[str, Any]) -> Sequence[str]:
    """The frameworks that a predictor names, in the defaulter's order; mostly none."""
    return () if _FRAMEWORKS.isdisjoint(predictor) else [name for name in FRAMEWORKS if name in predictor]


def peer(request: AdmissionRequest, kind: str, name: object) -> Mapping[str, Any] | None:
    """Another object of this kind and name in the same namespace, where one is known."""
    return _known(request, (kind, request.namespace), text(name))


def own_namespace(request: AdmissionRequest) -> Mapping[str, Any] | None:
    """The Namespace of the object, where it is known."""
    return _known(request, ("Namespace", ""), request.namespace)


def _known(request: AdmissionRequest, place: tuple[str, str], name: str) -> Mapping[str, Any] | None:
    found = request.peers.get(place, {}).get(name)
    return found if found is not None else request.elsewhere.get(place, {}).get(name)
