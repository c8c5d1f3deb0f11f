"""What objects around a model are called, and the keys of annotations and labels that more than one room reads."""

from __future__ import annotations

from collections.abc import Mapping

SERVING_GROUP = "serving.kserve.io"

# ---- keys ------------------------------------------------------------------------------------------------------------

DEPLOYMENT_MODE = "serving.kserve.io/deploymentMode"
AUTOSCALER_CLASS = "serving.kserve.io/autoscalerClass"
STOP = "serving.kserve.io/stop"
ENABLE_AUTH = "security.opendatahub.io/enable-auth"
SERVER_AUTH, SERVER_ROUTE = "enable-auth", "enable-route"
"""Of the ServingRuntime of a model server: whether its models ask for a token, and whether they have routes."""

CONNECTIONS, CONNECTION_PATH = "opendatahub.io/connections", "opendatahub.io/connection-path"
QUEUE_NAME = "kueue.x-k8s.io/queue-name"
"""The label with the LocalQueue in which pods wait."""

HARDWARE_PROFILE = "opendatahub.io/hardware-profile-name"
HARDWARE_PROFILE_NAMESPACE = "opendatahub.io/hardware-profile-namespace"
ACCELERATOR_NAME = "opendatahub.io/accelerator-name"
MODEL_FOLDER = "/mnt/models"
"""Where KServe mounts the model in the container that serves."""

STORAGE_SECRET = "serving.kserve.io/storageSecretName"
"""The Secret whose variables the download of a model sees."""
OVMS_VERSION, FIRST_VERSION = "storage.kserve.io/ovms-auto-versioning", "1"
"""The version under which the release puts a model that lies in no folder of a version, and the one that is usual."""
TEMPLATE_NAME = "opendatahub.io/template-name"
WAVE = "argocd.argoproj.io/sync-wave"
DISPLAY_NAME = "openshift.io/display-name"
ACCOUNT_OF_TOKEN = "kubernetes.io/service-account.name"
"""Of a Secret with a token: the ServiceAccount that the token stands for."""

# ---- derived names ---------------------------------------------------------------------------------------------------

_ENDS: Mapping[str, str] = {"ServiceAccount": "-sa", "Role": "-view-role", "RoleBinding": "-view"}
"""What the name of an object that opens a workload to callers ends with, after the workload's own."""


def access_name(kind: str, workload: str) -> str:
    """The name of the ServiceAccount, the Role or the RoleBinding that opens a workload; a connection's is alike."""
    return workload + _ENDS[kind]


def workload_of(kind: str, name: str) -> str | None:
    """The workload that an object of such a kind and name opens; None where its name says nothing of the kind."""
    end = _ENDS.get(kind)
    return name.removesuffix(end) if end is not None and name.endswith(end) else None


def volume_of(address: str) -> tuple[str, str] | None:
    """The claim and the path in it that the address of a model names; None where it names no volume."""
    if not address.startswith("pvc://"):
        return None
    claim, _, path = address.removeprefix("pvc://").partition("/")
    return claim, path
