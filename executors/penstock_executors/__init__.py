"""Backends that execute actions."""
