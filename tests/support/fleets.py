"""Random repositories that modelfleet accepts, as plain data by path: for properties that hold of all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from console import write
from modelfleet.kubernetes import emit
from modelfleet.resolve import catalog

Data = dict[str, Any]
Repository = dict[str, Data]
"""The content of each hand-written file, by its path."""

ENVIRONMENTS = ("edu", "prod", "test")
PROJECTS = ("acme", "shop", "zoo")

RUNTIME: Data = {
    "apiVersion": "serving.kserve.io/v1alpha1",
    "kind": "ServingRuntime",
    "metadata": {"name": "onnx-server"},
    "spec": {
        "multiModel": False,
        "supportedModelFormats": [{"name": "onnx", "version": "1", "autoSelect": True}],
        "containers": [{"name": "kserve-container", "image": "registry.example.org/onnx:1", "args": ["serve"]}],
    },
}
SHARED: Data = {
    "version": 1,
    "sizes": {
        "Small": {"requests": {"cpu": "1", "memory": "4Gi"}, "limits": {"cpu": "2", "memory": "8Gi"}},
        "Medium": {"requests": {"cpu": "4", "memory": "8Gi"}, "limits": {"cpu": "8", "memory": "10Gi"}},
    },
    "runtimes": {
        "kserve-ovms": {"images": {"kserve-container": "registry.example.org/ovms:1"}},
        "ovms": {"images": {"ovms": "registry.example.org/ovms:1"}},
        "vllm-cuda-runtime": {"images": {"kserve-container": "registry.example.org/vllm:1"}},
    },
    "argocd": {
        "namespace": "openshift-gitops",
        "repoURL": "https://git.example.org/models.git",
        "revision": "main",
        "version": "2.14",
    },
}
ACCELERATOR: Data = {
    "identifier": "nvidia.com/gpu",
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
}

OLD, NEW = (
    tuple(name for name in catalog.release_names() if catalog.release(name).capabilities["modelMesh"] is has)
    for has in (True, False)
)
TEXT = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters="{}$"), min_size=1, max_size=20)
DISPLAY = TEXT.filter(lambda text: text.strip() == text)
TOKENS = st.lists(st.sampled_from(["ci", "chatbot", "lab"]), unique=True, max_size=2)
REPLICAS = st.one_of(
    st.integers(1, 3), st.builds(lambda low, more: {"min": low, "max": low + more}, *[st.integers(1, 3)] * 2)
)
SIZE = st.one_of(
    st.sampled_from(["Small", "Medium"]),
    st.builds(
        lambda cpu, memory: {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": "8", "memory": "16Gi"}},
        st.sampled_from(["1", "500m", "2000m", "1.5"]),
        st.sampled_from(["1Gi", "2048Mi", "3G"]),
    ),
)


@st.composite
def facts(draw: st.DrawFn, name: str, releases: tuple[str, ...] = OLD + NEW) -> Data:
    """What an environment's own file says."""
    release = draw(st.sampled_from(releases))
    old = release in OLD
    accelerator = dict(ACCELERATOR)
    if not old and draw(st.booleans()):
        accelerator["hardwareProfile"] = {"name": "a100", "namespace": "redhat-ods-applications"}
    secrets: Data = {"provider": "existing"}
    if draw(st.booleans()):
        store = {"kind": "SecretStore", "name": draw(st.sampled_from(["vault", "store"]))}
        secrets = {"provider": "external-secrets", "apiVersion": "external-secrets.io/v1beta1", "store": store}
        secrets["keyPrefix"] = f"models/{name}"
    return {
        "version": 1,
        "release": release,
        "cluster": {"name": name, "appsDomain": f"apps.{name}.{draw(st.sampled_from(['example.org', 'example.com']))}"},
        "platforms": {"serverless": old, "modelMesh": old, "rawServiceConfig": "Headless"},
        "accelerators": {"a100": accelerator},
        "runtimes": {
            "kserve-ovms": {"images": {"kserve-container": f"registry.example.org/ovms:{draw(st.integers(1, 3))}"}}
        },
        "secrets": secrets,
        "namespaces": draw(st.sampled_from(["managed", "external"])),
    }


