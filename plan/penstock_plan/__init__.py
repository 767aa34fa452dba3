"""The compiled workflow: types, validation, graph."""

import hashlib

from .graph import PlanGraph


def plan_hash(data: bytes) -> bytes:
    """The plan's name: SHA-256 of its bytes as they arrived, 32 bytes."""
    return hashlib.sha256(data).digest()


__all__ = ["PlanGraph", "plan_hash"]
