"""The JSON Schemas of the hand-written files: what they refuse and how it is said, what they take, and how they are made."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from jsonschema.validators import extend

from modelfleet.finding import Finding, Location, Pointer, pointer_in
from modelfleet.packaged import packaged
from modelfleet.spec.load import Document, parse
from modelfleet.spec.merge import as_layer, overlay_document, replaced_whole
from modelfleet.spec.phrases import MAX_SHOWN, PHRASES
from modelfleet.spec.schema import TITLES, bare_schema, explain, validate

PROJECT = """\
version: 1
displayName: Acme assistants
namespace: acme-ml
platform: single-model
connections:
  store:
    s3: {endpoint: "https://s3.example.org", region: us-east-1, bucket: models}
    credentials: {key: acme/object-store}
  catalogue: {uri: "https://models.example.org/llama"}
secrets:
  hf-token: {keys: [token]}
models:
  llama:
    runtime: vllm-cuda-runtime
    framework: vLLM
    mode: standard
    replicas: 1
    size: {requests: {cpu: "4", memory: 8Gi}, limits: {cpu: "8", memory: 10Gi}}
    accelerator: {name: nvidia-a100-gpu, count: 1}
    route: true
    tokens: [chatbot]
    location: {connection: store, path: llama-3}
    args: ["--max-model-len=8192"]
    env: {VLLM_LOGGING_LEVEL: INFO, HF_TOKEN: {secret: hf-token, key: token}}
    patch: {InferenceService: [{op: add, path: /spec/predictor/priorityClassName, value: research}]}
environments:
  dev: {}
  prod: {namespace: acme-prod}
"""

SERVERS = """\
version: 1
platform: multi-model
connections: {store: {s3: {endpoint: "https://s3.example.org", bucket: models}}}
servers:
  coolstore:
    runtime: ovms
    replicas: 1
    size: Small
    models:
      ranker:
        framework: onnx-1
        location: {connection: store, path: ranker}
environments: {prod: {}}
"""

LLMD = """\
version: 1
platform: single-model
models:
  llama:
    llmd:
      gateway: {name: inference, namespace: openshift-ingress}
      scheduler: {replicas: 2, config: {configMap: scheduler, key: epp.yaml}}
      parallelism: {tensor: 1, data: 16, dataLocal: 8, expert: true}
      worker: true
      prefill: {replicas: 2, size: Medium, accelerator: nvidia-h100-gpu, parallelism: {tensor: 4}}
      scaling: {min: 1, max: 4, by: keda, cost: "10.0"}
      baseRefs: [team-defaults]
    size: Medium
    tokens: [ci]
    location: {uri: "hf://meta-llama/Llama-3.1-8B-Instruct"}
environments: {prod: {}}
"""

ENVIRONMENT = """\
version: 1
release: rhoai-2.25
cluster: {name: prod, appsDomain: apps.prod.example.org}
platforms: {serverless: true, modelMesh: true, rawServiceConfig: Headless}
sizes:
  Small: {requests: {cpu: "1", memory: 4Gi}, limits: {cpu: "2", memory: 8Gi}}
accelerators:
  nvidia-a100-gpu:
    identifier: nvidia.com/gpu
    tolerations: [{key: nvidia.com/gpu.product, operator: Equal, value: A100, effect: NoSchedule}]
    nodeSelector: {nvidia.com/gpu.product: A100}
    hardwareProfile: {name: a100, namespace: redhat-ods-applications, maximum: {cpu: "14", nvidia.com/gpu: 4}}
    perNode: 4
    computeCapability: "8.0"
runtimes:
  vllm-cuda-runtime: {images: {kserve-container: "registry.example.org/vllm:1"}}
  vllm-rocm-runtime: {disabled: true}
quota: {default: {requests.nvidia.com/gpu: 4}, projects: {granite: {requests.memory: 64Gi}}}
secrets:
  provider: external-secrets
  apiVersion: external-secrets.io/v1beta1
  store: {kind: SecretStore, name: vault}
  keyPrefix: nerc/prod
  refreshInterval: 1h
namespaces: external
argocd: {namespace: openshift-gitops, repoURL: "https://git.example.org/acme/models.git", revision: main, version: "2.14"}
gateways: {inference: {namespace: openshift-ingress, host: inference.example.org}}
acknowledge: []
"""

RUNTIME = """\
apiVersion: serving.kserve.io/v1alpha1
kind: ServingRuntime
metadata:
  name: acme-vllm
  annotations: {openshift.io/display-name: Acme vLLM}
spec:
  containers:
  - name: kserve-container
    image: registry.example.org/vllm:1
    args: [--port=8080]
    env: [{name: HF_HOME, value: /tmp/hf_home}]
    ports: [{containerPort: 8080}]
  multiModel: false
  supportedModelFormats: [{name: vLLM, autoSelect: true}]
"""

TEMPLATE = """\
apiVersion: template.openshift.io/v1
kind: Template
metadata: {name: acme-vllm-template, uid: 4f0c2f0e}
objects:
- apiVersion: serving.kserve.io/v1alpha1
  kind: ServingRuntime
  metadata: {name: acme-vllm}
  spec:
    containers: [{name: kserve-container, image: "registry.example.org/vllm:1"}]
    supportedModelFormats: [{name: vLLM}]
parameters: []
"""

CONFIG = """\
apiVersion: serving.kserve.io/v1alpha2
kind: LLMInferenceServiceConfig
metadata: {name: acme-llm}
spec: {template: {containers: [{name: main, image: "registry.example.org/vllm:1"}]}}
"""

GOOD = {
    "projects/acme.yaml": PROJECT,
    "projects/shop.yaml": SERVERS,
    "projects/llm.yaml": LLMD,
    "environments/prod.yaml": ENVIRONMENT,
    "runtimes/own.yaml": RUNTIME,
    "runtimes/template.yaml": TEMPLATE,
    "runtimes/config.yaml": CONFIG,
}
FILES = {Path(file).stem: file for file in GOOD}
ACME, PROD = FILES["acme"], FILES["prod"]
KINDS = {"projects": "project", "environments": "environment", "runtimes": "custom-runtime"}
NAMES = ("project", "environment", "custom-runtime", "merged-project", "merged-environment")
SCHEMAS: dict[str, Any] = {
    name: json.loads((packaged("schemas") / f"{name}.schema.json").read_text("utf-8")) for name in NAMES
}


def document(text: str, file: str = "projects/acme.yaml") -> Document:
    return parse(text.encode(), file)


def said(text: str, file: str = "projects/acme.yaml") -> list[str]:
    """The findings about a file, without its name."""
    found = validate(document(text, file), KINDS[file.partition("/")[0]])
    return [finding.text().removeprefix(f"{file}:") for finding in found]


def changed(file: str, old: str, new: str) -> str:
    assert GOOD[file].count(old) == 1, f"{old!r} stands {GOOD[file].count(old)} times in {file}"
    return GOOD[file].replace(old, new)


@pytest.mark.parametrize("file", GOOD)
def test_good_files_are_taken(file: str) -> None:
    assert said(GOOD[file], file) == []


# Each refusal: what is taken out of a good file (-), what is put there (+), every finding (!), and a near miss that is taken (=).
REFUSED = r"""
acme: type: a list for a map
- models:
-   llama:
-     runtime
+ models:
+   - name: llama
+     runtime
! 13:3: error[SPEC001]: models: expected a map from names to models, found a list; write each entry under its name,
! without a dash: <name>: ...
= models:
=   llama:
=     displayName: Llama
=     runtime

acme: type: text for a number
- replicas: 1
+ replicas: lots
! 17:15: error[SPEC001]: models.llama.replicas: expected a whole number or {min, max}, found the text 'lots'
= replicas: {min: 0, max: 3}

acme: type: a quoted number
- replicas: 1
+ replicas: "1"
! 17:15: error[SPEC001]: models.llama.replicas: expected a whole number or {min, max}, found the text '1'; remove the
! quotes: 1
= replicas: 0

acme: type: true for a number
- replicas: 1
+ replicas: true
! 17:15: error[SPEC001]: models.llama.replicas: expected a whole number or {min, max}, found true
= replicas: 99

acme: type: a fraction
- replicas: 1
+ replicas: 1.5
! 17:15: error[SPEC001]: models.llama.replicas: expected a whole number or {min, max}, found the number 1.5
= replicas: 15

acme: type: 1.0 is not a whole number
- count: 1
+ count: 1.0
! 19:49: error[SPEC001]: models.llama.accelerator.count: expected a whole number, found the number 1.0; write 1 or
! more, or leave accelerator out where the model needs none
= count: 10

acme: type: text for a switch
- route: true
+ route: "true"
! 20:12: error[SPEC001]: models.llama.route: expected true, false or {timeout: 10m}, found the text 'true'; remove the
! quotes: true
= route: false

acme: type: words for a switch
- route: true
+ route: "yes"
! 20:12: error[SPEC001]: models.llama.route: expected true, false or {timeout: 10m}, found the text 'yes'
= route: {timeout: 10m}

acme: type: a number for text
- VLLM_LOGGING_LEVEL: INFO
+ VLLM_LOGGING_LEVEL: 10
! 24:31: error[SPEC001]: models.llama.env.VLLM_LOGGING_LEVEL: expected text, {secret, key}, {configMap, key} or
! {field}, found the number 10; put it in quotes: "10"
= VLLM_LOGGING_LEVEL: "10"

acme: type: a switch for text
- VLLM_LOGGING_LEVEL: INFO
+ VLLM_LOGGING_LEVEL: true
! 24:31: error[SPEC001]: models.llama.env.VLLM_LOGGING_LEVEL: expected text, {secret, key}, {configMap, key} or
! {field}, found true; put it in quotes: "true"
= VLLM_LOGGING_LEVEL: "true"

acme: type: a number for a name
- namespace: acme-ml
+ namespace: 42
! 3:12: error[SPEC001]: namespace: expected text, found the number 42; put it in quotes: "42"
= namespace: "42"

acme: type: a list for one of several
- size: {requests: {cpu: "4", memory: 8Gi}, limits: {cpu: "8", memory: 10Gi}}
+ size: [Medium]
! 18:11: error[SPEC001]: models.llama.size: expected the name of a size or {requests, limits}, found a list; name a
! size of the environment, or write {requests: {cpu, memory}, limits: {cpu, memory}}
= size: Medium

acme: type: text for a list
- tokens: [chatbot]
+ tokens: chatbot
! 21:13: error[SPEC001]: models.llama.tokens: expected a list of names, found the text 'chatbot'; write [chatbot]
= tokens: []

acme: type: text for a list, which is not a name
- tokens: [chatbot]
+ tokens: the chatbot
! 21:13: error[SPEC001]: models.llama.tokens: expected a list of names, found the text 'the chatbot'; name a token for
! each who may call it, such as [ci]; leave it out for none
= tokens: [the-chatbot]

acme: type: a switch for a list
- tokens: [chatbot]
+ tokens: true
! 21:13: error[SPEC001]: models.llama.tokens: expected a list of names, found true; name a token for each who may call
! it, such as [ci]; leave it out for none
= tokens: ["true"]

acme: type: an argument for a list
- args: ["--max-model-len=8192"]
+ args: --max-model-len=8192
! 23:11: error[SPEC001]: models.llama.args: expected a list of arguments, found the text '--max-model-len=8192'; write
! each argument as an element: ["--max-model-len=8192"]
= args: [--max-model-len=8192]

acme: type: a number for one of several words
- mode: standard
+ mode: 5
! 16:11: error[SPEC001]: models.llama.mode: expected standard or advanced, found the number 5
= mode: advanced

