"""The JSON Schemas of the hand-written files: what they refuse and how it is said, what they take, and how they are made."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from jsonschema.validators import extend

from generator.finding import Finding, Location, Pointer
from generator.load import Document, parse
from generator.merge import WHOLE, lay, whole
from generator.packaged import packaged
from generator.schema import MOST_SHOWN, PHRASES, TITLES, explain, validate

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
! 13:3: error[SPEC001]: models: a list stands where a map from names to models belongs; write each entry under its
! name, without a dash: <name>: ...
= models:
=   llama:
=     displayName: Llama
=     runtime

acme: type: text for a number
- replicas: 1
+ replicas: lots
! 17:15: error[SPEC001]: models.llama.replicas: the text 'lots' stands where a whole number or {min, max} belongs
= replicas: {min: 0, max: 3}

acme: type: a quoted number
- replicas: 1
+ replicas: "1"
! 17:15: error[SPEC001]: models.llama.replicas: the text '1' stands where a whole number or {min, max} belongs;
! take the quotes away: 1
= replicas: 0

acme: type: true for a number
- replicas: 1
+ replicas: true
! 17:15: error[SPEC001]: models.llama.replicas: true stands where a whole number or {min, max} belongs
= replicas: 99

acme: type: a fraction
- replicas: 1
+ replicas: 1.5
! 17:15: error[SPEC001]: models.llama.replicas: the number 1.5 stands where a whole number or {min, max} belongs
= replicas: 15

acme: type: 1.0 is no whole number
- count: 1
+ count: 1.0
! 19:49: error[SPEC001]: models.llama.accelerator.count: the number 1.0 stands where a whole number belongs; write
! 1 or more, or leave accelerator out where the model needs none
= count: 10

acme: type: text for a switch
- route: true
+ route: "true"
! 20:12: error[SPEC001]: models.llama.route: the text 'true' stands where true, false or {timeout: 10m} belongs;
! take the quotes away: true
= route: false

acme: type: words for a switch
- route: true
+ route: "yes"
! 20:12: error[SPEC001]: models.llama.route: the text 'yes' stands where true, false or {timeout: 10m} belongs
= route: {timeout: 10m}

acme: type: a number for text
- VLLM_LOGGING_LEVEL: INFO
+ VLLM_LOGGING_LEVEL: 10
! 24:31: error[SPEC001]: models.llama.env.VLLM_LOGGING_LEVEL: the number 10 stands where text or {secret, key}
! belongs; put it in quotes: "10"
= VLLM_LOGGING_LEVEL: "10"

acme: type: a switch for text
- VLLM_LOGGING_LEVEL: INFO
+ VLLM_LOGGING_LEVEL: true
! 24:31: error[SPEC001]: models.llama.env.VLLM_LOGGING_LEVEL: true stands where text or {secret, key} belongs; put
! it in quotes: "true"
= VLLM_LOGGING_LEVEL: "true"

acme: type: a number for a name
- namespace: acme-ml
+ namespace: 42
! 3:12: error[SPEC001]: namespace: the number 42 stands where text belongs; put it in quotes: "42"
= namespace: "42"

acme: type: a list for one of several
- size: {requests: {cpu: "4", memory: 8Gi}, limits: {cpu: "8", memory: 10Gi}}
+ size: [Medium]
! 18:11: error[SPEC001]: models.llama.size: a list stands where the name of a size or {requests, limits} belongs;
! name a size of the environment, or write {requests: {cpu, memory}, limits: {cpu, memory}}
= size: Medium

acme: type: text for a list
- tokens: [chatbot]
+ tokens: chatbot
! 21:13: error[SPEC001]: models.llama.tokens: the text 'chatbot' stands where a list of names belongs
= tokens: []

acme: type: a number in a list
- "--max-model-len=8192"]
+ "--max-model-len", 8192]
! 23:31: error[SPEC001]: models.llama.args[1]: the number 8192 stands where text belongs; put it in quotes: "8192"
= "--max-model-len", "8192"]

acme: type: version as text
- version: 1
+ version: "1"
! 1:10: error[SPEC001]: version: the text '1' stands where a whole number belongs; take the quotes away: 1
= version: 1  # the only one

acme: type: version with a fraction
- version: 1
+ version: 1.0
! 1:10: error[SPEC001]: version: the number 1.0 stands where a whole number belongs; write version: 1
= version:   1

acme: type: nothing for a value
- platform: single-model
+ platform:
! 4:10: error[SPEC001]: platform: there is no value; give it one, or leave the key out; null removes something
! only in environments.<environment>
= platform: multi-model

acme: type: nothing for an entry
-   catalogue: {uri: "https://models.example.org/llama"}
+   catalogue:
! 9:13: error[SPEC001]: connections.catalogue: there is no value; give it one, or leave the key out; null removes
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
! 19:49: error[SPEC001]: models.llama.accelerator.count: there is no value; write 1 or more, or leave accelerator
! out where the model needs none
= count: 2

acme: type: a list for an environment
- dev: {}
+ dev: []
! 27:8: error[SPEC001]: environments.dev: a list stands where a map of what differs in the environment belongs;
! write {} where nothing differs
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
! 27:9: error[SPEC002]: environments.dev.environments: unknown key 'environments'; an environment has no
! environments of its own
= dev: {acknowledge: [delete InferenceService/llama]}

acme: key: an envelope
- version: 1
+ version: 1
+ kind: Project
! 2:1: error[SPEC002]: kind: unknown key 'kind'; a spec has no envelope: take apiVersion, kind, metadata and spec
! away
= version: 1
= description: Project

acme: key: unlike any
- mode: standard
+ priority: high
! 16:5: error[SPEC002]: models.llama.priority: unknown key 'priority'
= mode: advanced

acme: key: GPUs in a size
- requests: {cpu: "4", memory: 8Gi}
+ requests: {cpu: "4", memory: 8Gi, nvidia.com/gpu: "1"}
! 18:46: error[SPEC002]: models.llama.size.requests.nvidia.com/gpu: unknown key 'nvidia.com/gpu'; a size has cpu
! and memory; accelerators are given by accelerator: {name, count}
= requests: {cpu: "2", memory: 8Gi}

acme: key: alone in its map
- route: true
+ route: {host: chat.example.org}
! 20:13: error[SPEC002]: models.llama.route.host: unknown key 'host'; the host follows from the cluster's domain
= route: {timeout: 90s}

acme: key: annotations
- mode: standard
+ annotations: {a: b}
! 16:5: error[SPEC002]: models.llama.annotations: unknown key 'annotations'; annotations and labels are made from
! the other fields; patch is for what they cannot say
= stopped: true

shop: key: at the model for the server
- framework: onnx-1
+ framework: onnx-1
+         replicas: 2
! 12:9: error[SPEC002]: servers.coolstore.models.ranker.replicas: unknown key 'replicas'; it stands at the server,
! for all of its models
= framework: onnx-1
=         description: Ranks

shop: key: mode of a server
- replicas: 1
+ mode: advanced
! 7:5: error[SPEC002]: servers.coolstore.mode: unknown key 'mode'; a model server has no deployment mode: all of
! them are ModelMesh
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
! 24:47: error[SPEC003]: models.llama.env.HF_TOKEN: 'key' is missing; add it, such as key: "token"
= {secret: hf-token, key: token-2}

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
! 22:15: error[SPEC003]: models.llama.location: 'path' is missing; add the model's folder on the volume, such as
! path: granite-3-8b
= {pvc: weights, path: llama-3}

acme: missing: max
- replicas: 1
+ replicas: {min: 1}
! 17:15: error[SPEC003]: models.llama.replicas: 'max' is missing; add it, such as max: 3
= replicas: {min: 1, max: 1}

acme: missing: tensorParallelSize
- mode: standard
+ multiNode: {pipelineParallelSize: 2}
! 16:16: error[SPEC003]: models.llama.multiNode: 'tensorParallelSize' is missing; add it, such as
! tensorParallelSize: 4
= multiNode: {pipelineParallelSize: 2, tensorParallelSize: 4}

acme: missing: value of a patch
- , value: research}
+ }
! 25:32: error[SPEC003]: models.llama.patch.InferenceService[0]: 'value' is missing; add what is put there, such
! as value: research
= , value: null}

llm: missing: dataLocal
- data: 16, dataLocal: 8, 
+ data: 16, 
! 8:20: error[SPEC003]: models.llama.llmd.parallelism: 'dataLocal' is missing, which goes with 'data'; add how
! many copies there are on one node, such as dataLocal: 8
= pipeline: 16, 

llm: missing: parallelism of prefill workers
- prefill: {replicas: 2, size: Medium, accelerator: nvidia-h100-gpu, parallelism: {tensor: 4}}
+ prefill: {worker: true}
! 10:16: error[SPEC003]: models.llama.llmd.prefill: 'parallelism' is missing; say how it is spread, such as
! parallelism: {data: 16, dataLocal: 8}
= prefill: {worker: true, parallelism: {data: 2, dataLocal: 1}}

prod: missing: amounts of a size
- Small: {requests: {cpu: "1", memory: 4Gi}, limits: {cpu: "2", memory: 8Gi}}
+ Small: {}
! 6:10: error[SPEC003]: sizes.Small: 'limits' is missing; add limits: {cpu: ..., memory: ...}, or a
! hardwareProfile that has them
! 6:10: error[SPEC003]: sizes.Small: 'requests' is missing; add requests: {cpu: ..., memory: ...}, or a
! hardwareProfile that has them
= Small: {hardwareProfile: {name: small, namespace: opendatahub}}

prod: missing: limits beside requests
- Small: {requests: {cpu: "1", memory: 4Gi}, limits: {cpu: "2", memory: 8Gi}}
+ Small: {hardwareProfile: {name: small, namespace: opendatahub}, requests: {cpu: "1", memory: 4Gi}}
! 6:10: error[SPEC003]: sizes.Small: 'limits' is missing, which goes with 'requests'; add limits: {cpu: ...,
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
! 10:19: error[SPEC003]: accelerators.nvidia-a100-gpu.tolerations[0]: 'key' is missing; add the key of the taint,
! or write operator: Exists to bear every taint
= {operator: Exists}

acme: choice: mode
- mode: standard
+ mode: serverless
! 16:11: error[SPEC004]: models.llama.mode: 'serverless' is none of the choices; write standard or advanced
= mode: advanced

prod: choice: near miss
- rawServiceConfig: Headless
+ rawServiceConfig: Headles
! 4:66: error[SPEC004]: platforms.rawServiceConfig: 'Headles' is none of the choices; did you mean 'Headless'? it
! is Headless or Headed
= rawServiceConfig: Headed

acme: choice: platform
- platform: single-model
+ platform: kserve
! 4:11: error[SPEC004]: platform: 'kserve' is none of the choices; write single-model or multi-model
= platform: multi-model

prod: choice: effect
- effect: NoSchedule
+ effect: NoScheduled
! 10:87: error[SPEC004]: accelerators.nvidia-a100-gpu.tolerations[0].effect: 'NoScheduled' is none of the choices;
! did you mean 'NoSchedule'? it is NoSchedule, PreferNoSchedule or NoExecute
= effect: NoExecute, tolerationSeconds: 60

acme: choice: operation
- op: add
+ op: move
! 25:37: error[SPEC004]: models.llama.patch.InferenceService[0].op: 'move' is none of the choices; did you mean
! 'remove'? it is add, replace or remove
= op: replace

acme: choice: version
- version: 1
+ version: 2
! 1:10: error[SPEC004]: version: 2 stands where 1 belongs; write version: 1
= version: 1 # and no other

prod: choice: API version
- external-secrets.io/v1beta1
+ external-secrets.io/v2
! 21:15: error[SPEC004]: secrets.apiVersion: 'external-secrets.io/v2' is none of the choices; did you mean
! 'external-secrets.io/v1'? it is external-secrets.io/v1 or external-secrets.io/v1beta1
= external-secrets.io/v1

acme: form: upper case
-   llama:
-     runtime
+   Llama:
+     runtime
! 13:3: error[SPEC005]: models.Llama: 'Llama' is no name of a model; a name has lower-case letters a-z, digits and
! '-', begins with a letter and ends with a letter or digit
=   llama-2:
=     runtime

acme: form: a digit first
-   llama:
-     runtime
+   8b-llama:
+     runtime
! 13:3: error[SPEC005]: models.8b-llama: '8b-llama' is no name of a model; a name has lower-case letters a-z,
! digits and '-', begins with a letter and ends with a letter or digit
=   llama-8b:
=     runtime

acme: form: a dash at the end
-   llama:
-     runtime
+   llama-:
+     runtime
! 13:3: error[SPEC005]: models.llama-: 'llama-' is no name of a model; a name has lower-case letters a-z, digits
! and '-', begins with a letter and ends with a letter or digit
=   l:
=     runtime

acme: form: other digits
-   llama:
-     runtime
+   llama٣:
+     runtime
! 13:3: error[SPEC005]: models.llama٣: 'llama٣' holds U+0663 (ARABIC-INDIC DIGIT THREE); a name has lower-case
! letters a-z, digits and '-', begins with a letter and ends with a letter or digit
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
! 3:12: error[SPEC005]: namespace: 'acme-ml\u000a' holds U+000A (a line break); a namespace has lower-case letters
! a-z, digits and '-', and begins and ends with a letter or digit
= namespace: "acme-ml"

acme: form: display name
- displayName: Acme assistants
+ displayName: "Acme\nassistants"
! 2:14: error[SPEC005]: displayName: 'Acme\u000aassistants' holds U+000A (a line break); write one line of text
= displayName: "Acme 🙂"

acme: form: a blank display name
- displayName: Acme assistants
+ displayName: "  "
! 2:14: error[SPEC005]: displayName: '  ' is no display name; write one line of text
= displayName: " Acme "

acme: form: base is no environment
-   dev: {}
+   base: {}
! 27:3: error[SPEC009]: environments.base: 'base' is no name of an environment; use the name of a file in
! environments/ other than base.yaml, without its ending
=   bases: {}

acme: form: duration
- route: true
+ route: {timeout: 10 minutes}
! 20:22: error[SPEC005]: models.llama.route.timeout: '10 minutes' is no duration; write a number with s, m or h,
! such as 30s or 10m
= route: {timeout: 10m}

acme: form: memory
- memory: 8Gi}, limits
+ memory: 16 GB}, limits
! 18:41: error[SPEC005]: models.llama.size.requests.memory: '16 GB' is no amount of memory; write a number with a
! unit, without a space, such as 16Gi or 512Mi
= memory: 16G}, limits

acme: form: thousandths of a byte
- memory: 8Gi}, limits
+ memory: 400m}, limits
! 18:41: error[SPEC005]: models.llama.size.requests.memory: '400m' is no amount of memory; write a number with a
! unit, without a space, such as 16Gi or 512Mi
= memory: 400M}, limits

acme: form: CPU
- requests: {cpu: "4"
+ requests: {cpu: 4Gi
! 18:28: error[SPEC005]: models.llama.size.requests.cpu: '4Gi' is no amount of CPU; write cores such as "2", or
! thousandths such as 500m
= requests: {cpu: 1000m

acme: form: endpoint
- https://s3.example.org
+ s3.example.org
! 7:20: error[SPEC005]: connections.store.s3.endpoint: 's3.example.org' is no address of an object store; write
! http:// or https://, a host and perhaps a port, such as https://s3.example.org:9000
= http://s3.example.org:9000/

acme: form: bucket
- bucket: models
+ bucket: "s3://models"
! 7:73: error[SPEC005]: connections.store.s3.bucket: 's3://models' is no name of a bucket; write the bare name,
! without s3:// and without a path
= bucket: models.2

acme: form: region
- region: us-east-1
+ region: "us east"
! 7:54: error[SPEC005]: connections.store.s3.region: 'us east' is no region; write a word such as us-east-1
= region: default

acme: form: path out of the folder
- path: llama-3
+ path: ../other/llama-3
! 22:41: error[SPEC005]: models.llama.location.path: '../other/llama-3' is no path of a model; name the model's
! own folder, not the root, with letters, digits, '-', '_', '.' and single '/', and without '..' or '//'
= path: /models/..llama-3/

acme: form: path to the root
- path: llama-3
+ path: /
! 22:41: error[SPEC005]: models.llama.location.path: '/' is no path of a model; name the model's own folder, not
! the root, with letters, digits, '-', '_', '.' and single '/', and without '..' or '//'
= path: /l

acme: form: path with two slashes
- path: llama-3
+ path: llama//3
! 22:41: error[SPEC005]: models.llama.location.path: 'llama//3' is no path of a model; name the model's own
! folder, not the root, with letters, digits, '-', '_', '.' and single '/', and without '..' or '//'
= path: llama/3

acme: form: uri
- {connection: store, path: llama-3}
+ {uri: llama}
! 22:21: error[SPEC005]: models.llama.location.uri: 'llama' is no uri; write a whole address with its scheme, such
! as https://, hf://, gs:// or oci://
= {uri: "oci://quay.io/org/llama@sha256:0000000000000000000000000000000000000000000000000000000000000000"}

acme: form: uri of a file
- {connection: store, path: llama-3}
+ {uri: "file:///etc/passwd"}
! 22:21: error[SPEC005]: models.llama.location.uri: 'file:///etc/passwd' is no uri; write a whole address with its
! scheme, such as https://, hf://, gs:// or oci://
= {uri: "gs://bucket/llama"}

acme: form: store key
- key: acme/object-store
+ key: /acme/object-store
! 8:24: error[SPEC005]: connections.store.credentials.key: '/acme/object-store' is no key of a secret store; write
! a path such as team-a/object-store
= key: acme/Object_Store.2

acme: form: variable
- VLLM_LOGGING_LEVEL: INFO
+ 1ST: x
! 24:11: error[SPEC005]: models.llama.env.1ST: '1ST' is no name of a variable; a name has letters a-z and A-Z,
! digits, '_', '-' and '.', and does not begin with a digit
= _1st.x-y: x

acme: form: token
- tokens: [chatbot]
+ tokens: [Chat-Bot]
! 21:14: error[SPEC005]: models.llama.tokens[0]: 'Chat-Bot' is no name; a name has lower-case letters a-z, digits
! and '-', and begins and ends with a letter or digit
= tokens: [chat-bot]

acme: form: JSON pointer
- path: /spec/predictor/priorityClassName
+ path: spec/predictor/priorityClassName
! 25:48: error[SPEC005]: models.llama.patch.InferenceService[0].path: 'spec/predictor/priorityClassName' is no
! JSON pointer; begin with '/' and write the keys between slashes, such as /spec/predictor/priorityClassName
= path: /metadata/annotations/a.b~1c

acme: form: framework
- framework: vLLM
+ framework: onnx - 1
! 15:16: error[SPEC005]: models.llama.framework: 'onnx - 1' is no framework; write name-version or name, such as
! onnx-1 or vLLM
= framework: openvino_ir-opset1

llm: form: cost
- cost: "10.0"
+ cost: ten
! 11:49: error[SPEC005]: models.llama.llmd.scaling.cost: 'ten' is no cost; write a number in quotes, such as
! "10.0"
= cost: "0.5"

prod: form: release
- release: rhoai-2.25
+ release: RHOAI 2.25
! 2:10: error[SPEC005]: release: 'RHOAI 2.25' is no release; write rhoai- and the version's first two numbers,
! such as rhoai-2.25
= release: rhoai-2.99

prod: form: release as a number
- release: rhoai-2.25
+ release: 2.25
! 2:10: error[SPEC001]: release: the number 2.25 stands where the name of a release belongs; write rhoai- and the
! version's first two numbers, such as rhoai-2.25
= release: null

prod: form: Argo CD's version as a number
- version: "2.14"
+ version: 2.10
! 26:116: error[SPEC001]: argocd.version: the number 2.10 stands where text belongs; put it in quotes: "2.10"
= version: "2.10"

prod: form: compute capability as a number
- computeCapability: "8.0"
+ computeCapability: 8.0
! 14:24: error[SPEC001]: accelerators.nvidia-a100-gpu.computeCapability: the number 8.0 stands where text belongs;
! put it in quotes: "8.0"
= computeCapability: "12.0"

prod: form: repository
- https://git.example.org/acme/models.git
+ git.example.org/acme/models
! 26:48: error[SPEC005]: argocd.repoURL: 'git.example.org/acme/models' is no address of a Git repository; write
! https://host/path.git, ssh://git@host/path.git or git@host:path.git
= git@git.example.org:acme/models.git

prod: form: server
- {name: prod, appsDomain
+ {server: "api.prod.example.org:6443", appsDomain
! 3:19: error[SPEC005]: cluster.server: 'api.prod.example.org:6443' is no address of an API server; write https://
! and the host, such as https://api.prod.example.org:6443
= {server: "https://api.prod.example.org:6443", appsDomain

prod: form: apps domain
- appsDomain: apps.prod.example.org
+ appsDomain: "https://apps.prod.example.org"
! 3:35: error[SPEC005]: cluster.appsDomain: 'https://apps.prod.example.org' is no domain; write the domain alone,
! in lower case, such as apps.example.org
= appsDomain: apps

prod: form: image
- registry.example.org/vllm:1
+ https://registry.example.org/vllm:1
! 16:50: error[SPEC005]: runtimes.vllm-cuda-runtime.images.kserve-container: 'https://registry.example.org/vllm:1'
! is no reference of an image; write registry/repository@sha256:digest or registry/repository:tag
= registry.example.org:5000/org/vllm:1@sha256:0000000000000000000000000000000000000000000000000000000000000000

prod: form: identifier
- identifier: nvidia.com/gpu
+ identifier: gpu
! 9:17: error[SPEC005]: accelerators.nvidia-a100-gpu.identifier: 'gpu' is no name of an extended resource; write a
! domain and a name, such as nvidia.com/gpu
= identifier: habana.ai/gaudi

prod: form: quota
- requests.memory: 64Gi
+ requests.memory: lots
! 18:86: error[SPEC005]: quota.projects.granite.requests.memory: 'lots' is no amount; write a number, perhaps with
! a unit, such as 4 or 16Gi
= requests.memory: "64"

prod: form: key prefix
- keyPrefix: nerc/prod
+ keyPrefix: nerc/prod/
! 23:14: error[SPEC005]: secrets.keyPrefix: 'nerc/prod/' is no folder of a secret store; write a path without a
! slash at its ends, such as nerc/nerc-ocp-prod
= keyPrefix: nerc

acme: length: model
-   llama:
-     runtime
+   mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm:
+     runtime
! 13:3: error[SPEC006]: models.mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm...: 'mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm...'
! has 64 characters, of which 63 are allowed; shorten it by 1
=   mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm:
=     runtime

acme: length: namespace
- namespace: acme-ml
+ namespace: nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn
! 3:12: error[SPEC006]: namespace: 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...' has 64 characters, of which 63 are
! allowed; shorten it by 1
= namespace: nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn

acme: length: bucket
- bucket: models
+ bucket: ab
! 7:73: error[SPEC006]: connections.store.s3.bucket: 'ab' has fewer than 3 characters; write the bare name,
! without s3:// and without a path
= bucket: abc

acme: number: none of an accelerator
- count: 1
+ count: 0
! 19:49: error[SPEC007]: models.llama.accelerator.count: 0 is less than 1; write 1 or more, or leave accelerator
! out where the model needs none
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
! 18:44: error[SPEC007]: quota.default.requests.nvidia.com/gpu: -4 is less than 0; write a number, perhaps with a
! unit, such as 4 or 16Gi
= requests.nvidia.com/gpu: 0}

acme: list: a token twice
- tokens: [chatbot]
+ tokens: [ci, chatbot, ci]
! 21:27: error[SPEC008]: models.llama.tokens[2]: 'ci' is listed twice; take it away here
= tokens: [ci, chatbot]

acme: list: no keys of a secret
- keys: [token]
+ keys: []
! 11:20: error[SPEC010]: secrets.hf-token.keys: the list is empty; list the names of the keys: keys: [token]
= keys: [token, other]

acme: list: no operation
- [{op: add, path: /spec/predictor/priorityClassName, value: research}]
+ []
! 25:31: error[SPEC010]: models.llama.patch.InferenceService: the list is empty; write [{op: ..., path: ...,
! value: ...}]
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
! 8:20: error[SPEC010]: models.llama.llmd.parallelism: the map is empty; write how it is spread, such as {tensor:
! 4}
= parallelism: {tensor: 1}

acme: together: two kinds of connection
-     credentials: {key: acme/object-store}
+     oci: {host: quay.io}
! 8:5: error[SPEC009]: connections.store.oci: oci is a second kind: a connection is one of s3, oci and uri; keep
! one of them
=     existing: true

acme: together: two places of a model
- {connection: store, path: llama-3}
+ {connection: store, path: llama-3, pvc: weights}
! 22:50: error[SPEC009]: models.llama.location.pvc: pvc is a second place: a location is a connection, a pvc or a
! uri; keep one of them
= {connection: store, uri: "oci://quay.io/org/llama:1"}

acme: together: a path after an address
- {connection: store, path: llama-3}
+ {uri: "hf://org/llama", path: llama-3}
! 22:39: error[SPEC009]: models.llama.location.path: path does not go with uri: the address is all there is; make
! it part of the address
= {uri: "hf://org/llama"}

acme: together: remove with a value
- op: add
+ op: remove
! 25:86: error[SPEC009]: models.llama.patch.InferenceService[0].value: value does not go with remove; take it away
= op: replace

prod: together: name and server
- {name: prod, appsDomain
+ {name: prod, server: "https://api.example.org", appsDomain
! 3:23: error[SPEC009]: cluster.server: server stands beside name: Argo CD takes a cluster's name or its server's
! address, and refuses both; keep one of them
= {name: in-cluster, appsDomain

prod: together: Exists with a value
- operator: Equal, value: A100
+ operator: Exists, value: A100
! 10:74: error[SPEC009]: accelerators.nvidia-a100-gpu.tolerations[0].value: 'A100' does not go with operator
! Exists; take value away, or write operator: Equal
= operator: Exists, value: ""

prod: together: seconds without NoExecute
- effect: NoSchedule}
+ effect: NoSchedule, tolerationSeconds: 5}
! 10:99: error[SPEC009]: accelerators.nvidia-a100-gpu.tolerations[0].tolerationSeconds: tolerationSeconds goes
! with effect NoExecute only; take it away, or write effect: NoExecute
= effect: NoExecute, tolerationSeconds: 5}

llm: together: llmd false
- worker: true
+ worker: false
! 9:15: error[SPEC009]: models.llama.llmd.worker: false says nothing here; write true, or what differs from the
! head; leave it out for one node
= worker: {size: Large}

llm: together: pipeline and data
- data: 16, dataLocal: 8
+ pipeline: 2, data: 16, dataLocal: 8
! 8:45: error[SPEC009]: models.llama.llmd.parallelism.data: data does not go with pipeline; use data parallelism
! or pipeline parallelism
! 8:55: error[SPEC009]: models.llama.llmd.parallelism.dataLocal: dataLocal does not go with pipeline; use data
! parallelism or pipeline parallelism
= data: 8, dataLocal: 8

llm: together: prefill replicas and scaling
- prefill: {replicas: 2,
+ prefill: {replicas: 2, scaling: {min: 1, max: 2, by: hpa},
! 10:30: error[SPEC009]: models.llama.llmd.prefill.scaling: scaling does not go with replicas; write replicas for
! a fixed number, or scaling: {min, max, by}
= prefill: {scaling: {min: 1, max: 2, by: hpa},

llm: together: null inside of prefill
- prefill: {replicas: 2, size: Medium
+ prefill: {replicas: 2, size: null
! 10:36: error[SPEC001]: models.llama.llmd.prefill.size: there is no value; give it one, or leave the key out: an
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
! 9:7: error[SPEC002]: models.llama.llmd.replicas: unknown key 'replicas'; replicas stand at the model; scaling:
! {min, max} here scales by load
=       # none

own: runtime: a List
- kind: ServingRuntime
+ kind: List
! 2:7: error[SPEC009]: kind: 'List' holds several objects, and a file in runtimes/ holds one; export it by its
! name: oc get servingruntime <name> -o yaml
= kind: ServingRuntime  # one

own: runtime: another kind
- kind: ServingRuntime
+ kind: Deployment
! 2:7: error[SPEC004]: kind: 'Deployment' is none of the choices; write ServingRuntime, LLMInferenceServiceConfig
! or Template
= kind: "ServingRuntime"

own: runtime: another version
- serving.kserve.io/v1alpha1
+ serving.kserve.io/v9
! 1:13: error[SPEC004]: apiVersion: 'serving.kserve.io/v9' stands where 'serving.kserve.io/v1alpha1' belongs; a
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
! 14:49: error[SPEC001]: spec.supportedModelFormats[0].version: the number 1 stands where text belongs; put it in
! quotes: "1"
= {name: onnx, version: "1"}

own: runtime: a value as a number
- value: /tmp/hf_home
+ value: 8080
! 11:34: error[SPEC001]: spec.containers[0].env[0].value: the number 8080 stands where text belongs; put it in
! quotes: "8080"
= value: "8080"

template: template: no object
- objects:
- - apiVersion: serving.kserve.io/v1alpha1
-   kind: ServingRuntime
-   metadata: {name: acme-vllm}
-   spec:
-     containers: [{name: kserve-container, image: "registry.example.org/vllm:1"}]
-     supportedModelFormats: [{name: vLLM}]
+ objects: []
! 4:10: error[SPEC010]: objects: the list is empty; objects holds one ServingRuntime, or one
! LLMInferenceServiceConfig, and nothing else
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
! 11:3: error[SPEC010]: objects[1]: there are 2 entries, and 1 is the most; objects holds one ServingRuntime, or
! one LLMInferenceServiceConfig, and nothing else
= parameters: [{name: IMAGE, value: x}]

template: template: another object
-   kind: ServingRuntime
+   kind: ClusterRoleBinding
! 6:9: error[SPEC004]: objects[0].kind: 'ClusterRoleBinding' is none of the choices; write ServingRuntime or
! LLMInferenceServiceConfig
=   kind: "ServingRuntime"

config: config: another version
- v1alpha2
+ v1beta1
! 1:13: error[SPEC004]: apiVersion: 'serving.kserve.io/v1beta1' is none of the choices; did you mean
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


@pytest.mark.parametrize("case", refusals(), ids=lambda case: case.title)
def test_refusals_and_their_near_misses(case: Refusal) -> None:
    assert said(changed(case.file, case.old, case.new), case.file) == case.findings
    assert said(changed(case.file, case.old, case.near_miss), case.file) == []
