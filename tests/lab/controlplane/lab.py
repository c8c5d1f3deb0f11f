"""A control plane that is started for tests: Kubernetes, on wish with KServe and Argo CD."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from lab.controlplane.ask import ADMIN, Api, Object, Refused, wait_until
from lab.controlplane.build import PARTS, pinned_crds
from lab.controlplane.namespaces import HOSTS, Namespaces

_API, _ETCD, _WEBHOOKS, _LLM_WEBHOOKS = 6443, 2379, 9443, 9444
_HERE = Path(__file__).parent
# OpenShift AI's own settings of KServe, as its operator writes them; the rest is as KServe ships it.
KSERVE_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "deploy": {"defaultDeploymentMode": "Serverless"},
    "service": {"serviceClusterIPNone": True},
    "ingress": {
        "disableIstioVirtualHost": True,
        "disableIngressCreation": True,
        "ingressDomain": "example.com",
        "kserveIngressGateway": "openshift-ingress/openshift-ai-inference",
    },
    "inferenceService": {
        "serviceAnnotationDisallowedList": [
            "autoscaling.knative.dev/min-scale",
            "autoscaling.knative.dev/max-scale",
            "internal.serving.kserve.io/storage-initializer-sourceuri",
            "kubectl.kubernetes.io/last-applied-configuration",
            "security.opendatahub.io/enable-auth",
            "haproxy.router.openshift.io/timeout",
        ]
    },
}
NODE: Mapping[str, Any] = {"cpu": "400", "memory": "4000Gi", "pods": "1000", "nvidia.com/gpu": "64"}


class Lab:
    """A running control plane; `close` leaves nothing of it."""

    def __init__(self) -> None:
        self.place = Namespaces()
        self.folder = self.place.folder
        self._program = PARTS["control-plane"].folder / "bin" / "control-plane"
        self._managers: dict[
            str, tuple[int, list[str | Path]]
        ] = {}  # of KServe: where its webhooks answer, and its command
        try:
            self._certificates()
            self.api = Api(partial(self.place.connect, _API), str(self._pki("ca.crt")))
            self._start_kubernetes()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all of its programs and removes their files."""
        self.place.close()

    def install_crds(self, *folders: Path) -> None:
        """CRDs, until the server serves them; a version that is only stored is served, too."""
        crds = [crd for folder in folders for path in sorted(folder.glob("*.yaml")) for crd in _documents(path)]
        crds = [crd for crd in crds if crd["kind"] == "CustomResourceDefinition"]
        for crd in crds:
            for version in crd["spec"]["versions"]:
                version["served"] = True
            crd["metadata"].get("annotations", {}).pop("cert-manager.io/inject-ca-from", None)
            crd["spec"].pop("conversion", None)  # by a webhook that is not there
            if crd["spec"]["names"]["kind"].startswith("LLMInferenceService"):
                client = self._client(f"https://127.0.0.1:{_LLM_WEBHOOKS}/convert")
                webhook = {"clientConfig": client, "conversionReviewVersions": ["v1"]}
                crd["spec"]["conversion"] = {"strategy": "Webhook", "webhook": webhook}
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(partial(self.api.apply, strict=False), crds))
        for crd in crds:
            wait_until(f"{crd['metadata']['name']} is served", partial(self._established, crd))

    def add_node(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """A node, on which the scheduler puts pods, also those that select such labels."""
        meta = {"name": name, "labels": {"kubernetes.io/hostname": name, **(labels or {})}}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": meta}
        self.api.apply(node)
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "a stand-in"}
        self.api.patch(node, {"status": {"capacity": NODE, "allocatable": NODE, "conditions": [ready]}}, "status")
        self.api.patch(node, {"spec": {"taints": None}})  # that it is not ready, which new nodes get

    def add_volume(self, namespace: str, name: str, claimed: bool = True) -> None:
        """A volume and a claim to it, so that pods which mount it can be put on a node; or the volume alone."""
        size = {"storage": "1Gi"}
        modes = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
        volume = {**modes, "capacity": size, "nfs": {"server": "nfs.example.org", "path": "/"}}
        meta = {"name": f"{namespace}-{name}"}
        self.api.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta, "spec": volume})
        if not claimed:
            return
        claim = {**modes, "resources": {"requests": size}, "volumeName": meta["name"]}
        meta = {"name": name, "namespace": namespace}
        self.api.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": claim})

    def install_kserve(self, part: str) -> None:
        """KServe's manager of a part with its CRDs, its settings and its webhooks, which answer when this returns."""
        folder = PARTS[part].folder
        self.install_crds(folder / "kserve/crds", folder / "knative", *(pinned_crds().iterdir()))
        for name in ("kserve", "knative-serving"):
            self.api.ensure_namespace(name)
        scaler = {"allow-zero-initial-scale": "true", "initial-scale": "1"}
        self.api.apply(_config_map("config-autoscaler", "knative-serving", scaler))
        self.api.apply(self._kserve_settings(folder))
        for path in sorted((folder / "kserve/storage").iterdir()):
            for item in _documents(path):
                self.api.apply(item)
        flags = ["-metrics-addr", "127.0.0.1:8090", "-health-probe-addr", "127.0.0.1:8091"]
        self._managers["kserve"] = (_WEBHOOKS, [folder / "bin" / "kserve", *flags])
        self._start_manager("kserve")
        for path in sorted((folder / "kserve/webhooks").glob("webhook_*")):
            self._install_webhooks(path, _WEBHOOKS)
        self.place.start("standins", [sys.executable, _HERE / "standins.py", self._pki("ca.crt")])

    def install_llm(self, part: str) -> None:
        """The manager of LLMInferenceServices with its presets, and what it makes objects of; after KServe's own."""
        folder = PARTS[part].folder
        self.install_crds(*(folder / name for name in ("gateway", "inference", "lws", "keda", "wva")))
        flags = ["-metrics-addr", "127.0.0.1:8092", "-health-probe-addr", "127.0.0.1:8093"]
        port = ["-webhook-port", str(_LLM_WEBHOOKS)]
        self._managers["llmisvc"] = (_LLM_WEBHOOKS, [folder / "bin" / "llmisvc", *flags, *port])
        self._start_manager("llmisvc")
        for path in sorted((folder / "kserve/webhooks").glob("llmisvc_*")):
            self._install_webhooks(path, _LLM_WEBHOOKS)
        for path in sorted((folder / "kserve/llm").iterdir()):
            for item in _documents(path):
                item["metadata"]["namespace"] = "kserve"
                self.api.apply(item)
        self.add_gateway("openshift-ingress", "openshift-ai-inference")
        self.place.start("gateways", [sys.executable, _HERE / "standins.py", self._pki("ca.crt"), "gateways"])

    def add_gateway(self, namespace: str, name: str) -> None:
        """A gateway, which accepts every route."""
        self.api.ensure_namespace(namespace)
        version, classes = "gateway.networking.k8s.io/v1", {"name": "openshift-default"}
        spec: Mapping[str, Any] = {"controllerName": "example.org/lab"}
        self.api.apply({"apiVersion": version, "kind": "GatewayClass", "metadata": classes, "spec": spec})
        listener = {"name": "https", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}
        spec = {"gatewayClassName": classes["name"], "listeners": [listener]}
        meta = {"name": name, "namespace": namespace}
        self.api.apply({"apiVersion": version, "kind": "Gateway", "metadata": meta, "spec": spec})

    def restart_kserve(self) -> None:
        """Has KServe look at every InferenceService again."""
        self.place.stop("kserve")
        self._start_manager("kserve")

    def _start_manager(self, name: str) -> None:
        """Starts a manager of KServe; its webhooks answer when this returns."""
        port, command = self._managers[name]
        serving = self.folder / "tmp" / name / "k8s-webhook-server" / "serving-certs"
        serving.mkdir(parents=True, exist_ok=True)
        for file in ("tls.crt", "tls.key"):
            (serving / file).unlink(missing_ok=True)
            (serving / file).symlink_to(self._pki(f"server.{file[4:]}"))
        self.place.start(name, command, KUBECONFIG=str(self.kubeconfig), POD_NAMESPACE="kserve")
        self.place.wait_for(port, 180)

    @property
    def kubeconfig(self) -> Path:
        """With the rights of an administrator; for programs within."""
        return self.folder / "kubeconfig"

    @property
    def authority(self) -> bytes:
        """The certificate that signed those of the servers."""
        return self._pki("ca.crt").read_bytes()

    def pki(self, name: str) -> Path:
        """A certificate or key."""
        return self._pki(name)

    def _pki(self, name: str) -> Path:
        return self.folder / "pki" / name

    def _certificates(self) -> None:
        (self.folder / "pki").mkdir()
        subprocess.run(
            [self._program, "certificates", self.folder / "pki", "localhost", "127.0.0.1", *HOSTS], check=True
        )
        self._pki("tokens.csv").write_text(f"{ADMIN},admin,admin,system:masters\n")
        cluster = {"server": f"https://127.0.0.1:{_API}", "certificate-authority": str(self._pki("ca.crt"))}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "lab",
            "clusters": [{"name": "lab", "cluster": cluster}],
            "users": [{"name": "lab", "user": {"token": ADMIN}}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
        }
        self.kubeconfig.write_text(yaml.safe_dump(config))

    def _start_kubernetes(self) -> None:
        etcd, peers = f"http://127.0.0.1:{_ETCD}", "http://127.0.0.1:2380"
        self._start(
            "etcd",
            data_dir=self.folder / "etcd",
            listen_client_urls=etcd,
            advertise_client_urls=etcd,
            log_level="warn",
            listen_peer_urls=peers,
            initial_advertise_peer_urls=peers,
            initial_cluster=f"default={peers}",
            unsafe_no_fsync="true",
        )
        key = self._pki("server.key")
        temporary = self.folder / "tmp"
        self._start(
            "kube-apiserver",
            etcd_servers=etcd,
            bind_address="127.0.0.1",
            advertise_address="127.0.0.1",
            secure_port=_API,
            tls_cert_file=self._pki("server.crt"),
            tls_private_key_file=key,
            client_ca_file=self._pki("ca.crt"),
            token_auth_file=self._pki("tokens.csv"),
            service_account_issuer="https://kubernetes.default.svc",
            service_account_key_file=key,
            service_account_signing_key_file=key,
            service_cluster_ip_range="10.0.0.0/16",
            authorization_mode="RBAC",
            endpoint_reconciler_type="none",
            cert_dir=temporary / "apiserver",
        )
        self.place.wait_for(_API, 180)
        wait_until("the API server is ready", self._ready)
        common = {"kubeconfig": self.kubeconfig, "leader_elect": "false", "bind_address": "127.0.0.1"}
        self._start(
            "kube-controller-manager",
            **common,
            secure_port=10257,
            service_account_private_key_file=key,
            root_ca_file=self._pki("ca.crt"),
            cert_dir=temporary / "controllers",
            controllers="*,-node-lifecycle-controller,-node-ipam-controller,-persistentvolume-attach-detach-controller",
        )
        self._start(
            "kube-scheduler",
            **common,
            secure_port=10259,
            cert_dir=temporary / "scheduler",
            authentication_kubeconfig=self.kubeconfig,
            authorization_kubeconfig=self.kubeconfig,
        )
        wait_until("ServiceAccounts are made", lambda: self.api.get("v1", "ServiceAccount", "default", "default"))
        self.add_node("node")

    def _start(self, program: str, **flags: Any) -> None:
        words = [f"--{name.replace('_', '-')}={value}" for name, value in flags.items()]
        self.place.start(program, [self._program, program, *words])

    def _ready(self) -> bool:
        self.place.all_run()
        try:
            return bool(self.api.call("GET", "/readyz") == "ok")
        except (Refused, OSError):
            return False

    def _established(self, crd: Object) -> bool:
        conditions = (self.api.read(crd) or {}).get("status", {}).get("conditions") or []
        return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)

    def _kserve_settings(self, folder: Path) -> Object:
        (shipped,) = (item for path in (folder / "kserve/config").iterdir() for item in _documents(path))
        data = {key: value for key, value in shipped["data"].items() if key != "_example"}
        for key, values in KSERVE_SETTINGS.items():
            data[key] = json.dumps({**json.loads(data.get(key, "{}")), **values})
        return _config_map("inferenceservice-config", "kserve", data)

    def _install_webhooks(self, path: Path, port: int) -> None:
        for hooks in _documents(path):
            hooks["metadata"] = {"name": hooks["metadata"]["name"]}
            for hook in hooks["webhooks"]:
                service = hook["clientConfig"].pop("service")
                hook["clientConfig"] = self._client(f"https://127.0.0.1:{port}{service['path']}")
            self.api.apply(hooks, strict=False)

    def _client(self, url: str) -> Mapping[str, str]:
        """How the API server calls a webhook."""
        return {"url": url, "caBundle": base64.b64encode(self.authority).decode()}


def documents(text: str | bytes) -> list[Object]:
    """The objects of a YAML stream."""
    return [item for item in yaml.load_all(text, Loader=yaml.CSafeLoader) if item]


def _documents(path: Path) -> list[Object]:
    return documents(path.read_bytes())


def _config_map(name: str, namespace: str, data: Mapping[str, str]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": dict(data),
    }
