"""The built site is opened by `make test-site` alone: without `-m browser` its tests are deselected."""

from __future__ import annotations

from pathlib import Path

import pytest

_HERE = Path(__file__).with_name("test_site.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks the tests that need a browser, and leaves them out where they are not asked for."""
    ours = [item for item in items if item.path == _HERE]
    for item in ours:
        item.add_marker(pytest.mark.browser)
    if ours and "browser" not in config.option.markexpr:
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item.path != _HERE]
