"""The user of this process, by the operating system."""

from __future__ import annotations

import getpass


def user_name() -> str:
    """Return the user's login name; "unknown" if there is none, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
