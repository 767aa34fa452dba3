"""The service among the real others: from submitted runs to results, through restarts, takeovers and broken links."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any, cast

import grpc.aio
import pytest
from penstock_action_service.errors import BadWorker, NameTaken, NotOwner, SessionClosed, UnknownPool
from penstock_action_service.pool import reconciliation
from penstock_action_service.pool.core import Pool
from penstock_action_service.shell import pool_host, sessions
from penstock_proto.action_service.v1 import service_pb2 as api
from penstock_proto.action_service.v1 import service_pb2_grpc, worker_pb2_grpc
from penstock_proto.action_service.v1.worker_pb2 import ConnectRequest, Grant, Heartbeat, Register, Reports
from penstock_proto.plan.v1 import plan_pb2 as pl
from penstock_proto.plan.v1.plan_pb2 import Resources
from penstock_proto.state_tracker.v1.events_pb2 import RUN_STATE_CANCELLED, RUN_STATE_FAILED, RUN_STATE_SUCCEEDED
from penstock_proto.state_tracker.v1.reports_pb2 import Report
from penstock_proto.state_tracker.v1.service_pb2 import CancelRequest
from penstock_service import channels

from tests.action_service.world import FakeWorker, World, connected, until, world
from tests.state_tracker.running import CALLER, SHARDS, chain, new_id, wide
from tests.streams import MakeStream


@pytest.fixture
async def services(database_url: str, make_stream: MakeStream) -> AsyncIterator[World]:
    async with world(database_url, make_stream(SHARDS)) as running:
        yield running


async def test_a_chain_runs_and_each_node_gets_its_parents_values(services: World) -> None:
    async with services.action_service() as service:
        worker = FakeWorker()
        worker.connect(service)
        run_id = await services.run(chain(6))
        assert await services.state(run_id) == RUN_STATE_SUCCEEDED
        assert [grant.node for grant in worker.grants] == list(range(6))
        for grant in worker.grants[1:]:
            assert [entry.node for entry in grant.inputs] == [grant.node - 1]
            assert grant.inputs[0].values.values[0].inline == str(grant.node - 1).encode()
        await until(lambda: not worker.unrecorded)


async def test_inputs_of_the_run_are_read_from_the_log(services: World) -> None:
    async with services.action_service() as service:
        worker = FakeWorker()
        worker.connect(service)
        run_id = await services.run(with_inputs(), n="7")
        assert await services.state(run_id) == RUN_STATE_SUCCEEDED
        (grant,) = worker.grants
        assert [entry.node for entry in grant.inputs] == [-1]
        assert grant.inputs[0].values.values[0].inline == b"7"


async def test_what_is_taken_in_steps_runs_once_also_over_a_take_over(
    services: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pool, "STEP", 3)
    worker = FakeWorker(cpus=4, holds=lambda grant: True)
    async with services.action_service("as-1") as service, connected(worker, service):
        run_id = await services.run(wide(40))
        await until(lambda: len(worker.held) == 4)
    worker.holds = lambda grant: False
    async with services.action_service("as-2") as service, connected(worker, service):
        for grant in list(worker.held):
            worker.finish(grant)
        assert await services.state(run_id) == RUN_STATE_SUCCEEDED
    assert sorted(grant.node for grant in worker.grants) == list(range(40))


async def test_a_grant_that_no_message_carries_fails_its_node_alone(
    services: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_host, "GRANT_BYTES_MAX", 10)
    async with services.action_service() as service:
        worker = FakeWorker()
        worker.connect(service)
        plan = chain(2, retries=3)
        assert await services.state(await services.run(plan)) == RUN_STATE_FAILED
        assert [(grant.node, grant.attempt) for grant in worker.grants] == [(0, 1)]
        assert not worker.closed.is_set()


async def test_many_runs(services: World) -> None:
    async with services.action_service() as service:
        workers = [FakeWorker(f"w{number}") for number in range(3)]
        for worker in workers:
            worker.connect(service)
        runs = [await services.run(wide(20)) for _ in range(10)]
        for run_id in runs:
            assert await services.state(run_id) == RUN_STATE_SUCCEEDED
        grants = [grant.grant for worker in workers for grant in worker.grants]
        assert len(grants) == len(set(grants)) == 200


async def test_cancelling_stops_what_runs(services: World) -> None:
    async with services.action_service() as service:
        worker = FakeWorker(cpus=1, holds=lambda grant: True)
        worker.connect(service)
        run_id = await services.run(wide(3))
        await until(lambda: len(worker.held) == 1)
        await services.tracker.stub.Cancel(CancelRequest(run_id=run_id, caller=CALLER))
        assert await services.state(run_id) == RUN_STATE_CANCELLED
        await until(lambda: worker.stopped)
        await until(lambda: not worker.unrecorded)
        assert len(worker.grants) == 1


async def test_a_restarted_service_adopts_what_runs(services: World) -> None:
    worker = FakeWorker(holds=lambda grant: True)
    async with services.action_service() as service:
        first_epoch = service.hosts["default"].epoch
        worker.connect(service)
        run_id = await services.run(chain(2))
        await until(lambda: worker.held)
    assert worker.closed.is_set()
    async with services.action_service() as service:
        assert service.hosts["default"].epoch == first_epoch + 1
        worker.connect(service)
        await service.wait_loaded()
        worker.finish(worker.grants[0].grant)
        await until(lambda: worker.held)
        worker.finish(worker.grants[1].grant)
        assert await services.state(run_id) == RUN_STATE_SUCCEEDED
        assert [grant.node for grant in worker.grants] == [0, 1]
        await until(lambda: not worker.unrecorded)


async def test_a_dead_worker_is_lost_and_its_actions_run_again(services: World) -> None:
    async with services.action_service() as service:
        dead = FakeWorker("dead", holds=lambda grant: True)
        dead.connect(service)
        run_id = await services.run(chain(2))
        await until(lambda: dead.held)
        again = FakeWorker("dead")
        again.incarnation = "2"
        dead.session.close()  # as when its process ends
        again.connect(service)
        assert dead.closed.is_set()
        assert await services.state(run_id) == RUN_STATE_SUCCEEDED
        assert [(grant.node, grant.attempt) for grant in again.grants] == [(0, 2), (1, 1)]


async def test_a_living_worker_keeps_its_name(services: World) -> None:
    async with services.action_service(worker_lease_s=3.0) as service:
        first = FakeWorker("box", holds=lambda grant: True)
        async with connected(first, service):
            run_id = await services.run(chain(1))
            await until(lambda: first.held)
            second = FakeWorker("box")
            second.incarnation, second.host = "2", "there:22"
            with pytest.raises(NameTaken, match=r"'box' is already connected to pool 'default'.*here:11.*--name"):
                second.connect(service)
            assert not first.closed.is_set()
            first.finish(next(iter(first.held)))
            assert await services.state(run_id) == RUN_STATE_SUCCEEDED
        assert [(grant.node, grant.attempt) for grant in first.grants] == [(0, 1)]


async def test_a_name_is_free_once_its_worker_has_missed_two_heartbeats(services: World) -> None:
    async with services.action_service(worker_lease_s=3.0) as service:
        cut_off = FakeWorker("box", holds=lambda grant: True)
        cut_off.connect(service)
        run_id = await services.run(chain(1))
        await until(lambda: cut_off.held)
        again = FakeWorker("box")
        again.incarnation = "2"
        with pytest.raises(NameTaken) as refused:
            again.connect(service)
        (_, wait_s) = refused.value.trailers[0]
        assert float(wait_s) <= 2.0
        await asyncio.sleep(float(wait_s))
        again.connect(service)
        assert cut_off.closed.is_set()
        async with again.alive(service):
            assert await services.state(run_id) == RUN_STATE_SUCCEEDED


async def test_a_silent_worker_is_lost_after_its_lease(services: World) -> None:
    async with services.action_service(worker_lease_s=0.5) as service:
        await service.wait_loaded()
        silent = FakeWorker("silent", holds=lambda grant: True)
        silent.connect(service)
        async with silent.alive(service):
            run_id = await services.run(chain(1))
            await until(lambda: silent.held)
        await until(lambda: not service.hosts["default"].core.knows("silent"))
        with pytest.raises(SessionClosed):
            for _ in range(2):  # the first one after the lease ends the session
                silent.session.heartbeat()
        assert silent.closed.is_set()
        silent.holds = lambda grant: False
        async with silent.alive(service):
            assert await services.state(run_id) == RUN_STATE_SUCCEEDED
        assert silent.grants[0].grant in silent.stopped


async def test_lost_reports_are_sent_again_by_call(services: World) -> None:
    async with services.action_service() as service:
        worker = FakeWorker()
        worker.connect(service)
        services.tracker.stream.publish = lambda topic, messages: None  # type: ignore[method-assign]
        run_id = await services.run(chain(2))
        assert await services.state(run_id) == RUN_STATE_SUCCEEDED
        await until(lambda: not worker.unrecorded)


async def test_only_one_owns_a_pool_and_the_other_says_who(services: World) -> None:
    async with services.action_service("as-1") as first, services.action_service("as-2") as second:
        with pytest.raises(NotOwner) as caught:
            FakeWorker().connect(second)
        assert caught.value.address == first.address
        await first.stop()
        await until(lambda: "default" in second.hosts)
        worker = FakeWorker()
        worker.connect(second)
        assert await services.state(await services.run(chain(2))) == RUN_STATE_SUCCEEDED


async def test_what_runs_is_not_granted_to_another_after_a_failover_that_the_log_did_not_foresee(
    services: World,
) -> None:
    runs = FakeWorker("runs", holds=lambda grant: True)
    async with services.action_service("as-1", worker_lease_s=5.0) as first, connected(runs, first):
        run_id = await services.run(chain(1))
        await until(lambda: runs.held)
        await until(lambda: first.noted_workers("default") == {"runs"})
    async with services.action_service("as-2", worker_lease_s=5.0) as second:
        other = FakeWorker("other")
        await until(lambda: "default" in second.hosts)
        async with connected(other, second):
            await second.wait_loaded()
            await until(lambda: second.hosts["default"].core.summary().delayed == 1)
            async with connected(runs, second):
                runs.finish(next(iter(runs.held)))
                assert await services.state(run_id) == RUN_STATE_SUCCEEDED
        assert not other.grants and len(runs.grants) == 1


async def test_a_new_owner_waits_for_a_dependency_manager_that_is_behind(
    services: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "penstock_stream.follower")
    worker = FakeWorker(holds=lambda grant: grant.node == 0)
    async with services.action_service("as-1") as first, connected(worker, first):
        run_id = await services.run(chain(2))
        await until(lambda: worker.held)
        async with services.manager_that_stands_still() as behind:
            worker.finish(next(iter(worker.held)))
            assert await services.state(run_id) == RUN_STATE_SUCCEEDED
            await until(lambda: not worker.unrecorded)
            await first.stop()
            worker.holds = lambda grant: False
            async with services.action_service("as-2", dependency_managers=[behind.address]) as second:
                await until(lambda: "default" in second.hosts)
                worker.connect(second)
                await until(lambda: "a Dependency Manager has read shard" in caplog.text)
                behind.go_on()
                await second.wait_loaded()
                assert await services.state(await services.run(chain(1))) == RUN_STATE_SUCCEEDED
    assert [(grant.run_id == run_id, grant.node) for grant in worker.grants] == [(True, 0), (True, 1), (False, 0)]


async def test_workers_that_make_no_sense_are_refused(services: World) -> None:
    async with services.action_service() as service:
        for register in (
            Register(worker="", incarnation="1"),
            Register(worker="w", incarnation=""),
            Register(worker="w", incarnation="1", capacity=Resources(cpu_milli=-1)),
            Register(worker="w", incarnation="1", capacity=Resources(memory_bytes=2**62)),
            Register(worker="w", incarnation="1", capacity=Resources(labels={"key": "x" * 2_000})),
            Register(worker="w", incarnation="1", host="x" * 2_000),
            Register(worker="w", incarnation="1", held=[held_grant(timeout_s=float("nan"))]),
            Register(worker="w", incarnation="1", held=[held_grant(resources=Resources(memory_bytes=2**62))]),
            Register(worker="w", incarnation="1", held=[held_grant(resources=Resources(gpu=-1))]),
            Register(worker="w", incarnation="1", held=[held_grant(item=[0] * 1_000)]),
        ):
            with pytest.raises(BadWorker):
                service.connect(register, lambda orders: None)
        with pytest.raises(UnknownPool):
            service.connect(Register(worker="w", incarnation="1", pool="other"), lambda orders: None)


def held_grant(**fields: Any) -> Grant:
    return Grant(grant=1, run_id=new_id(), attempt=1, **fields)


async def test_workers_of_the_largest_capacity_leave_room_for_others(services: World) -> None:
    async with services.action_service() as service, channels.open_channel(service.address) as channel:
        largest = Resources(cpu_milli=2**31 - 1, gpu=2**31 - 1, memory_bytes=sessions.AMOUNT_MAX)
        many = [FakeWorker(f"large-{number}", holds=lambda grant: True) for number in range(3)]
        for worker in many:
            worker.capacity = largest
            worker.connect(service)
        async with connected(FakeWorker("plain"), service):
            stub: Any = cast(Any, service_pb2_grpc).ActionServiceStub(channel)
            (pool,) = (await stub.ListPools(api.ListPoolsRequest())).pools
            assert (pool.workers, pool.capacity.cpu_milli) == (4, 2**31 - 1)
            for worker in many:
                worker.session.leave()
            assert await services.state(await services.run(chain(2))) == RUN_STATE_SUCCEEDED


async def test_a_registration_that_fails_leaves_nothing_behind(
    services: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with services.action_service() as service:

        def broken(*_: object, **__: object) -> None:
            raise OverflowError("the number is too large")

        with monkeypatch.context() as patch:
            patch.setattr(reconciliation, "_adopt_held", broken)
            bad = FakeWorker("bad")
            bad.held = {1: held_grant()}
            with pytest.raises(OverflowError):
                bad.connect(service)
        assert not service.hosts["default"].core.knows("bad") and not service.hosts["default"].sessions
        FakeWorker("good").connect(service)
        assert await services.state(await services.run(chain(2))) == RUN_STATE_SUCCEEDED


async def test_reports_about_others_are_refused(services: World) -> None:
    async with services.action_service() as service:
        honest = FakeWorker("honest", holds=lambda grant: True)
        honest.connect(service)
        run_id = await services.run(chain(1))
        await until(lambda: honest.held)
        liar = FakeWorker("liar")
        liar.connect(service)
        (grant,) = honest.held.values()
        liar.session.reports([forged(grant, "honest")])
        assert liar.session.refused == 1
        honest.finish(grant.grant)
        assert await services.state(run_id) == RUN_STATE_SUCCEEDED


class Remote(FakeWorker):
    """A worker at the other end of gRPC."""

    async def serve(self, address: str, end: asyncio.Event) -> None:
        async with channels.open_channel(address) as channel:
            stub: Any = cast(Any, worker_pb2_grpc).WorkerServiceStub(channel)
            call = stub.Connect()
            await call.write(ConnectRequest(register=self.register()))
            welcome = await call.read()
            assert welcome.welcome.epoch > 0
            reader = asyncio.create_task(self._read(call))
            await end.wait()
            await call.done_writing()
            await reader

    async def _read(self, call: Any) -> None:
        try:
            while (response := await call.read()) is not grpc.aio.EOF:
                reports = self.carry_out(response.orders)
                await call.write(ConnectRequest(heartbeat=Heartbeat()))
                if reports:
                    await call.write(ConnectRequest(reports=Reports(reports=reports)))
        except grpc.aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.ABORTED


async def test_a_remote_worker(services: World) -> None:
    async with services.action_service() as service:
        worker, end = Remote("far"), asyncio.Event()
        serving = asyncio.create_task(worker.serve(service.address, end))
        assert await services.state(await services.run(wide(30))) == RUN_STATE_SUCCEEDED
        await until(lambda: not worker.unrecorded)
        end.set()
        await serving
        await until(lambda: not service.hosts["default"].sessions)


@pytest.mark.parametrize("request_", [ConnectRequest(heartbeat=Heartbeat()), ConnectRequest(register=Register())])
async def test_a_remote_worker_that_does_not_register(services: World, request_: ConnectRequest) -> None:
    async with services.action_service() as service, channels.open_channel(service.address) as channel:
        call = cast(Any, worker_pb2_grpc).WorkerServiceStub(channel).Connect(iter([request_]))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in call:
                pass
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_what_people_may_ask(services: World) -> None:
    async with services.action_service() as service, channels.open_channel(service.address) as channel:
        stub: Any = cast(Any, service_pb2_grpc).ActionServiceStub(channel)
        run_id = await services.run(wide(3))
        await service.wait_loaded()
        await until(lambda: service.hosts["default"].core.summary().queued == 3)
        lines = (await stub.Why(api.WhyRequest(run_id=run_id))).lines
        assert [line.text for line in lines] == ["pool default has no worker"] * 3
        worker = FakeWorker(cpus=1, holds=lambda grant: True)
        worker.connect(service)
        await until(lambda: worker.held)
        lines = (await stub.Why(api.WhyRequest(run_id=run_id))).lines
        assert sorted(line.text for line in lines)[-1] == "runs on worker w1"
        (pool,) = (await stub.ListPools(api.ListPoolsRequest())).pools
        assert (pool.queued, pool.granted, pool.workers, pool.used.cpu_milli) == (2, 1, 1, 1000)
        (listed,) = (await stub.ListWorkers(api.ListWorkersRequest())).workers
        assert (listed.worker, listed.actions) == ("w1", 1)
        assert not (await stub.Why(api.WhyRequest(run_id=new_id()))).lines


def with_inputs() -> bytes:
    plan = pl.Plan.FromString(chain(1, inputs=True))
    plan.operators[0].inputs.add(name="n", type=0)
    plan.nodes[0].arguments.append(pl.Argument(name="n", value=pl.Expr(input=0)))
    return plan.SerializeToString()


def forged(grant: Grant, worker: str) -> Report:
    report = Report(run_id=grant.run_id, node=0, attempt=1, grant=grant.grant, worker=worker)
    report.failed.final = True
    return report
