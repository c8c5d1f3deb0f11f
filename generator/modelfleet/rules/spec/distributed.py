"""Distributed inference with llm-d (LLMInferenceService)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelfleet.finding import Pointer, Severity
from modelfleet.kubernetes.names import MODEL_FOLDER
from modelfleet.kubernetes.objects import mappings
from modelfleet.kubernetes.quantity import quantity_value
from modelfleet.resolve.distributed import Group, quoted
from modelfleet.resolve.runtime import Runtime
from modelfleet.rules import Violation, having
from modelfleet.rules.spec.subjects import OfModel, spec_rule
from modelfleet.wording import did_you_mean, listed


def _groups(subject: OfModel) -> Iterator[tuple[Pointer, Group]]:
    """The groups of pods and where they are written."""
    if (llm := subject.model.llm) is not None:
        pointer: Pointer = (*subject.model.pointer, "llmd")
        yield pointer, llm.main
        if llm.prefill is not None:
            yield (*pointer, "prefill"), llm.prefill


@spec_rule("LLM001", "A model behind a gateway without tokens is open to everybody", when=having("llm"))
def open_gateway(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    if model.llm is not None and not model.guarded:
        yield Violation(
            pointer=(*model.pointer, "runtime" if model.llm.config else "llmd"),
            message="no tokens: authorization is switched off, and whoever reaches the gateway can use the model",
            hint="add tokens: [...]",
            severity=Severity.WARNING,
        )


@spec_rule(
    "LLM003",
    "No preset spreads a pipeline over nodes",
    when=lambda known: known["llm"] and not known["llmPipelinePresets"],
)
def pipeline_trap(subject: OfModel) -> Iterator[Violation]:
    if subject.model.llm is None or subject.model.llm.base_refs:
        return
    for pointer, group in _groups(subject):
        if group.worker is not None and group.parallelism.get("pipeline"):
            yield Violation(
                pointer=(*pointer, "parallelism", "pipeline"),
                message="pipeline parallelism with workers needs a preset that no release ships: "
                "the model would never be ready",
                hint="use runtime: vllm-multinode-runtime with multiNode, data parallelism, "
                "or a configuration of your own in baseRefs",
            )


@spec_rule("LLM004", "A custom configuration may split quoted arguments", when=having("llm"))
def quoted_arguments(subject: OfModel) -> Iterator[Violation]:
    llm, runtime = subject.model.llm, subject.model.runtime
    if llm is None or not (llm.base_refs or llm.config) or (runtime is not None and _evaluates(runtime)):
        return
    for pointer, arg in subject.arguments:
        if arg != quoted(arg):
            whose = f"{subject.model.runtime_name!r}" if llm.config else f"{llm.base_refs[-1]!r} in baseRefs"
            yield Violation(
                pointer=pointer,
                message=f"it is quoted for the shell of the presets, and {whose} may not pass it to a shell",
                hint="make sure that its script passes VLLM_ADDITIONAL_ARGS to eval; "
                "JSON needs no quotes with dots, as in --kv-transfer-config.kv_role=kv_both",
                severity=Severity.WARNING,
            )


def _evaluates(runtime: Runtime) -> bool:
    """Whether a script of the configuration reads its arguments as a shell does."""
    pod = runtime.spec.get("template") or {}
    containers = pod.get("containers") or ()
    lists = (container.get(part) or () for container in containers for part in ("command", "args"))
    return any("eval" in str(word).split() for words in lists for word in words)


@spec_rule("LLM006", "The minimum number of replicas exceeds the maximum", when=having("llmScaling"))
def scaling_bounds(subject: OfModel) -> Iterator[Violation]:
    for pointer, group in _groups(subject):
        if subject.model.scaling is not None and subject.model.llm is not None and group is subject.model.llm.main:
            continue  # its bounds stand in replicas
        if group.scaling is not None and group.scaling["min"] > group.scaling["max"]:
            yield Violation(
                pointer=(*pointer, "scaling", "min"),
                message=f"min {group.scaling['min']} is more than max {group.scaling['max']}",
                hint="raise max or lower min",
            )


@spec_rule("LLM007", "Nothing gives a distributed model its accelerators", when=having("llm"))
def no_accelerator(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    if model.llm is None or model.llm.config or model.llm.base_refs or model.hardware.accelerator is not None:
        return
    if model.hardware.profile is None:
        yield Violation(
            pointer=(*model.pointer, "llmd"),
            message="no accelerator: its pods request none, but the vLLM of the presets runs on GPUs",
            hint="add accelerator: {name, count}",
            severity=Severity.WARNING,
        )


@spec_rule("LLM008", "The parallelism does not fit the accelerators and nodes", when=having("llm"))
def parallelism_fits(subject: OfModel) -> Iterator[Violation]:
    for pointer, group in _groups(subject):
        sizes, at = group.parallelism, (*pointer, "parallelism")
        data, local = sizes.get("data"), sizes.get("dataLocal")
        tensor = sizes.get("tensor")
        if data and local and (data % local or local > data):
            yield Violation(
                pointer=(*at, "dataLocal"),
                message=f"{data} copies cannot be spread evenly with {local} on each node",
                hint="make data a multiple of dataLocal",
            )
        elif group.worker is None and (sizes.get("pipeline") or (data and local and data > local)):
            yield Violation(
                pointer=at,
                message="it spreads over several nodes, but has no workers",
                hint="add worker: true beside parallelism",
            )
        if tensor and group.head.hardware.accelerator is not None and group.head.hardware.gpus != tensor * (local or 1):
            each = f"{tensor} x {local} copies" if local else str(tensor)
            yield Violation(
                pointer=(*at, "tensor"),
                message=f"a node needs {each} accelerators, and gets {group.head.hardware.gpus}",
                hint="write accelerator: {count} to match: it is not calculated",
            )


@spec_rule("LLM009", "On one node the presets do not pass the tensor parallelism on", when=having("llm"))
def tensor_on_one_node(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    if model.llm is None or model.llm.config or model.llm.base_refs or model.engine is None:
        return
    option = str(model.engine.facts["tensorParallelArg"])
    for pointer, group in _groups(subject):
        tensor = group.parallelism.get("tensor") or group.head.hardware.gpus
        told = any(model.engine.option(arg) == option for arg in group.head.args) or group.head.command
        if group.worker is None and tensor > 1 and not told:
            yield Violation(
                pointer=(*pointer, "parallelism", "tensor") if group.parallelism.get("tensor") else pointer,
                message=f"the preset for one node starts vLLM on one of its {tensor} accelerators",
                hint=f'add "{option}={tensor}" to args',
                severity=Severity.WARNING,
            )


@spec_rule("LLM010", "A preset that is to be pinned is not there, or there twice", when=having("llm"))
def unpinned_preset(subject: OfModel) -> Iterator[Violation]:
    llm = subject.model.llm
    if llm is None or not llm.pinned:
        return
    for preset in llm.preset_names:
        held = subject.runtime_catalog.presets(preset, subject.environment.name)
        if len(held) == 1:
            continue
        hint = f"export it: oc get llminferenceserviceconfig -n redhat-ods-applications -o yaml, the one that ends in {preset}"
        yield Violation(
            pointer=(*subject.model.pointer, "llmd", "pinPreset"),
            message=f"runtimes/ holds no copy of the preset {preset}"
            if not held
            else f"runtimes/ holds the preset {preset} twice: {listed([one.name for one in held])}",
            hint="keep the one that counts" if held else hint,
        )


@spec_rule("LLM011", "A scheduling profile names a plugin that is not declared", when=having("llmScheduler"))
def unknown_plugin(subject: OfModel) -> Iterator[Violation]:
    llm = subject.model.llm
    scheduler = llm.scheduler if llm is not None and isinstance(llm.scheduler, Mapping) else {}
    inline = (scheduler.get("config") or {}).get("inline") or {}
    declared = {str(one.get("name") or one.get("type")) for _, one in mappings(inline.get("plugins"))}
    at: Pointer = (*subject.model.pointer, "llmd", "scheduler", "config", "inline", "schedulingProfiles")
    for index, profile in mappings(inline.get("schedulingProfiles")):
        for place, plugin in mappings(profile.get("plugins")):
            name = plugin.get("pluginRef")
            if isinstance(name, str) and name not in declared:
                yield Violation(
                    pointer=(*at, index, "plugins", place, "pluginRef"),
                    message=f"no plugin is called {name!r}: the scheduler would not start",
                    hint=did_you_mean(name, declared, f"add {{type: {name}}} to plugins"),
                )


@spec_rule("LLM012", "A command of one's own is not told what to serve", when=having("llm"))
def untold_command(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    for place, pods in model.llm.pods if model.llm is not None else ():
        at = (*model.pointer, *(place or ("llmd",)), "command")
        if pods.command and not pods.args:
            yield Violation(
                pointer=at,
                key=True,
                message="a command without args: the arguments of the preset's script would follow it",
                hint="write all of its arguments in args",
            )
        elif pods.command and not any(MODEL_FOLDER in word for word in (*pods.command, *pods.args)):
            yield Violation(
                pointer=at,
                key=True,
                message=f"neither the command nor args name {MODEL_FOLDER}, the folder of the model",
                hint=f"add --model={MODEL_FOLDER} to args",
                severity=Severity.WARNING,
            )


@spec_rule("LLM013", "The KV cache cannot be kept as the spec says", when=having("llmCacheOffload"))
def cache_offload(subject: OfModel) -> Iterator[Violation]:
    for pointer, group in _groups(subject):
        if group.cache_offload is None:
            continue
        limit = (group.head.hardware.limits or {}).get("memory")
        amount = str(group.cache_offload["cpu"])
        if limit is not None and quantity_value(amount) >= quantity_value(limit):
            yield Violation(
                pointer=(*pointer, "cacheOffload", "cpu"),
                message=f"{amount} of the cache do not fit into the memory of the pod, which is {limit}",
                hint="write less, or a size with more memory than the server and the cache need",
            )
        if any("--kv-transfer-config" in arg or "--kv_transfer_config" in arg for arg in group.head.args):
            yield Violation(
                pointer=(*pointer, "cacheOffload"),
                key=True,
                message="the preset leaves it out where args hold --kv-transfer-config",
                hint="remove one of the two",
                severity=Severity.WARNING,
            )


@spec_rule("LLM014", "The controller leaves adapters out that the arguments name", when=having("llmLora"))
def adapters_in_arguments(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    if model.llm is None or not model.llm.lora or model.engine is None:
        return
    for pointer, arg in subject.arguments:
        if model.engine.option(arg) == "--lora-modules":
            yield Violation(
                pointer=pointer,
                message="with --lora-modules in args, the controller does not pass on the adapters of lora",
                hint="remove --lora-modules, and write all adapters in lora",
            )
