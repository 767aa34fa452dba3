"""Fixtures that every member's tests may ask for."""

from hypothesis import HealthCheck, settings

from tests.kafka import broker
from tests.postgres import database_url, empty_database_url, pool, postgres, template
from tests.streams import make_stream

__all__ = ["broker", "database_url", "empty_database_url", "make_stream", "pool", "postgres", "template"]

# A busy machine makes an example slow, not wrong.
settings.register_profile("penstock", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("penstock")
