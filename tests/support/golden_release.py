"""One spec that uses much, as every release has it; `test_releases` compares what becomes of it with golden trees."""

from __future__ import annotations

from typing import Any

from matrix import CLUSTER, environment_of, label
from modelfleet.resolve.catalog import release
from modelfleet.resolve.release import Capability
from repository import laid_over

GPU = label("nvidia.com/gpu")
IMAGE = f"registry.example.org/serving/vllm-cuda@sha256:{'0f' * 32}"

CONNECTIONS: dict[str, Any] = {
    "store": {
        "displayName": "Object store",
        "s3": {"endpoint": "https://s3.example.org", "region": "us-east-1", "bucket": "models"},
    },
    "registry": {"description": "Images of the team", "oci": {"host": "quay.io"}},
    "zoo": {"uri": "https://models.example.org/resnet50.onnx"},
}  # fmt: skip

OTHER = {"size": "Medium", "accelerator": GPU}

METRICS: dict[str, Any] = {
    "name": "metrics",
    "image": "registry.example.org/metrics:1",
    # In spellings that KServe's webhook would replace.
    "resources": {"requests": {"cpu": "0.1", "memory": "65536Ki"}, "limits": {"cpu": 0.1, "memory": "65536Ki"}},
}

PODS: dict[str, Any] = {
    "nodeSelector": {"topology.kubernetes.io/zone": "a"},
    "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "serving", "effect": "NoSchedule"}],
    "affinity": {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 1,
                    "podAffinityTerm": {
                        "topologyKey": "kubernetes.io/hostname",
                        "labelSelector": {"matchLabels": {"app": "cache"}},
                    },
                }
            ]
        }
    },
    "serviceAccount": "model-reader",
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    "imagePullSecrets": [{"name": "registry-login"}],
    "imagePullPolicy": "IfNotPresent",
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    "podSecurityContext": {"runAsNonRoot": True},
    "runtimeClass": "nvidia",
    "schedulerName": "gpu-scheduler",
    "terminationGracePeriodSeconds": 0,
    "restartPolicy": "Always",
    "volumes": [
        {"name": "templates", "configMap": {"name": "chat-templates"}},
        {"name": "cache", "emptyDir": {"sizeLimit": "20480Mi"}},
    ],
    "volumeMounts": [
        {"name": "templates", "mountPath": "/chat-templates", "readOnly": True},
        {"name": "cache", "mountPath": "/cache"},
    ],
    "initContainers": [
        {
            "name": "prepare",
            "image": "registry.example.org/tools:1",
            "command": ["prepare", "/cache"],
            "volumeMounts": [{"name": "cache", "mountPath": "/cache"}],
            "resources": {"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": {"cpu": 1, "memory": "1Gi"}},
        }
    ],
}
"""What every pod of a model gets, and its container that serves."""

