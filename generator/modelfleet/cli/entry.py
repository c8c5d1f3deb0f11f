"""Where the program begins: so little that an interrupt during the imports ends it as any other does."""

from __future__ import annotations


def start() -> None:
    """Runs the command line."""
    try:
        from modelfleet.cli.main import main

        main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
