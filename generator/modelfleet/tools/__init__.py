"""Programs of others: starts them, installs kustomize and kubeconform, and prepares the schemas that they need."""