acme: type: a number for a duration
- route: true
+ route: {timeout: 10}
! 20:22: error[SPEC001]: models.llama.route.timeout: expected a duration, found the number 10; write a number with s, m
! or h, such as 30s or 10m
= route: {timeout: 10s}

acme: type: a list of environments
-   dev: {}
-   prod: {namespace: acme-prod}
+   - dev
! 27:3: error[SPEC001]: environments: expected a map from environments to what differs there, found a list; write each
! name as a key, without a dash: dev: {}
=   dev: {}

acme: type: a list of variables
- env: {VLLM_LOGGING_LEVEL: INFO, HF_TOKEN: {secret: hf-token, key: token}}
+ env: [VLLM_LOGGING_LEVEL]
! 24:10: error[SPEC001]: models.llama.env: expected a map from names to values, found a list
= env: {VLLM_LOGGING_LEVEL: INFO}

acme: type: a number in a list
- "--max-model-len=8192"]
+ "--max-model-len", 8192]
! 23:31: error[SPEC001]: models.llama.args[1]: expected text, found the number 8192; put it in quotes: "8192"
= "--max-model-len", "8192"]

acme: type: version as text
- version: 1
+ version: "1"
! 1:10: error[SPEC001]: version: expected a whole number, found the text '1'; remove the quotes: 1
= version: 1  # the only one

acme: type: version with a fraction
- version: 1
+ version: 1.0
! 1:10: error[SPEC001]: version: expected a whole number, found the number 1.0; write version: 1
= version:   1

acme: type: nothing for a value
- platform: single-model
+ platform:
! 4:10: error[SPEC001]: platform: there is no value; give it one, or leave out the key; null removes something only in
! environments.<environment>
= platform: multi-model

acme: type: nothing for an entry
-   catalogue: {uri: "https://models.example.org/llama"}
+   catalogue:
! 9:13: error[SPEC001]: connections.catalogue: there is no value; give it one, or leave out the key; null removes
! something only in environments.<environment>
=   catalogue: {uri: "hf://org/model"}

acme: type: nothing for an environment
- dev: {}
+ dev:
! 27:7: error[SPEC001]: environments.dev: there is no value; write {} where nothing differs
= dev: {displayName: null}

acme: type: nothing inside of a whole
- count: 1
+ count: null
! 19:49: error[SPEC001]: models.llama.accelerator.count: there is no value; write 1 or more, or leave accelerator out
! where the model needs none
= count: 2

acme: type: a list for an environment
- dev: {}
+ dev: []
! 27:8: error[SPEC001]: environments.dev: expected a map of what differs in the environment, found a list; write {}
! where nothing differs
= dev: {models: {llama: null}, connections: {store: {description: null}}}

acme: key: misspelt at the top
- connections:
-   store
+ conections:
+   store
! 5:1: error[SPEC002]: conections: unknown key 'conections'; did you mean 'connections'?
= connections:
=   # one
=   store

acme: key: misspelt in a model
-     route: true
+     rout: true
! 20:5: error[SPEC002]: models.llama.rout: unknown key 'rout'; did you mean 'route'?
=     route: false

acme: key: misspelt and so missing
- location: {connection: store, path
+ location: {conection: store, path
! 22:16: error[SPEC002]: models.llama.location.conection: unknown key 'conection'; did you mean 'connection'?
= location: {pvc: store, path

acme: key: misspelt in an override
- dev: {}
+ dev: {model: {llama: {replicas: 2}}}
! 27:9: error[SPEC002]: environments.dev.model: unknown key 'model'; did you mean 'models'?
= dev: {models: {llama: {replicas: 2}}}

acme: key: environments in an override
- dev: {}
+ dev: {environments: {}}
! 27:9: error[SPEC002]: environments.dev.environments: unknown key 'environments'; an environment has no environments
! of its own
= dev: {acknowledge: [InferenceService/llama]}

acme: key: an envelope
- version: 1
+ version: 1
+ kind: Project
! 2:1: error[SPEC002]: kind: unknown key 'kind'; a spec has no envelope: remove apiVersion, kind, metadata and spec
= version: 1
= description: Project

acme: key: unlike any
- mode: standard
+ hostIPC: high
! 16:5: error[SPEC002]: models.llama.hostIPC: unknown key 'hostIPC'
= mode: advanced

acme: key: amounts without requests and limits
- size: {requests: {cpu: "4", memory: 8Gi}, limits: {cpu: "8", memory: 10Gi}}
+ size: {cpu: 4, memory: 8Gi}
! 18:12: error[SPEC002]: models.llama.size.cpu: unknown keys 'cpu', 'memory'; write {requests: {cpu, memory}, limits:
! {cpu, memory}}
= size: {requests: {cpu: 4, memory: 8Gi}, limits: {cpu: 4, memory: 8Gi}}

prod: key: amounts without requests and limits
- requests: {cpu: "1", memory: 4Gi}, limits: {cpu: "2", memory: 8Gi}
+ cpu: "1", memory: 4Gi
! 6:11: error[SPEC002]: sizes.Small.cpu: unknown keys 'cpu', 'memory'; write {requests: {cpu, memory}, limits: {cpu,
! memory}}
= requests: {cpu: "1", memory: 4Gi}, limits: {cpu: "1", memory: 4Gi}

acme: key: an envelope of several keys
- version: 1
+ version: 1
+ kind: Project
+ apiVersion: v1
+ metadata: {}
! 2:1: error[SPEC002]: kind: unknown keys 'kind', 'apiVersion', 'metadata'; a spec has no envelope: remove apiVersion,
! kind, metadata and spec
= version: 1

acme: key: GPUs in a size
- requests: {cpu: "4", memory: 8Gi}
+ requests: {cpu: "4", memory: 8Gi, nvidia.com/gpu: "1"}
! 18:46: error[SPEC002]: models.llama.size.requests.nvidia.com/gpu: unknown key 'nvidia.com/gpu'; a size has cpu and
! memory; accelerators are given by accelerator: {name, count}
= requests: {cpu: "2", memory: 8Gi}

acme: key: alone in its map
- route: true
+ route: {host: chat.example.org}
! 20:13: error[SPEC002]: models.llama.route.host: unknown key 'host'; the host follows from the cluster's domain
= route: {timeout: 90s}

shop: key: at the model for the server
- framework: onnx-1
+ framework: onnx-1
+         replicas: 2
! 12:9: error[SPEC002]: servers.coolstore.models.ranker.replicas: unknown key 'replicas'; that belongs to the server,
! for all of its models
= framework: onnx-1
=         description: Ranks

shop: key: mode of a server
- replicas: 1
+ mode: advanced
! 7:5: error[SPEC002]: servers.coolstore.mode: unknown key 'mode'; a model server has no deployment mode: all of them
! are ModelMesh
= route: true

acme: key: a kind without patches
- patch: {InferenceService:
+ patch: {Deployment:
! 25:13: error[SPEC002]: models.llama.patch.Deployment: unknown key 'Deployment'; there are InferenceService,
! ServingRuntime, LLMInferenceService, LLMInferenceServiceConfig, ServiceAccount
= patch: {ServingRuntime:

acme: missing: version
- version: 1
- displayName
+ displayName
! 1:1: error[SPEC003]: 'version' is missing; add it, such as version: 1
= # a comment
= version: 1
= displayName

acme: missing: bucket
- , bucket: models
! 7:9: error[SPEC003]: connections.store.s3: 'bucket' is missing; add it, such as bucket: "models"
= , bucket: other

acme: missing: key of a secret
- {secret: hf-token, key: token}
+ {secret: hf-token}
! 24:47: error[SPEC003]: models.llama.env.HF_TOKEN: 'key' is missing, which is needed with 'secret'; add it, such as
! key: "token"
= {secret: hf-token, key: token-2}

acme: missing: key of a ConfigMap
- {secret: hf-token, key: token}
+ {configMap: settings}
! 24:47: error[SPEC003]: models.llama.env.HF_TOKEN: 'key' is missing, which is needed with 'configMap'; add it, such as
! key: "token"
= {configMap: settings, key: level, optional: true}

acme: missing: source of a variable
- {secret: hf-token, key: token}
+ {key: token}
! 24:47: error[SPEC003]: models.llama.env.HF_TOKEN: 'secret', 'configMap', 'field' or 'resource' is missing; write
! text, {secret, key}, {configMap, key} or {field}
= {field: metadata.name}

acme: together: two sources of a variable
- {secret: hf-token, key: token}
+ {secret: hf-token, key: token, field: metadata.name}
! 24:78: error[SPEC009]: models.llama.env.HF_TOKEN.field: field is a second value: a variable has one; keep one of them
= {resource: limits.memory}

acme: together: a key of a field
- {secret: hf-token, key: token}
+ {field: metadata.name, key: token}
! 24:70: error[SPEC009]: models.llama.env.HF_TOKEN.key: key goes with secret or configMap; remove it
= {field: "metadata.labels['app']"}

acme: form: a field of the pod
- {secret: hf-token, key: token}
+ {field: spec.containers}
! 24:55: error[SPEC005]: models.llama.env.HF_TOKEN.field: 'spec.containers' is not a field that a variable can have;
! write metadata.name, metadata.namespace, metadata.labels['<key>'], spec.nodeName or status.podIP, for instance
= {field: status.podIP}

acme: missing: what a volume is made of
- mode: standard
+ volumes: [{name: cache}]
! 16:15: error[SPEC003]: models.llama.volumes[0]: 'configMap', 'secret', 'persistentVolumeClaim', 'emptyDir',
! 'projected', 'downwardAPI', 'csi', 'ephemeral', 'image', 'nfs' or 'hostPath' is missing; say what it is made of, such
! as configMap: {name: ...}, persistentVolumeClaim: {claimName: ...} or emptyDir: {}
= volumes: [{name: cache, emptyDir: {}}]

acme: together: a volume of the node
- mode: standard
+ volumes: [{name: cache, hostPath: {path: /}}]
! 16:29: error[SPEC009]: models.llama.volumes[0].hostPath: hostPath is the node's own file system, which pods of a
! project may not mount; use a persistentVolumeClaim, or an emptyDir for temporary files
= volumes: [{name: cache, persistentVolumeClaim: {claimName: cache}}]

acme: form: a folder of a mount
- mode: standard
+ volumeMounts: [{name: cache, mountPath: cache}]
! 16:45: error[SPEC005]: models.llama.volumeMounts[0].mountPath: 'cache' is not a folder from the root; begin with '/'
! and leave ':' out, such as /chat-templates
= volumeMounts: [{name: cache, mountPath: /cache, readOnly: true}]

acme: missing: image of an init container
- mode: standard
+ initContainers: [{name: fetch}]
! 16:22: error[SPEC003]: models.llama.initContainers[0]: 'image' is missing; add the image that it runs
= initContainers: [{name: fetch, image: "registry.example.org/fetch:1"}]

acme: form: an image
- mode: standard
+ initContainers: [{name: fetch, image: "docker://fetch:1"}]
! 16:43: error[SPEC005]: models.llama.initContainers[0].image: 'docker://fetch:1' is not a reference to an image; write
! registry, repository and tag or digest, such as registry.example.org/tools:1
= initContainers: [{name: fetch, image: "registry.example.org/fetch@sha256:0123"}]

acme: missing: an object of variables
- mode: standard
+ envFrom: [{prefix: A_}]
! 16:15: error[SPEC003]: models.llama.envFrom[0]: 'configMapRef' or 'secretRef' is missing; write {configMapRef: {name:
! ...}} or {secretRef: {name: ...}}
= envFrom: [{prefix: A_, configMapRef: {name: settings}}]

acme: together: two objects of variables
- mode: standard
+ envFrom: [{configMapRef: {name: settings}, secretRef: {name: keys}}]
! 16:48: error[SPEC009]: models.llama.envFrom[0].secretRef: secretRef is a second source: an entry is a ConfigMap or a
! Secret; write two entries
= envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: keys, optional: true}}]

acme: empty: an affinity
- mode: standard
+ affinity: {}
! 16:15: error[SPEC010]: models.llama.affinity: the map is empty; write nodeAffinity, podAffinity or podAntiAffinity as
! in the spec of a pod
= affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: []}}

acme: form: a label of nodes
- mode: standard
+ nodeSelector: {zone: "a b"}
! 16:26: error[SPEC005]: models.llama.nodeSelector.zone: 'a b' is not a valid value of a label; a value has letters,
! digits, '-', '_' and '.', and begins and ends with a letter or digit
= nodeSelector: {topology.kubernetes.io/zone: a}

acme: choice: an effect
- mode: standard
+ tolerations: [{key: gpu, effect: noSchedule}]
! 16:38: error[SPEC004]: models.llama.tolerations[0].effect: 'noSchedule' is not a valid value; did you mean
! 'NoSchedule'? it is NoSchedule, PreferNoSchedule or NoExecute
= tolerations: [{key: gpu, operator: Exists, effect: NoSchedule}]

acme: missing: name of an accelerator
- {name: nvidia-a100-gpu, count: 1}
+ {count: 1}
! 19:18: error[SPEC003]: models.llama.accelerator: 'name' is missing; add it, such as name: "nvidia-a100-gpu"
= {name: nvidia-a100-gpu}

acme: missing: place of a model
- {connection: store, path: llama-3}
+ {}
! 22:15: error[SPEC003]: models.llama.location: 'connection', 'pvc' or 'uri' is missing; write {connection, path},
! {connection, uri}, {pvc, path} or {uri}
= {connection: catalogue}

acme: missing: path on a volume
- {connection: store, path: llama-3}
+ {pvc: weights}
! 22:15: error[SPEC003]: models.llama.location: 'path' is missing; add the model's folder on the volume, such as path:
! granite-3-8b, or path: / for all of it
= {pvc: weights, path: /}

acme: missing: both bounds
- replicas: 1
+ replicas: {}
! 17:15: error[SPEC010]: models.llama.replicas: the map is empty; write min, max or both
= replicas: {min: 1}

acme: missing: tensorParallelSize
- mode: standard
+ multiNode: {pipelineParallelSize: 2}
! 16:16: error[SPEC003]: models.llama.multiNode: 'tensorParallelSize' is missing; add it, such as tensorParallelSize: 4
= multiNode: {pipelineParallelSize: 2, tensorParallelSize: 4}

acme: missing: value of a patch
- , value: research}
+ }
! 25:32: error[SPEC003]: models.llama.patch.InferenceService[0]: 'value' is missing; add what is put there, such as
! value: research
= , value: null}

