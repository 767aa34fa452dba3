"""Which runs are told of, when a delivery is tried again, and what messages say: pure."""

import email
import json
import uuid
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_notifications.core import attempts, checks, messages
from penstock_notifications.core.rules import notified
from penstock_notifications.core.runs import Run, Runs
from penstock_notifications.errors import BadRequest, Undeliverable
from penstock_notifications.settings import Sending
from penstock_notifications.targets.addresses import choose, is_public
from penstock_notifications.targets.mail import compose
from penstock_proto.notifications.v1 import service_pb2 as api
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_stream.open_runs import Mark

CALLER = ev.Caller(user="ada", team="vision", client="tests/1")
ALL = [api.KIND_SUCCEEDED, api.KIND_FAILED, api.KIND_CANCELLED]


def run(state: int = ev.RUN_STATE_FAILED, **given: object) -> Run:
    known = {"workflow": "shop:train", "launched_as": "train", "plan": b"p" * 32, "team": "vision", "user": "ada"}
    return Run(run_id=uuid.uuid4().bytes, first_seq=1, submitted_us=1_000_000, state=state, **(known | given))  # type: ignore[arg-type]


def submitted(run_id: bytes, **options: object) -> ev.Event:
    body = ev.RunSubmitted(plan_name="shop:train", caller=CALLER, options=ev.RunOptions(**options))  # type: ignore[arg-type]
    return ev.Event(run_id=run_id, run_submitted=body)


def ended(run_id: bytes, state: int = ev.RUN_STATE_SUCCEEDED) -> ev.Event:
    return ev.Event(run_id=run_id, run_ended=ev.RunEnded(state=state, failed_node=-1))  # type: ignore[arg-type]


def test_rules() -> None:
    rules = [
        api.Rule(name="a", channel="ops", kinds=[api.KIND_FAILED]),
        api.Rule(name="b", channel="ops", kinds=ALL, team="vision"),
        api.Rule(name="c", channel="shop", kinds=ALL, workflow="shop:train"),
        api.Rule(name="d", channel="named", kinds=ALL, workflow="train"),
        api.Rule(name="e", channel="others", kinds=ALL, team="search"),
    ]
    assert notified(rules, run()) == {"ops": "a", "shop": "c", "named": "d"}
    assert notified(rules, run(ev.RUN_STATE_SUCCEEDED)) == {"ops": "b", "shop": "c", "named": "d"}
    assert notified(rules, run(ev.RUN_STATE_CANCELLED, team="search", workflow="w", launched_as="")) == {"others": "e"}
    # The run itself goes first, and a channel is told once.
    assert notified(rules, run(notify=("ops", "mine"))) == {"ops": "", "mine": "", "shop": "c", "named": "d"}
    assert notified(rules, run(99)) == {}


def taken(runs: Runs, shard: int, seq: int, at_us: int, *events: ev.Event) -> list[Run]:
    ended, invalid = runs.take(ev.EventBatch(shard=shard, from_seq=seq, recorded_at_us=at_us, events=events))
    assert not invalid
    return ended


def test_runs_and_marks() -> None:
    runs = Runs({0: Mark(1, 3)})
    assert runs.begin(0, 9) == 0
    first, second = uuid.uuid4().bytes, uuid.uuid4().bytes
    assert taken(runs, 0, 1, 5, submitted(first, notify=["b", "a", "b"]), submitted(second, team="search")) == []
    assert taken(runs, 0, 3, 7, ended(second)) == []  # in the outbox already
    assert runs.take_marks() == {0: Mark(1, 3)}
    failure = ev.ActionFailed(node=2, cause=ev.CAUSE_USER, failure=ev.Failure(type="ValueError", message="no\0"))
    assert taken(runs, 0, 4, 8, ev.Event(run_id=first, action_failed=failure)) == []
    assert taken(runs, 0, 4, 8, ended(first)) == []  # heard of before
    (found,) = taken(runs, 0, 4, 9, ended(first), ended(first, ev.RUN_STATE_FAILED))
    assert found.notify == ("b", "a") and (found.failed_node, found.ended_us) == (2, 9)
    assert found.failure == "ValueError: no\N{REPLACEMENT CHARACTER}" and found.team == "vision"
    assert runs.take_marks() == {0: Mark(6, 5)} and runs.take_marks() == {} and len(runs) == 0
    # A run whose submission the log has no more, one that was removed, and what nobody is told of.
    done = ev.Event(run_id=second, action_succeeded=ev.ActionSucceeded(node=1))
    assert taken(runs, 0, 6, 9, ended(second)) == taken(runs, 0, 9, 9, done) == []
    assert runs.take_marks() == {0: Mark(10, 9)}


def test_a_new_shard_counts_as_taken_up_to_its_end() -> None:
    for marks in ({}, {3: Mark(90, 100)}):  # the second: the log was restored from a backup, and is shorter
        runs = Runs(marks)
        assert runs.begin(3, 2) == 0 and runs.take_marks() == {3: Mark(1, 2)}
        old, late, new = (uuid.uuid4().bytes for _ in range(3))
        assert taken(runs, 3, 1, 1, submitted(old), ended(old), submitted(late)) == []
        assert [run.run_id for run in taken(runs, 3, 4, 2, ended(late), submitted(new))] == [late]
        assert runs.take_marks() == {3: Mark(5, 4 + 1)}


