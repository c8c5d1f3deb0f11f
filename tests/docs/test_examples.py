"""Every example in the tables of the spec and of the environment is rendered, in a repository where what it names exists.

An example is laid into the smallest spec that can hold it: of the kinds of workload and the releases, one that takes it is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from doc_pages import text_of
from modelfleet.finding import Rejected, Severity
from modelfleet.kubernetes import emit
from modelfleet.pipeline.fleet import fleet
from modelfleet.resolve.connections import connection_kinds

IMAGE = "registry.example.org/serving@sha256:" + "0f" * 32
NAME = "<name>"

PLAIN: dict[str, Any] = {
    "runtime": "vllm-cuda-runtime",
    "size": "Medium",
    "accelerator": {"name": "nvidia-a100-gpu", "count": 1},
    "location": {"connection": "granite-models", "path": "granite"},
    "tokens": ["ci"],
}
MULTI_NODE: dict[str, Any] = {
    **PLAIN,
    "runtime": "vllm-multinode-runtime",
    "accelerator": {"name": "nvidia-a100-gpu", "count": 4},
    "multiNode": {"pipelineParallelSize": 2, "tensorParallelSize": 4},
    "location": {"pvc": "llama-weights", "path": "llama"},
}
DISTRIBUTED: dict[str, Any] = {**{key: PLAIN[key] for key in PLAIN if key != "runtime"}, "llmd": True}
ONNX: dict[str, Any] = {
    "runtime": "kserve-ovms",
    "framework": "onnx-1",
    "size": "Small",
    "location": {"connection": "granite-models", "path": "ranker"},
}
SERVED: dict[str, Any] = {"framework": "onnx-1", "location": {"connection": "granite-models", "path": "ranker"}}
SERVER: dict[str, Any] = {"runtime": "ovms", "size": "Small", "models": {"ranker": SERVED}}

CONTEXTS: list[tuple[str, str, dict[str, Any]]] = [
    *(("models", release, PLAIN) for release in ("rhoai-2.25", "rhoai-3.5", "rhoai-3.3")),
    *(("models", release, DISTRIBUTED) for release in ("rhoai-3.5", "rhoai-3.3", "rhoai-2.25")),
    ("models", "rhoai-2.25", {**PLAIN, "mode": "advanced"}),
    *(("models", release, MULTI_NODE) for release in ("rhoai-2.25", "rhoai-3.5")),
    *(("models", release, ONNX) for release in ("rhoai-2.25", "rhoai-3.5")),
    ("servers", "rhoai-2.25", SERVER),
]
"""Where an example of a model or a server may stand, and on which release."""


class Example(NamedTuple):
    """A row of a table: its section, the field, and the value that is shown."""

    page: str
    section: str
    field: str
    value: Any


def examples(page: str) -> Iterator[Example]:
    """The rows of the tables that have an example."""
    section = ""
    for line in text_of(page).splitlines():
        if line.startswith("## "):
            found = re.search(r"`(.+)`", line)
            section = found[1] if found else ""
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)]
        if len(cells) == 7 and re.fullmatch(r"`.*`", cells[5]):
            written = yaml.safe_load("{" + cells[5].strip("`") + "}")
            (value,) = written.values()
            yield Example(page, section, cells[1].strip("`"), value)


def steps(field: str) -> list[str | int]:
    """A field of a table as a way into data: `a.<name>.b[].c`."""
    return [0 if step == "[]" else step for step in re.findall(r"\[\]|<name>|[^.\[\]]+", field)]


class Laying(NamedTuple):
    """The examples of a section by field, and whether what is on the way to a field holds nothing but the rest of the way."""

    known: Mapping[str, Any]
    alone: bool

    def laid(self, data: Any, way: list[str | int], value: Any, path: str = "") -> Any:
        """The data with a value at the end of a way; what is missing on the way is as its own example has it."""
        if not way:
            return value
        step, rest = way[0], way[1:]
        if step == 0:
            below = data[0] if isinstance(data, list) and data else None
            return [self.laid(below, rest, value, f"{path}[]")]
        here = f"{path}.{step}".lstrip(".")
        whole = dict(data) if isinstance(data, Mapping) else {}
        key = next(iter(whole), "example") if step == NAME else str(step)
        below = whole.get(key)
        if below is None and rest and not self.alone:
            below = deepcopy(self.known.get(here))
        if self.alone and step != NAME:
            whole = {other: each for other, each in whole.items() if not _excludes(key, other)}
        return {**whole, key: self.laid(below, rest, value, here)}

    def in_section(self, whole: Any, place: list[str | int], way: list[str | int], value: Any) -> Any:
        """The project with a value in a section."""
        if not place:
            return self.laid(whole, way, value)
        key = next(iter(whole), "example") if place[0] == NAME else place[0]
        return {**whole, key: self.in_section(whole.get(key) or {}, place[1:], way, value)}


_EITHER = [{"connection", "pvc", "uri"}, set(connection_kinds()), {"name", "server"}, {"existing", "credentials"}]


def _excludes(key: str, other: str) -> bool:
    return key != other and any({key, other} <= either for either in _EITHER)


def environment_of(release: str) -> dict[str, Any]:
    """A cluster that offers what the examples name."""
    profile = {"name": "a", "namespace": "redhat-ods-applications"}
    old = release == "rhoai-2.25"
    toleration = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    accelerators = {
        name: {"identifier": "nvidia.com/gpu", "computeCapability": "9.0", "memory": "80Gi"}
        | ({"tolerations": toleration} if old else {"hardwareProfile": profile})
        for name in ("nvidia-a100-gpu", "nvidia-h100-gpu")
    }
    sized = {"requests": {"cpu": "4", "memory": "16Gi"}, "limits": {"cpu": "8", "memory": "24Gi"}}
    return {
        "version": 1,
        "release": release,
        "cluster": {"name": "prod", "appsDomain": "apps.prod.example.org"},
        "platforms": {"serverless": old, "modelMesh": old, "rawServiceConfig": "Headless"},
        "sizes": dict.fromkeys(("Small", "Medium", "Large"), sized),
        "accelerators": accelerators,
        "runtimes": {
            "kserve-ovms": {"images": {"kserve-container": IMAGE}},
            "vllm-cuda-runtime": {"images": {"kserve-container": IMAGE}},
            "vllm-multinode-runtime": {"images": {"kserve-container": IMAGE, "worker-container": IMAGE}},
            **({"ovms": {"images": {"ovms": IMAGE}}} if old else {}),
        },
        "secrets": {
            "provider": "external-secrets",
            "apiVersion": "external-secrets.io/v1",
            "store": {"kind": "SecretStore", "name": "vault"},
            "keyPrefix": "models/prod",
        },
        "gateways": {"openshift-ai-inference": {"namespace": "openshift-ingress", "host": "inference.example.org"}},
        "queues": {"gpu-a100": {"clusterQueue": "a100", "nominal": {"nvidia.com/gpu": 64}}},
        "autoscaling": {"keda": True, "prometheus": "https://thanos.example.org:9092"},
        "namespaces": "external",
        "argocd": {
            "namespace": "openshift-gitops",
            "repoURL": "https://git.example.org/models.git",
            "revision": "main",
            "version": "3.1",
            "prune": False,
        },
    }


S3 = {"s3": {"endpoint": "https://s3.example.org", "region": "us-east-1", "bucket": "models"}}
SHARED: dict[str, Any] = {
    "version": 1,
    "connections": {
        **dict.fromkeys(("example", "granite-models", "store", "models"), S3),
        "quay": {"oci": {"host": "quay.io"}},
        "catalogue": {"uri": "https://models.example.org/granite"},
    },
    "secrets": {"hf-token": {"keys": ["token"]}},
    "runtimes": {"chat-vllm": {"runtime": "vllm-cuda-runtime"}},
    "environments": {"prod": {}},
}


def project_of(kind: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The smallest project with one workload."""
    platform = "multi-model" if kind == "servers" else "single-model"
    return {**deepcopy(SHARED), "platform": platform, kind: {"granite-3-8b": deepcopy(dict(entry))}}