SINGLE: dict[str, Any] = {
    "version": 1,
    "displayName": "Team",
    "description": "Models of the team",
    "platform": "single-model",
    "labels": {"team": "vision", "stage": "lab"},
    "namespaceLabels": {"team": "vision", "pod-security.kubernetes.io/enforce": "restricted"},
    "namespaceAnnotations": {"openshift.io/node-selector": "pool=models"},
    "connections": CONNECTIONS,
    "secrets": {"hub": {"keys": ["token"]}},
    "runtimes": {
        "lean-vllm": {  # one for two models, of the release's own
            "displayName": "vLLM for short answers",
            "runtime": "vllm-cuda-runtime",
            "args": ["--port=8080", "--max-model-len=4096"],
            "env": {"VLLM_LOGGING_LEVEL": "WARNING", "HF_TOKEN": {"secret": "hub", "key": "token"}},
            "images": {"kserve-container": "registry.example.org/vllm:0.9.2"},
            "labels": {"team": "vision"},
            "annotations": {"example.org/owner": "vision"},
            "patch": {"ServingRuntime": [{"op": "add", "path": "/spec/imagePullSecrets", "value": [{"name": "registry"}]}]},
        },
        "settled-vllm": {  # another release's
            "runtime": "vllm-cuda-runtime",
            "release": "rhoai-2.21",
            "images": {"kserve-container": "registry.example.org/vllm:0.8.4"},
        },
        "team-vllm": {"existing": True},
    },
    "models": {
        "short": {**OTHER, "runtime": "lean-vllm", "location": {"connection": "store", "path": "short"}},
        "shorter": {**OTHER, "runtime": "lean-vllm", "location": {"connection": "store", "path": "shorter"}},
        "settled": {**OTHER, "runtime": "settled-vllm", "location": {"connection": "store", "path": "settled"}},
        "guest": {**OTHER, "runtime": "team-vllm", "framework": "vLLM", "location": {"connection": "store", "path": "guest"}},
        "chat": {  # everything that is written about most models
            "displayName": "Chat model",
            "description": "For tests",
            "runtime": "vllm-cuda-runtime",
            "replicas": 2,
            "size": "Medium",
            "accelerator": {"name": GPU, "count": 2},
            "route": True,
            "tokens": ["ci", "web"],
            "callers": [{"serviceAccount": "frontend", "namespace": "shop"}, {"serviceAccount": "batch"}, {"group": "data-team"}],
            "servedName": "team/chat",
            "strategy": "recreate",
            "logger": {"mode": "all", "url": "http://trustyai.team.svc"},
            "registry": {"name": "models", "model": "3", "version": "4"},
            "queue": "gpu",
            "podLabels": {"cost-center": "42"},
            "podAnnotations": {"example.org/scrape": "yes"},
            "labels": {"stage": "live"},
            "annotations": {"example.org/owner": "vision"},
            "location": {"connection": "store", "path": "/granite-3-8b"},
            "args": ["--tensor-parallel-size=2", "--max-model-len=8192"],
            "env": {
                "VLLM_LOGGING_LEVEL": "INFO",
                "HF_TOKEN": {"secret": "hub", "key": "token"},
                "LEVEL": {"configMap": "settings", "key": "level", "optional": True},
                "POD": {"field": "metadata.name"},
                "MEMORY": {"resource": "limits.memory"},
            },
            "envFrom": [{"prefix": "VLLM_", "configMapRef": {"name": "settings"}}],
            **PODS,
            "patch": {
                "InferenceService": [
                    {"op": "add", "path": "/spec/predictor/priorityClassName", "value": "research"},
                    {"op": "add", "path": "/spec/predictor/model/resources/requests/ephemeral-storage", "value": "1024Mi"},
                ]
            },
        },
        "detector": {  # on CPUs, as many as the load needs, from an image behind a pull secret
            "runtime": "kserve-ovms",
            "framework": "onnx-1",
            "servedName": "detector-v2",
            "strategy": "rolling",
            "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
            "batcher": {"maxBatchSize": 32, "maxLatency": 5000},
            "imagePullSecrets": [{"name": "registry"}, {"name": "runtimes"}],
            "probes": {
                "startup": {"httpGet": {"path": "/v2/health/ready", "port": 8888}, "failureThreshold": 60},
                "liveness": {"tcpSocket": {"port": 8888}},
                "readiness": {"httpGet": {"path": "/v2/health/ready", "port": 8888}, "periodSeconds": 5},
            },
            "replicas": {"min": 1, "max": 3, "when": {"cpu": 70}},
            "omit": ["displayName", "dashboard"],
            "size": {"requests": {"cpu": "500m", "memory": "2Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}},
            "location": {"connection": "registry", "uri": "oci://quay.io/team/detector:1.4"},
        },
        "classifier": {  # from a plain address, with as little as possible
            "runtime": "kserve-ovms",
            "framework": "onnx-1",
            "replicas": {"min": 1},
            "size": {"limits": {"memory": "4Gi", "ephemeral-storage": "2Gi"}},
            "args": [],
            "tokens": [],
            "omit": ["frameworkVersion"],
            "location": {"connection": "zoo"},
        },
        "rules": {  # a program of its own, with what shapes its requests
            "containers": [
                {
                    "name": "kserve-container",
                    "image": "registry.example.org/rules:1",
                    "env": [{"name": "TARGET", "value": "rules"}],
                    "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                },
                METRICS,
            ],
            "size": "Medium",
            "env": {"LEVEL": "INFO"},
            "args": ["--strict"],
            "transformer": {
                "replicas": {"min": 1, "max": 2},
                "serviceAccountName": "shaper",
                "containers": [{**METRICS, "name": "kserve-container", "image": "registry.example.org/shape:1"}],
            },
        },
        "giant": {  # over two nodes, from a volume
            "runtime": "vllm-multinode-runtime",
            "accelerator": {"name": GPU, "count": 4},
            "multiNode": {"pipelineParallelSize": 2, "tensorParallelSize": 4},
            "replicas": {"min": 1, "max": 1},
            "priorityClass": "research",
            **PODS,
            "location": {"pvc": "weights", "path": "llama-3.1-405b"},
        },
    },
    "environments": {CLUSTER: {}},
}  # fmt: skip

BY_CAPABILITY: dict[Capability, dict[str, Any]] = {
    "serverless": {
        "models": {
            "on-demand": {
                "runtime": "vllm-cuda-runtime",
                "mode": "advanced",
                "replicas": {"min": 0, "max": 2, "when": {"concurrency": 4}},
                "canaryTrafficPercent": 20,
                "containerConcurrency": 8,
                "size": "Medium",
                "accelerator": GPU,
                "location": {"connection": "store", "path": "llama-3-8b"},
            }
        }
    },
    "predictorSidecars": {"models": {"chat": {"containers": [METRICS]}, "giant": {"containers": [METRICS]}}},
    "routeTimeout": {"models": {"chat": {"route": {"timeout": "10m"}}}},
    "hpaChecksNeedClass": {  # KServe knows KEDA from then on
        "models": {
            "busy": {
                "runtime": "vllm-cuda-runtime",
                "replicas": {
                    "min": 0,
                    "max": 4,
                    "when": {
                        "waitingRequests": 5,
                        "kvCache": 80,
                        "cpu": 90,
                        "query": {"promql": 'sum(rate(http_requests_total{namespace="shop"}[1m]))', "threshold": 2.5},
                    },
                    "schedule": [
                        {"days": ["mon", "fri"], "from": "07:00", "to": "18:30", "replicas": 2},
                        {"from": "22:00", "to": "24:00", "replicas": 1},
                    ],
                },
                "size": "Medium",
                "accelerator": GPU,
                "location": {"connection": "store", "path": "llama-3-8b"},
            }
        }
    },
    "stop": {"models": {"classifier": {"stopped": True}, "chat": {"stopped": False}}},
    "modelType": {"models": {"chat": {"modelType": "generative"}}},
    "genAiAsset": {"models": {"chat": {"genAiAsset": {"useCase": "Chat"}}}},
    "storageUris": {
        "models": {
            "guest": {
                "location": "none",
                "storageUris": [
                    {"uri": "hf://acme/base", "mountPath": "/mnt/models/base"},
                    {"uri": "hf://acme/adapter", "mountPath": "/mnt/models/adapter"},
                ],
            }
        }
    },
    "timeout": {"models": {"chat": {"timeout": "60s"}}},
    "return401": {"models": {"chat": {"return401": True}}},
    "llm": {
        "models": {
            "experts": {
                "displayName": "Mixture of experts",
                "llmd": {"parallelism": {"tensor": 1, "data": 8, "dataLocal": 4, "expert": True}, "worker": True},
                "replicas": 2,
                "size": "Medium",
                "accelerator": {"name": GPU, "count": 4},
                "location": {"connection": "store", "path": "experts"},
                "args": ["--max-model-len=8192", '--override-generation-config={"temperature": 0}'],
                "tokens": ["web"],
                "priorityClass": "research",
                **PODS,
                "containers": [METRICS],
                "env": {"POD": {"field": "metadata.name"}},
                "envFrom": [{"secretRef": {"name": "extra", "optional": True}}],
                "servedName": "team/experts",
                "queue": "gpu",
                "callers": [{"group": "data-team"}],
            },
            "simple": {
                "llmd": True,
                "size": "Medium",
                "accelerator": GPU,
                "location": {"uri": "hf://ibm-granite/granite-3.1-8b-instruct"},
            },
            "own-server": {  # an image with a command of its own, and prompts read apart by the preset's script
                "llmd": {
                    "image": IMAGE,
                    "command": ["python", "-m", "vllm.entrypoints.openai.api_server"],
                    "ports": [{"containerPort": 8001, "name": "https"}],
                    "probes": {
                        "startup": {
                            "httpGet": {"path": "/health", "port": 8001, "scheme": "HTTPS"},
                            "failureThreshold": 120,
                        },
                        "liveness": {
                            "httpGet": {"path": "/health", "port": 8001, "scheme": "HTTPS"},
                            "periodSeconds": 30,
                        },
                    },
                    "scheduler": {
                        "template": {
                            "containers": [{"name": "main", "env": [{"name": "XDG_CACHE_HOME", "value": "/tmp"}]}]
                        }
                    },
                    "prefill": {
                        "replicas": 2,
                        "args": [
                            "--kv-transfer-config.kv_connector=NixlConnector",
                            "--kv-transfer-config.kv_role=kv_both",
                        ],
                    },
                },
                "size": "Medium",
                "accelerator": GPU,
                "callers": [],
                "args": [
                    "--model=/mnt/models",
                    "--port=8001",
                    '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}',
                ],
                "location": {"uri": "hf://ibm-granite/granite-3.1-8b-instruct"},
            },
        }
    },
    "maas": {
        "models": {
            "shop-chat": {
                "displayName": "Chat of the shop",
                "description": "Answers customers",
                "llmd": {"gateway": {"name": "shop-gateway", "namespace": "shop"}},
                "maas": {"endpoint": "https://models.example.org/shop-chat"},
                "size": "Medium",
                "accelerator": GPU,
                "registry": {"name": "models", "model": "5", "version": "7"},
                "location": {"uri": "hf://ibm-granite/granite-3.1-8b-instruct"},
            }
        }
    },
    "llmScheduler": {
        "models": {
            "own-server": {
                "llmd": {
                    "scheduler": {
                        "replicas": 2,
                        "labels": {"team": "routing"},
                        "config": {
                            "inline": {
                                "apiVersion": "inference.networking.x-k8s.io/v1alpha1",
                                "kind": "EndpointPickerConfig",
                                "plugins": [{"type": "queue-scorer"}],
                                "schedulingProfiles": [
                                    {"name": "default", "plugins": [{"pluginRef": "queue-scorer", "weight": 2}]}
                                ],
                            }
                        },
                    }
                }
            }
        }
    },
    "llmPodMetadata": {
        "models": {"simple": {"llmd": {"labels": {"team": "vision"}, "annotations": {"example.org/owner": "vision"}}}}
    },
    "llmLora": {
        "models": {
            "simple": {
                "llmd": {"lora": {"adapters": {"sql": "hf://acme/sql-lora", "law": "pvc://weights/law"}, "maxRank": 64}}
            }
        }
    },
    "llmTracing": {
        "models": {
            "simple": {
                "llmd": {"tracing": {"endpoint": "http://otel-collector.observability.svc:4317", "ratio": "0.1"}}
            },
            "experts": {"llmd": {"tracing": True}},
        }
    },
    "llmCacheOffload": {
        "models": {
            "simple": {
                "llmd": {
                    "cacheOffload": {
                        "cpu": "2Gi",
                        "evictionPolicy": "arc",
                        "disks": [
                            {"emptyDir": "100Gi"},
                            {"claim": "200Gi", "storageClass": "fast"},
                            {"pvc": "kv", "path": "simple"},
                        ],
                    }
                }
            }
        }
    },
    "modelCapabilities": {
        "models": {
            "chat": {"capabilities": ["text-generation", "vision"]},
            "shop-chat": {"capabilities": ["vision"]},
        }
    },
    "llmTopology": {
        "models": {
            "simple": {
                "llmd": {
                    "topology": "single-node",
                    "topologyConfig": "large-models",
                    "routingConfig": "prefix-aware",
                    "baseRefs": ["team-defaults"],
                }
            }
        }
    },
    "canary": {
        "models": {
            "chat": {"canary": {"percent": 10, "args": ["--tensor-parallel-size=2", "--max-model-len=4096"]}},
            "classifier": {
                "canary": {
                    "percent": 0,
                    "name": "v2",
                    "replicas": 1,
                    "image": "registry.example.org/ovms:2",
                    "size": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "1", "memory": "2Gi"}},
                    "env": {"LEVEL": "DEBUG"},
                }
            },
        }
    },
    "llmTraffic": {"models": {"simple": {"llmd": {"traffic": {"group": "simple", "weight": 90}}}}},
    "llmScaling": {
        "models": {
            "simple": {"llmd": {"scaling": {"min": 1, "max": 3, "by": "keda", "cost": "10.0"}}},
            "experts": {"replicas": {"min": 1, "max": 2, "when": {"kvCache": 80}}},
        }
    },
}
"""What is laid over the spec where a release has the capability."""

MULTI: dict[str, Any] = {
    "version": 1,
    "platform": "multi-model",
    "labels": {"team": "shop"},
    "connections": {"store": CONNECTIONS["store"]},
    "servers": {
        "ranker": {
            "displayName": "Ranking",
            "runtime": "ovms",
            "replicas": 2,
            "size": "Medium",
            "accelerator": GPU,
            "route": True,
            "tokens": ["shop"],
            "callers": [{"serviceAccount": "frontend"}],
            "nodeSelector": PODS["nodeSelector"],
            "tolerations": PODS["tolerations"],
            "annotations": {"example.org/owner": "shop"},
            "models": {
                "products": {
                    "displayName": "Product ranking",
                    "framework": "onnx-1",
                    "location": {"connection": "store", "path": "products"},
                },
                "offers": {
                    "framework": "openvino_ir-opset1",
                    "protocolVersion": "grpc-v1",
                    "location": {"connection": "zoo"},
                    "args": [],
                    "env": {},
                },
            },
        }
    },
    "environments": {CLUSTER: {}},
}


def spec_of(name: str) -> dict[str, Any]:
    """A repository with that spec, as much of it as a release can do."""
    can = release(name).capabilities
    single = SINGLE
    for capability, fragment in BY_CAPABILITY.items():
        if can[capability]:
            single = laid_over(single, fragment)
    files = {f"environments/{CLUSTER}": environment_of(name), "projects/team": single}
    multi = laid_over(MULTI, {"connections": {"zoo": CONNECTIONS["zoo"]}})
    return files | ({"projects/shop": multi} if can["modelMesh"] else {})