@given(st.text("abc"), st.integers(1, 60), st.floats(0, 1e9))
def test_back_off(identity: str, count: int, wait_s: float) -> None:
    now_us, until_us = 10**15, 10**15 + 86_400 * 10**6
    due_us = attempts.next_due_us(identity, count, now_us, until_us, wait_s)
    assert due_us == attempts.next_due_us(identity, count, now_us, until_us, wait_s)
    assert due_us is not None and now_us + 4 * 10**6 <= due_us <= now_us + 3_600 * 10**6
    assert attempts.next_due_us(identity, count, until_us, until_us) is None
    assert attempts.next_due_us(identity, count, until_us - 1, until_us) == until_us


def test_a_day_of_attempts_ends() -> None:
    now_us = start_us = 10**15
    until_us, count = start_us + 86_400 * 10**6, 0
    while True:
        count += 1
        if (due_us := attempts.next_due_us("msg", count, now_us, until_us)) is None:
            break
        now_us = due_us
    assert 20 < count < 60 and now_us == until_us


def test_ids_are_the_same_again_and_of_one_channel_each() -> None:
    run_id = uuid.uuid4().bytes
    ids = {attempts.delivery_id(run_id, kind, channel) for kind in ALL for channel in ("a", "b") for _ in range(2)}
    assert len(ids) == 6 and all(one.startswith("msg_") and uuid.UUID(one[4:]).version == 8 for one in ids)


def test_what_messages_say() -> None:
    failed = run(failed_node=3, failure="ValueError: <no>", ended_us=3_500_000, labels={"ticket": "42"})
    body = messages.body(failed, api.KIND_FAILED, "train")
    said = json.loads(body)
    assert said["type"] == "run.failed" and said["timestamp"] == "1970-01-01T00:00:03.500+00:00"
    assert said["data"]["failure"] == {"node": "train", "message": "ValueError: <no>"}
    assert (said["data"]["duration_s"], said["data"]["labels"]) == (2.5, {"ticket": "42"})
    assert messages.subject(body) == "Penstock: train failed"
    text = messages.text(body)
    assert "Node train: ValueError: <no>" in text and "ticket=42" in text and said["data"]["run"] in text
    cancelled = messages.body(run(reason="wrong\ndata"), api.KIND_CANCELLED, "")
    assert "was cancelled" in messages.text(cancelled) and "Reason: wrong data" in messages.text(cancelled)


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_header_can_be_injected(name: str, label: str) -> None:
    named = name.encode("utf-8", "replace").decode()
    body = messages.body(run(launched_as=named, labels={"a": label.encode("utf-8", "replace").decode()}), 2, "n")
    written = compose("msg_1", body, "penstock@example.org", ["ada@example.org"]).as_bytes()
    read = email.message_from_bytes(written, policy=default)
    expected = {"from", "to", "subject", "message-id", "date", "auto-submitted", "mime-version"}
    assert {key.lower() for key in read} - {"content-type", "content-transfer-encoding"} == expected
    assert read["to"] == "ada@example.org" and len(read.get_all("subject", [])) == 1


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/", "https://", "https://ada:secret@example.org/", "https://example.org/#part",
        "//example.org", "https://example.org/a b", "https://example.org\\@evil.org/", "https://example.org:0/", "https://example.org:x/",
        "https://exämple.org/", "https://example.org/\r\nHost: evil", "https://[::1/", "file:///etc/passwd",
        "https://example.org/" + "a" * 2_000,
    ],
)  # fmt: skip
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(BadRequest) as caught:
        checks.check_url(url)
    assert "secret@" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["ada", "ada@", "@example.org", "ada@example.org\r\nBcc: eve@example.org", "a b@example.org", "a@b@c"]
)
def test_addresses_that_are_refused(address: str) -> None:
    with pytest.raises(BadRequest):
        checks.check_recipients([address])


@pytest.mark.parametrize(
    "channel",
    [
        api.Channel(name="a"),
        api.Channel(name="a b", slack=api.Slack(url_secret="hooks")),
        api.Channel(name="a", slack=api.Slack(url_secret="https://hooks.slack.com/services/T/B/x")),
        api.Channel(name="a", apprise=api.Apprise()),
        api.Channel(name="a", email=api.Email()),
        api.Channel(name="a", email=api.Email(to=["ada@example.org"] * 21)),
        api.Channel(name="a", team="x\n", email=api.Email(to=["ada@example.org"])),
    ],
)
def test_channels_that_are_refused(channel: api.Channel) -> None:
    with pytest.raises(BadRequest):
        checks.check_channel(channel, CALLER)


PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%1",
    "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
    "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe", "fec0::1", "2001:db8::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_called(address: str) -> None:
    with pytest.raises(Undeliverable, match="not public"):
        choose("example.org", ["93.184.215.14", address], (), is_encrypted=True)


def test_addresses_that_are_called() -> None:
    public = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]
    assert choose("example.org", public, (), is_encrypted=True) == public
    with pytest.raises(Undeliverable, match="not encrypted"):
        choose("example.org", public, (), is_encrypted=False)
    networks = Sending(notify_networks="10.0.0.0/8, ::1/128").notify_networks  # type: ignore[arg-type]
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "::1"):
        assert choose("inside", [address], networks, is_encrypted=False) == [address]
    with pytest.raises(Undeliverable):
        choose("inside", ["10.1.2.3", "11.1.2.3"], networks, is_encrypted=False)
    import ipaddress

    assert is_public(ipaddress.ip_address("8.8.8.8"))
