"""Immutable values by the hash of their bytes, and operators' output."""
