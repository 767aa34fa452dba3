"""One running stack with its REST API, for all tests of the gateway in a process."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.gateway.programs import Programs
from tests.system.conftest import Served, make_data

__all__ = ["make_data"]


@pytest.fixture(scope="session")
def rest_stack(make_data: Callable[[], Path]) -> Iterator[Served]:
    served = Served(make_data(), "--cpu", "2", "--http-port", "0")
    served.start()
    yield served
    served.stop()


@pytest.fixture(scope="session")
def url(rest_stack: Served) -> str:
    """Of the REST API, with its version."""
    return rest_stack.log().split("REST API on ")[1].split()[0]


@pytest.fixture(scope="session")
def rest(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=60.0, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def programs(rest_stack: Served, rest: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return Programs(rest_stack.address, rest, tmp_path_factory.mktemp("programs"))
