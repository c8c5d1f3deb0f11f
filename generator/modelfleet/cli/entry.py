"""Where the program begins: so little that an interrupt during the imports ends it as any other does."""

from __future__ import annotations

import os
import sys


def start() -> None:
    """Runs the command line."""
    try:
        if sys.argv[1:] == ["--version"] and _version_is_said():
            return
        if "_MODELFLEET_COMPLETE" in os.environ and _names_are_completed():
            return
        from modelfleet.patterns import lazy_patterns

        with lazy_patterns():
            from modelfleet.cli.main import main

        main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _version_is_said() -> bool:
    """Editors and hooks ask for the version alone at each start, so it is said without the command line where that works."""
    from modelfleet import __version__

    try:
        os.write(1, f"modelfleet, version {__version__}\n".encode())
    except OSError:  # closed, or nobody reads: the command line says what there is to say
        return False
    return True


def _names_are_completed() -> bool:
    from modelfleet.cli.completion import completed

    text = completed()
    if text is None:
        return False
    try:
        os.write(1, text.encode())
    except OSError:
        return False
    return True
