"""Any Kubernetes object: reading and writing YAML, quantities, patches, names and schemas.

Nothing here knows OpenShift AI."""
