"""modelfleet: model serving on OpenShift AI as reviewed code."""

from __future__ import annotations

__version__ = "0.1.0"
