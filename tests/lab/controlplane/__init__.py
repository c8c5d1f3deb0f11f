"""A Kubernetes control plane, KServe and Argo CD as programs: built, started, asked and stopped."""
