"""One broker for the tests of this folder; each test has topics of its own."""

from collections.abc import Iterator

import pytest

from tests.kafka import kafka


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    with kafka() as address:
        yield address
