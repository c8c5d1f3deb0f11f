"""modelfleet: model serving on OpenShift AI as reviewed code."""

__version__ = "0.1.0"
