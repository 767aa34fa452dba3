"""Fixtures that every member's tests may ask for."""

from tests.postgres import database_url, empty_database_url, pool, postgres, template

__all__ = ["database_url", "empty_database_url", "pool", "postgres", "template"]