@st.composite
def model(draw: st.DrawFn) -> Data:
    """A deployment on the single-model platform."""
    location = draw(
        st.sampled_from(
            [
                {"connection": "store", "path": "a/model"},
                {"connection": "web"},
                {"uri": "oci://registry.example.org/model:1"},
                {"pvc": "weights", "path": "model"},
            ]
        )
    )
    found: Data = {"location": location, "size": draw(SIZE)}
    if draw(st.booleans()):
        found |= {
            "runtime": "vllm-cuda-runtime",
            "accelerator": draw(st.sampled_from(["a100", {"name": "a100", "count": 1}])),
        }
        found["args"] = draw(
            st.lists(st.sampled_from(["--max-model-len=8192", "--seed=1", "--enforce-eager"]), max_size=2)
        )
    else:
        found |= {"runtime": draw(st.sampled_from(["kserve-ovms", "onnx-server"])), "framework": "onnx-1"}
        found["replicas"] = draw(REPLICAS)
    values = st.one_of(TEXT, st.sampled_from(["1e3", "yes", "", "two\nlines"]))
    found["env"] = draw(st.dictionaries(st.sampled_from(["ALPHA", "BETA", "MODE_X"]), values, max_size=2))
    found["env"] |= draw(st.sampled_from([{}, {"FROM_STORE": {"secret": "kept", "key": "word"}}]))
    found["route"] = draw(st.booleans())
    found["tokens"] = draw(TOKENS)
    return found | draw(st.fixed_dictionaries({}, optional={"displayName": DISPLAY}))


@st.composite
def server(draw: st.DrawFn, key: str) -> Data:
    """A model server on the multi-model platform."""
    location = {"connection": "store", "path": "a/model"}
    names = draw(st.lists(st.sampled_from(["one", "two", "three"]), min_size=1, unique=True))
    return {
        "runtime": "ovms",
        "size": draw(SIZE),
        "replicas": draw(st.integers(1, 3)),
        "route": draw(st.booleans()),
        "tokens": draw(TOKENS),
        "models": {f"{key}-{name}": {"framework": "onnx-1", "location": location} for name in names},
    }


@st.composite
def project(draw: st.DrawFn, name: str, environments: Data) -> Data:
    """A spec for some of the environments."""
    old = [key for key, facts in environments.items() if facts["release"] in OLD]
    multi = bool(old) and draw(st.booleans())
    chosen = draw(st.lists(st.sampled_from(old if multi else list(environments)), min_size=1, unique=True))
    spec: Data = {
        "version": 1,
        "platform": "multi-model" if multi else "single-model",
        "connections": {
            "store": {"s3": {"endpoint": "https://s3.example.org", "region": "us-east-1", "bucket": "models"}},
            "web": {"uri": "https://models.example.org/model.onnx"},
        },
        "secrets": {"kept": {"keys": ["word"]}},
    } | draw(st.fixed_dictionaries({}, optional={"displayName": DISPLAY, "description": DISPLAY}))
    entries = "servers" if multi else "models"
    names = draw(st.lists(st.sampled_from(["alpha", "beta", "gamma"]), min_size=1, max_size=3, unique=True))
    spec[entries] = {key: draw(server(key) if multi else model()) for key in names}
    spec["environments"] = {}
    for key in chosen:
        override: Data = draw(st.fixed_dictionaries({}, optional={"namespace": st.just(f"{name}-{key}")}))
        if draw(st.booleans()):
            override[entries] = {names[0]: draw(st.sampled_from([{"replicas": 2}, {"route": True}, {"tokens": []}]))}
        if len(names) > 1 and draw(st.booleans()):
            override.setdefault(entries, {})[names[-1]] = None
        spec["environments"][key] = override
    return spec


@st.composite
def repositories(draw: st.DrawFn, projects: int = 2) -> Repository:
    """A repository with one to three environments and up to so many projects, over a base.yaml or with none."""
    names = draw(st.lists(st.sampled_from(ENVIRONMENTS), min_size=1, unique=True))
    environments = {name: draw(facts(name)) for name in names}
    based = draw(st.sampled_from([None, "nothing", *[environments[name]["release"] for name in names]]))
    found: Repository = {"runtimes/onnx-server.yaml": RUNTIME}
    for name, own in environments.items():
        found[f"environments/{name}.yaml"] = own if based else laid(SHARED | {"runtimes": shipped(own)}, own)
    if based:
        found["environments/base.yaml"] = SHARED | ({} if based == "nothing" else {"release": based})
    for name in PROJECTS[: draw(st.integers(1, projects))]:
        found[f"projects/{name}.yaml"] = draw(project(name, environments))
    return found


def shipped(own: Data) -> Data:
    """The shared runtimes that an environment's release has: its own file may name no others."""
    has = catalog.release(own["release"]).runtimes
    return {name: entry for name, entry in SHARED["runtimes"].items() if name in has}


def laid(below: Data, above: Data) -> Data:
    """Maps merged key by key."""
    merged = dict(below)
    for key, value in above.items():
        inner = below.get(key)
        merged[key] = laid(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def placed(root: Path, repository: Repository) -> Path:
    """The repository, written as files."""
    return write(root, {path: emit.dump(data) for path, data in repository.items()})