GPUS = {"name": "nvidia-a100-gpu", "count": 4}
SCALED = {"min": 1, "max": 4}
OFFICE = {"days": ["mon"], "from": "07:00", "to": "18:00", "replicas": 2}
SPREAD = {"accelerator": {**GPUS, "count": 8}, "llmd": {"parallelism": {"data": 16, "dataLocal": 8}, "worker": True}}

BESIDE: dict[str, dict[str, Any]] = {
    "existing": {},
    "release": {"images": {"kserve-container": IMAGE}},
    "replicas.": {"replicas": SCALED},
    "replicas.when.query.": {"replicas": {**SCALED, "when": {"query": {"promql": "up", "threshold": 1}}}},
    "replicas.schedule[]": {"replicas": {**SCALED, "schedule": [OFFICE]}},
    "size.": {"size": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "9", "memory": "99Gi"}}},
    "accelerator.": {"accelerator": {"name": "nvidia-a100-gpu", "count": 1}},
    "location.uri": {"location": {"uri": "oci://quay.io/org/other:1.0"}},
    "canary.replicas": {"replicas": 4},
    "env.<name>.": {"env": {"HF_TOKEN": {"secret": "hf-token", "key": "token"}}},
    "env.<name>.configMap": {"env": {"LEVEL": {"configMap": "other", "key": "level"}}},
    "env.<name>.field": {"env": {"NODE": {"field": "spec.nodeName"}}},
    "env.<name>.resource": {"env": {"CPUS": {"resource": "limits.cpu"}}},
    "volumeMounts": {"volumes": [{"name": "templates", "configMap": {"name": "chat-templates"}}]},
    "transformer.replicas.": {
        "transformer": {"containers": [{"name": "kserve-container", "image": IMAGE}], "replicas": {"min": 1, "max": 3}}
    },
    "storageUris": {"location": "none"},
    "maas": {"tokens": []},
    "llmd.command": {"args": ["--max-model-len=20000"]},
    "llmd.prefill.command": {"llmd": {"prefill": {"args": ["--max-model-len=20000"]}}},
    "llmd.parallelism": {"accelerator": GPUS},
    "llmd.parallelism.pipeline": {"accelerator": GPUS, "llmd": {"parallelism": {"tensor": 4}, "worker": True}},
    "llmd.parallelism.data": SPREAD,
    "llmd.worker": SPREAD,
    "llmd.worker.command": {
        **SPREAD,
        "llmd": {"parallelism": {"data": 16, "dataLocal": 8}, "worker": {"args": ["--max-model-len=20000"]}},
    },
    "llmd.worker.accelerator": {**SPREAD, "llmd": {"parallelism": {"data": 2, "dataLocal": 1}, "worker": True}},
    "llmd.prefill.worker": {
        "accelerator": {**GPUS, "count": 8},
        "llmd": {"prefill": {"parallelism": {"data": 16, "dataLocal": 8}}},
    },
    "llmd.cacheOffload.disks[].claim": {"llmd": {"cacheOffload": {"cpu": "1Gi", "disks": [{"claim": "1Gi"}]}}},
    "llmd.cacheOffload.disks[].storageClass": {"llmd": {"cacheOffload": {"cpu": "1Gi", "disks": [{"claim": "1Gi"}]}}},
    "llmd.cacheOffload.disks[].pvc": {"llmd": {"cacheOffload": {"cpu": "1Gi", "disks": [{"pvc": "other"}]}}},
    "llmd.cacheOffload.disks[].path": {"llmd": {"cacheOffload": {"cpu": "1Gi", "disks": [{"pvc": "other"}]}}},
}
"""What has to stand beside a field, by the beginning of its name: in place of what the workload has there."""