llm: missing: dataLocal
- data: 16, dataLocal: 8, expert
+ data: 16, expert
! 8:20: error[SPEC003]: models.llama.llmd.parallelism: 'dataLocal' is missing, which is needed with 'data'; add how
! many copies there are on one node, such as dataLocal: 8
= pipeline: 16, expert

llm: missing: parallelism of prefill workers
- prefill: {replicas: 2, size: Medium, accelerator: nvidia-h100-gpu, parallelism: {tensor: 4}}
+ prefill: {worker: true}
! 10:16: error[SPEC003]: models.llama.llmd.prefill: 'parallelism' is missing; say how it is spread, such as
! parallelism: {data: 16, dataLocal: 8}
= prefill: {worker: true, parallelism: {data: 2, dataLocal: 1}}

prod: missing: amounts of a size
- Small: {requests: {cpu: "1", memory: 4Gi}, limits: {cpu: "2", memory: 8Gi}}
+ Small: {}
! 6:10: error[SPEC003]: sizes.Small: 'limits' is missing; add limits: {cpu: ..., memory: ...}, or a hardwareProfile
! that has them
! 6:10: error[SPEC003]: sizes.Small: 'requests' is missing; add requests: {cpu: ..., memory: ...}, or a hardwareProfile
! that has them
= Small: {hardwareProfile: {name: small, namespace: opendatahub}}

prod: missing: limits beside requests
- Small: {requests: {cpu: "1", memory: 4Gi}, limits: {cpu: "2", memory: 8Gi}}
+ Small: {hardwareProfile: {name: small, namespace: opendatahub}, requests: {cpu: "1", memory: 4Gi}}
! 6:10: error[SPEC003]: sizes.Small: 'limits' is missing, which is needed with 'requests'; add limits: {cpu: ...,
! memory: ...}
= Small: null

prod: missing: name of a profile
- {name: a100, namespace: redhat-ods-applications, maximum: {cpu: "14", nvidia.com/gpu: 4}}
+ {namespace: redhat-ods-applications}
! 12:22: error[SPEC003]: accelerators.nvidia-a100-gpu.hardwareProfile: 'name' is missing; add it, such as name:
! "nvidia-a100-gpu"
= {name: a100, namespace: redhat-ods-applications}

prod: missing: name of a store
- {kind: SecretStore, name: vault}
+ {kind: SecretStore}
! 22:10: error[SPEC003]: secrets.store: 'name' is missing; add it, such as name: "nerc-secret-store"
= {kind: ClusterSecretStore, name: vault}

prod: missing: key of a toleration
- {key: nvidia.com/gpu.product, operator: Equal, value: A100, effect: NoSchedule}
+ {operator: Equal, value: A100}
! 10:19: error[SPEC003]: accelerators.nvidia-a100-gpu.tolerations[0]: 'key' is missing; add the key of the taint, or
! write operator: Exists to tolerate every taint
= {operator: Exists}

acme: choice: mode
- mode: standard
+ mode: serverless
! 16:11: error[SPEC004]: models.llama.mode: 'serverless' is not a valid value; write standard or advanced
= mode: advanced

acme: choice: a deployment mode as KServe calls it
- mode: standard
+ mode: RawDeployment
! 16:11: error[SPEC004]: models.llama.mode: 'RawDeployment' is not a valid value; RawDeployment is mode: standard
= mode: advanced

acme: missing: environments
- environments:
-   dev: {}
-   prod: {namespace: acme-prod}
+ description: nowhere
! 1:1: error[SPEC003]: 'environments' is missing; name those that it runs in, such as environments: {prod: {}}
= environments: {dev: {}}

prod: choice: near miss
- rawServiceConfig: Headless
+ rawServiceConfig: Headles
! 4:66: error[SPEC004]: platforms.rawServiceConfig: 'Headles' is not a valid value; did you mean 'Headless'? it is
! Headless or Headed
= rawServiceConfig: Headed

acme: choice: platform
- platform: single-model
+ platform: kserve
! 4:11: error[SPEC004]: platform: 'kserve' is not a valid value; write single-model or multi-model
= platform: multi-model

prod: choice: effect
- effect: NoSchedule
+ effect: NoScheduled
! 10:87: error[SPEC004]: accelerators.nvidia-a100-gpu.tolerations[0].effect: 'NoScheduled' is not a valid value; did
! you mean 'NoSchedule'? it is NoSchedule, PreferNoSchedule or NoExecute
= effect: NoExecute, tolerationSeconds: 60

acme: choice: operation
- op: add
+ op: move
! 25:37: error[SPEC004]: models.llama.patch.InferenceService[0].op: 'move' is not a valid value; did you mean 'remove'?
! it is add, replace or remove
= op: replace

acme: choice: version
- version: 1
+ version: 2
! 1:10: error[SPEC004]: version: expected 1, found 2; write version: 1
= version: 1 # and no other

prod: choice: API version
- external-secrets.io/v1beta1
+ external-secrets.io/v2
! 21:15: error[SPEC004]: secrets.apiVersion: 'external-secrets.io/v2' is not a valid value; did you mean
! 'external-secrets.io/v1'? it is external-secrets.io/v1 or external-secrets.io/v1beta1
= external-secrets.io/v1

acme: form: upper case
-   llama:
-     runtime
+   Llama:
+     runtime
! 13:3: error[SPEC005]: models.Llama: 'Llama' is not a valid name for a model; a name has lower-case letters a-z,
! digits and '-', begins with a letter and ends with a letter or digit
=   llama-2:
=     runtime

acme: form: a digit first
-   llama:
-     runtime
+   8b-llama:
+     runtime
! 13:3: error[SPEC005]: models.8b-llama: '8b-llama' is not a valid name for a model; a name has lower-case letters a-z,
! digits and '-', begins with a letter and ends with a letter or digit
=   llama-8b:
=     runtime

acme: form: a dash at the end
-   llama:
-     runtime
+   llama-:
+     runtime
! 13:3: error[SPEC005]: models.llama-: 'llama-' is not a valid name for a model; a name has lower-case letters a-z,
! digits and '-', begins with a letter and ends with a letter or digit
=   l:
=     runtime

acme: form: other digits
-   llama:
-     runtime
+   llama٣:
+     runtime
! 13:3: error[SPEC005]: models.llama٣: 'llama٣' holds U+0663 (ARABIC-INDIC DIGIT THREE); a name has lower-case letters
! a-z, digits and '-', begins with a letter and ends with a letter or digit
=   llama3:
=     runtime

acme: form: the Kelvin sign
- namespace: acme-ml
+ namespace: Kelvin-ml
! 3:12: error[SPEC005]: namespace: 'Kelvin-ml' holds U+212A (KELVIN SIGN); a namespace has lower-case letters a-z,
! digits and '-', and begins and ends with a letter or digit
= namespace: kelvin-ml

acme: form: a line break at the end
- namespace: acme-ml
+ namespace: "acme-ml\n"
! 3:12: error[SPEC005]: namespace: 'acme-ml\u000a' holds U+000A (a line break); a namespace has lower-case letters a-z,
! digits and '-', and begins and ends with a letter or digit
= namespace: "acme-ml"

acme: form: display name
- displayName: Acme assistants
+ displayName: "Acme\nassistants"
! 2:14: error[SPEC005]: displayName: 'Acme\u000aassistants' holds U+000A (a line break); write one line of text
= displayName: "Acme 🙂"

acme: form: a blank display name
- displayName: Acme assistants
+ displayName: " "
! 2:14: error[SPEC005]: displayName: ' ' is not a display name; write one line of text
= displayName: " Acme "

acme: form: base is not an environment
-   dev: {}
+   base: {}
! 27:3: error[SPEC009]: environments.base: 'base' is not a valid name for an environment; use the name of a file in
! environments/ other than base.yaml, without its ending
=   bases: {}

acme: form: duration
- route: true
+ route: {timeout: 10 minutes}
! 20:22: error[SPEC005]: models.llama.route.timeout: '10 minutes' is not a duration; write a number with s, m or h,
! such as 30s or 10m
= route: {timeout: 10m}

acme: form: memory
- memory: 8Gi}, limits
+ memory: 16 GB}, limits
! 18:41: error[SPEC005]: models.llama.size.requests.memory: '16 GB' is not an amount of memory; write a number with a
! unit, without a space, such as 16Gi or 512Mi
= memory: 16G}, limits

acme: form: thousandths of a byte
- memory: 8Gi}, limits
+ memory: 400m}, limits
! 18:41: error[SPEC005]: models.llama.size.requests.memory: '400m' is not an amount of memory; write a number with a
! unit, without a space, such as 16Gi or 512Mi
= memory: 400M}, limits

