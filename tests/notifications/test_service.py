"""The notifications service with a real State Tracker and Postgres, and real receivers."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from penstock_notifications.app import Notifications
from penstock_notifications.core import attempts
from penstock_notifications.settings import Sending
from penstock_notifications.targets.addresses import resolve
from penstock_proto.notifications.v1 import service_pb2 as api
from penstock_proto.notifications.v1 import service_pb2_grpc
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as st
from penstock_service import channels, grpc_server
from penstock_service.database import Database
from standardwebhooks import Webhook, WebhookVerificationError

from tests.notifications.receivers import Mailbox, Receiver, certificate, mail_server, receiving
from tests.state_tracker.running import (
    CALLER,
    SHARDS,
    Running,
    chain,
    failed,
    new_id,
    request,
    running,
    status,
    succeeded,
    wide,
)
from tests.waiting import WAIT_S

ALL = [api.KIND_SUCCEEDED, api.KIND_FAILED, api.KIND_CANCELLED]
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
LOCAL: dict[str, Any] = {"notify_networks": "127.0.0.0/8"}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "FIRST_DELAY_S", 0.05)
    monkeypatch.setattr(attempts, "FACTOR", 1.0)
    monkeypatch.setenv("PENSTOCK_SECRET_HOOKS", SECRET)


@asynccontextmanager
async def notifications(
    tracker: Running, url: str, resolve: Callable[[str, int], Awaitable[Sequence[str]]] = resolve, **settings: Any
) -> AsyncGenerator[Any]:
    """Run a notifications service; yield its stub."""
    one = Notifications(
        tracker.stream,
        database_url=url,
        state_trackers=[tracker.server.address],
        shards=range(SHARDS),
        sending=Sending(**(LOCAL | settings)),
        resolve=resolve,
    )
    server = grpc_server.server(grpc_server.ServerOptions(host="127.0.0.1", port=0))
    one.register(server)
    await one.start()
    await server.start()
    await until(lambda: one.is_ready)
    generated: Any = service_pb2_grpc
    try:
        async with channels.open_channel(server.address) as channel:
            yield generated.NotificationsServiceStub(channel)
    finally:
        await server.stop()
        await one.stop()


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not (found := holds()) or (asyncio.iscoroutine(found) and not await found):
            await asyncio.sleep(0.02)


async def put_channel(stub: Any, name: str, **target: Any) -> api.PutChannelResponse:
    return await stub.PutChannel(api.PutChannelRequest(channel=api.Channel(name=name, **target), caller=CALLER))


async def put_hook(stub: Any, name: str, port: int, secret: str = "") -> None:
    await put_channel(stub, name, webhook=api.Webhook(url=f"http://127.0.0.1:{port}/hook", secret=secret))


async def put_rule(stub: Any, name: str, channel: str, kinds: Sequence[Any] = ALL, **limits: str) -> None:
    await stub.PutRule(
        api.PutRuleRequest(rule=api.Rule(name=name, channel=channel, kinds=kinds, **limits), caller=CALLER)
    )


async def listed(stub: Any, **wanted: Any) -> list[api.Delivery]:
    return list((await stub.ListDeliveries(api.ListDeliveriesRequest(**wanted))).deliveries)


async def wait_listed(stub: Any, holds: Callable[[list[api.Delivery]], bool], **wanted: Any) -> list[api.Delivery]:
    """Wait until the list of deliveries is as it should be; return it."""
    async with asyncio.timeout(WAIT_S):
        while not holds(found := await listed(stub, **wanted)):
            await asyncio.sleep(0.05)
    return found


async def end_run(tracker: Running, plan: bytes, **options: Any) -> bytes:
    """A run of one node that succeeds."""
    run_id = new_id()
    asked = request(plan, run_id)
    asked.options.CopyFrom(ev.RunOptions(**options))
    await tracker.stub.Submit(asked)
    await tracker.report(succeeded(run_id, 0))
    return run_id


def refused(stub_call: Any) -> Any:
    return pytest.raises(grpc.aio.AioRpcError, match=stub_call)


async def test_rules_and_runs_tell_and_signatures_hold(database_url: str) -> None:
    async with (
        running(database_url) as tracker,
        receiving() as ops,
        receiving() as mine,
        notifications(tracker, database_url) as stub,
    ):
        plan, other = wide(1), wide(1, name="shop:train")
        await tracker.put(plan)
        await tracker.put(other)
        await put_hook(stub, "ops", ops.port, "hooks")
        await put_hook(stub, "mine", mine.port)
        await put_rule(stub, "failures", "ops", [api.KIND_FAILED, api.KIND_CANCELLED], workflow="shop:train")
        good = await end_run(tracker, plan, notify=["mine"], labels={"ticket": "42"})
        bad = (await tracker.submit(other)).run_id
        await tracker.report(failed(bad, 0, final=True))
        quiet = await end_run(tracker, other)
        stopped = (await tracker.submit(other)).run_id
        await tracker.stub.Cancel(st.CancelRequest(run_id=stopped, caller=CALLER, reason="wrong data"))
        await until(lambda: len(ops.got) == 2 and len(mine.got) == 1)
        headers, body = mine.got[0]
        said = json.loads(body)
        assert headers[":request"] == "POST /hook HTTP/1.1" and "webhook-signature" not in headers
        assert said["type"] == "run.succeeded" and bytes.fromhex(said["data"]["run"].replace("-", "")) == good
        assert said["data"]["labels"] == {"ticket": "42"} and said["data"]["user"] == "ada"
        told: dict[str, Any] = {}
        for headers, body in ops.got:
            names = ("webhook-id", "webhook-timestamp", "webhook-signature")
            message = Webhook(SECRET).verify(body, {name: headers[name] for name in names})
            told[message["type"]] = message["data"]
            with pytest.raises(WebhookVerificationError):
                Webhook(SECRET).verify(body + b" ", {name: headers[name] for name in names})
        assert told["run.failed"]["failure"] == {"node": "n0", "message": "ValueError: no"}
        assert told["run.cancelled"]["reason"] == "wrong data"
        found = await wait_listed(stub, lambda rows: all(row.state == api.DELIVERY_STATE_DELIVERED for row in rows))
        assert {row.run_id for row in found} == {good, bad, stopped} and quiet not in {row.run_id for row in found}
        assert {row.rule for row in found} == {"failures", ""} and {row.id for row in found} == {*ops.ids, *mine.ids}
        assert all(row.attempts == 1 and row.tried_at_us and not row.due_at_us for row in found)
        pages: list[str] = []
        asked = api.ListDeliveriesRequest(page_size=2)
        while True:
            answer = await stub.ListDeliveries(asked)
            pages += [row.id for row in answer.deliveries]
            if not answer.next_page_token:
                break
            asked.page_token = answer.next_page_token
        assert pages == [row.id for row in found]
        asked.channel = "ops"
        with refused("another question"):
            await stub.ListDeliveries(asked)
        assert [row.run_id for row in await listed(stub, run_id=bad)] == [bad]


async def test_a_receiver_that_is_away_gets_the_same_message_later(database_url: str) -> None:
    async with running(database_url) as tracker, notifications(tracker, database_url) as stub:
        plan = wide(1)
        await tracker.put(plan)
        async with receiving() as gone:
            port = gone.port
        await put_hook(stub, "ops", port, "hooks")
        await put_rule(stub, "all", "ops")
        await end_run(tracker, plan)
        (row,) = await wait_listed(stub, lambda rows: bool(rows) and rows[0].attempts >= 3)
        assert row.state == api.DELIVERY_STATE_WAITING and "cannot be reached" in row.error and row.due_at_us
        refusing = Receiver(
            lambda one: b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % (503 if len(one.got) < 3 else 200)
        )
        async with receiving(refusing, port=port) as back:
            await wait_listed(stub, lambda rows: rows[0].state == api.DELIVERY_STATE_DELIVERED)
            assert back.ids == [row.id] * 3 and len({body for _, body in back.got}) == 1
            assert len({headers["webhook-timestamp"] for headers, _ in back.got}) >= 1


async def test_a_dead_letter_is_seen_and_tried_again(database_url: str) -> None:
    async with (
        running(database_url) as tracker,
        receiving(Receiver(lambda _: b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")) as ops,
        notifications(tracker, database_url, notify_retry_s=0.3) as stub,
    ):
        plan = wide(1)
        await tracker.put(plan)
        await put_hook(stub, "ops", ops.port)
        await end_run(tracker, plan, notify=["ops", "nobody"])
        found = await wait_listed(stub, lambda rows: len(rows) == 2, states=[api.DELIVERY_STATE_DEAD])
        errors = {row.channel: row.error for row in found}
        assert errors == {
            "ops": "127.0.0.1 answered with status 500",
            "nobody": "unknown channel nobody for this team",
        }
        assert (await stub.Status(api.StatusRequest())).dead == 2
        ops.answer = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        (dead,) = await listed(stub, channel="ops")
        answer = await stub.RetryDeliveries(api.RetryDeliveriesRequest(ids=[dead.id, "msg_no"]))
        assert answer.retried == 1
        await wait_listed(stub, lambda rows: rows[0].state == api.DELIVERY_STATE_DELIVERED, channel="ops")
        assert (await stub.RetryDeliveries(api.RetryDeliveriesRequest(channel="ops"))).retried == 0
        await put_hook(stub, "nobody", ops.port)
        assert (await stub.RetryDeliveries(api.RetryDeliveriesRequest(channel="nobody"))).retried == 1
        await wait_listed(stub, lambda rows: rows[0].state == api.DELIVERY_STATE_DELIVERED, channel="nobody")


async def test_what_may_not_be_called_is_not(database_url: str) -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        """A name server whose answer changes: first what is allowed, then what is not."""
        asked.append(host)
        if host == "rebound.test":
            return ["127.0.0.1"] if asked.count(host) == 1 else ["169.254.169.254"]
        return {"both.test": ["127.0.0.1", "10.0.0.1"], "inner.test": ["::ffff:10.0.0.1"]}[host]

    redirect = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/other\r\nContent-Length: 0\r\n\r\n"
    huge = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 200_000
    async with (
        running(database_url) as tracker,
        receiving() as ops,
        receiving(Receiver(lambda one: redirect % ops.port)) as moved,
        receiving(Receiver(lambda one: huge)) as talks,
        receiving(Receiver(lambda one: b"")) as closes,
        notifications(tracker, database_url, rebinding, notify_timeout_s=5) as stub,
    ):

        async def tested(url: str) -> str:
            await put_channel(stub, "one", webhook=api.Webhook(url=url))
            return (await stub.TestChannel(api.TestChannelRequest(name="one"))).error

        assert "both.test is the address 10.0.0.1, which is not public" in await tested(f"http://both.test:{ops.port}/")
        assert "which is not public" in await tested(f"http://inner.test:{ops.port}/")
        assert ops.got == []
        # The name is asked for once, and the address that was checked is the one that is called.
        assert await tested(f"http://rebound.test:{ops.port}/") == "" and asked.count("rebound.test") == 1
        assert ops.got[0][0]["host"] == f"rebound.test:{ops.port}"
        assert "169.254.169.254, which is not public" in await tested(f"http://rebound.test:{ops.port}/")
        before = len(ops.got)

        async def local(host: str, port: int) -> list[str]:
            return ["127.0.0.1"]

        async with notifications(tracker, database_url, local, notify_timeout_s=5) as other:
            for receiver, expected in (
                (moved, "redirects are not followed"),
                (talks, ""),
                (closes, "cannot be reached"),
            ):
                url = f"http://any.test:{receiver.port}/"
                await put_channel(other, "two", webhook=api.Webhook(url=url))
                error = (await other.TestChannel(api.TestChannelRequest(name="two"))).error
                assert expected in error and bool(expected) == bool(error), error
        assert len(ops.got) == before


async def test_a_receiver_that_says_nothing_holds_up_no_other(database_url: str) -> None:
    hang = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hang.wait()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        running(database_url) as tracker,
        receiving() as ops,
        notifications(tracker, database_url, notify_timeout_s=60) as stub,
    ):
        plan = wide(1)
        await tracker.put(plan)
        await put_hook(stub, "silent", port)
        await put_hook(stub, "ops", ops.port)
        await put_rule(stub, "a", "silent")
        runs = [await end_run(tracker, plan) for _ in range(40)]
        await wait_listed(stub, lambda rows: len(rows) == 40)
        late = await end_run(tracker, plan, notify=["ops"])
        await until(lambda: len(ops.got) == 1)
        assert json.loads(ops.got[0][1])["data"]["run"].replace("-", "") == late.hex()
        assert len(runs) == 40
        hang.set()
        server.close()


async def test_tls_keeps_the_name(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, authority = certificate(tmp_path, "hooks.test")

    async def local(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    async with (
        running(database_url) as tracker,
        receiving(context=context) as ops,
        notifications(tracker, database_url, local) as stub,
    ):
        url = f"https://hooks.test:{ops.port}/x?token=1"
        await put_channel(stub, "ops", webhook=api.Webhook(url=url))
        assert (await stub.TestChannel(api.TestChannelRequest(name="ops"))).delivered
        assert ops.hosts == ["hooks.test"] and ops.got[0][0]["host"] == f"hooks.test:{ops.port}"
        assert ops.got[0][0][":request"] == "POST /x?token=1 HTTP/1.1"
        # The certificate is of another name.
        url = f"https://other.test:{ops.port}/"
        await put_channel(stub, "ops", webhook=api.Webhook(url=url))
        answer = await stub.TestChannel(api.TestChannelRequest(name="ops"))
        assert not answer.delivered and "certificate" in answer.error.lower()


@pytest.mark.parametrize("encryption", ["starttls", "tls", "none"])
async def test_mail(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encryption: str) -> None:
    context, authority = certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "smtp-password").write_text("s3cret\n")
    (folder / "smtp-password").chmod(0o600)
    mailbox = Mailbox()
    server = mail_server(mailbox, context=None if encryption == "none" else context, starttls=encryption == "starttls")
    async with server as port, running(database_url) as tracker:
        settings = {"smtp": f"localhost:{port}", "smtp_from": "penstock@example.org", "smtp_user": "penstock"}
        sending = notifications(tracker, database_url, smtp_tls=encryption, secrets_folder=str(folder), **settings)
        async with sending as stub:
            plan = wide(1)
            await tracker.put(plan)
            await put_channel(stub, "people", email=api.Email(to=["ada@example.org", "bob@example.org"]))
            await end_run(tracker, plan, notify=["people"])
            (row,) = await wait_listed(stub, lambda rows: bool(rows) and rows[0].state == api.DELIVERY_STATE_DELIVERED)
            ((sender, to, content),) = mailbox.mails
            assert (sender, to) == ("penstock@example.org", ["ada@example.org", "bob@example.org"])
            assert f"Message-ID: <{row.id}@example.org>".encode() in content and b"Subject: Penstock: m:w" in content
            assert mailbox.encrypted == [encryption != "none"] and mailbox.signed_in == [(b"penstock", b"s3cret")]
            mailbox.refuses = "554 no"
            await end_run(tracker, plan, notify=["people"])
            (dead,) = await wait_listed(stub, bool, states=[api.DELIVERY_STATE_DEAD])
            assert "the SMTP server answered 554" in dead.error and dead.attempts == 1
            (folder / "smtp-password").chmod(0o644)
            error = (await stub.TestChannel(api.TestChannelRequest(name="people"))).error
            assert "chmod 600" in error and "s3cret" not in error


async def test_slack_and_secrets_that_are_missing(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(database_url) as tracker, receiving() as slack, notifications(tracker, database_url) as stub:
        await put_channel(stub, "chat", slack=api.Slack(url_secret="slack-url"))
        error = (await stub.TestChannel(api.TestChannelRequest(name="chat"))).error
        assert "the secret slack-url is missing" in error and "PENSTOCK_SECRET_SLACK_URL" in error
        monkeypatch.setenv("PENSTOCK_SECRET_SLACK_URL", "ftp://t0ken@127.0.0.1/")
        error = (await stub.TestChannel(api.TestChannelRequest(name="chat"))).error
        assert "invalid URL" in error and "t0ken" not in error
        monkeypatch.setenv("PENSTOCK_SECRET_SLACK_URL", f"http://127.0.0.1:{slack.port}/services/t0ken")
        plan = wide(1)
        await tracker.put(plan)
        await end_run(tracker, plan, notify=["chat"], labels={"who": "<!channel>"})
        await until(lambda: len(slack.got) == 1)
        said = json.loads(slack.got[0][1])["text"]
        assert said.startswith("*Penstock: m:w succeeded*\n") and "who=&lt;!channel&gt;" in said
        slack.answer = lambda _: b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
        await end_run(tracker, plan, notify=["chat"])
        (dead,) = await wait_listed(stub, bool, states=[api.DELIVERY_STATE_DEAD])
        assert "wants no more messages" in dead.error and "t0ken" not in dead.error
        await put_channel(stub, "hook", webhook=api.Webhook(url="https://example.org/", secret="weak"))
        monkeypatch.setenv("PENSTOCK_SECRET_WEAK", "hunter2")
        error = (await stub.TestChannel(api.TestChannelRequest(name="hook"))).error
        assert "cannot sign" in error and "hunter2" not in error


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of its plugins
async def test_apprise_sends_and_its_failures_are_told_without_its_url(
    database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(database_url) as tracker, receiving() as service, notifications(tracker, database_url) as stub:
        service.answer = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        await put_channel(stub, "pager", apprise=api.Apprise(url_secret="pager-url"))
        monkeypatch.setenv("PENSTOCK_SECRET_PAGER_URL", f"json://user:t0ken@127.0.0.1:{service.port}/path")
        plan = wide(1)
        await tracker.put(plan)
        await end_run(tracker, plan, notify=["pager"])
        (row,) = await wait_listed(stub, lambda rows: bool(rows) and rows[0].state == api.DELIVERY_STATE_DELIVERED)
        ((headers, body),) = service.got
        assert headers[":request"].startswith("POST /path") and row.channel == "pager"
        assert json.loads(body)["title"] == "Penstock: m:w succeeded"
        service.answer = lambda _: b"HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        error = (await stub.TestChannel(api.TestChannelRequest(name="pager"))).error
        assert error == "Apprise could not send to the URL of the secret pager-url"
        monkeypatch.setenv("PENSTOCK_SECRET_PAGER_URL", "nonsense://t0ken")
        error = (await stub.TestChannel(api.TestChannelRequest(name="pager"))).error
        assert error == "Apprise could not send to the URL of the secret pager-url"

        def breaks(*_: object, **__: object) -> bool:
            raise RuntimeError("no t0ken for you")

        monkeypatch.setattr("apprise.Apprise.notify", breaks)
        monkeypatch.setenv("PENSTOCK_SECRET_PAGER_URL", f"json://user:t0ken@127.0.0.1:{service.port}/path")
        await end_run(tracker, plan, notify=["pager"])
        (retried,) = await wait_listed(
            stub, lambda rows: any(row.error for row in rows), states=[api.DELIVERY_STATE_WAITING]
        )
        assert retried.error == "Apprise failed with RuntimeError"
        assert "t0ken" not in caplog.text


async def test_channels_and_rules_are_kept(database_url: str) -> None:
    async with running(database_url) as tracker, notifications(tracker, database_url) as stub:
        hook = api.Webhook(url="https://example.org/hook", secret="hooks")
        answer = await put_channel(stub, "ops", webhook=hook, team="vision")
        assert answer.created and answer.channel.caller.user == "ada" and answer.channel.updated_at_us
        assert not (await put_channel(stub, "ops", webhook=hook, team="vision")).created
        await put_channel(stub, "a", email=api.Email(to=["ada@example.org"]))
        found = (await stub.ListChannels(api.ListChannelsRequest())).channels
        assert [one.name for one in found] == ["a", "ops"] and found[1].webhook == hook
        for wanted, names in (({"team": "vision"}, ["ops"]), ({"names": ["a", "b"]}, ["a"]), ({"team": "x"}, [])):
            assert [one.name for one in (await stub.ListChannels(api.ListChannelsRequest(**wanted))).channels] == names
        await put_rule(stub, "r", "ops", [api.KIND_FAILED, api.KIND_FAILED], team="vision")
        (rule,) = (await stub.ListRules(api.ListRulesRequest())).rules
        assert (rule.kinds, rule.caller.user) == ([api.KIND_FAILED], "ada")
        assert not (await stub.ListRules(api.ListRulesRequest(team="x"))).rules
        with refused("used by the rules r: remove them first"):
            await stub.RemoveChannel(api.RemoveChannelRequest(name="ops"))
        await stub.RemoveRule(api.RemoveRuleRequest(name="r"))
        await stub.RemoveChannel(api.RemoveChannelRequest(name="ops"))
        for call, asked, code in (
            (stub.RemoveRule, api.RemoveRuleRequest(name="r"), "NOT_FOUND"),
            (stub.RemoveChannel, api.RemoveChannelRequest(name="ops"), "NOT_FOUND"),
            (stub.TestChannel, api.TestChannelRequest(name="ops"), "NOT_FOUND"),
            (stub.PutRule, api.PutRuleRequest(rule=api.Rule(name="r", channel="no", kinds=ALL)), "NOT_FOUND"),
            (stub.PutRule, api.PutRuleRequest(rule=api.Rule(name="r", channel="a")), "INVALID_ARGUMENT"),
            (stub.PutRule, api.PutRuleRequest(rule=api.Rule(name="r", channel="a", kinds=[9])), "INVALID_ARGUMENT"),
            (stub.PutChannel, api.PutChannelRequest(), "INVALID_ARGUMENT"),
            (stub.ListDeliveries, api.ListDeliveriesRequest(run_id=b"x"), "INVALID_ARGUMENT"),
            (stub.ListDeliveries, api.ListDeliveriesRequest(states=[9]), "INVALID_ARGUMENT"),
            (stub.ListDeliveries, api.ListDeliveriesRequest(page_token="x"), "INVALID_ARGUMENT"),
            (stub.ListDeliveries, api.ListDeliveriesRequest(page_size=1_001), "INVALID_ARGUMENT"),
            (stub.RetryDeliveries, api.RetryDeliveriesRequest(), "INVALID_ARGUMENT"),
            (stub.RetryDeliveries, api.RetryDeliveriesRequest(ids=["a"], channel="b"), "INVALID_ARGUMENT"),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(asked)
            assert status(caught.value) == code, asked


async def test_begun_again_nothing_is_lost_or_written_twice(database_url: str) -> None:
    async with running(database_url) as tracker, receiving() as ops:
        plan = chain(1)
        await tracker.put(plan)
        before = await end_run(tracker, plan, notify=["ops"])  # ended before there was a service
        async with notifications(tracker, database_url) as stub:
            await put_hook(stub, "ops", ops.port)
            await put_rule(stub, "all", "ops")
            first = await end_run(tracker, plan)
            open_id = (await tracker.submit(plan)).run_id
            await until(lambda: len(ops.got) == 1)
        while_away = await end_run(tracker, plan)
        async with notifications(tracker, database_url) as stub, notifications(tracker, database_url) as second:
            await until(lambda: len(ops.got) == 2)
            await tracker.report(succeeded(open_id, 0))
            await until(lambda: len(ops.got) == 3)
            rows = await wait_listed(
                second, lambda rows: all(row.state == api.DELIVERY_STATE_DELIVERED for row in rows)
            )
            assert {row.run_id for row in rows} == {first, while_away, open_id} and before not in {
                r.run_id for r in rows
            }
            assert len(ops.ids) == len(set(ops.ids)) == 3
            lags = {(await one.Status(api.StatusRequest())).lag_events for one in (stub, second)}
            assert lags == {-1, 0}
        database = Database(database_url)
        await database.open()
        assert await database.fetchval("SELECT count(*) FROM penstock_notifications.deliveries") == 3
        await database.close()