BESIDE_FACTS: dict[str, dict[str, Any]] = {
    "sizes.<name>.": {
        "sizes": {"Medium": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "9", "memory": "99Gi"}}}
    },
    "accelerators.<name>.tolerations[].": {
        "accelerators": {
            "nvidia-a100-gpu": {
                "identifier": "nvidia.com/gpu",
                "tolerations": [{"key": "gpu", "operator": "Equal", "value": "a", "effect": "NoExecute"}],
            }
        }
    },
    "nodes.<name>.taints[].": {
        "accelerators": {
            "nvidia-a100-gpu": {
                "identifier": "nvidia.com/gpu",
                "tolerations": [{"operator": "Exists"}],
            }
        }
    },
}
"""The same of an environment."""

NOT_HERE: dict[str, str] = {
    "spec: environments": "names an environment beside the one that is here",
    "spec: models": "an example of the shape: its model asks for no accelerator",
    "environment: sizes": "replaces the size that the model asks for",
    "environment: runtimes": "replaces the image that the model needs",
    "spec models.<name>: llmd.pinPreset": "takes the cluster's own copy of a preset in runtimes/",
    "spec models.<name>: llmd.parallelism.pipeline": "takes a preset that no release ships",
    "spec runtimes.<name>: patch.ServingRuntime[].path": "the path of another kind of object",
    "spec servers.<name>.models.<name>: location.uri": "an image, which ModelMesh does not read",
    "spec models.<name>: weights": "names models/granite-3-8b.yaml",
    "spec models.<name>: weights.from": "names models/granite-3-8b.yaml",
}
"""Examples that are not rendered here, and why. What is not needed is noticed."""