acme: form: CPU
- requests: {cpu: "4"
+ requests: {cpu: 4Gi
! 18:28: error[SPEC005]: models.llama.size.requests.cpu: '4Gi' is not an amount of CPU; write cores such as "2", or
! thousandths such as 500m
= requests: {cpu: 1000m

acme: form: endpoint
- https://s3.example.org
+ s3.example.org
! 7:20: error[SPEC005]: connections.store.s3.endpoint: 's3.example.org' is not the address of an object store; write
! http:// or https://, a host and perhaps a port, such as https://s3.example.org:9000
= http://s3.example.org:9000/

acme: form: bucket
- bucket: models
+ bucket: "s3://models"
! 7:73: error[SPEC005]: connections.store.s3.bucket: 's3://models' is not a valid name for a bucket; write the bare
! name, without s3:// and without a path
= bucket: models.2

acme: form: region
- region: us-east-1
+ region: "us east"
! 7:54: error[SPEC005]: connections.store.s3.region: 'us east' is not a region; write a word such as us-east-1
= region: default

acme: form: path out of the folder
- path: llama-3
+ path: ../other/llama-3
! 22:41: error[SPEC005]: models.llama.location.path: '../other/llama-3' is not a path to a model; name the model's own
! folder, not the root, with letters, digits, '-', '_', '.' and single '/', and without '..' or '//'
= path: /models/..llama-3/

acme: form: path to the root
- path: llama-3
+ path: /
! 22:41: error[SPEC005]: models.llama.location.path: '/' is not a path to a model; name the model's own folder, not the
! root, with letters, digits, '-', '_', '.' and single '/', and without '..' or '//'
= path: /l

acme: form: path with two slashes
- path: llama-3
+ path: llama//3
! 22:41: error[SPEC005]: models.llama.location.path: 'llama//3' is not a path to a model; name the model's own folder,
! not the root, with letters, digits, '-', '_', '.' and single '/', and without '..' or '//'
= path: llama/3

acme: form: uri
- {connection: store, path: llama-3}
+ {uri: llama}
! 22:21: error[SPEC005]: models.llama.location.uri: 'llama' is not a URI; write a whole address with its scheme, such
! as https://, hf://, gs:// or oci://
= {uri: "oci://quay.io/org/llama@sha256:0000000000000000000000000000000000000000000000000000000000000000"}

acme: form: uri of a file
- {connection: store, path: llama-3}
+ {uri: "file:///etc/passwd"}
! 22:21: error[SPEC005]: models.llama.location.uri: 'file:///etc/passwd' is not a URI; write a whole address with its
! scheme, such as https://, hf://, gs:// or oci://
= {uri: "gs://bucket/llama"}

acme: form: store key
- key: acme/object-store
+ key: /acme/object-store
! 8:24: error[SPEC005]: connections.store.credentials.key: '/acme/object-store' is not a valid key of a secret store;
! write a path such as team-a/object-store
= key: acme/Object_Store.2

acme: form: variable
- VLLM_LOGGING_LEVEL: INFO
+ 1ST: x
! 24:11: error[SPEC005]: models.llama.env.1ST: '1ST' is not a valid name for a variable; a name has letters a-z and
! A-Z, digits, '_', '-' and '.', and does not begin with a digit
= _1st.x-y: x

acme: form: token
- tokens: [chatbot]
+ tokens: [Chat-Bot]
! 21:14: error[SPEC005]: models.llama.tokens[0]: 'Chat-Bot' is not a valid name; a name has lower-case letters a-z,
! digits and '-', and begins and ends with a letter or digit
= tokens: [chat-bot]

acme: form: JSON pointer
- path: /spec/predictor/priorityClassName
+ path: spec/predictor/priorityClassName
! 25:48: error[SPEC005]: models.llama.patch.InferenceService[0].path: 'spec/predictor/priorityClassName' is not a JSON
! pointer; begin with '/' and write the keys between slashes, such as /spec/predictor/priorityClassName
= path: /metadata/annotations/a.b~1c

acme: form: framework
- framework: vLLM
+ framework: onnx - 1
! 15:16: error[SPEC005]: models.llama.framework: 'onnx - 1' is not a framework; write name-version or name, such as
! onnx-1 or vLLM
= framework: openvino_ir-opset1

llm: form: cost
- cost: "10.0"
+ cost: ten
! 11:49: error[SPEC005]: models.llama.llmd.scaling.cost: 'ten' is not a cost; write a number in quotes, such as "10.0"
= cost: "0.5"

prod: form: release
- release: rhoai-2.25
+ release: RHOAI 2.25
! 2:10: error[SPEC005]: release: 'RHOAI 2.25' is not a release; write release: rhoai-2.25
= release: rhoai-2.99

prod: form: release as a number
- release: rhoai-2.25
+ release: 2.25
! 2:10: error[SPEC001]: release: expected the name of a release, found the number 2.25; write release: rhoai-2.25
= release: null

prod: form: Argo CD's version as a number
- version: "2.14"
+ version: 2.10
! 26:116: error[SPEC001]: argocd.version: expected text, found the number 2.10; put it in quotes: "2.10"
= version: "2.10"

prod: form: compute capability as a number
- computeCapability: "8.0"
+ computeCapability: 8.0
! 14:24: error[SPEC001]: accelerators.nvidia-a100-gpu.computeCapability: expected text, found the number 8.0; put it in
! quotes: "8.0"
= computeCapability: "12.0"

prod: form: repository
- https://git.example.org/acme/models.git
+ git.example.org/acme/models
! 26:48: error[SPEC005]: argocd.repoURL: 'git.example.org/acme/models' is not the address of a Git repository; write
! https://host/path.git, ssh://git@host/path.git or git@host:path.git
= git@git.example.org:acme/models.git

prod: form: server
- {name: prod, appsDomain
+ {server: "api.prod.example.org:6443", appsDomain
! 3:19: error[SPEC005]: cluster.server: 'api.prod.example.org:6443' is not the address of an API server; write https://
! and the host, such as https://api.prod.example.org:6443
= {server: "https://api.prod.example.org:6443", appsDomain

prod: form: apps domain
- appsDomain: apps.prod.example.org
+ appsDomain: "https://apps.prod.example.org"
! 3:35: error[SPEC005]: cluster.appsDomain: 'https://apps.prod.example.org' is not a domain; write the domain alone, in
! lower case, such as apps.example.org
= appsDomain: apps

prod: form: image
- registry.example.org/vllm:1
+ https://registry.example.org/vllm:1
! 16:50: error[SPEC005]: runtimes.vllm-cuda-runtime.images.kserve-container: 'https://registry.example.org/vllm:1' is
! not an image reference; write registry/repository@sha256:digest or registry/repository:tag
= registry.example.org:5000/org/vllm:1@sha256:0000000000000000000000000000000000000000000000000000000000000000

prod: form: identifier
- identifier: nvidia.com/gpu
+ identifier: gpu
! 9:17: error[SPEC005]: accelerators.nvidia-a100-gpu.identifier: 'gpu' is not a valid name for an extended resource;
! write a domain and a name, such as nvidia.com/gpu
= identifier: habana.ai/gaudi

prod: form: quota
- requests.memory: 64Gi
+ requests.memory: lots
! 18:86: error[SPEC005]: quota.projects.granite.requests.memory: 'lots' is not an amount; write a number, perhaps with
! a unit, such as 4 or 16Gi
= requests.memory: "64"

prod: form: a quota for an extended resource without requests
- requests.memory: 64Gi
+ nvidia.com/gpu: 4
! 18:69: error[SPEC005]: quota.projects.granite.nvidia.com/gpu: 'nvidia.com/gpu' is not something that a ResourceQuota
! limits; write requests. before the identifier of an accelerator, as in requests.nvidia.com/gpu
= requests.nvidia.com/gpu: 4

prod: form: a quota for the limits of an extended resource
- requests.memory: 64Gi
+ limits.nvidia.com/gpu: 4
! 18:69: error[SPEC005]: quota.projects.granite.limits.nvidia.com/gpu: 'limits.nvidia.com/gpu' is not something that a
! ResourceQuota limits; write requests. before the identifier of an accelerator, as in requests.nvidia.com/gpu
= limits.memory: 64Gi

prod: form: a quota for nothing that Kubernetes knows
- requests.memory: 64Gi
+ gpu: 4
! 18:69: error[SPEC005]: quota.projects.granite.gpu: 'gpu' is not something that a ResourceQuota limits; write
! requests. before the identifier of an accelerator, as in requests.nvidia.com/gpu
= gold.storageclass.storage.k8s.io/requests.storage: 500Gi, count/secrets: 20, pods: 40, requests.hugepages-2Mi: 1Gi

acme: form: an acknowledgement
- dev: {}
+ dev: {acknowledge: [llama, environment/dev]}
! 27:23: error[SPEC005]: environments.dev.acknowledge[0]: 'llama' is not something that a plan asks for; copy it from
! the plan: InferenceService/<name>, LLMInferenceService/<name>, ServingRuntime/<name> or project/<name>
! 27:30: error[SPEC005]: environments.dev.acknowledge[1]: 'environment/dev' is not something that a plan asks for; copy
! it from the plan: InferenceService/<name>, LLMInferenceService/<name>, ServingRuntime/<name> or project/<name>
= dev: {acknowledge: [InferenceService/llama, LLMInferenceService/a.b, ServingRuntime/coolstore, project/acme]}

prod: form: an acknowledgement
- acknowledge: []
+ acknowledge: [InferenceService/llama]
! 28:15: error[SPEC005]: acknowledge[0]: 'InferenceService/llama' is not something that a plan asks for; copy it from
! the plan: project/<name>, environment/<name> or many-models/<name>; what a project loses belongs in its own file
= acknowledge: [project/acme, environment/prod]

prod: form: key prefix
- keyPrefix: nerc/prod
+ keyPrefix: nerc/prod/
! 23:14: error[SPEC005]: secrets.keyPrefix: 'nerc/prod/' is not a folder of a secret store; write a path without a
! slash at its ends, such as nerc/nerc-ocp-prod
= keyPrefix: nerc

acme: length: model
-   llama:
-     runtime
+   mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm:
+     runtime
! 13:3: error[SPEC006]: models.mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm...: 'mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm...' has
! 64 characters, and at most 63 are allowed; shorten it by 1
=   mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm:
=     runtime

acme: length: namespace
- namespace: acme-ml
+ namespace: nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn
! 3:12: error[SPEC006]: namespace: 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...' has 64 characters, and at most 63 are
! allowed; shorten it by 1
= namespace: nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn

acme: length: bucket
- bucket: models
+ bucket: ab
! 7:73: error[SPEC006]: connections.store.s3.bucket: 'ab' has fewer than 3 characters; write the bare name, without
! s3:// and without a path
= bucket: abc

acme: number: none of an accelerator
- count: 1
+ count: 0
! 19:49: error[SPEC007]: models.llama.accelerator.count: 0 is less than 1; write 1 or more, or leave accelerator out
! where the model needs none
= count: 8

acme: number: replicas below zero
- replicas: 1
+ replicas: -1
! 17:15: error[SPEC007]: models.llama.replicas: -1 is less than 0; write 0 or more
= replicas: 0

acme: number: more than 32 bits
- replicas: 1
+ replicas: 2147483648
! 17:15: error[SPEC007]: models.llama.replicas: 2147483648 is more than 2147483647; write 2147483647 or less
= replicas: 2147483647

acme: number: nodes
- mode: standard
+ multiNode: {pipelineParallelSize: 0, tensorParallelSize: 1}
! 16:39: error[SPEC007]: models.llama.multiNode.pipelineParallelSize: 0 is less than 1; write 1 or more
= multiNode: {pipelineParallelSize: 1, tensorParallelSize: 1}

prod: number: quota
- requests.nvidia.com/gpu: 4}
+ requests.nvidia.com/gpu: -4}
! 18:44: error[SPEC007]: quota.default.requests.nvidia.com/gpu: -4 is less than 0; write a number, perhaps with a unit,
! such as 4 or 16Gi
= requests.nvidia.com/gpu: 0}

acme: list: a token twice
- tokens: [chatbot]
+ tokens: [ci, chatbot, ci]
! 21:27: error[SPEC008]: models.llama.tokens[2]: 'ci' is listed twice; remove it here
= tokens: [ci, chatbot]

acme: list: no keys of a secret
- keys: [token]
+ keys: []
! 11:20: error[SPEC010]: secrets.hf-token.keys: the list is empty; list the names of the keys: keys: [token]
= keys: [token, other]

acme: list: no operation
- [{op: add, path: /spec/predictor/priorityClassName, value: research}]
+ []
! 25:31: error[SPEC010]: models.llama.patch.InferenceService: the list is empty; write [{op: ..., path: ..., value:
! ...}]
= [{op: remove, path: /spec/predictor/priorityClassName}]

acme: map: no environment
- environments:
-   dev: {}
-   prod: {namespace: acme-prod}
+ environments: {}
! 26:15: error[SPEC010]: environments: the map is empty; name an environment: {prod: {}}
= environments: {prod: {}}

llm: map: no parallelism
- parallelism: {tensor: 1, data: 16, dataLocal: 8, expert: true}
+ parallelism: {}
! 8:20: error[SPEC010]: models.llama.llmd.parallelism: the map is empty; write how it is spread, such as {tensor: 4}
= parallelism: {tensor: 1}

acme: together: two kinds of connection in an override
- dev: {}
+ dev: {connections: {store: {s3: null, oci: {host: quay.io}, uri: "hf://org/model"}}}
! 27:63: error[SPEC009]: environments.dev.connections.store.uri: uri is a second kind: a connection is one of s3, oci
! and uri; keep one of them
= dev: {connections: {store: {s3: null, oci: null, uri: "hf://org/model"}}}

acme: together: nothing for a kind
-   catalogue: {uri: "https://models.example.org/llama"}
+   catalogue: {s3: null, uri: "https://models.example.org/llama"}
! 9:19: error[SPEC001]: connections.catalogue.s3: there is no value; give it one, or leave out the key; null removes
! something only in environments.<environment>
=   catalogue: {uri: "hf://org/model"}

acme: together: two kinds of connection
-     credentials: {key: acme/object-store}
+     oci: {host: quay.io}
! 8:5: error[SPEC009]: connections.store.oci: oci is a second kind: a connection is one of s3, oci and uri; keep one of
! them
=     existing: true

acme: together: two places of a model
- {connection: store, path: llama-3}
+ {connection: store, path: llama-3, pvc: weights}
! 22:50: error[SPEC009]: models.llama.location.pvc: pvc is a second place: a location is a connection, a pvc or a uri;
! keep one of them
= {connection: store, uri: "oci://quay.io/org/llama:1"}

acme: together: a path after an address
- {connection: store, path: llama-3}
+ {uri: "hf://org/llama", path: llama-3}
! 22:39: error[SPEC009]: models.llama.location.path: path does not go with uri: the address is all there is; make it
! part of the address
= {uri: "hf://org/llama"}

acme: together: remove with a value
- op: add
+ op: remove
! 25:86: error[SPEC009]: models.llama.patch.InferenceService[0].value: value does not go with remove; remove it
= op: replace

prod: together: name and server
- {name: prod, appsDomain
+ {name: prod, server: "https://api.example.org", appsDomain
! 3:23: error[SPEC009]: cluster.server: server does not go with name: Argo CD takes either a cluster's name or its
! server's address; keep one of them
= {name: in-cluster, appsDomain

prod: together: Exists with a value
- operator: Equal, value: A100
+ operator: Exists, value: A100
! 10:74: error[SPEC009]: accelerators.nvidia-a100-gpu.tolerations[0].value: 'A100' does not go with operator Exists;
! remove value, or write operator: Equal
= operator: Exists, value: ""

prod: together: seconds without NoExecute
- effect: NoSchedule}
+ effect: NoSchedule, tolerationSeconds: 5}
! 10:99: error[SPEC009]: accelerators.nvidia-a100-gpu.tolerations[0].tolerationSeconds: tolerationSeconds goes with
! effect NoExecute only; remove it, or write effect: NoExecute
= effect: NoExecute, tolerationSeconds: 5}

llm: together: llmd false
- worker: true
+ worker: false
! 9:15: error[SPEC009]: models.llama.llmd.worker: false has no meaning here; write true, or what differs from the head;
! leave it out for one node
= worker: {size: Large}

llm: together: pipeline and data
- data: 16, dataLocal: 8
+ pipeline: 2, data: 16, dataLocal: 8
! 8:45: error[SPEC009]: models.llama.llmd.parallelism.data: data does not go with pipeline; use data parallelism or
! pipeline parallelism
! 8:55: error[SPEC009]: models.llama.llmd.parallelism.dataLocal: dataLocal does not go with pipeline; use data
! parallelism or pipeline parallelism
= data: 8, dataLocal: 8

llm: together: prefill replicas and scaling
- prefill: {replicas: 2,
+ prefill: {replicas: 2, scaling: {min: 1, max: 2, by: hpa},
! 10:30: error[SPEC009]: models.llama.llmd.prefill.scaling: scaling does not go with replicas; write replicas for a
! fixed number, or scaling: {min, max, by}
= prefill: {scaling: {min: 1, max: 2, by: hpa},

llm: together: null inside of prefill
- prefill: {replicas: 2, size: Medium
+ prefill: {replicas: 2, size: null
! 10:36: error[SPEC001]: models.llama.llmd.prefill.size: there is no value; give it one, or leave out the key: an
! override replaces this whole
= prefill: {replicas: 2, size: Large

llm: llmd: gateway without namespace
- {name: inference, namespace: openshift-ingress}
+ {name: inference}
! 6:16: error[SPEC003]: models.llama.llmd.gateway: 'namespace' is missing; add it, such as namespace:
! "openshift-ingress"
= {name: inference, namespace: ingress}

llm: llmd: an empty scheduler
- {replicas: 2, config: {configMap: scheduler, key: epp.yaml}}
+ {}
! 7:18: error[SPEC010]: models.llama.llmd.scheduler: the map is empty; write true for the cluster's own settings
= false

llm: llmd: replicas in it
-       worker: true
+       replicas: 2
! 9:7: error[SPEC002]: models.llama.llmd.replicas: unknown key 'replicas'; replicas belong to the model; scaling: {min,
! max} here scales by load
=       # none

own: runtime: a List
- kind: ServingRuntime
+ kind: List
! 2:7: error[SPEC009]: kind: 'List' holds several objects, and a file in runtimes/ holds one; export it by its name: oc
! get servingruntime <name> -o yaml
= kind: ServingRuntime  # one

own: runtime: another kind
- kind: ServingRuntime
+ kind: Deployment
! 2:7: error[SPEC004]: kind: 'Deployment' is not a valid value; write ServingRuntime, LLMInferenceServiceConfig or
! Template
= kind: "ServingRuntime"

own: runtime: another version
- serving.kserve.io/v1alpha1
+ serving.kserve.io/v9
! 1:13: error[SPEC004]: apiVersion: expected 'serving.kserve.io/v1alpha1', found 'serving.kserve.io/v9'; a
! ServingRuntime has apiVersion: serving.kserve.io/v1alpha1
= "serving.kserve.io/v1alpha1"

own: runtime: no containers
-   containers:
-   - name: kserve-container
-     image: registry.example.org/vllm:1
-     args: [--port=8080]
-     env: [{name: HF_HOME, value: /tmp/hf_home}]
-     ports: [{containerPort: 8080}]
! 8:3: error[SPEC003]: spec: 'containers' is missing; add the container that serves: containers: [{name:
! kserve-container, image: ...}]
=   containers: [{name: kserve-container}]
=   workerSpec: {containers: [{name: worker-container}]}

own: runtime: a version as a number
- {name: vLLM, autoSelect: true}
+ {name: onnx, version: 1}
! 14:49: error[SPEC001]: spec.supportedModelFormats[0].version: expected text, found the number 1; put it in quotes:
! "1"
= {name: onnx, version: "1"}

own: runtime: a value as a number
- value: /tmp/hf_home
+ value: 8080
! 11:34: error[SPEC001]: spec.containers[0].env[0].value: expected text, found the number 8080; put it in quotes:
! "8080"
= value: "8080"

own: runtime: annotations that are a list
-   multiModel: false
+   annotations: [a]
! 13:16: error[SPEC001]: spec.annotations: expected a map of strings, found a list
=   annotations: {prometheus.io/path: /metrics}

own: runtime: a label that is not a string
-   multiModel: false
+   labels: {tier: 1}
! 13:18: error[SPEC001]: spec.labels.tier: expected text, found the number 1; put it in quotes: "1"
=   labels: {tier: "1"}

own: runtime: an annotation of its own that is not a string
- {openshift.io/display-name: Acme vLLM}
+ {openshift.io/display-name: {en: Acme}}
! 5:44: error[SPEC001]: metadata.annotations.openshift.io/display-name: expected text, found a map
= {openshift.io/display-name: ""}

own: runtime: volumes that are a map
-   multiModel: false
+   volumes: {shm: {emptyDir: {}}}
! 13:12: error[SPEC001]: spec.volumes: expected a list, found a map
=   volumes: [{name: shm, emptyDir: {}}]

own: runtime: a volume without a name
-   multiModel: false
+   volumes: [{emptyDir: {}}]
! 13:13: error[SPEC003]: spec.volumes[0]: 'name' is missing; add it, such as name: "shm"
=   volumes: []

own: runtime: workers without a container
-   multiModel: false
+   workerSpec: {pipelineParallelSize: 2}
! 13:15: error[SPEC003]: spec.workerSpec: 'containers' is missing; add the workers' container: containers: [{name:
! worker-container, image: ...}]
=   workerSpec: {pipelineParallelSize: 2, containers: [{name: worker-container}]}

own: runtime: workers with an empty list of containers
-   multiModel: false
+   workerSpec: {containers: []}
! 13:28: error[SPEC010]: spec.workerSpec.containers: the list is empty
=   workerSpec: {containers: [{name: worker-container}], volumes: [{name: shm}]}

own: runtime: workers that are a list
-   multiModel: false
+   workerSpec: [{name: worker-container}]
! 13:15: error[SPEC001]: spec.workerSpec: expected a map, found a list; write each entry under its name, without a
! dash: <name>: ...
=   workerSpec: {containers: [{name: worker-container, volumeMounts: [{name: shm, mountPath: /dev/shm}]}]}

own: runtime: ports that are numbers
- ports: [{containerPort: 8080}]
+ ports: [8080]
! 12:13: error[SPEC001]: spec.containers[0].ports[0]: expected a map, found the number 8080
= ports: [{containerPort: 65535, protocol: TCP, name: h2c}]

own: runtime: a port that is a text
- ports: [{containerPort: 8080}]
+ ports: [{containerPort: "8080"}]
! 12:29: error[SPEC001]: spec.containers[0].ports[0].containerPort: expected a whole number, found the text '8080';
! remove the quotes: 8080
= ports: []

own: runtime: a mount that is a map
- ports: [{containerPort: 8080}]
+ volumeMounts: {shm: /dev/shm}
! 12:19: error[SPEC001]: spec.containers[0].volumeMounts: expected a list, found a map
= volumeMounts: [{name: shm, mountPath: /dev/shm, readOnly: true}]

own: runtime: a mount without a path
- ports: [{containerPort: 8080}]
+ volumeMounts: [{name: shm}]
! 12:20: error[SPEC003]: spec.containers[0].volumeMounts[0]: 'mountPath' is missing; add it, such as mountPath:
! "/dev/shm"
= volumeMounts: []

own: runtime: arguments that are a text
- args: [--port=8080]
+ args: --port=8080
! 10:11: error[SPEC001]: spec.containers[0].args: expected a list of strings, found the text '--port=8080'
= args: []

own: runtime: a model format that is a text
- [{name: vLLM, autoSelect: true}]
+ [vLLM]
! 14:27: error[SPEC001]: spec.supportedModelFormats[0]: expected a map, found the text 'vLLM'
= [{name: vLLM}]

config: config: volumes that are a map
- {template: {containers
+ {template: {volumes: {}, containers
! 4:28: error[SPEC001]: spec.template.volumes: expected a list, found a map
= {template: {volumes: [{name: shm}], containers

template: template: no object
- objects:
- - apiVersion: serving.kserve.io/v1alpha1
-   kind: ServingRuntime
-   metadata: {name: acme-vllm}
-   spec:
-     containers: [{name: kserve-container, image: "registry.example.org/vllm:1"}]
-     supportedModelFormats: [{name: vLLM}]
+ objects: []
! 4:10: error[SPEC010]: objects: the list is empty; objects holds one ServingRuntime, or one LLMInferenceServiceConfig,
! and nothing else
= objects:
= - apiVersion: serving.kserve.io/v1alpha2
=   kind: LLMInferenceServiceConfig
=   metadata: {name: acme-vllm}
=   spec:
=     containers: [{name: kserve-container, image: "registry.example.org/vllm:1"}]
=     supportedModelFormats: [{name: vLLM}]

template: template: two objects
- parameters: []
+ - {apiVersion: v1, kind: Secret, metadata: {name: more}}
! 11:3: error[SPEC010]: objects[1]: there are 2 entries, and only 1 is allowed; objects holds one ServingRuntime, or
! one LLMInferenceServiceConfig, and nothing else
= parameters: [{name: IMAGE, value: x}]

template: template: another object
-   kind: ServingRuntime
+   kind: ClusterRoleBinding
! 6:9: error[SPEC004]: objects[0].kind: 'ClusterRoleBinding' is not a valid value; write ServingRuntime or
! LLMInferenceServiceConfig
=   kind: "ServingRuntime"

config: config: another version
- v1alpha2
+ v1beta1
! 1:13: error[SPEC004]: apiVersion: 'serving.kserve.io/v1beta1' is not a valid value; did you mean
! 'serving.kserve.io/v1alpha1'? it is serving.kserve.io/v1alpha1 or serving.kserve.io/v1alpha2
= v1alpha1
"""


@dataclass(frozen=True)
class Refusal:
    title: str
    file: str
    old: str
    new: str
    near_miss: str
    findings: list[str]


def refusals() -> Iterator[Refusal]:
    for block in REFUSED.strip().split("\n\n"):
        head, *lines = block.split("\n")
        file, title = head.split(": ", 1)
        parts = {sign: "\n".join(line[2:] for line in lines if line[0] == sign) for sign in "-+=!"}
        findings = re.split(r"\n(?=[0-9]+:[0-9]+: )", parts["!"])
        said = [finding.replace("\n", " ") for finding in findings]
        yield Refusal(title, FILES[file], parts["-"], parts["+"], parts["="], said)


@pytest.mark.parametrize("case", list(refusals()), ids=lambda case: case.title)
def test_refusals_and_their_near_misses(case: Refusal) -> None:
    assert said(changed(case.file, case.old, case.new), case.file) == case.findings
    assert said(changed(case.file, case.old, case.near_miss), case.file) == []


@pytest.mark.parametrize(
    ("old", "line", "within"), [("  catalogue: {uri", 9, "connections"), ("  hf-token: {keys", 11, "secrets")]
)
def test_a_name_leaves_room_for_the_name_of_its_file(old: str, line: int, within: str) -> None:
    def named(length: int) -> list[str]:
        return said(changed(ACME, old, f"  {'a' * length}:{old.partition(':')[2]}"))

    assert named(226) == []
    assert named(227) == [
        f"{line}:3: error[SPEC006]: {within}.{'a' * 37}...: '{'a' * 35}...' has 227 characters, and at most 226 are allowed; "
        "shorten it by 1; the name of its file patch-externalsecret-<name>.yaml must stay below 255 bytes"
    ]


def test_everything_is_said_at_once_in_the_order_of_the_file() -> None:
    text = PROJECT.replace("mode: standard", "mode: serverless").replace("replicas: 1", "replicas: lots")
    assert said(
        text.replace("route: true", "rout: true").replace("platform: single-model", "platfrom: single-model")
    ) == [
        "4:1: error[SPEC002]: platfrom: unknown key 'platfrom'; did you mean 'platform'?",
        "16:11: error[SPEC004]: models.llama.mode: 'serverless' is not a valid value; write standard or advanced",
        "17:15: error[SPEC001]: models.llama.replicas: expected a whole number or {min, max}, found the text 'lots'",
        "20:5: error[SPEC002]: models.llama.rout: unknown key 'rout'; did you mean 'route'?",
    ]


def test_of_a_file_that_is_wrong_everywhere_the_beginning_is_shown() -> None:
    lines = "".join(f"k{number}: 1\n" for number in range(3000))
    found = said(f"version: 1\nenvironments: {{prod: {{}}}}\n{lines}")
    assert len(found) == MAX_SHOWN + 1
    assert found[0].startswith("3:1: error[SPEC002]: k0: unknown key 'k0'; there are version, displayName,")
    assert found[-1] == "103:1: error[SPEC011]: there are more errors from here on; fix the others first"


def test_as_many_errors_as_are_shown_are_shown() -> None:
    lines = "".join(f"k{number}: 1\n" for number in range(MAX_SHOWN))
    found = said(f"version: 1\nenvironments: {{prod: {{}}}}\n{lines}")
    assert len(found) == MAX_SHOWN
    assert found[-1].startswith("102:1: error[SPEC002]: k99:")


# ---- null ------------------------------------------------------------------------------------------------------------


def test_null_removes_in_an_environment_and_not_in_what_lies_below() -> None:
    text = changed(PROD, "namespaces: external", "namespaces: null")
    hint = "give it one, or leave out the key; null removes something only in the files that are laid over base.yaml"
    assert said(text, PROD) == []
    assert said(text, "environments/base.yaml") == [f"25:13: error[SPEC001]: namespaces: there is no value; {hint}"]
    assert said(ENVIRONMENT, "environments/base.yaml") == []


def entries(schema: dict[str, Any]) -> Iterator[tuple[Pointer, dict[str, Any]]]:
    """The properties of a schema's maps and of the maps in them, by pointers in which * stands for any key."""

    def walk(pointer: Pointer, node: dict[str, Any]) -> Iterator[tuple[Pointer, dict[str, Any]]]:
        node = resolved(schema, node)
        inner = [((*pointer, key), value) for key, value in node.get("properties", {}).items()]
        if isinstance(node.get("additionalProperties"), dict):
            inner.append(((*pointer, "*"), node["additionalProperties"]))
        for below, value in inner:
            yield below, resolved(schema, value)
            yield from walk(below, value)

    return walk((), schema)


def resolved(root: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """A schema with what it refers to, its own words before the other's."""
    while "$ref" in node:
        target = root
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def is_replaced_whole(pointer: Pointer, kind: str) -> bool:
    """Whether an override replaces something around the pointer whole, so that null can remove nothing in there."""
    tree: Any = replaced_whole(kind)
    for index, step in enumerate(pointer):
        tree = tree.get(step, tree.get("*"))
        if tree is None:
            return False
        if tree == {}:
            return index < len(pointer) - 1
    return False


def nulled(pointer: Pointer) -> dict[str, Any]:
    data: Any = None
    for step in reversed(pointer):
        data = {{"*": "x"}.get(str(step), str(step)): data}
    found: dict[str, Any] = data
    return found


ONLY_KEYS = {("secrets", "*", "credentials", "key"), ("models", "*", "genAiAsset", "useCase")}  # nothing would be left
OVERRIDE = [
    pointer[2:]
    for pointer, _ in entries(SCHEMAS["project"])
    if pointer[:2] == ("environments", "*") and len(pointer) > 2 and pointer[2] != "acknowledge"
]
LAYER = [pointer for pointer, _ in entries(SCHEMAS["environment"]) if pointer != ("version",)]
MERGED_LEVELS = [("project", pointer) for pointer in OVERRIDE]
MERGED_LEVELS += [("environment", pointer) for pointer in LAYER]


class Anywhere:
    def at(self, pointer: Pointer) -> Location:
        return Location("somewhere.yaml")

    key_at = at


@pytest.mark.parametrize(
    ("kind", "pointer"), MERGED_LEVELS, ids=lambda value: "-".join(value) if isinstance(value, tuple) else value
)
def test_null_removes_where_maps_merge_and_nowhere_else(kind: str, pointer: Pointer) -> None:
    data = {"version": 1, **nulled(pointer)}
    if kind == "project":
        data = {"version": 1, "environments": {"prod": nulled(pointer)}}
    place = ".".join(str(step) for step in pointer).replace("*", "x")
    found = explain(data, kind, Anywhere())
    empty = any(finding.path.endswith(place) and finding.message == "there is no value" for finding in found)
    assert empty == (is_replaced_whole(pointer, kind) or pointer in ONLY_KEYS)


# ---- merged data -----------------------------------------------------------------------------------------------------


def merged_project(text: str, environment: str = "prod") -> list[str]:
    """What is said of a spec with the override of one environment laid over it."""
    written = document(text)
    assert validate(written, "project") == []
    spec, wrong = overlay_document(
        as_layer(written, without="environments"), written, "project", ("environments", environment)
    )
    assert wrong == []
    return [finding.text() for finding in explain(spec.data, "merged-project", spec)]


def merged_environment(base: str, text: str) -> list[str]:
    """What is said of an environment laid over base.yaml."""
    below, above = document(base, "environments/base.yaml"), document(text, "environments/prod.yaml")
    assert validate(below, "environment") == validate(above, "environment") == []
    facts, wrong = overlay_document(as_layer(below), above, "environment")
    assert wrong == []
    return [finding.text() for finding in explain(facts.data, "merged-environment", facts)]


@pytest.mark.parametrize("text", [PROJECT, SERVERS])
def test_good_specs_are_complete(text: str) -> None:
    assert merged_project(text) == []


def test_null_takes_the_kind_of_a_connection_away() -> None:
    def overridden(store: str) -> list[str]:
        return merged_project(changed(ACME, "{namespace: acme-prod}", f"{{connections: {{store: {store}}}}}"))

    assert overridden('{s3: null, credentials: null, uri: "hf://org/model"}') == []
    assert overridden("{s3: null}") == [
        "projects/acme.yaml:7:5: error[SPEC009]: connections.store: store does not say what kind of connection it is; "
        "add the kind, such as s3: {endpoint, region, bucket}, oci: {host} or uri: https://..."
    ]


LOCATED = "say where the model is, such as location: {connection: ..., path: ...}"
RUN = "name the serving runtime, such as runtime:"
INCOMPLETE: dict[str, tuple[str, str, str, list[str]]] = {
    "no platform": (
        PROJECT,
        "platform: single-model\n",
        "",
        [
            "1:1: error[SPEC003]: 'platform' is missing; add platform: single-model or platform: multi-model",
        ],
    ),
    "no location": (
        PROJECT,
        "    location: {connection: store, path: llama-3}\n",
        "",
        [
            f"14:5: error[SPEC003]: models.llama: 'location' is missing; {LOCATED}",
        ],
    ),
    "a runtime that is removed": (
        PROJECT,
        "{namespace: acme-prod}",
        "{models: {llama: {runtime: null}}}",
        [
            f"14:5: error[SPEC003]: models.llama: 'runtime' is missing; {RUN} vllm-cuda-runtime",
        ],
    ),
    "a model of the override alone": (
        PROJECT,
        "{namespace: acme-prod}",
        "{models: {lama: {replicas: 2}}}",
        [
            f"28:25: error[SPEC003]: models.lama: 'location' is missing; {LOCATED}",
            f"28:25: error[SPEC003]: models.lama: 'runtime' is missing; {RUN} vllm-cuda-runtime",
        ],
    ),
    "no model": (
        PROJECT,
        "{namespace: acme-prod}",
        "{models: null}",
        [
            "1:1: error[SPEC003]: 'models' is missing; add models: {<name>: {runtime, location, ...}}",
        ],
    ),
    "a connection of no kind": (
        PROJECT,
        '  catalogue: {uri: "https://models.example.org/llama"}',
        "  catalogue: {}",
        [
            "9:14: error[SPEC009]: connections.catalogue: catalogue does not say what kind of connection it is; "
            "add the kind, such as s3: {endpoint, region, bucket}, oci: {host} or uri: https://...",
        ],
    ),
    "credentials for what is there": (
        PROJECT,
        "    credentials:",
        "    existing: true\n    credentials:",
        [
            "9:5: error[SPEC009]: connections.store.credentials: credentials does not go with existing: true, "
            "for which nothing is read from the store; keep one of them",
        ],
    ),
    "a secret without keys": (
        PROJECT,
        "{keys: [token]}",
        "{existing: true}",
        [
            "11:13: error[SPEC003]: secrets.hf-token: 'keys' is missing; list the names of its keys: keys: [token]",
        ],
    ),
    "models on the multi-model platform": (
        PROJECT,
        "{namespace: acme-prod}",
        "{platform: multi-model}",
        [
            "12:1: error[SPEC009]: models: models do not go with platform multi-model without a model server; "
            "put the models onto servers: servers: {<name>: {models: {...}}}, or write platform: single-model",
        ],
    ),
    "servers on the single-model platform": (
        SERVERS,
        "platform: multi-model",
        "platform: single-model",
        [
            "4:1: error[SPEC009]: servers: servers do not go with platform single-model, which serves models without model "
            "servers; put the models into models, or write platform: multi-model",
        ],
    ),
    "no server": (
        SERVERS,
        "{prod: {}}",
        "{prod: {servers: null}}",
        [
            "1:1: error[SPEC003]: 'servers' is missing; add servers: {<name>: {runtime, models, ...}}",
        ],
    ),
    "a server without a runtime": (
        SERVERS,
        "    runtime: ovms\n",
        "",
        [
            f"6:5: error[SPEC003]: servers.coolstore: 'runtime' is missing; {RUN} ovms",
        ],
    ),
    "a served model from nowhere": (
        SERVERS,
        "        location: {connection: store, path: ranker}\n",
        "",
        [
            f"11:9: error[SPEC003]: servers.coolstore.models.ranker: 'location' is missing; {LOCATED}",
        ],
    ),
    "llmd from nowhere": (
        LLMD,
        '    location: {uri: "hf://meta-llama/Llama-3.1-8B-Instruct"}\n',
        "",
        [
            f"5:5: error[SPEC003]: models.llama: 'location' is missing; {LOCATED}",
        ],
    ),
    "llmd with replicas and scaling": (
        LLMD,
        "    size: Medium\n",
        "    replicas: 2\n",
        [
            "13:5: error[SPEC009]: models.llama.replicas: replicas does not go with llmd.scaling, which chooses the replicas; "
            "remove replicas or scaling",
        ],
    ),
    "llmd with a range": (
        LLMD.replace('      scaling: {min: 1, max: 4, by: keda, cost: "10.0"}\n', ""),
        "    size: Medium\n",
        "    replicas: {min: 1, max: 2}\n",
        [
            "12:15: error[SPEC009]: models.llama.replicas: replicas is a range, and nothing scales an LLMInferenceService by the "
            "processor; add when: {waitingRequests: 5}, or write one number",
        ],
    ),
    "llmd with workers that share nothing": (
        LLMD,
        "      parallelism: {tensor: 1, data: 16, dataLocal: 8, expert: true}\n",
        "",
        [
            "6:7: error[SPEC003]: models.llama.llmd: 'parallelism' is missing; say how it is spread, such as "
            "parallelism: {data: 16, dataLocal: 8}",
        ],
    ),
}


@pytest.mark.parametrize("case", INCOMPLETE)
def test_incomplete_specs(case: str) -> None:
    text, old, new, expected = INCOMPLETE[case]
    assert text.count(old) == 1
    assert merged_project(text.replace(old, new)) == [f"projects/acme.yaml:{line}" for line in expected]


def test_llmd_needs_neither_runtime_nor_framework() -> None:
    assert merged_project(LLMD) == []


@pytest.mark.parametrize("line", ["llmd: true", "llmd: {scaling: {min: 1, max: 2, by: hpa}}"])
def test_llmd_of_an_override(line: str) -> None:
    without = PROJECT.replace("    replicas: 1\n", "")
    text = without.replace(
        "{namespace: acme-prod}", f"{{models: {{llama: {{{line}, runtime: null, framework: null}}}}}}"
    )
    assert merged_project(text) == []


BASE = "version: 1\nsizes: {Small: {requests: {cpu: 1, memory: 4Gi}, limits: {cpu: 2, memory: 8Gi}}}\n"


def test_an_environment_needs_what_base_yaml_leaves_out() -> None:
    assert merged_environment(BASE, ENVIRONMENT) == []
    assert merged_environment(ENVIRONMENT, "version: 1\n") == []
    assert merged_environment(BASE, "version: 1\n") == [
        "environments/prod.yaml:1:1: error[SPEC003]: 'argocd' is missing; "
        "add argocd: {namespace, repoURL, revision, version} here or to base.yaml",
        "environments/prod.yaml:1:1: error[SPEC003]: 'cluster' is missing; add cluster: {name: ..., appsDomain: ...}",
        "environments/prod.yaml:1:1: error[SPEC003]: 'release' is missing; "
        "add the release of OpenShift AI that the cluster runs, such as release: rhoai-2.25",
    ]


LACKING = {
    "cluster: {name: prod, appsDomain: apps.prod.example.org}": (
        "cluster: {appsDomain: apps.prod.example.org}",
        "3:10: error[SPEC003]: cluster: 'name' or 'server' is missing; "
        "add name: with the cluster's name in Argo CD, or server: with the address of its API",
    ),
    ", appsDomain: apps.prod.example.org": (
        "",
        "3:10: error[SPEC003]: cluster: 'appsDomain' is missing; "
        "add the domain of its routes, such as appsDomain: apps.example.org",
    ),
    "    identifier: nvidia.com/gpu\n": (
        "",
        "9:5: error[SPEC003]: accelerators.nvidia-a100-gpu: 'identifier' is missing; "
        "add the resource that pods ask for, such as identifier: nvidia.com/gpu",
    ),
    "  provider: external-secrets\n": (
        "",
        "20:3: error[SPEC003]: secrets: 'provider' is missing; add provider: external-secrets or provider: existing",
    ),
    "  store: {kind: SecretStore, name: vault}\n": (
        "",
        "20:3: error[SPEC003]: secrets: 'store' is missing; add store: {kind: SecretStore, name: ...}",
    ),
    ', version: "2.14"': (
        "",
        "26:9: error[SPEC003]: argocd: 'version' is missing; add the version of Argo CD, such as version: \"2.14\"",
    ),
    ", host: inference.example.org": (
        "",
        "27:23: error[SPEC003]: gateways.inference: 'host' is missing; "
        "add the host under which it is reached, such as host: inference.apps.example.org",
    ),
}


@pytest.mark.parametrize("old", LACKING)
def test_incomplete_environments(old: str) -> None:
    new, expected = LACKING[old]
    assert merged_environment(BASE, changed(PROD, old, new)) == [f"environments/prod.yaml:{expected}"]


def test_secrets_that_exist_need_no_store() -> None:
    text = changed(PROD, "  store: {kind: SecretStore, name: vault}\n", "")
    assert merged_environment(BASE, text.replace("provider: external-secrets", "provider: existing")) == []


# ---- secrets ---------------------------------------------------------------------------------------------------------

SHAPED = "hf_" + "aBcDeFgHiJk" + "LmNoPqRsTuVwXyZaBcDeFgH"
HIDDEN_FORMS = {
    "under an unknown key": ("bucket: models", "bucket: models, secretAccessKey: hunter2hunter2", "hunter2"),
    "as an unknown key": ("mode: standard", f"{SHAPED}: x", SHAPED),
    "as a name": ("tokens: [chatbot]", f"tokens: [{SHAPED}]", SHAPED),
    "as the name of a model": ("  llama:\n    runtime", f"  {SHAPED}:\n    runtime", SHAPED),
    "in an address": ("https://s3.example.org", "https://key:s3cr3tpw@s3.example.org", "s3cr3tpw"),
    "as a number": ("VLLM_LOGGING_LEVEL: INFO", "API_PASSWORD: 31415926", "31415926"),
    "as an argument": ('"--max-model-len=8192"', "--api-key, 31415926", "31415926"),
    "as a Secret's name": ("secret: hf-token", "secret: Hunter2!", "Hunter2"),
    "as a choice": ("mode: standard", f"mode: {SHAPED}", SHAPED),
    "for a switch": ("route: true", f"route: {SHAPED}", SHAPED),
    "as a long name": ("namespace: acme-ml", f"namespace: {SHAPED * 3}", SHAPED[:20]),
}


@pytest.mark.parametrize("case", HIDDEN_FORMS)
def test_what_may_be_a_secret_is_never_shown(case: str) -> None:
    old, new, value = HIDDEN_FORMS[case]
    found = said(changed(ACME, old, new))
    assert found
    assert [line for line in found if value in line] == []


def test_a_hidden_value_is_told_from_a_value() -> None:
    hint = "a name has lower-case letters a-z, digits and '-', and begins and ends with a letter or digit"
    assert said(changed(ACME, "tokens: [chatbot]", f"tokens: [{SHAPED}]")) == [
        f"21:14: error[SPEC005]: models.llama.tokens[0]: (hidden) is not a valid name; {hint}"
    ]
    assert said(changed(ACME, "VLLM_LOGGING_LEVEL: INFO", "API_PASSWORD: 31415926")) == [
        "24:25: error[SPEC001]: models.llama.env.API_PASSWORD: expected text, {secret, key}, {configMap, key} or "
        "{field}, found the number (hidden); put it in quotes"
    ]


# ---- how the schemas are made ----------------------------------------------------------------------------------------

CONDITIONS = ("if", "then", "else", "not")
IN_PLACE = ("allOf", "anyOf", "prefixItems")
NAMED = ("properties", "$defs", "dependentSchemas")
SINGLE = ("additionalProperties", "propertyNames", "items", *CONDITIONS)
ANNOTATIONS = {"$schema", "title", "description", "examples"}
OUR_WORDS = {
    "x-message",
    "x-hint",
    "x-wants",
    "x-elsewhere",
    "x-missing",
    "x-unknown",
    "x-longest",
    "x-instead",
    "x-workload",
    "x-empty",
    "x-of-model",
}
APPLICATORS = {"$ref", *IN_PLACE, *NAMED, *SINGLE}


def subschemas(
    schema: Any, pointer: Pointer = (), *, conditions: bool = True
) -> Iterator[tuple[Pointer, dict[str, Any]]]:
    """A schema and every schema in it; without conditions, only those that describe what may be written."""
    if not isinstance(schema, dict):
        return
    yield pointer, schema
    for word in NAMED if conditions else ("properties", "$defs"):
        for key, inner in schema.get(word, {}).items():
            yield from subschemas(inner, (*pointer, word, key), conditions=conditions)
    for word in SINGLE if conditions else ("additionalProperties", "items"):
        yield from subschemas(schema.get(word), (*pointer, word), conditions=conditions)
    for word in IN_PLACE if conditions else ("prefixItems",):
        for index, inner in enumerate(schema.get(word, ())):
            yield from subschemas(inner, (*pointer, word, index), conditions=conditions)


EVERYWHERE = {name: dict(subschemas(schema)) for name, schema in SCHEMAS.items()}
WRITTEN = {
    name: dict(subschemas(SCHEMAS[name], conditions=False)) for name in ("project", "environment", "custom-runtime")
}


@pytest.mark.parametrize("name", NAMES)
def test_the_schemas_are_valid(name: str) -> None:
    assert SCHEMAS[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])


OF_OBJECTS = {"exclusiveMaximum", "maxProperties"}
"""Keywords that only the schemas of Kubernetes objects use."""


def test_every_keyword_has_a_phrase_and_every_phrase_a_keyword() -> None:
    used = {word for schemas in EVERYWHERE.values() for schema in schemas.values() for word in schema}
    assert used - ANNOTATIONS - OUR_WORDS - (APPLICATORS - PHRASES.keys()) == PHRASES.keys() - OF_OBJECTS
    assert {code for code, _ in PHRASES.values()} | {"SPEC011"} == TITLES.keys()


def test_every_code_is_tried() -> None:
    tried = {code for case in refusals() for line in case.findings for code in re.findall(r"SPEC[0-9]{3}", line)}
    assert tried | {"SPEC011"} == TITLES.keys()


@pytest.mark.parametrize("name", NAMES)
def test_the_phrases_can_rely_on_the_schemas(name: str) -> None:
    for pointer, schema in EVERYWHERE[name].items():
        assert schema.keys() <= ANNOTATIONS | OUR_WORDS | APPLICATORS | PHRASES.keys(), pointer
        assert all(alternative.keys() == {"required"} for alternative in schema.get("anyOf", ())), pointer
        assert False not in schema.get("properties", {}).values(), pointer
        assert schema.get("minItems", 1) == schema.get("minProperties", 1) == 1, (
            pointer
        )  # both are said as: it is empty
        in_condition = {"if", "not"} & set(pointer)
        assert in_condition or "x-message" in schema or not {"not", "pattern"} & schema.keys() or "if" in schema, (
            pointer
        )


def described(name: str) -> Iterator[tuple[Pointer, dict[str, Any]]]:
    """What editors show: the root, every property, and the entries of maps with names of the user's."""
    root = SCHEMAS[name]
    for pointer, schema in WRITTEN[name].items():
        is_property = pointer[-2:-1] == ("properties",)
        is_entry = pointer[-1:] == ("additionalProperties",) and pointer[:2] not in NOT_SHOWN
        whole_schema = resolved(root, schema)
        only_condition = not whole_schema.keys() & {"type", "title", "properties"}
        if (not pointer or is_property or is_entry) and not only_condition:
            yield pointer, whole_schema


NOT_SHOWN = {("$defs", "given"), ("$defs", "whole"), ("$defs", "objectPart")}


@pytest.mark.parametrize("name", WRITTEN)
def test_every_property_is_documented_for_editors(name: str) -> None:
    found = dict(described(name))
    assert len(found) > 30
    for pointer, schema in found.items():
        assert schema.get("title"), pointer
        assert re.fullmatch(r"[A-Za-z0-9<].{5,190}\.", schema.get("description", "")), pointer
        assert schema.get("examples"), pointer


OF_PODS = {("$defs", name) for name in ("podPart", "volume", "volumeMount", "podContainer")}
OF_TRANSFORMER = ("$defs", "model", "properties", "transformer")
"""Parts of pods: their fields are those of the release, and are held against its schema."""


@pytest.mark.parametrize("name", WRITTEN)
def test_every_object_is_closed(name: str) -> None:
    for pointer, schema in WRITTEN[name].items():
        if "object" in schema.get("type", ()) and pointer[:2] not in NOT_SHOWN:
            described_there = resolved(SCHEMAS[name], schema)
            closed: object = described_there.get("additionalProperties")
            if name == "project" and (pointer[:2] in OF_PODS or pointer == OF_TRANSFORMER):
                assert closed is True, pointer
                continue
            is_map = "properties" not in described_there and isinstance(closed, dict)
            assert closed is (name == "custom-runtime") or is_map, pointer


@pytest.mark.parametrize("name", WRITTEN)
def test_the_examples_are_right(name: str) -> None:
    root, tried = SCHEMAS[name], 0
    for pointer, schema in WRITTEN[name].items():
        validator = jsonschema_rs.Draft202012Validator({**schema, "$schema": root["$schema"], "$defs": root["$defs"]})
        for example in schema.get("examples", ()):
            assert [error.message for error in validator.iter_errors(example)] == [], pointer
            tried += 1
    assert tried > 30


def test_what_both_files_spell_they_spell_alike() -> None:
    project, environment = SCHEMAS["project"]["$defs"], SCHEMAS["environment"]["$defs"]
    for shared in ("label", "subdomain"):
        assert project[shared] == environment[shared]
    assert project["amounts"]["properties"] == environment["amounts"]["properties"]
    written = SCHEMAS["project"]["properties"].keys() - {"version", "environments"} | {"acknowledge"}
    assert project["override"]["properties"].keys() == written


# ---- patterns --------------------------------------------------------------------------------------------------------

PATTERNS = sorted(
    {schema["pattern"] for schemas in EVERYWHERE.values() for schema in schemas.values() if "pattern" in schema}
)
TRIED = [
    "",
    "a",
    "A",
    "a-b",
    "a.b",
    "a/b",
    "1",
    "1.5",
    "-1",
    "10m",
    "4Gi",
    "1e3",
    "a_b",
    "a b",
    "/",
    "//",
    "..",
    "a..b",
]
TRIED += [
    "https://a.b:1/c",
    "oci://a/b:c",
    "git@a.b:c/d",
    "a@sha256:" + "0" * 64,
    "\u0663",
    "\u212a",
    "\u00e9",
    "\u017f",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_mean_the_same_everywhere(pattern: str) -> None:
    """Anchored, of ASCII, without classes that differ between dialects, and with an end that no line break follows."""
    assert pattern.startswith("^")
    assert pattern.endswith("$")
    assert pattern.isascii()
    assert re.findall(r"\\[a-zA-Z](?<!\\u)|\(\?|\{[^0-9]", pattern) == []
    validator = jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions())
    ours = re.compile(pattern.removesuffix("$"), re.ASCII)
    for text in TRIED + [f"{text}{end}" for text in TRIED for end in ("\n", "\r\n", "\u2028")]:
        assert validator.is_valid(text) == (ours.fullmatch(text) is not None), repr(text)
        assert not (text.endswith(("\n", "\u2028")) and validator.is_valid(text)), repr(text)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_are_quick_in_backtracking_engines_too(pattern: str) -> None:
    """The longest scalar that is read has 16 KiB; editors and the hint about quotes use engines that backtrack."""
    ours = re.compile(pattern.removesuffix("$"), re.ASCII)
    for unit in ("a", "1", "/", ".", "a.", "a/", "a-", "-", "..", "a:", "https://a", "git@a:a/"):
        text = unit * (16_384 // len(unit))
        start = time.perf_counter()
        ours.fullmatch(text + "!")
        assert time.perf_counter() - start < 0.5, unit


# ---- another engine --------------------------------------------------------------------------------------------------


def other_engine(name: str) -> Any:
    """jsonschema, with whole numbers that are not fractions and patterns that end where the text does."""

    def pattern(validator: Any, wanted: str, value: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
        if isinstance(value, str) and not re.fullmatch(wanted.removesuffix("$"), value, re.ASCII):
            yield jsonschema.ValidationError(wanted)

    draft: Any = jsonschema.Draft202012Validator
    extended: Any = extend
    types = draft.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    return extended(draft, validators={"pattern": pattern}, type_checker=types)(SCHEMAS[name])


ENGINES = {name: other_engine(name) for name in ("project", "environment", "custom-runtime")}


@pytest.mark.parametrize("case", list(refusals()), ids=lambda case: case.title)
def test_another_engine_decides_alike(case: Refusal) -> None:
    engine = ENGINES[KINDS[case.file.partition("/")[0]]]
    assert not engine.is_valid(document(changed(case.file, case.old, case.new)).data)
    assert engine.is_valid(document(changed(case.file, case.old, case.near_miss)).data)


def test_fractions_are_taken_where_anything_may_stand() -> None:
    text = changed(ACME, "value: research", "value: 1.0")
    assert said(text) == []
    assert said(text.replace("count: 1", "count: 2.0")) == [
        "19:49: error[SPEC001]: models.llama.accelerator.count: expected a whole number, found the number 2.0; "
        "write 1 or more, or leave accelerator out where the model needs none"
    ]


def test_data_is_left_as_it_is() -> None:
    data = {"version": 1.0, "environments": {"prod": {}}}
    found = explain(data, "project", Anywhere())
    assert found == [
        Finding(
            at=Location("somewhere.yaml"),
            code="SPEC001",
            path="version",
            message="expected a whole number, found the number 1.0",
            hint="write version: 1",
        )
    ]
    assert data == {"version": 1.0, "environments": {"prod": {}}}


# ---- numbers in pointers


@pytest.mark.parametrize(
    ("data", "steps", "pointer"),
    [
        ({"a": [{"1": "x"}]}, ("a", 0, 1), ("a", 0, "1")),
        ({"a": [{"1": "x"}]}, ("a", "0", "1"), ("a", 0, "1")),
        ({"1": {"b": []}}, (1, "b", "7"), ("1", "b", 7)),
        ({"a": "text"}, ("a", 3, "b"), ("a", "3", "b")),
        ([["x"]], ("0", "-"), (0, "-")),
        ({}, (), ()),
    ],
)
def test_the_data_tells_keys_from_indices(data: object, steps: Sequence[str | int], pointer: Pointer) -> None:
    assert pointer_in(data, steps) == pointer


@pytest.mark.parametrize(
    "name", sorted(path.name.removesuffix(".schema.json") for path in packaged("schemas").glob("*.json"))
)
def test_what_is_compiled_of_a_schema_lacks_only_its_notes(name: str) -> None:
    whole = json.loads((packaged("schemas") / f"{name}.schema.json").read_text())
    lacking = set(_lacking(whole, json.loads(bare_schema(name))))
    assert {step for step in lacking if not step.startswith("x-")} <= {"title", "description", "examples", "$comment"}


def _lacking(whole: Any, bare: Any, named: bool = False) -> Iterator[str]:
    """The keys that are not there; where keys are names of fields, as under `properties`, one that is missing is an error."""
    if isinstance(whole, dict):
        for key, value in whole.items():
            if key in bare:
                yield from _lacking(
                    value, bare[key], named=not named and key in ("properties", "$defs", "patternProperties")
                )
            else:
                assert not named, key
                yield key
    elif isinstance(whole, list):
        assert len(whole) == len(bare)
        for one, other in zip(whole, bare, strict=True):
            yield from _lacking(one, other)
    else:
        assert whole == bare
