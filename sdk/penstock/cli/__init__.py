"""The command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command that was typed, and exit with its code."""
    from .app import execute

    sys.exit(execute(sys.argv[1:]))
