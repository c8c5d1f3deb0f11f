"""An environment for what is imported: no facts but those without which nothing is rendered."""

from __future__ import annotations

LAB = """\
version: 1
release: rhoai-2.25
cluster: {name: lab, appsDomain: apps.lab.example.org}
platforms: {serverless: true, modelMesh: true, rawServiceConfig: Headed}
sizes: {Small: {requests: {cpu: "1", memory: 4Gi}, limits: {cpu: "2", memory: 8Gi}}}
accelerators: {gpu: {identifier: nvidia.com/gpu}}
secrets: {provider: existing}
namespaces: external
argocd: {namespace: openshift-gitops, repoURL: "https://git.example.org/acme/models.git", revision: main,
  version: "2.14", prune: false}
"""
