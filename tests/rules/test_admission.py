"""The admission rules: each trips on its own example and on nothing mended, and their finer distinctions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from modelfleet.admit.admit import ManifestFile, admit
from modelfleet.finding import Severity, dotted
from modelfleet.kubernetes.objects import by_name
from modelfleet.packaged import packaged
from modelfleet.resolve import catalog
from modelfleet.rules import Violation, always
from modelfleet.rules.admission.rulebook import Rulebook, declared_rules, rulebook, rules_for

EXPLANATIONS = sorted((packaged("data") / "rules").glob("ADM*.yaml"))
RELEASES = catalog.release_names()
STAGES = {"schema", "cel", "webhook", "reconcile", "run"}

FINDINGS = {
    "ADM001": ("metadata.name", "metadata.name is missing", "an object needs apiVersion, kind and metadata.name"),
    "ADM002": ("spec.predictor.model.storageUr", "unknown field 'storageUr'", "did you mean 'storageUri'?"),
    "ADM003": (
        "kind",
        "this release has no kind 'LLMInferenceService'",
        "use an InferenceService with a vLLM runtime, or a release that has it",
    ),
    "ADM004": ("", "this is not valid YAML: did not find expected ',' or '}'", "what follows it is not checked"),
    "ADM005": (
        "",
        "the key 'greeting' is written twice; kubectl takes the last, kustomize refuses the file",
        "keep one of them",
    ),
    "ADM006": ("", "the document is not an object", "an object is a map with a kind"),
    "ADM007": (
        "apiVersion",
        "LLMInferenceService is not served as 'serving.kserve.io/v1alpha2' here",
        "write serving.kserve.io/v1alpha1",
    ),
    "ADM010": (
        "metadata.name",
        "'granite-3.1' is not a valid name for an InferenceService",
        "use lower-case letters, digits and '-'; begin with a letter, do not end with '-', and use no dots",
    ),
    "ADM011": (
        "metadata.name",
        "the name is 58 characters long, and at most 53 are allowed",
        "shorten it to 53 characters; longer display names go into openshift.io/display-name",
    ),
    "ADM012": (
        "metadata.namespace",
        "namespace 'redhat-ods-applications' is protected",
        "serve the model from a project of its own",
    ),
    "ADM013": (
        "metadata.annotations.serving.kserve.io/deploymentMode",
        "'Standard' is not a deployment mode of this release",
        "one of Serverless, RawDeployment, ModelMesh; for an ordinary Deployment write RawDeployment",
    ),
    "ADM014": (
        "metadata.annotations.serving.kserve.io/deploymentMode",
        (
            "'Standard' is not a deployment mode of this release, which takes its default RawDeployment and "
            "then refuses every change of the object"
        ),
        "write RawDeployment",
    ),
    "ADM015": (
        "metadata.annotations.serving.kserve.io/deploymentMode",
        "this release has no Knative, so nothing serves a model in serverless mode",
        "write RawDeployment; a live model must be deleted and recreated for that",
    ),
    "ADM016": (
        "metadata.annotations.serving.kserve.io/deploymentMode",
        "this release has no ModelMesh, so the model is never loaded",
        "give the model a server of its own: RawDeployment",
    ),
    "ADM017": (
        "metadata.annotations.serving.kserve.io/autoscalerClass",
        "'kpa' is not an autoscaler class of this release",
        "one of hpa, external, keda, none, or no annotation",
    ),
    "ADM018": (
        "spec.predictor.model.env[0].name",
        "the environment variable PYTHONPATH is not allowed",
        "build what it adds into the image",
    ),
    "ADM019": (
        "spec.predictor.containers[1].env[0].name",
        "STORAGE_URI is not allowed in transformer-container",
        "give the model's location to the predictor",
    ),
    "ADM020": (
        "spec.predictor.workerSpec.containers[1]",
        "workerSpec has 2 containers, and only one is allowed",
        "keep worker-container",
    ),
    "ADM021": (
        "spec.predictor.model.env[0].name",
        "the environment variable TENSOR_PARALLEL_SIZE is not allowed in a multi-node model",
        "write workerSpec.pipelineParallelSize and tensorParallelSize",
    ),
    "ADM022": (
        "spec.predictor.model.resources.limits.nvidia.com/mig-1g.5gb",
        "'nvidia.com/mig-1g.5gb' is not an accelerator that KServe knows",
        (
            "use nvidia.com/gpu, amd.com/gpu, intel.com/gpu, habana.ai/gaudi, or add the annotation "
            "serving.kserve.io/gpu-resource-types: '[\"nvidia.com/mig-1g.5gb\"]'"
        ),
    ),
    "ADM023": (
        "metadata.annotations.serving.kserve.io/gpu-resource-types",
        "'nvidia.com/mig-1g.5gb' is not a JSON list of resource names",
        "write, for example, '[\"nvidia.com/mig-1g.5gb\"]'",
    ),
    "ADM024": (
        "spec.predictor.model.storageUri",
        "a multi-node model needs storageUri",
        "put the model where pvc://, oci:// can name it",
    ),
    "ADM025": (
        "spec.predictor.model.storageUri",
        "'s3' is not a storage protocol for multi-node models on this release",
        "one of pvc://, oci://",
    ),
    "ADM026": (
        "metadata.annotations.serving.kserve.io/autoscalerClass",
        "a multi-node model needs autoscalerClass 'none' on this release, found 'external'",
        "write the annotation serving.kserve.io/autoscalerClass: none",
    ),
    "ADM027": (
        "spec.predictor.workerSpec.pipelineParallelSize",
        "pipelineParallelSize is 1, this release requires at least 2",
        "write 2 or more",
    ),
    "ADM028": (
        "spec.predictor.workerSpec.tensorParallelSize",
        "tensorParallelSize is 0, this release requires at least 1",
        "write 1 or more",
    ),
    "ADM029": (
        "spec.predictor.workerSpec",
        "workerSpec is silently dropped in deployment mode 'Serverless'",
        "write the annotation serving.kserve.io/deploymentMode: RawDeployment",
    ),
    "ADM030": (
        "spec.predictor.model.name",
        "the name 'granite' is not allowed in model",
        "remove it; the model is served under the name of the InferenceService",
    ),
    "ADM031": (
        "spec.predictor",
        (
            "exactly one of [SKLearn, XGBoost, Tensorflow, PyTorch, Triton, ONNX, HuggingFace, PMML, "
            "LightGBM, Paddle, Model, WorkerSpec, PodSpec] must be specified in the predictor, found model, "
            "container kserve-container"
        ),
        "keep model and rename or remove kserve-container",
    ),
    "ADM032": (
        "spec.predictor.containers[0].env[0].value",
        "'grpc-v2' is not a protocol of a predictor",
        "one of v1, v2",
    ),
    "ADM033": (
        "spec.predictor.storageUris",
        "the predictor has both storageUri and storageUris",
        "move the storageUri into the list",
    ),
    "ADM034": (
        "spec.predictor.storageUris[0].mountPath",
        "mountPath '/mnt/models/../../etc' contains '..'",
        "write, for example, /mnt/models/base",
    ),
    "ADM035": (
        "spec.predictor.storageUris",
        "the folders /models/granite, /adapters/one have no common parent below the root",
        "put them below one folder, such as /mnt/models",
    ),
    "ADM036": (
        "spec.predictor.model.confidential.resourceId",
        "resourceId does not have the form kbs:///<repo>/<type>/<tag>",
        "write it in full; there are three parts after kbs:///",
    ),
    "ADM040": (
        "metadata.annotations.serving.kserve.io/deploymentMode",
        "the deployment mode cannot change from 'RawDeployment' to 'Serverless'",
        "delete and recreate the InferenceService, or give the new one another name",
    ),
    "ADM041": (
        "spec.predictor.name",
        "the predictor's name changes, its model does not",
        "keep the name, or change storageUri too",
    ),
    "ADM050": (
        "spec.predictor.model.runtime",
        "the runtime 'mine' has no workers, and workerSpec wants some",
        "use a multi-node runtime such as vllm-multinode-runtime, or remove workerSpec",
    ),
    "ADM060": (
        "spec.predictor.model.storageUri",
        "'hf' is not a storage protocol of this release",
        (
            "one of gs, s3, pvc, file, https, http, hdfs, webhdfs, oci, or "
            "https://<account>.blob.core.windows.net/<container>/<path>"
        ),
    ),
    "ADM061": (
        "spec.predictor.model.storage.path",
        "the model has both storageUri and storage.path",
        "keep storage for a connection's bucket, storageUri for everything else",
    ),
    "ADM062": (
        "spec.predictor.model",
        "the model has neither storageUri nor storage.path",
        "write storage: {key: <connection>, path: <folder in its bucket>}",
    ),
    "ADM063": (
        "metadata.annotations.storage.kserve.io/ovms-auto-versioning",
        "'v1' is not a version number, so no pod is admitted",
        "write a positive whole number in quotes, such as '1'",
    ),
    "ADM064": (
        "metadata.annotations.opendatahub.io/connections",
        "the connection 'models' has the unknown type 'ftp'",
        "give its Secret the annotation opendatahub.io/connection-type-protocol: one of s3, uri, oci",
    ),
    "ADM070": ("spec.predictor.minReplicas", "minReplicas is -1", "write 0 or more, or remove it"),
    "ADM071": (
        "spec.predictor.minReplicas",
        "minReplicas 3 is greater than maxReplicas 2",
        "raise maxReplicas or lower minReplicas",
    ),
    "ADM072": (
        "spec.predictor.containerConcurrency",
        "containerConcurrency is -1",
        "write 0 for no limit, or remove it",
    ),
    "ADM073": ("spec.predictor.logger.mode", "'everything' is not a mode of a logger", "one of all, request, response"),
    "ADM074": (
        "spec.predictor.logger.storage",
        "the logger's storage lacks parameters, key",
        "write path, parameters and key",
    ),
    "ADM075": (
        "spec.predictor.deploymentStrategy",
        "deploymentStrategy is not allowed in deployment mode 'Serverless'",
        "remove it, or write the annotation serving.kserve.io/deploymentMode: RawDeployment",
    ),
    "ADM076": (
        "spec.predictor.scaleMetric",
        "'rps' is not a metric in deployment mode 'RawDeployment'",
        "one of cpu, memory",
    ),
    "ADM077": (
        "spec.predictor.scaleTarget",
        "the target 120 is not a percentage from 1 to 100",
        "write a number from 1 to 100",
    ),
    "ADM078": (
        "spec.predictor.autoScaling.metrics[0].type",
        "a metric of type 'External' does not go with the pod autoscaler",
        "write type: Resource, or the annotation serving.kserve.io/autoscalerClass: keda",
    ),
    "ADM079": (
        "spec.predictor.autoScaling.metrics[0].external.metric.query",
        "the query is empty",
        "write the query to scale on",
    ),
    "ADM080": (
        "metadata.annotations.serving.kserve.io/targetUtilizationPercentage",
        "'150' is not a percentage from 1 to 100",
        "write, for example, '80'",
    ),
    "ADM081": (
        "spec.predictor.autoScaling.metrics[0]",
        "the controller crashes on a metric of type 'External', so no pod ever starts",
        "write a metric of type Resource, or the annotation serving.kserve.io/autoscalerClass: keda",
    ),
    "ADM082": (
        "spec.predictor.autoScaling.metrics[0]",
        "a metric of type 'External' is ignored: the model is scaled by CPU usage",
        "write a metric of type Resource, or the annotation serving.kserve.io/autoscalerClass: keda",
    ),
    "ADM083": (
        "metadata.annotations.serving.kserve.io/autoscalerClass",
        "the HorizontalPodAutoscaler of the live model stays, and KEDA refuses a ScaledObject beside it",
        "delete the HorizontalPodAutoscaler granite-predictor after the change",
    ),
    "ADM090": ("spec.predictor", "canary needs a predictor with a model", "write spec.predictor.model"),
    "ADM091": (
        "spec.canary[1].predictor.name",
        "the name 'v2' belongs to another predictor of this InferenceService",
        "give each predictor a name of its own",
    ),
    "ADM092": ("spec.canary", "the canaries' trafficPercent adds up to 120", "keep the sum at 100 or less"),
    "ADM093": ("spec.canary[0].predictor.maxReplicas", "a canary has no maxReplicas", "remove it from the canary"),
    "ADM094": (
        "spec.canary[0].predictor",
        "the canary's predictor has onnx and model",
        "write exactly one, preferably model",
    ),
    "ADM095": ("spec.canary[3]", "there are 4 canaries, and a Route takes 3", "keep at most 3"),
    "ADM100": (
        "spec.workerSpec.containers[1]",
        "workerSpec has 2 containers, and only one is allowed",
        "keep worker-container",
    ),
    "ADM101": (
        "spec",
        "workerSpec cannot be removed from a runtime that has it",
        "delete and recreate the ServingRuntime, or give the new one another name",
    ),
    "ADM102": (
        "spec.containers[0].env[0].name",
        "the environment variable PIPELINE_PARALLEL_SIZE is not allowed in a runtime with workers",
        "write workerSpec.pipelineParallelSize and tensorParallelSize",
    ),
    "ADM103": (
        "spec.containers[0].resources.limits.nvidia.com/mig-1g.5gb",
        "'nvidia.com/mig-1g.5gb' in kserve-container is not an accelerator that KServe knows",
        "leave accelerators to the InferenceService, which is the better place for them",
    ),
    "ADM104": (
        "spec.workerSpec.tensorParallelSize",
        "workerSpec has no tensorParallelSize",
        "write pipelineParallelSize: 2 and tensorParallelSize: 1; models can change them",
    ),
    "ADM105": (
        "spec.workerSpec.pipelineParallelSize",
        "pipelineParallelSize is 0, this release requires at least 1",
        "write 1 or more",
    ),
    "ADM106": (
        "spec.supportedModelFormats[1].priority",
        "the format 'onnx' has priority 1 and priority 2",
        "give all versions of a format the same priority",
    ),
    "ADM107": (
        "spec.supportedModelFormats[0].priority",
        "the runtime 'ovms' claims the format 'onnx' with the same priority",
        "give them different priorities, or switch autoSelect off",
    ),
    "ADM108": (
        "spec.containers[0].env[0].name",
        "the environment variable PYTHONPATH is not allowed",
        "build what it adds into the image",
    ),
    "ADM110": (
        "spec.worker",
        "worker needs parallelism, by data or in a pipeline",
        "write spec.parallelism: {data: 2, dataLocal: 1}, or remove worker",
    ),
    "ADM111": ("spec.parallelism", "parallelism has both pipeline and data", "keep data and dataLocal"),
    "ADM112": (
        "spec.parallelism.dataLocal",
        "parallelism has data but no dataLocal",
        "data is the number of copies, dataLocal that on each node",
    ),
    "ADM113": ("spec.parallelism.data", "data is 0", "write 1 or more, or remove it"),
    "ADM114": (
        "spec.parallelism",
        "the number of nodes of a group cannot change from 2 to 4",
        "delete and recreate the LLMInferenceService, or give the new one another name",
    ),
    "ADM115": ("spec.router.route.http", "route.http has both refs and spec", "keep refs or spec"),
    "ADM116": (
        "spec.router.route.http.refs",
        "route.http.refs does not go with a managed gateway",
        "name the gateway in spec.router.gateway.refs, or remove route.http.refs",
    ),
    "ADM117": (
        "spec.router.route.http.spec.parentRefs",
        "parentRefs of the route do not go with spec.router.gateway.refs",
        "remove parentRefs, they follow from the gateway's refs",
    ),
    "ADM118": ("spec.router.scheduler.config", "the scheduler's config has both inline and ref", "write inline or ref"),
    "ADM119": ("spec.router.route.weight", "the route has group but no weight", "write weight too"),
    "ADM120": (
        "spec.model.lora.adapters[0].name",
        "the adapter is called 'granite' like the base model",
        "give the adapter a name of its own",
    ),
    "ADM121": (
        "spec.parallelism.pipeline",
        (
            "worker with pipeline needs the configuration kserve-config-llm-worker-pipeline-parallel, which "
            "no release ships"
        ),
        "share the model by data, or use an InferenceService with vllm-multinode-runtime",
    ),
    "ADM122": (
        "spec.router.scheduler",
        "a scheduler without a route never becomes ready: the gateways of its pool are found by the route",
        "write spec.router.route: {}",
    ),
    "ADM123": (
        "spec.template",
        "the preset of this release restarts a model server that loads for more than 150 s",
        "give the container main a startupProbe",
    ),
    "ADM124": (
        "spec.prefill",
        "spec.template is not configured to transfer the KV cache, so prefill is of no use",
        "give both phases --kv-transfer-config.kv_connector and --kv-transfer-config.kv_role",
    ),
    "ADM125": (
        "spec.prefill",
        "pods that read prompts cannot join a service that is there",
        "delete and recreate the LLMInferenceService, or give the new one another name",
    ),
    "ADM130": (
        "spec.scaling",
        "the workload has both replicas and scaling",
        "keep replicas for a fixed number, scaling for one that varies",
    ),
    "ADM131": ("spec.scaling.wva", "scaling has no wva", "write wva: {hpa: {}}"),
    "ADM132": (
        "spec.scaling.minReplicas",
        "minReplicas 4 is greater than maxReplicas 3",
        "raise maxReplicas or lower minReplicas",
    ),
    "ADM133": (
        "spec.scaling.wva.keda.idleReplicaCount",
        "idleReplicaCount 1 is not less than minReplicas 1",
        "lower it or raise minReplicas",
    ),
    "ADM134": ("spec.scaling.wva", "wva has both hpa and keda", "write hpa: {} or keda: {}"),
    "ADM135": (
        "spec.scaling.wva.keda.advanced.horizontalPodAutoscalerConfig.name",
        "horizontalPodAutoscalerConfig.name is not allowed",
        "remove it, the controller names the autoscaler",
    ),
    "ADM136": ("spec.prefill.scaling.wva", "prefill is scaled with keda, decode with hpa", "use hpa or keda for both"),
    "ADM051": (
        "spec.predictor.model.runtime",
        "the runtime 'vllm' is disabled",
        "name another runtime, or remove disabled from this one",
    ),
    "ADM052": (
        "spec.predictor.model.modelFormat.name",
        "the runtime 'vllm' does not serve the format 'onnx'",
        "it serves vLLM",
    ),
    "ADM053": (
        "spec.predictor.model.protocolVersion",
        "the runtime 'vllm' does not speak protocol 'v1'",
        "it speaks v2",
    ),
    "ADM054": ("spec.volumes[1].name", "'cache' is listed twice in volumes", "keep one of them"),
    "ADM140": ("spec.predictor.model.env[1].name", "'HF_HOME' is listed twice in env", "keep one of them"),
    "ADM141": (
        "metadata.name",
        "ServiceAccount cannot have the name 'Granite_Sa'",
        "lower-case letters, digits, '-' and '.', begin and end each part with a letter or digit, at most 253 characters",
    ),
    "ADM142": (
        "metadata.labels.app.kubernetes.io/part-of",
        "'Granite models' is not a valid label value",
        "letters, digits, '-', '_' and '.', begin and end with a letter or digit, at most 63 characters",
    ),
    "ADM143": (
        "data.greeting",
        "the value of 'greeting' is not valid base64",
        "write plain text into stringData, or encode it",
    ),
    "ADM144": (
        "metadata.resourceVersion",
        "an object with a resourceVersion cannot be created, and an update fails once the live one has changed",
        "remove it",
    ),
    "ADM150": (
        "metadata.labels.kueue.x-k8s.io/queue-name",
        "where Kueue is on, it is refused without a queue: its namespace has the label kueue.openshift.io/managed",
        "write the label kueue.x-k8s.io/queue-name: with the name of a LocalQueue of 'demo'",
    ),
    "ADM151": (
        "kind",
        "dashboard.opendatahub.io/v1 AcceleratorProfile is no longer supported",
        "write infrastructure.opendatahub.io/v1 HardwareProfile",
    ),
    "ADM152": (
        "metadata.annotations.alpha.maas.opendatahub.io/tiers",
        "'free' is not a JSON list of names",
        "write, for example, '[\"free\", \"premium\"]', or '[]' for all tiers",
    ),
    "ADM153": (
        "spec.template.containers",
        "no container is called main, so nothing of the hardware profile is applied",
        "name the container of the model server main",
    ),
    "ADM137": (
        "spec.scaling.wva.variantCost",
        "'cheap' is not a cost",
        "write a number of zero or more in quotes, such as '10.0'",
    ),
}
"""Of the example of each rule: the field, the message and the hint."""


class Shapes:
    """Stands in for the schemas: knows just enough of one kind to find one mistake."""

    def schema(self, group: str, version: str, kind: str) -> Mapping[str, Any] | None:
        if kind != "InferenceService":
            return None
        model = {
            "properties": {
                name: {}
                for name in (
                    "modelFormat",
                    "storageUri",
                    "storage",
                    "runtime",
                    "env",
                    "resources",
                    "name",
                    "confidential",
                    "protocolVersion",
                )
            },
            "additionalProperties": False,
        }
        predictor = {"properties": {"model": model}}
        return {"properties": {"spec": {"properties": {"predictor": predictor}}}}

    def versions(self, group: str, kind: str) -> list[str]:
        return []


@cache
def book(release: str) -> Rulebook:
    known = catalog.release(release)
    return rulebook(known.capabilities, known.terms)


@cache
def explained(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return content


def as_file(content: object) -> bytes:
    return content.encode() if isinstance(content, str) else yaml.safe_dump(content).encode()


def found_in(explanation: dict[str, Any], which: str) -> list[tuple[str, str, str, str]]:
    live = as_file(explanation["existing"]) if "existing" in explanation else None
    file = ManifestFile(file="example.yaml", content=as_file(explanation[which]), existing=live)
    verdicts = admit([file], book(explanation["release"]), Shapes())
    return [(one.code, dotted(one.pointer), one.message, one.hint) for verdict in verdicts for one in verdict.found]


@pytest.mark.parametrize("path", EXPLANATIONS, ids=lambda path: path.stem)
def test_the_example_trips_its_rule_and_no_other(path: Path) -> None:
    assert found_in(explained(path), "example") == [(path.stem, *FINDINGS[path.stem])]


@pytest.mark.parametrize("path", EXPLANATIONS, ids=lambda path: path.stem)
def test_the_mended_example_trips_nothing(path: Path) -> None:
    assert found_in(explained(path), "mended") == []


def test_every_rule_is_explained_and_every_explanation_has_a_rule() -> None:
    assert [path.stem for path in EXPLANATIONS] == [rule.code for rule in declared_rules()]


@pytest.mark.parametrize("path", EXPLANATIONS, ids=lambda path: path.stem)
def test_an_explanation_is_complete(path: Path) -> None:
    explanation = explained(path)
    rule = next(rule for rule in declared_rules() if rule.code == path.stem)
    wanted = ["code", "title", "why", "source", "release", "example", "existing", "mended"]
    assert [key for key in wanted if key in explanation or key != "existing"] == list(explanation)
    assert (explanation["code"], explanation["title"]) == (rule.code, rule.title)
    assert explanation["release"] in RELEASES
    assert 2 <= len(re.findall(r"[.](?= [A-Z]|$)", explanation["why"])) <= 4
    assert re.fullmatch(r"[\w.-]+/[\w.-]+@[\w.-]+:[\w./-]+", explanation["source"])


def test_codes_titles_and_stages_are_well_formed() -> None:
    rules = declared_rules()
    assert len({rule.code for rule in rules}) == len({rule.title for rule in rules}) == len(rules)
    assert [rule.code for rule in rules if not re.fullmatch(r"ADM[0-9]{3}", rule.code)] == []
    assert {rule.stage for rule in rules} == STAGES


def test_rules_are_chosen_by_release_and_kind() -> None:
    def codes(release: str, kind: str) -> set[str]:
        return {rule.code for rule in rules_for(catalog.release(release).capabilities, kind)}

    general = {"ADM001", "ADM002", "ADM003", "ADM007", "ADM141", "ADM142", "ADM143", "ADM144"}
    assert codes("rhoai-2.25", "Secret") == general
    assert codes("rhoai-2.22", "LLMInferenceServiceConfig") == general | {"ADM140"}
    assert codes("rhoai-3.5", "LLMInferenceService") - codes("rhoai-3.3", "LLMInferenceService") == {
        "ADM118", "ADM119", "ADM120", "ADM122", "ADM130", "ADM131", "ADM132", "ADM133", "ADM134", "ADM135", "ADM136", "ADM137",
    }  # fmt: skip
    assert codes("rhoai-2.22", "InferenceService") - codes("rhoai-3.5", "InferenceService") == {
        "ADM013", "ADM062", "ADM080",
    }  # fmt: skip
    assert codes("rhoai-2.22", "ServingRuntime") - codes("rhoai-2.23", "ServingRuntime") == {"ADM104"}


# ---- finer distinctions ----------------------------------------------------------------------------------------------

MODE = "serving.kserve.io/deploymentMode"
CLASS = "serving.kserve.io/autoscalerClass"
PLAIN = {"modelFormat": {"name": "vLLM"}, "storageUri": "s3://models/granite"}


def service(
    annotations: dict[str, Any] | None = None, name: str = "granite", namespace: str | None = "demo", **spec: Any
) -> dict[str, Any]:
    metadata = {"name": name, "annotations": {MODE: "RawDeployment", **(annotations or {})}}
    if namespace is not None:
        metadata["namespace"] = namespace
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": metadata,
        "spec": {"predictor": {"model": PLAIN}, **spec},
    }


def predictor(annotations: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    kept = {key: value for key, value in {"model": PLAIN, **fields}.items() if value is not None}
    return service(annotations, predictor=kept)


def model(annotations: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return predictor(annotations, model={**PLAIN, **fields})


def nodes(
    annotations: dict[str, Any] | None = None, worker: dict[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    served = {**PLAIN, "storageUri": "pvc://weights/granite", **fields}
    kept = {key: value for key, value in served.items() if value is not None}
    return predictor({CLASS: "none", **(annotations or {})}, model=kept, workerSpec=worker or {})


def runtime(name: str = "vllm", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": {"name": name, "namespace": "demo"},
        "spec": {"containers": [{"name": "kserve-container", "image": "server"}], **spec},
    }


def llm(version: str = "v1alpha1", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"serving.kserve.io/{version}",
        "kind": "LLMInferenceService",
        "metadata": {"name": "granite", "namespace": "demo"},
        "spec": {"model": {"uri": "hf://example/granite"}, **spec},
    }


def said(release: str, item: dict[str, Any], live: dict[str, Any] | None = None, *others: dict[str, Any]) -> list[str]:
    rules = book(f"rhoai-{release}")
    manifest = rules.request(item, old_object=live, peers=by_name(others))
    return [
        f"{rule.code} {dotted(violation.pointer)}: {violation.message}" for rule, violation in rules.check(manifest)
    ]


def server(name: str = "kserve-container", **env: str) -> dict[str, Any]:
    return {"name": name, "env": [{"name": key, "value": value} for key, value in env.items()]}


NO_KNATIVE = "ADM015 metadata.annotations.serving.kserve.io/deploymentMode"
TARGET = "ADM079 spec.predictor.autoScaling.metrics"


def query(kind: str = "External", **fields: Any) -> dict[str, Any]:
    source = {"metric": {"query": "waiting"}, "target": {"type": "Value", "value": "2"}, **fields}
    return {"type": kind, {"External": "external", "PodMetric": "podmetric"}[kind]: source}


def resource(name: str, **target: Any) -> dict[str, Any]:
    return {"type": "Resource", "resource": {"name": name, "target": target}}


def scaled(who: str, *metrics: Any) -> dict[str, Any]:
    return predictor({CLASS: who}, autoScaling={"metrics": list(metrics)})


NO_TRANSFER = "ADM124 spec.prefill: spec.template is not configured to transfer the KV cache, so prefill is of no use"


NODES: dict[str, Any] = {"worker": {"containers": [{"name": "main"}]}, "parallelism": {"data": 4, "dataLocal": 1}}


def handing_over() -> dict[str, Any]:
    return {"containers": [{"name": "main", "args": ["--kv_transfer_config={}"]}]}


def tiered(tiers: str) -> dict[str, Any]:
    found = llm()
    found["metadata"]["annotations"] = {"alpha.maas.opendatahub.io/tiers": tiers}
    return found


def on_gpus(**fields: Any) -> dict[str, Any]:
    return {"containers": [{"name": "main", "resources": {"limits": {"nvidia.com/gpu": "1"}}, **fields}]}


def adapters(*names: str, **bounds: int) -> dict[str, Any]:
    found = [{"name": name} if name else {} for name in names]
    return llm("v1alpha2", model={"uri": "hf://example/granite", "lora": {"adapters": found, **bounds}})


def canaries(*entries: Any, mode: str = "Standard", **fields: Any) -> dict[str, Any]:
    found = predictor({MODE: mode}, **fields)
    found["spec"]["canary"] = list(entries)
    return found


def canary(name: str = "v2", share: int = 10, **fields: Any) -> dict[str, Any]:
    return {"trafficPercent": share, "predictor": {"name": name, "model": PLAIN, **fields}}


WORKER = {"containers": [{"name": "main"}]}
MIG = {"limits": {"nvidia.com/mig-1g.5gb": "1"}}
TYPES = "serving.kserve.io/gpu-resource-types"
POD_WORKER = {"containers": [{"name": "worker-container", "image": "server"}]}
GATEWAY = {"refs": [{"name": "shared", "namespace": "gateways"}]}
PARENTS = {"http": {"spec": {"parentRefs": [{"name": "shared", "namespace": "gateways"}]}}}
OTHER_PARENTS = {"http": {"spec": {"parentRefs": [{"name": "other", "namespace": "gateways"}]}}}
KEDA = {"wva": {"keda": {"idleReplicaCount": 1}}, "maxReplicas": 3}


@pytest.mark.parametrize(
    ("release", "item", "expected"),
    [
        # names and places
        ("3.3", service(name="a" * 53), []),
        ("2.25", service(name="a" * 54), []),
        ("2.25", service(namespace=None), []),
        (
            "2.25",
            service(namespace="istio-system"),
            ["ADM012 metadata.namespace: namespace 'istio-system' is protected"],
        ),
        ("3.3", service(namespace="istio-system"), []),
        (
            "2.25",
            {"metadata": {"generateName": "a-"}},
            ["ADM001 apiVersion: apiVersion is missing", "ADM001 kind: kind is missing"],
        ),
        # words for the mode
        ("3.4", service({MODE: "RawDeployment"}), []),
        ("3.4", service({MODE: "Standard"}), []),
        (
            "3.4",
            service({MODE: "Serverless"}),
            [f"{NO_KNATIVE}: this release has no Knative, so nothing serves a model in serverless mode"],
        ),
        ("2.25", service({MODE: "Serverless"}), []),
        ("2.25", service({MODE: "ModelMesh"}), []),
        # environment variables
        ("3.3", model(env=[{"name": "PYTHONPATH", "value": "/x"}]), []),
        (
            "3.4",
            predictor(
                initContainers=[server("init", PYTHONPATH="/x")],
                workerSpec={"containers": [server("w", PYTHONPATH="/x")]},
            ),
            [
                "ADM018 spec.predictor.initContainers[0].env[0].name: the environment variable PYTHONPATH is not allowed",
                "ADM018 spec.predictor.workerSpec.containers[0].env[0].name: the environment variable PYTHONPATH "
                "is not allowed",
                f"ADM026 metadata.annotations.{CLASS}: a multi-node model needs autoscalerClass 'none' on this release, "
                "found no annotation",
                "ADM025 spec.predictor.model.storageUri: 's3' is not a storage protocol for multi-node models on this release",
            ],
        ),
        (
            "3.4",
            service(explainer={"art": server("art", PYTHONPATH="/x")}),
            ["ADM018 spec.explainer.art.env[0].name: the environment variable PYTHONPATH is not allowed"],
        ),
        # one implementation
        ("2.25", predictor(containers=[server("sidecar")]), []),
        (
            "2.22",
            predictor(containers=[server("sidecar")]),
            [
                "ADM031 spec.predictor: exactly one of [SKLearn, XGBoost, Tensorflow, PyTorch, Triton, ONNX, HuggingFace, "
                "PMML, LightGBM, Paddle, Model, WorkerSpec, PodSpec] must be specified in the predictor, found model, containers"
            ],
        ),
        ("2.25", predictor(model=None, sklearn={"storageUri": "s3://models/iris"}), []),
        (
            "2.25",
            predictor(model=None, sklearn={}, onnx={}),
            [
                "ADM031 spec.predictor: exactly one of [SKLearn, XGBoost, Tensorflow, PyTorch, Triton, ONNX, HuggingFace, "
                "PMML, LightGBM, Paddle, Model, WorkerSpec, PodSpec] must be specified in the predictor, found onnx, model"
            ],
        ),
        ("2.22", predictor(model=None, containers=[server("mine")]), []),
        (
            "2.25",
            service(transformer={"minReplicas": 1}, explainer={"containers": [server("explainer")]}),
            ["ADM031 spec.transformer: the transformer has no container"],
        ),
        ("2.25", predictor(model=None, containers=[server("mine", PROTOCOL="v1")]), []),
        ("2.25", predictor(containers=[server("sidecar", PROTOCOL="v9")]), []),
        (
            "2.25",
            predictor(model=None, containers=[server("mine", PROTOCOL="v9")]),
            ["ADM032 spec.predictor.containers[0].env[0].value: 'v9' is not a protocol of a predictor"],
        ),
        (
            "3.4",
            predictor(model=None, onnx={"name": "x"}),
            ["ADM030 spec.predictor.onnx.name: the name 'x' is not allowed in onnx"],
        ),
        # several nodes
        ("2.25", nodes(storageUri="oci://quay.io/example/granite:1"), []),
        ("2.25", nodes(worker={"containers": [server("worker-container", TENSOR_PARALLEL_SIZE="2")]}), []),
        ("2.25", nodes(resources={"limits": {"cpu": "1", "nvidia.com/gpu": "1"}}), []),
        (
            "2.25",
            nodes(worker={"containers": [{"name": "worker-container", "resources": MIG}]}),
            [
                "ADM022 spec.predictor.workerSpec.containers[0].resources.limits.nvidia.com/mig-1g.5gb: "
                "'nvidia.com/mig-1g.5gb' is not an accelerator that KServe knows"
            ],
        ),
        (
            "2.22",
            nodes({CLASS: "external", TYPES: '["nvidia.com/mig-1g.5gb"]'}, resources=MIG),
            [
                "ADM022 spec.predictor.model.resources.limits.nvidia.com/mig-1g.5gb: 'nvidia.com/mig-1g.5gb' is not an "
                "accelerator that KServe knows"
            ],
        ),
        ("2.25", service({TYPES: "nonsense"}), []),
        (
            "2.25",
            nodes({TYPES: "[]"}),
            [f"ADM023 metadata.annotations.{TYPES}: '[]' is not a JSON list of resource names"],
        ),
        ("3.3", nodes({"opendatahub.io/connections": "models"}, storageUri=None), []),
        (
            "2.25",
            predictor({CLASS: "external"}, model=None, containers=[server("mine")], workerSpec={}),
            [],
        ),
        # storage
        ("2.25", model(storageUri="https://account.blob.core.windows.net/models/granite"), []),
        (
            "2.25",
            model(storageUri="https://blob.core.windows.net/granite"),
            ["ADM060 spec.predictor.model.storageUri: 'https' is not a storage protocol of this release"],
        ),
        ("2.25", model(storageUri="/mnt/models"), []),
        ("3.5", model({MODE: "Standard"}, storageUri="oci+native://quay.io/example/granite:1"), []),
        ("2.25", model(storage={"key": "models"}), []),
        (
            "2.25",
            model({MODE: "ModelMesh"}, storage={"path": "granite"}),
            ["ADM062 spec.predictor.model: the model has both storageUri and storage.path"],
        ),
        (
            "2.25",
            model({MODE: "ModelMesh"}, storageUri="oci://quay.io/example/granite:1"),
            ["ADM062 spec.predictor.model.storageUri: 'oci' is not a storage protocol of ModelMesh"],
        ),
        ("3.2", model({"storage.kserve.io/ovms-auto-versioning": "v1"}), []),
        (
            "3.3",
            model({"storage.kserve.io/ovms-auto-versioning": "0"}),
            [
                "ADM063 metadata.annotations.storage.kserve.io/ovms-auto-versioning: '0' is not a version number, "
                "so no pod is admitted"
            ],
        ),
        (
            "3.4",
            predictor(
                model=None,
                containers=[server("mine", STORAGE_URI="s3://models/granite")],
                storageUris=[{"uri": "", "mountPath": "/"}, {"uri": "s3://models/a", "mountPath": "models"}],
            ),
            [
                "ADM033 spec.predictor.storageUris: the predictor has both storageUri and storageUris",
                "ADM034 spec.predictor.storageUris[0].uri: the uri is empty",
                "ADM034 spec.predictor.storageUris[0].mountPath: mountPath '/' would hide the whole container",
                "ADM034 spec.predictor.storageUris[1].mountPath: mountPath 'models' is not an absolute path",
                "ADM035 spec.predictor.storageUris: the folders /, models have no common parent below the root",
            ],
        ),
        (
            "3.4",
            service(
                transformer={
                    "containers": [server("transformer")],
                    "storageUris": [
                        {"uri": "s3://models/a"},
                        {"uri": "s3://models/b", "mountPath": "/mnt/b"},
                        {"uri": "pvc://a", "mountPath": "/mnt/c"},
                        {"uri": "pvc://b", "mountPath": "/mnt/c"},
                    ],
                }
            ),
            ["ADM035 spec.transformer.storageUris: two claims have the same mountPath"],
        ),
        ("3.4", predictor(model=None, onnx={}, storageUris=[{"uri": "pvc://a"}, {"uri": "pvc://b"}]), []),
        (
            "3.5",
            model(storageUri=None, confidential={"enabled": True}),
            ["ADM036 spec.predictor.model.storageUri: a confidential model needs storageUri"],
        ),
        ("3.5", model(storageUri=None, confidential={"enabled": False, "resourceId": "x"}), []),
        # replicas and scaling
        ("2.25", predictor(minReplicas=2, maxReplicas=0), []),
        ("2.25", predictor(maxReplicas=1), []),
        ("2.25", predictor(minReplicas=0, maxReplicas=1), []),
        (
            "2.25",
            service(transformer={"containers": [server("t")], "maxReplicas": -1}),
            ["ADM070 spec.transformer.maxReplicas: maxReplicas is -1"],
        ),
        ("2.25", predictor(scaleMetric="cpu", scaleTarget=101), []),
        (
            "2.22",
            predictor(scaleMetric="cpu", scaleTarget=101),
            ["ADM077 spec.predictor.scaleTarget: the target 101 is not a percentage from 1 to 100"],
        ),
        (
            "2.25",
            predictor({CLASS: "hpa"}, scaleMetric="memory", scaleTarget=0),
            ["ADM077 spec.predictor.scaleTarget: the target 0 for memory is less than 1"],
        ),
        (
            "2.25",
            predictor({MODE: "Serverless"}, scaleMetric="rps", scaleTarget=0),
            ["ADM077 spec.predictor.scaleTarget: the target 0 for rps is less than 1"],
        ),
        ("2.25", predictor({MODE: "Serverless"}, scaleMetric="concurrency", scaleTarget=500), []),
        (
            "2.25",
            predictor({MODE: "Serverless"}, scaleMetric="cpu"),
            ["ADM076 spec.predictor.scaleMetric: 'cpu' is not a metric in deployment mode 'Serverless'"],
        ),
        (
            "2.25",
            predictor(
                {MODE: "Serverless", "autoscaling.knative.dev/class": "hpa.autoscaling.knative.dev"}, scaleMetric="cpu"
            ),
            [],
        ),
        (
            "2.25",
            predictor({CLASS: "keda"}, scaleMetric="cpu"),
            ["ADM076 spec.predictor.scaleMetric: scaleMetric does not go with KEDA"],
        ),
        ("2.25", predictor({CLASS: "none"}, scaleMetric="rps", scaleTarget=500), []),
        (
            "2.25",
            predictor(logger={"url": "http://sink"}),
            ["ADM073 spec.predictor.logger.mode: null is not a mode of a logger"],
        ),
        ("3.3", predictor(logger={"mode": "all", "storage": {}}), []),
        ("2.25", scaled("hpa", resource("cpu", type="Utilization", averageUtilization=80)), []),
        (
            "2.25",
            scaled("hpa", {"type": "Resource"}),
            ["ADM078 spec.predictor.autoScaling.metrics[0]: the metric has no resource"],
        ),
        (
            "2.25",
            scaled("none", {"type": "Nonsense"}),
            [
                "ADM081 spec.predictor.autoScaling.metrics[0]: "
                "the controller crashes on a metric of type 'Nonsense', so no pod ever starts"
            ],
        ),
        (
            "2.22",
            predictor(autoScaling={"metrics": [query()]}),
            [
                "ADM078 spec.predictor.autoScaling.metrics[0].type: a metric of type 'External' does not go with the pod autoscaler"
            ],
        ),
        ("2.25", scaled("keda", query()), []),
        ("3.4", scaled("external", query()), []),
        ("3.5", predictor(autoScaling={"metrics": [resource("cpu", type="Utilization", averageUtilization=80)]}), []),
        ("2.25", scaled("keda", resource("memory", type="AverageValue", averageValue="much")), []),
        ("2.25", scaled("keda", query(target={"value": "2"})), []),
        ("2.25", scaled("keda", query("PodMetric"), resource("cpu", type="Utilization", averageUtilization=100)), []),
        (
            "2.25",
            scaled("keda", {"type": "Object"}, {"type": "External"}),
            [
                f"{TARGET}[0].type: 'Object' is not a type of metric",
                f"{TARGET}[1]: the metric of type External has no external",
            ],
        ),
        (
            "2.25",
            scaled(
                "keda",
                resource("gpu", type="Utilization"),
                resource("cpu", type="Value"),
                resource("memory", type="AverageValue", averageValue="512Ki"),
                resource("memory", type="AverageValue", averageValue="512Mi"),
                resource("memory", type="AverageValue"),
                resource("cpu", type="Utilization", averageUtilization=101),
            ),
            [
                f"{TARGET}[0].resource.name: 'gpu' is not a resource that KEDA scales on here",
                f"{TARGET}[1].resource.target.type: 'Value' is not a type of target for cpu",
                f"{TARGET}[2].resource.target.averageValue: the memory target is less than 1Mi",
                f"{TARGET}[4].resource.target.averageValue: the target of type AverageValue has no averageValue",
                f"{TARGET}[5].resource.target.averageUtilization: averageUtilization 101 is not a percentage from 1 to 100",
            ],
        ),
        (
            "2.25",
            scaled(
                "keda", query(metric={}, target={"type": "Value"}), query(target={"type": "AverageValue", "value": "2"})
            ),
            [
                f"{TARGET}[0].external.metric.query: the query is empty",
                f"{TARGET}[0].external.target.value: the target has no value",
                f"{TARGET}[1].external.target.averageValue: the target of type AverageValue has no averageValue",
            ],
        ),
        ("2.25", service({"serving.kserve.io/targetUtilizationPercentage": "150"}), []),
        ("2.22", service({"serving.kserve.io/metrics": "rps"}), []),
        (
            "2.22",
            service({"serving.kserve.io/metrics": "rps", CLASS: "hpa"}),
            ["ADM080 metadata.annotations.serving.kserve.io/metrics: 'rps' is not a metric of the pod autoscaler"],
        ),
        # canaries
        ("3.5", canaries(canary()), []),
        (
            "3.5",
            canaries(mode="Knative", model=None, containers=[server()]),
            [f"{NO_KNATIVE}: this release has no Knative, so nothing serves a model in serverless mode"],
        ),
        ("3.5", canaries("v2", {"predictor": "v3"}), []),
        ("3.5", canaries(canary(), mode="RawDeployment"), []),
        ("3.4", canaries(canary(share=500)), []),
        (
            "3.5",
            canaries(canary(), mode="Knative"),
            [
                f"{NO_KNATIVE}: this release has no Knative, so nothing serves a model in serverless mode",
                "ADM090 spec.canary: canary does not go with deployment mode 'Knative'",
            ],
        ),
        (
            "3.5",
            canaries(canary(""), canary("v1"), name="v1"),
            [
                "ADM091 spec.canary[0].predictor.name: the canary has no name",
                "ADM091 spec.canary[1].predictor.name: the name 'v1' belongs to another predictor of this InferenceService",
            ],
        ),
        (
            "3.5",
            canaries(canary(share=-1), canary("v3", 101)),
            [
                "ADM092 spec.canary[0].trafficPercent: trafficPercent is -1",
                "ADM092 spec.canary[1].trafficPercent: trafficPercent is 101",
            ],
        ),
        ("3.5", canaries(canary(minReplicas=2), minReplicas=2), []),
        (
            "3.5",
            canaries(canary(minReplicas=2, workerSpec={}, scaleTarget=1)),
            [
                "ADM093 spec.canary[0].predictor.workerSpec: a canary has no workerSpec",
                "ADM093 spec.canary[0].predictor.scaleTarget: a canary has no scaleTarget",
                "ADM093 spec.canary[0].predictor.minReplicas: minReplicas 2 of the canary is more than the stable predictor's 1",
            ],
        ),
        ("3.5", canaries({"predictor": {"name": "v2", "containers": [server()]}}), []),
        (
            "3.5",
            canaries({"predictor": {"name": "v2"}}),
            ["ADM094 spec.canary[0].predictor: the canary's predictor has no model"],
        ),
        # runtimes
        ("2.25", runtime(workerSpec=POD_WORKER), []),
        ("2.25", runtime(disabled=True, workerSpec={"containers": [{}, {}], "pipelineParallelSize": 0}), []),
        ("2.25", runtime(containers=[{"name": "kserve-container", "resources": MIG}]), []),
        (
            "2.25",
            runtime(workerSpec={"containers": [{"name": "worker-container", "resources": MIG}]}),
            [
                "ADM103 spec.workerSpec.containers[0].resources.limits.nvidia.com/mig-1g.5gb: "
                "'nvidia.com/mig-1g.5gb' in worker-container is not an accelerator that KServe knows"
            ],
        ),
        (
            "2.25",
            runtime(
                annotations={TYPES: '["nvidia.com/mig-1g.5gb"]'},
                workerSpec={"containers": [{"name": "worker-container", "resources": MIG}]},
            ),
            [],
        ),
        (
            "2.25",
            runtime(annotations={TYPES: "x"}, workerSpec=POD_WORKER),
            [f"ADM023 spec.annotations.{TYPES}: 'x' is not a JSON list of resource names"],
        ),
        (
            "2.22",
            runtime(
                annotations={TYPES: "x"}, workerSpec={**POD_WORKER, "pipelineParallelSize": 2, "tensorParallelSize": 1}
            ),
            [],
        ),
        (
            "2.22",
            runtime(workerSpec={**POD_WORKER, "pipelineParallelSize": 1, "tensorParallelSize": 0}),
            [
                "ADM105 spec.workerSpec.pipelineParallelSize: pipelineParallelSize is 1, this release requires at least 2",
                "ADM105 spec.workerSpec.tensorParallelSize: tensorParallelSize is 0, this release requires at least 1",
            ],
        ),
        (
            "2.25",
            runtime(
                supportedModelFormats=[
                    {"name": "onnx", "autoSelect": True, "priority": 1},
                    {"name": "onnx", "priority": 2},
                    {"name": "onnx", "autoSelect": True},
                    {"name": "vLLM", "autoSelect": True, "priority": 2},
                ]
            ),
            [],
        ),
        ("3.4", runtime(disabled=True, containers=[server("kserve-container", PYTHONPATH="/x")]), []),
        (
            "3.4",
            runtime(workerSpec={"containers": [server("worker-container", PYTHONPATH="/x")]}),
            ["ADM108 spec.workerSpec.containers[0].env[0].name: the environment variable PYTHONPATH is not allowed"],
        ),
        # large language models
        ("2.25", llm(parallelism={"tensor": 2}), []),
        (
            "2.25",
            llm(prefill={"worker": WORKER, "parallelism": {"tensor": 2}}),
            ["ADM110 spec.prefill.worker: worker needs parallelism, by data or in a pipeline", NO_TRANSFER],
        ),
        (
            "2.25",
            llm(parallelism={"dataLocal": 1}),
            ["ADM112 spec.parallelism.data: parallelism has dataLocal but no data"],
        ),
        ("2.25", llm(parallelism={"pipeline": 0}), ["ADM113 spec.parallelism.pipeline: pipeline is 0"]),
        ("2.25", llm(parallelism={"pipeline": 2}), []),
        (
            "2.25",
            llm(
                worker=WORKER,
                parallelism={"pipeline": 2},
                prefill={"worker": WORKER, "parallelism": {"pipeline": 2}},
            ),
            [
                "ADM121 spec.parallelism.pipeline: worker with pipeline needs the configuration "
                "kserve-config-llm-decode-worker-pipeline-parallel, which no release ships",
                "ADM121 spec.prefill.parallelism.pipeline: worker with pipeline needs the configuration "
                "kserve-config-llm-prefill-worker-pipeline-parallel, which no release ships",
                NO_TRANSFER,
            ],
        ),
        ("2.25", llm(router={"route": {}, "gateway": {}, "scheduler": {}}), []),
        ("2.25", llm(router={"route": {"http": {"refs": [{"name": "mine"}]}}}), []),
        ("3.4", llm("v1alpha2", router={"route": PARENTS, "gateway": GATEWAY}), []),
        (
            "3.4",
            llm("v1alpha1", router={"route": PARENTS, "gateway": GATEWAY}),
            [
                "ADM117 spec.router.route.http.spec.parentRefs: parentRefs of the route do not go with "
                "spec.router.gateway.refs"
            ],
        ),
        (
            "3.4",
            llm("v1alpha2", router={"route": OTHER_PARENTS, "gateway": GATEWAY}),
            [
                "ADM117 spec.router.route.http.spec.parentRefs: parentRefs of the route do not go with "
                "spec.router.gateway.refs"
            ],
        ),
        (
            "3.5",
            llm("v1alpha2", router={"route": {}, "scheduler": {"replicas": 0, "config": {}}}),
            [
                "ADM118 spec.router.scheduler.replicas: the scheduler's replicas are 0",
                "ADM118 spec.router.scheduler.config: the scheduler's config has neither inline nor ref",
            ],
        ),
        (
            "3.5",
            llm("v1alpha2", router={"route": {}, "scheduler": {"config": {"ref": {"name": ""}}}}),
            ["ADM118 spec.router.scheduler.config.ref.name: the ref has no name"],
        ),
        (
            "3.5",
            llm("v1alpha2", router={"ingress": {}, "route": {"group": "a", "weight": 1}}),
            ["ADM119 spec.router.route.group: a share of the traffic does not go with ingress"],
        ),
        ("3.5", llm("v1alpha2", router={"route": {}, "scheduler": {"config": {"inline": {"plugins": []}}}}), []),
        ("3.5", llm("v1alpha2", router={"route": {"group": "a", "weight": 1, "http": {}}}), []),
        ("3.5", llm("v1alpha2", router={"route": {}, "scheduler": {"replicas": 1}}), []),
        ("3.5", llm("v1alpha2", router={"scheduler": {}}, baseRefs=[{"name": "mine"}]), []),
        ("3.4", llm("v1alpha2", router={"scheduler": {}}), []),
        (
            "2.25",
            llm(
                template=on_gpus(),
                prefill={"template": on_gpus(), "worker": {}, "parallelism": {"data": 2, "dataLocal": 1}},
            ),
            [
                "ADM123 spec.template: the preset of this release restarts a model server that loads for more than 150 s",
                "ADM123 spec.prefill.template: "
                "the preset of this release restarts a model server that loads for more than 330 s",
                NO_TRANSFER,
            ],
        ),
        (
            "3.4",
            llm(prefill={"replicas": 1}, template=handing_over()),
            [NO_TRANSFER.replace("spec.template", "spec.prefill.template")],
        ),
        ("3.4", llm(prefill={"template": handing_over()}), [NO_TRANSFER]),
        ("3.4", llm(prefill={"template": handing_over()}, template=handing_over()), []),
        ("3.4", llm(prefill={"replicas": 1}, baseRefs=[{"name": "mine"}]), []),
        ("3.5", llm(prefill={"replicas": 1}), []),
        ("2.25", llm(template=on_gpus(livenessProbe={"exec": {}})), []),
        (
            "3.2",
            tiered("free"),
            ["ADM152 metadata.annotations.alpha.maas.opendatahub.io/tiers: 'free' is not a JSON list of names"],
        ),
        (
            "3.2",
            tiered("[" * 40 + "]" * 40),
            [
                "ADM152 metadata.annotations.alpha.maas.opendatahub.io/tiers: "
                "'[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[...' is not a JSON list of names",
            ],
        ),
        (
            "3.2",
            tiered("[" * 100_000),
            [
                "ADM152 metadata.annotations.alpha.maas.opendatahub.io/tiers: "
                "'[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[...' is not a JSON list of names",
            ],
        ),
        ("3.2", tiered("[]"), []),
        ("3.2", tiered(""), []),
        ("3.4", tiered("free"), []),
        ("2.25", llm(template=on_gpus(name="sidecar")), []),
        ("2.25", llm(template=on_gpus(), baseRefs=[{"name": "mine"}]), []),
        ("2.25", llm(template=on_gpus(resources={"limits": {"cpu": "8"}})), []),
        ("3.4", llm(template=on_gpus()), []),
        (
            "3.5",
            llm("v1alpha2", router={"route": {"weight": 1}}),
            ["ADM119 spec.router.route.group: the route has weight but no group"],
        ),
        (
            "3.5",
            llm("v1alpha2", router={"route": {"group": "a", "weight": 1, "http": {"refs": [{"name": "r"}]}}}),
            ["ADM119 spec.router.route.group: a share of the traffic does not go with custom routes"],
        ),
        (
            "3.5",
            adapters("", "..", "a", "a", maxRank=0),
            [
                "ADM120 spec.model.lora.maxRank: maxRank is 0",
                "ADM120 spec.model.lora.adapters[0].name: the adapter has no name",
                "ADM120 spec.model.lora.adapters[1].name: '..' is not a valid name for an adapter",
                "ADM120 spec.model.lora.adapters[3].name: two adapters are called 'a'",
            ],
        ),
        (
            "3.5",
            adapters("granite"),
            ["ADM120 spec.model.lora.adapters[0].name: the adapter is called 'granite' like the base model"],
        ),
        ("3.3", llm(replicas=1, scaling={"maxReplicas": 1}), []),
        (
            "3.4",
            llm("v1alpha1", scaling={"minReplicas": 4, "maxReplicas": 3, "wva": {}}),
            [
                "ADM132 spec.scaling.minReplicas: minReplicas 4 is greater than maxReplicas 3",
                "ADM134 spec.scaling.wva: wva has neither hpa nor keda",
            ],
        ),
        ("3.4", llm("v1alpha2", scaling=KEDA), ["ADM133 spec.scaling.minReplicas: idleReplicaCount needs minReplicas"]),
        (
            "3.4",
            llm("v1alpha2", scaling={"wva": {"keda": {"advanced": {"scalingModifiers": {"formula": "a"}}}}}),
            ["ADM135 spec.scaling.wva.keda.advanced.scalingModifiers: scalingModifiers is not allowed"],
        ),
    ],
)
def test_what_a_release_makes_of_an_object(release: str, item: dict[str, Any], expected: list[str]) -> None:
    assert sorted(said(release, item)) == sorted(expected)


RAW_LIVE = {"status": {"deploymentMode": "RawDeployment"}}


@pytest.mark.parametrize(
    ("release", "item", "live", "expected"),
    [
        ("3.4", service({MODE: "Standard"}), RAW_LIVE, []),
        ("3.3", service({MODE: "RawDeployment"}), RAW_LIVE, []),
        ("2.25", service({MODE: "Serverless"}), service({MODE: "Serverless"}), []),
        (
            "2.25",
            service({MODE: "Serverless"}),
            service(),
            [
                f"ADM040 metadata.annotations.{MODE}: the deployment mode cannot change from 'RawDeployment' to 'Serverless'"
            ],
        ),
        (
            "3.3",
            {**service(), "metadata": {"name": "granite"}},
            {"status": {"deploymentMode": "ModelMesh"}},
            [
                f"ADM040 metadata.annotations.{MODE}: the deployment mode cannot change from 'ModelMesh' to 'RawDeployment'"
            ],
        ),
        ("2.25", {**service(), "metadata": {"name": "granite"}}, RAW_LIVE, []),
        ("2.25", service(namespace="redhat-ods-applications"), service(namespace="redhat-ods-applications"), []),
        ("3.3", service(name="a" * 60), service(name="a" * 60), []),
        ("3.5", predictor({MODE: "Standard"}, name="v1"), predictor({MODE: "Standard"}, name="v1"), []),
        (
            "3.5",
            predictor({MODE: "Standard"}, name="v2", model=None, onnx={"storageUri": "s3://a"}),
            predictor({MODE: "Standard"}, name="v1", model=None, onnx={"storageUri": "s3://a"}),
            ["ADM041 spec.predictor.name: the predictor's name changes, its model does not"],
        ),
        (
            "3.5",
            predictor({MODE: "Standard"}, name="v2", model=None, containers=[server()]),
            predictor({MODE: "Standard"}, model=None, containers=[server()]),
            ["ADM041 spec.predictor.name: the predictor's name changes, its model does not"],
        ),
        ("2.25", runtime(), runtime(), []),
        ("2.25", runtime(disabled=True), runtime(workerSpec=POD_WORKER), []),
        ("2.25", llm(parallelism={"data": 4, "dataLocal": 2}), llm(parallelism={"data": 2, "dataLocal": 1}), []),
        ("2.25", llm(parallelism={"tensor": 8}), llm(parallelism={"tensor": 4}), []),
        (
            "2.25",
            llm(prefill={"parallelism": {"pipeline": 3}}),
            llm(prefill={"parallelism": {"pipeline": 2}}),
            ["ADM114 spec.prefill.parallelism: the number of nodes of a group cannot change from 2 to 3", NO_TRANSFER],
        ),
        (
            "2.25",
            llm(prefill={"parallelism": {"pipeline": 3}}),
            llm(),
            ["ADM125 spec.prefill: pods that read prompts cannot join a service that is there", NO_TRANSFER],
        ),
        ("2.25", llm(), llm(prefill={}), ["ADM125 spec: pods that read prompts cannot leave a service that is there"]),
        ("2.25", llm(**NODES, prefill={}), llm(**NODES), [NO_TRANSFER]),
        ("2.25", llm(**NODES), llm(**NODES, prefill={}), []),
    ],
)
def test_what_a_release_makes_of_a_change(
    release: str, item: dict[str, Any], live: dict[str, Any], expected: list[str]
) -> None:
    assert said(release, item, live) == expected


def formats(name: str, priority: int = 1, **spec: Any) -> dict[str, Any]:
    served = [{"name": "onnx", "version": "1", "autoSelect": True, "priority": priority}]
    return runtime(name, supportedModelFormats=served, **{"protocolVersions": ["v2"], **spec})


@pytest.mark.parametrize(
    "other",
    [
        formats("other", 2),
        formats("other", protocolVersions=["v1"]),
        formats("other", multiModel=True),
        formats("other", disabled=True),
        formats("mine"),
        {**formats("other"), "metadata": {"name": "other", "namespace": "elsewhere"}},
    ],
    ids=["another priority", "another protocol", "for several models", "disabled", "itself", "elsewhere"],
)
def test_runtimes_that_do_not_conflict(other: dict[str, Any]) -> None:
    assert said("2.25", formats("mine"), None, other) == []


def test_a_runtime_with_workers_is_found_among_the_peers() -> None:
    workers = {**nodes(runtime="vllm"), "metadata": nodes()["metadata"]}
    formats = [{"name": "vLLM"}]
    assert said("2.25", workers, None, runtime(workerSpec=POD_WORKER, supportedModelFormats=formats)) == []
    assert said("2.25", workers, None, runtime("other")) == []


FORMATS: list[Any] = [{"name": "vLLM"}, {"name": "onnx", "version": "1"}, {"name": "onnx", "version": "2"}]
FORMAT = "ADM052 spec.predictor.model.modelFormat"
PROTOCOL = "ADM053 spec.predictor.model.protocolVersion: the runtime 'vllm' does not speak protocol 'v1'"


def chosen(name: str = "vLLM", version: str | None = None, **fields: Any) -> dict[str, Any]:
    form = {"name": name} if version is None else {"name": name, "version": version}
    return model(runtime="vllm", modelFormat=form, **fields)


@pytest.mark.parametrize(
    ("item", "spec", "expected"),
    [
        (chosen(), {}, []),
        (chosen(), {"disabled": False}, []),
        (chosen(), {"disabled": True}, ["ADM051 spec.predictor.model.runtime: the runtime 'vllm' is disabled"]),
        (chosen("VLLM"), {}, [f"{FORMAT}.name: the runtime 'vllm' does not serve the format 'VLLM'"]),
        (chosen(), {"supportedModelFormats": []}, [f"{FORMAT}.name: the runtime 'vllm' does not serve the format 'vLLM'"]),
        (chosen("onnx"), {}, []),
        (chosen("onnx", "2"), {}, []),
        (chosen("onnx", "3"), {}, [f"{FORMAT}.version: the runtime 'vllm' does not serve version '3' of the format 'onnx'"]),
        (chosen("vLLM", "1"), {}, [f"{FORMAT}.version: the runtime 'vllm' does not serve version '1' of the format 'vLLM'"]),
        (chosen(protocolVersion="v1"), {}, []),
        (chosen(protocolVersion="v1"), {"protocolVersions": []}, []),
        (chosen(protocolVersion="v1"), {"protocolVersions": ["v2", "v1"]}, []),
        (chosen(protocolVersion="v1"), {"protocolVersions": ["v2"]}, [PROTOCOL]),
        (chosen(), {"protocolVersions": ["v2"]}, []),
        (model(protocolVersion="v1"), {"protocolVersions": ["v2"]}, []),
    ],
)  # fmt: skip
def test_the_runtime_that_a_model_names_must_serve_it(
    item: dict[str, Any], spec: dict[str, Any], expected: list[str]
) -> None:
    known = runtime(**{"supportedModelFormats": FORMATS, **spec})
    elsewhere = {**known, "metadata": {"name": "vllm", "namespace": "other"}}
    assert said("2.25", item, None, known) == expected
    assert said("2.25", item, None, runtime("other", disabled=True), elsewhere) == []


def test_what_a_runtime_of_model_mesh_serves_is_not_asked() -> None:
    item = model({MODE: "ModelMesh"}, runtime="vllm", protocolVersion="v1")
    assert said("2.25", item, None, runtime(disabled=True, protocolVersions=["v2"])) == []


NONE_FOUND = (
    "ADM031 spec.predictor: exactly one of [SKLearn, XGBoost, Tensorflow, PyTorch, Triton, ONNX, HuggingFace, PMML, "
    "LightGBM, Paddle, Model, WorkerSpec, PodSpec] must be specified in the predictor, found none"
)


@pytest.mark.parametrize(
    "spec", [{}, {"spec": None}, {"spec": {}}, {"spec": {"predictor": None}}, {"spec": {"predictor": {}}}]
)
def test_a_service_without_a_predictor_is_refused(spec: dict[str, Any]) -> None:
    whole = {key: value for key, value in service().items() if key != "spec"}
    assert said("2.25", {**whole, **spec}) == [NONE_FOUND]


# ---- keys of lists ---------------------------------------------------------------------------------------------------

SAME = [{"name": "A", "value": "1"}, {"name": "B"}, {"name": "A", "value": "2"}]
PORTS = [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}, {"containerPort": 80, "protocol": "TCP"}]
MOUNTS = [{"name": "a", "mountPath": "/x"}, {"name": "a", "mountPath": "/y"}, {"name": "b", "mountPath": "/x"}]
TWO = [{"name": "a"}, {"name": "a"}]
TWICE = "is listed twice in"


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (model(env=SAME), [f"ADM140 spec.predictor.model.env[2].name: 'A' {TWICE} env"]),
        (model(env=SAME[:2]), []),
        (model(ports=PORTS), [f"ADM140 spec.predictor.model.ports[2].containerPort: port 80/TCP {TWICE} ports"]),
        (model(ports=PORTS[:2]), []),
        (
            model(volumeMounts=MOUNTS),
            [f"ADM140 spec.predictor.model.volumeMounts[2].mountPath: '/x' {TWICE} volumeMounts"],
        ),
        (model(volumeMounts=MOUNTS[:2]), []),
        (
            predictor(model=None, sklearn={"storageUri": "s3://models/iris", "env": SAME}),
            [f"ADM140 spec.predictor.sklearn.env[2].name: 'A' {TWICE} env"],
        ),
        (
            predictor(
                containers=[{"name": "a", "env": SAME}],
                initContainers=[{"name": "a", "ports": PORTS}],
            ),
            [
                f"ADM140 spec.predictor.containers[0].env[2].name: 'A' {TWICE} env",
                f"ADM140 spec.predictor.initContainers[0].ports[2].containerPort: port 80/TCP {TWICE} ports",
            ],
        ),
        (
            nodes(worker={"containers": [{"name": "worker-container", "env": SAME}]}),
            [f"ADM140 spec.predictor.workerSpec.containers[0].env[2].name: 'A' {TWICE} env"],
        ),
        (
            service(explainer={"art": {"env": SAME}}, transformer={"containers": [{"name": "t", "env": SAME}]}),
            [
                f"ADM140 spec.explainer.art.env[2].name: 'A' {TWICE} env",
                f"ADM140 spec.transformer.containers[0].env[2].name: 'A' {TWICE} env",
            ],
        ),
        (
            runtime(containers=[{"name": "kserve-container", "env": SAME}]),
            [f"ADM140 spec.containers[0].env[2].name: 'A' {TWICE} env"],
        ),
        (
            runtime(workerSpec={"containers": [{"name": "worker-container", "env": SAME}], "pipelineParallelSize": 2}),
            [f"ADM140 spec.workerSpec.containers[0].env[2].name: 'A' {TWICE} env"],
        ),
        (
            llm(template={"containers": TWO, "volumes": TWO, "initContainers": [{"name": "a", "env": SAME}]}),
            [
                f"ADM140 spec.template.initContainers[0].env[2].name: 'A' {TWICE} env",
                f"ADM140 spec.template.containers[1].name: 'a' {TWICE} containers",
                f"ADM140 spec.template.volumes[1].name: 'a' {TWICE} volumes",
            ],
        ),
        (
            {**llm(prefill={"template": {"containers": TWO}}), "kind": "LLMInferenceServiceConfig"},
            [f"ADM140 spec.prefill.template.containers[1].name: 'a' {TWICE} containers"],
        ),
        (
            llm(worker={"containers": TWO}, parallelism={"data": 2, "dataLocal": 1}),
            [f"ADM140 spec.worker.containers[1].name: 'a' {TWICE} containers"],
        ),
        (
            llm(router={"scheduler": {"template": {"containers": TWO}}}),
            [f"ADM140 spec.router.scheduler.template.containers[1].name: 'a' {TWICE} containers"],
        ),
        (llm(template={"containers": [{"name": "a"}, {"name": "b"}], "initContainers": [{"name": "a"}]}), []),
        # admitted, and then no pod comes of it
        (runtime(volumes=TWO), [f"ADM054 spec.volumes[1].name: 'a' {TWICE} volumes"]),
        (runtime(containers=TWO), [f"ADM054 spec.containers[1].name: 'a' {TWICE} containers"]),
        (runtime(volumes=[{"name": "a"}, {"name": "b"}]), []),
        (predictor(volumes=TWO), []),
        (
            predictor(model=None, containers=[server("a"), server("a")]),
            [f"ADM054 spec.predictor.containers[1].name: 'a' {TWICE} containers"],
        ),
        (
            service(transformer={"containers": [{"name": "t"}], "volumes": TWO}),
            [f"ADM054 spec.transformer.volumes[1].name: 'a' {TWICE} volumes"],
        ),
    ],
)
def test_items_of_one_key_stand_once_in_a_list(item: dict[str, Any], expected: list[str]) -> None:
    assert said("2.25", item) == expected


def test_a_canary_has_containers_too() -> None:
    item = canaries(canary(model={**PLAIN, "name": "", "env": SAME}))
    assert said("3.5", item) == [f"ADM140 spec.canary[0].predictor.model.env[2].name: 'A' {TWICE} env"]


# ---- metadata of any object ------------------------------------------------------------------------------------------


def thing(kind: str = "v1/ConfigMap", name: str = "granite", **metadata: Any) -> dict[str, Any]:
    version, _, named = kind.rpartition("/")
    return {"apiVersion": version, "kind": named, "metadata": {"name": name, **metadata}}


@pytest.mark.parametrize(
    ("kind", "name", "right"),
    [
        ("v1/ConfigMap", "a", True),
        ("v1/ConfigMap", "a.b-c.1", True),
        ("v1/ConfigMap", "a" * 253, True),
        ("v1/ConfigMap", "a" * 254, False),
        ("v1/ConfigMap", "a..b", False),
        ("v1/ConfigMap", "-a", False),
        ("v1/ConfigMap", "a-", False),
        ("v1/ConfigMap", "a_b", False),
        ("v1/ConfigMap", "a\n", False),
        ("v1/ConfigMap", "é", False),
        ("serving.kserve.io/v1alpha1/ServingRuntime", "A", False),
        ("route.openshift.io/v1/Route", "A", False),
        ("route.openshift.io/v1/Route", "a.b", True),
        ("v1/Namespace", "a" * 63, True),
        ("v1/Namespace", "a" * 64, False),
        ("v1/Namespace", "a.b", False),
        ("v1/Service", "a.b", False),
        ("project.openshift.io/v1/Project", "a.b", False),
        ("rbac.authorization.k8s.io/v1/Role", "system:auth_delegator A", True),
        ("rbac.authorization.k8s.io/v1/RoleBinding", "a/b", False),
        ("rbac.authorization.k8s.io/v1/RoleBinding", "a%b", False),
        ("rbac.authorization.k8s.io/v1/ClusterRole", "..", False),
        ("rbac.authorization.k8s.io/v1/ClusterRole", ".", False),
        ("rbac.authorization.k8s.io/v1/ClusterRole", "...", True),
        ("user.openshift.io/v1/Group", "Model_Owners", True),
        ("networking.k8s.io/v1/IPAddress", "2001:db8::1", True),
        ("networking.k8s.io/v1/NetworkPolicy", "2001:db8::1", False),
        ("apiregistration.k8s.io/v1/APIService", "v1.", True),
    ],
)
def test_the_names_that_the_api_server_takes(kind: str, name: str, right: bool) -> None:
    assert [text.split()[0] for text in said("2.25", thing(kind, name))] == ([] if right else ["ADM141"])


def test_of_the_name_of_a_service_its_own_rule_speaks() -> None:
    assert said("2.25", service(name="A")) == ["ADM010 metadata.name: 'A' is not a valid name for an InferenceService"]
    long = f"'{'a' * 35}...'"
    assert said("2.25", service(name="a" * 254)) == [
        f"ADM141 metadata.name: InferenceService cannot have the name {long}"
    ]
    assert said("2.25", service(name="a" * 253)) == []


KEY = "is not a valid key of"


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"labels": {"a": "", "A.b_c-1": "X", "example.org/a": "a" * 63, "b": None}}, []),
        ({"labels": {"": "x"}}, [f"ADM142 metadata.labels.: '' {KEY} labels"]),
        ({"labels": {"a/b/c": "x"}}, [f"ADM142 metadata.labels.a/b/c: 'a/b/c' {KEY} labels"]),
        ({"labels": {"/a": "x"}}, [f"ADM142 metadata.labels./a: '/a' {KEY} labels"]),
        ({"labels": {"a/": "x"}}, [f"ADM142 metadata.labels.a/: 'a/' {KEY} labels"]),
        ({"labels": {"Example.org/a": "x"}}, [f"ADM142 metadata.labels.Example.org/a: 'Example.org/a' {KEY} labels"]),
        ({"annotations": {"Example.org/A": "any: text\n" * 9}}, []),
        ({"annotations": {"a b": "x"}}, [f"ADM142 metadata.annotations.a b: 'a b' {KEY} annotations"]),
        ({"labels": {"a": "b c"}}, ["ADM142 metadata.labels.a: 'b c' is not a valid label value"]),
        ({"labels": {"a": "-b"}}, ["ADM142 metadata.labels.a: '-b' is not a valid label value"]),
        ({"labels": {"a": "a" * 64}}, [f"ADM142 metadata.labels.a: '{'a' * 35}...' is not a valid label value"]),
        ({"labels": {"a": True}}, ["ADM142 metadata.labels.a: true is not a string"]),
        ({"annotations": {"a": 1}}, ["ADM142 metadata.annotations.a: 1 is not a string"]),
        ({"annotations": {"a": ["b"]}}, ["ADM142 metadata.annotations.a: a list is not a string"]),
        ({"annotations": {"a": "é" * 131071, "b": ""}}, []),
        (
            {"annotations": {"a": "é" * 131071, "b": "x"}},
            ["ADM142 metadata.annotations: the annotations have 262145 bytes, and at most 262144 are allowed"],
        ),
        ({"labels": ["a"], "annotations": "a"}, []),
    ],
)
def test_labels_and_annotations(metadata: dict[str, Any], expected: list[str]) -> None:
    assert said("2.25", thing(**metadata)) == expected


def test_a_schema_that_knows_metadata_says_itself_what_is_no_text() -> None:
    def silent(item: Mapping[str, Any]) -> Iterator[Violation]:
        yield from ()

    rules = book("rhoai-2.25")
    for kind, codes in {
        "v1/ConfigMap": [],
        "batch/v1/Job": [],
        "networking.k8s.io/v1/NetworkPolicy": [],
        "serving.kserve.io/v1alpha1/ServingRuntime": ["ADM142"],
    }.items():
        manifest = rules.request(thing(kind, labels={"a": 1}), schema=silent)
        assert [rule.code for rule, _ in rules.check(manifest)] == codes


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ("", True), ("YQ==", True), ("YWI=", True), ("YWJj", True), ("YW\nJj\r\n", True), ("YW/+", True), (None, True),
        ("YQ", False), ("YQ=", False), ("YWI", False), ("Y===", False), ("YW-_", False), ("YW Jj", False), ("====", False),
    ],
)  # fmt: skip
def test_the_data_of_a_secret(value: object, right: bool) -> None:
    expected = [] if right else ["ADM143 data.k: the value of 'k' is not valid base64"]
    assert said("2.25", {**thing("v1/Secret"), "data": {"k": value}}) == expected
    assert said("2.25", {**thing("v1/ConfigMap"), "data": {"k": value}}) == []
    assert said("2.25", {**thing("v1/Secret"), "stringData": {"k": value}}) == []


def test_a_pipeline_is_ready_with_a_configuration_of_ones_own() -> None:
    preset = {
        "kind": "LLMInferenceServiceConfig",
        "metadata": {"name": "kserve-config-llm-worker-pipeline-parallel", "namespace": "demo"},
    }
    assert said("2.25", llm(worker=WORKER, parallelism={"pipeline": 2}), None, preset) == []


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({"opendatahub.io/connection-type-protocol": "s3"}, []),
        ({"opendatahub.io/connection-type-ref": "uri-v1"}, []),
        ({}, ["ADM064 metadata.annotations.opendatahub.io/connections: the connection 'models' has no type"]),
    ],
)
def test_the_type_of_a_connection(annotations: dict[str, str], expected: list[str]) -> None:
    secret = {"kind": "Secret", "metadata": {"name": "models", "namespace": "demo", "annotations": annotations}}
    item = service({MODE: "Standard", "opendatahub.io/connections": "models"})
    assert said("3.5", item, None, secret) == expected
    assert said("3.5", item) == []


def test_objects_of_other_groups_are_none_of_our_business() -> None:
    item = {"apiVersion": "example.org/v1", "kind": "InferenceService", "metadata": {"name": "A.B"}}
    assert said("2.25", item) == []


def test_what_is_admitted_and_stuck_is_a_warning_and_what_is_refused_an_error() -> None:
    stuck = {
        "ADM051",
        "ADM052",
        "ADM053",
        "ADM054",
        "ADM014",
        "ADM016",
        "ADM029",
        "ADM061",
        "ADM081",
        "ADM121",
        "ADM122",
    }
    otherwise = {
        "ADM082",
        "ADM123",
        "ADM124",
        "ADM144",
        "ADM150",
        "ADM153",
    }  # admitted, and then not as it is meant; or where the platform is set up so
    rules = book("rhoai-2.25")
    for path in EXPLANATIONS:
        explanation = explained(path)
        if isinstance(explanation["example"], dict) and path.stem not in ("ADM002", "ADM007"):
            rules = book(explanation["release"])
            live = explanation.get("existing")
            peers = by_name([live]) if live else {}
            manifest = rules.request(explanation["example"], old_object=live, peers=peers)
            severities = {rule.code: violation.severity for rule, violation in rules.check(manifest)}
            assert severities[path.stem] == (Severity.WARNING if path.stem in stuck | otherwise else Severity.ERROR)


# ---- anything at all -------------------------------------------------------------------------------------------------

WRONG: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 2.5, "", "x", [], ["x"], [None], [[]], {}, {"x": None}, [{"name": 5}]]
)


def places(value: Any, pointer: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [pointer, *(place for key, item in inside for place in places(item, (*pointer, key)))]


def replaced(value: Any, pointer: tuple[Any, ...], new: Any) -> Any:
    if not pointer:
        return new
    step, rest = pointer[0], pointer[1:]
    if isinstance(value, dict):
        return {key: replaced(item, rest, new) if key == step else item for key, item in value.items()}
    return [replaced(item, rest, new) if index == step else item for index, item in enumerate(value)]


EXAMPLES = [
    (explanation["release"], explanation[which], explanation.get("existing"))
    for explanation in map(explained, EXPLANATIONS)
    for which in ("example", "mended")
    if isinstance(explanation[which], dict)
]


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_shape_of_an_object_disturbs_a_rule(data: st.DataObject) -> None:
    _, item, live = data.draw(st.sampled_from(EXAMPLES))
    release = data.draw(st.sampled_from(RELEASES))
    for _ in range(data.draw(st.integers(1, 3))):
        pointer = data.draw(st.sampled_from([place for place in places(item) if place]))
        item = replaced(item, pointer, data.draw(WRONG))
    if live is not None and data.draw(st.booleans()):
        live = replaced(live, data.draw(st.sampled_from([place for place in places(live) if place])), data.draw(WRONG))
    rules = book(release)
    manifest = rules.request(item, old_object=live, peers=by_name([live] if live else []))
    for rule, violation in rules.check(manifest):
        assert rule.code in FINDINGS
        assert violation.message
        assert violation.hint


def test_rules_hold_for_every_release_unless_they_say_otherwise() -> None:
    capabilities = [catalog.release(name).capabilities for name in RELEASES]
    for rule in declared_rules():
        holding = [rule.when(each) for each in capabilities]
        assert any(holding)
        assert rule.when is not always or all(holding)
