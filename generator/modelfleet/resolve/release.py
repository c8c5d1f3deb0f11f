"""One release of OpenShift AI: what it can do and how it spells things, as its data file says.

The names of capabilities and terms are types, so that a misspelt one is found before anything runs; a test holds them equal
to `schemas/release.schema.json`, which says what each of them means.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from modelfleet.records import dataclass

Capability = Literal[
    "serverless",
    "modelMesh",
    "llm",
    "acceleratorProfiles",
    "hardwareProfiles",
    "connectionAnnotation",
    "connectionProtocolAnnotation",
    "connectionDescriptionAlways",
    "connectionTypes",
    "stop",
    "modelType",
    "genAiAsset",
    "timeout",
    "return401",
    "discouragesTokens",
    "inferenceDescription",
    "enableAuthAlways",
    "ovmsAutoVersioning",
    "runtimeSharedMemory",
    "runtimeKeepsResources",
    "runtimeForcesDashboardLabel",
    "runtimeScope",
    "runtimeAcceleratorName",
    "runtimeDisplayName",
    "runtimeTemplateName",
    "storageProtocols",
    "modelMeshStorage",
    "multiNodeStorage",
    "multiNodeMinPipeline",
    "multiNodeExecutor",
    "multiNodeMost",
    "autoscalerClasses",
    "autoscalingAnnotationsChecked",
    "hpaChecksNeedClass",
    "defaultMode",
    "deploymentModes",
    "unknownMode",
    "rewritesModes",
    "nameLimit",
    "routeTimeout",
    "blockedEnv",
    "modelNameRefused",
    "loggerStorage",
    "storageUris",
    "confidential",
    "canary",
    "canaryMax",
    "predictorImplementations",
    "predictorSidecars",
    "protectedNamespaces",
    "workerSizesRequired",
    "gpuResources",
    "gpuTypesAnnotation",
    "watchesRuntimes",
    "llmApiVersions",
    "llmPipelinePresets",
    "llmScaling",
    "llmScheduler",
    "llmPodMetadata",
    "llmTraffic",
    "llmLora",
    "llmTracing",
    "llmCacheOffload",
    "llmTopology",
    "modelCapabilities",
    "maas",
    "llmRouteWithGatewayRefs",
    "servingKinds",
    "replacedKinds",
    "queueKinds",
    "hpaOtherMetrics",
    "llmPoolNeedsRoute",
    "llmTiers",
    "profileNeedsMain",
    "llmCacheTransfer",
    "llmLoadSeconds",
    "llmStartupProbe",
]
"""What a release can or cannot do."""

Term = Literal[
    "modeStandard",
    "modeAdvanced",
    "autoscalerMultiNode",
    "llmApiVersion",
]
"""What a release has a word of its own for."""

Capabilities = Mapping[Capability, Any]
"""What a release can do: the `capabilities` of its data file."""

Terms = Mapping[Term, Any]
"""The words of a release: the `terms` of its data file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release of OpenShift AI, as its data file spells it out. `successor` is the next one that the tool knows."""

    name: str
    title: str
    successor: str | None
    support: Mapping[str, Any]
    upgrade: Mapping[str, Any]
    templates: tuple[str, ...]
    kubernetes: str
    crds: tuple[Mapping[str, Any], ...]
    capabilities: Capabilities
    terms: Terms
    forms: Mapping[str, int]
    lifecycle: tuple[Mapping[str, Any], ...]
    injected: Mapping[str, Mapping[str, Any]]
    runtimes: Mapping[str, Mapping[str, Any]]


def short(release: str) -> str:
    """A release as it stands in tables: `2.25`."""
    return release.rpartition("-")[2]