OBJECTS = {
    "servers.<name>": {"ServingRuntime"},
    "servers.<name>.models.<name>": {"InferenceService"},
    "models.<name>": {"InferenceService", "ServingRuntime", "LLMInferenceService", "ServiceAccount"},
    "runtimes.<name>": {"ServingRuntime"},
}
"""What can be patched of each kind of workload; the tables list every kind for each. A preset is patched where it is copied."""


def beside(example: Example, table: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """What stands beside an example: what the longest beginning of its field names."""
    found = [begin for begin in table if example.field.startswith(begin)]
    return deepcopy(table[max(found, key=len)]) if found else {}


def tried(example: Example) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Specs and environments with the example in its place."""
    known = {one.field: one.value for one in known_examples(example.page) if one.section == example.section}
    way, place = steps(example.field), steps(example.section)
    for alone in (False, True):
        laying = Laying(known, alone)
        if example.page == "docs/environment.md":
            for release in ("rhoai-2.25", "rhoai-3.5"):
                facts = {**environment_of(release), **beside(example, BESIDE_FACTS)}
                yield project_of("models", PLAIN), laying.laid(facts, way, example.value)
            continue
        for kind, release, entry in CONTEXTS:
            if place and place[0] in ("models", "servers") and place[0] != kind:
                continue
            more = beside(example, BESIDE) if place and place[0] in ("models", "servers") else {}
            if len(place) == 4:
                more = {"models": {"ranker": {**SERVED, **more}}}
            whole = project_of(kind, {**entry, **more})
            yield laying.in_section(_prepared(whole, example), place, way, example.value), environment_of(release)


def _prepared(whole: dict[str, Any], example: Example) -> dict[str, Any]:
    """The project with what the section needs: a shared runtime is used by a model."""
    if not example.section.startswith("runtimes"):
        return whole
    (workloads,) = (whole[kind] for kind in ("models", "servers") if kind in whole)
    for workload in workloads.values():
        workload["runtime"], made_of = "shared", workload.get("runtime", "vllm-cuda-runtime")
        shared = {} if example.field == "existing" else {"runtime": made_of}
        whole["runtimes"] = {"shared": {**shared, **beside(example, BESIDE)}}
    return whole


@cache
def known_examples(page: str) -> tuple[Example, ...]:
    return tuple(examples(page))


def refusal(root: Path, spec: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    """What is wrong with the repository; nothing where it renders."""
    for path, data in (("projects/granite.yaml", spec), ("environments/prod.yaml", facts)):
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(emit.dump(data), "utf-8")
    try:
        found = fleet(root)
    except Rejected as rejected:
        return [finding.text() for finding in rejected.findings if finding.severity is Severity.ERROR]
    assert found.files
    return []


@pytest.mark.parametrize("page", ["docs/spec.md", "docs/environment.md"])
def test_every_example_is_rendered(page: str, tmp_path: Path) -> None:
    wrong: dict[str, list[str]] = {}
    rows = known_examples(page)
    assert len(rows) > 60
    for example in rows:
        said: list[list[str]] = []
        for spec, facts in tried(example):
            said.append(refusal(tmp_path, spec, facts))
            if not said[-1]:
                break
        else:
            wrong[called(example)] = min(said, key=len)
    excused = {name for name in wrong if name in NOT_HERE or of_another_kind(name)}
    assert {name: said for name, said in wrong.items() if name not in excused} == {}
    mine = {name for name in NOT_HERE if name in set(map(called, rows))}
    assert mine - wrong.keys() == set(), "these are rendered by now"


def called(example: Example) -> str:
    """The page, the section and the field."""
    return f"{Path(example.page).stem} {example.section}".strip() + f": {example.field}"


def of_another_kind(name: str) -> bool:
    """Whether it is a patch in the table of a workload that has no object of that kind."""
    section, _, field = name.removeprefix("spec ").partition(": ")
    kind = field.removeprefix("patch").strip(".").partition("[")[0]
    rendered = OBJECTS.get(section)
    return rendered is not None and field.startswith("patch") and (kind or "InferenceService") not in rendered
