"""Fixtures that every member's tests may ask for."""

import os
import secrets

# Read when gRPC is loaded. Tests start Postgres while channels are open, as root by a fork, and what gRPC does in a
# forked process before that becomes another program may never end.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

from hypothesis import HealthCheck, settings

from tests.kafka import broker
from tests.postgres import database_url, empty_database_url, pool, postgres, template
from tests.streams import make_stream

__all__ = ["broker", "database_url", "empty_database_url", "make_stream", "pool", "postgres", "template"]

# Of the simulation's fresh seeds: drawn once, for all processes that share the tests, and printed, so that a failure
# can be repeated.
FIRST_SEED = "PENSTOCK_TESTS_FIRST_SEED"
os.environ.setdefault(FIRST_SEED, str(secrets.randbelow(10**9)))

# A busy machine makes an example slow, not wrong.
settings.register_profile("penstock", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("penstock")


def pytest_report_header() -> str:
    """Name the fresh seeds; `PENSTOCK_TESTS_FIRST_SEED=n make test` runs the same again."""
    return f"simulation: fresh seeds from {os.environ[FIRST_SEED]}"
