"""The gRPC edge: health, reflection, errors, ports."""

import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from penstock_proto.state_tracker.v1 import service_pb2, service_pb2_grpc
from penstock_service import channels, grpc_server
from penstock_service.answers import Answer
from penstock_service.errors import PortInUse
from penstock_stream.errors import UpstreamAway
from penstock_stream.upstreams import StateTrackerUpstream

SERVICE = "penstock.state_tracker.v1.StateTrackerService"


class Refused(Answer):
    status = "FAILED_PRECONDITION"
    trailers = (("penstock-owner", "127.0.0.1:9"),)

    def __init__(self) -> None:
        super().__init__("shard 3 has another owner")


class Fake(service_pb2_grpc.StateTrackerServiceServicer):
    """One method for each way in which a call can end."""

    async def Heads(self, request: Any, context: Any) -> Any:
        return service_pb2.HeadsResponse(heads=[service_pb2.Head(shard=1, epoch=2, seq=3)])

    async def GetRun(self, request: Any, context: Any) -> Any:
        raise Refused

    async def Cancel(self, request: Any, context: Any) -> Any:
        raise ValueError("a secret of the inside")

    async def Read(self, request: Any, context: Any) -> AsyncIterator[Any]:
        yield service_pb2.ReadResponse()
        raise Refused

    async def Info(self, request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.NOT_FOUND, "said by the method itself")


@pytest.fixture
async def server() -> AsyncIterator[grpc_server.Server]:
    server = grpc_server.server()
    service_pb2_grpc.add_StateTrackerServiceServicer_to_server(Fake(), server.grpc)
    server.serves(SERVICE)
    await server.start()
    yield server
    await server.stop(0)


@pytest.fixture
async def channel(server: grpc_server.Server) -> AsyncIterator[grpc.aio.Channel]:
    async with channels.open_channel(server.address) as channel:
        yield channel


async def test_it_is_healthy_once_ready(server: grpc_server.Server, channel: grpc.aio.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    request = health_pb2.HealthCheckRequest(service=SERVICE)
    assert (await stub.Check(request)).status == health_pb2.HealthCheckResponse.NOT_SERVING
    watch = stub.Watch(request)
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
    await server.set_serving()
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()
    assert (await stub.Check(request)).status == health_pb2.HealthCheckResponse.SERVING


async def test_it_lists_its_services(channel: grpc.aio.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    answer = await call.read()
    names = {service.name for service in answer.list_services_response.service}
    assert {SERVICE, "grpc.health.v1.Health"} <= names


async def test_its_own_errors_are_answered_as_they_say(channel: grpc.aio.Channel) -> None:
    stub = service_pb2_grpc.StateTrackerServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.GetRun(service_pb2.GetRunRequest())
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert refused.value.details() == "shard 3 has another owner"
    assert ("penstock-owner", "127.0.0.1:9") in list(refused.value.trailing_metadata() or ())
    call = stub.Read(service_pb2.ReadRequest())
    assert await call.read() == service_pb2.ReadResponse()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call.read()
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_what_is_unexpected_shows_no_internals(
    channel: grpc.aio.Channel, caplog: pytest.LogCaptureFixture
) -> None:
    stub = service_pb2_grpc.StateTrackerServiceStub(channel)
    with caplog.at_level(logging.ERROR), pytest.raises(grpc.aio.AioRpcError) as failed:
        await stub.Cancel(service_pb2.CancelRequest())
    assert failed.value.code() is grpc.StatusCode.INTERNAL
    detail = failed.value.details() or ""
    assert "secret" not in detail and "internal error" in detail
    assert "a secret of the inside" in caplog.text and detail.split()[2].rstrip(":") in caplog.text


async def test_an_abort_by_the_method_stands(channel: grpc.aio.Channel) -> None:
    stub = service_pb2_grpc.StateTrackerServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await stub.Info(service_pb2.InfoRequest())
    assert failed.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_method_that_is_not_there(channel: grpc.aio.Channel) -> None:
    stub = service_pb2_grpc.StateTrackerServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await stub.Submit(service_pb2.SubmitRequest())
    assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_port_in_use_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = grpc_server.server(grpc_server.ServerOptions(port=port))
        with pytest.raises(PortInUse, match=f"127.0.0.1:{port}: the port is in use"):
            await server.start()
        await server.stop(0)


async def test_followers_read_over_it(channel: grpc.aio.Channel, server: grpc_server.Server) -> None:
    upstream = StateTrackerUpstream(channel, server.address)
    assert await upstream.heads() == [(1, 2, 3)]
    with pytest.raises(UpstreamAway, match="FAILED_PRECONDITION"):
        [batch async for batch in upstream.read(1, 0)]
