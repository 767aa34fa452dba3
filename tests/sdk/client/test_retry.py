"""Which failures of a call are asked again, and which are told."""

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata
from penstock.client import Refused, Unreachable
from penstock.client.connection import LOST_STATUS, Retry

ADDRESS = "127.0.0.1:1"


def failed(code: grpc.StatusCode, details: str) -> AioRpcError:
    return AioRpcError(code, Metadata(), Metadata(), details)


async def test_a_connection_that_broke_during_a_write_is_asked_again() -> None:
    retry = Retry(ADDRESS, 60.0)
    await retry.wait_after(failed(grpc.StatusCode.INTERNAL, LOST_STATUS))
    await retry.wait_after(failed(grpc.StatusCode.UNAVAILABLE, "Connection refused"))


async def test_who_cannot_be_reached_for_long_enough_is_given_up() -> None:
    with pytest.raises(Unreachable):
        await Retry(ADDRESS, 0.0).wait_after(failed(grpc.StatusCode.INTERNAL, LOST_STATUS))


async def test_an_error_of_the_service_is_told() -> None:
    with pytest.raises(Refused, match="see the log of the service"):
        await Retry(ADDRESS, 60.0).wait_after(
            failed(grpc.StatusCode.INTERNAL, "internal error 7: see the log of the service")
        )
