"""The registry through its API, on a real Postgres, with plans of a real State Tracker."""

import asyncio
import json
from typing import Any

import asyncpg
import grpc.aio
import pytest
from penstock_plan import plan_hash
from penstock_proto.registry.v1 import events_pb2 as ev
from penstock_proto.registry.v1 import service_pb2 as api
from penstock_proto.state_tracker.v1.events_pb2 import Caller
from penstock_registry.store import names as stored

from tests.registry.running import CALLER, Client, outcomes, plan, refusal, registering, serving, with_record
from tests.state_tracker.running import running
from tests.waiting import WAIT_S

TYPE = ev.ENTRY_KIND_TYPE


async def test_a_plan_gets_a_version_once(database_url: str) -> None:
    first, second = plan(1, n="int"), plan(2, n="int")
    async with registering(database_url) as registry:
        made = await registry.publish(first)
        assert (made.version.version, made.created, made.seq) == (1, True, 1)
        assert (made.version.workflow.plan, made.version.caller) == (plan_hash(first), CALLER)
        again = await registry.publish(first)
        assert (again.version.version, again.created, again.seq) == (1, False, 1)
        other = await registry.publish(second)
        assert (other.version.version, other.created) == (2, True)
        # What was published before keeps its version, however many came since.
        back = await registry.publish(first, alias="production")
        assert (back.version.version, back.created, back.alias_moved.version) == (1, False, 1)
        latest = await registry.get()
        assert (latest.version.version, latest.entry.latest, latest.entry.team) == (2, 2, "vision")
        assert [(one.alias, one.version) for one in latest.entry.aliases] == [("production", 1)]
        assert (await registry.get(alias="production")).version.workflow.plan == plan_hash(first)
        assert (await registry.get(version=1)).version == made.version
        assert await registry.kinds() == ["workflow_published", "workflow_published", "alias_moved"]


async def test_a_name_belongs_to_the_team_that_took_it(database_url: str) -> None:
    async with registering(database_url) as registry:
        await registry.publish(plan(1), team="ads")
        code, text = await refusal(registry.publish(plan(1), team="search"))
        assert (code, text) == (
            "ALREADY_EXISTS",
            "workflow 'train' belongs to team 'ads', not to team 'search': choose another name, or its team",
        )
        code, text = await refusal(registry.publish(plan(2), caller=Caller(user="ada")))
        assert "not to no team" in text
        assert (await registry.publish(plan(1), "other", team="search")).version.version == 1
        assert await registry.names(team="search") == ["other"]


async def test_incompatible_inputs_must_be_allowed(database_url: str) -> None:
    async with registering(database_url) as registry:
        await registry.publish(plan(1, n="int", share="float:0.5"))
        code, text = await refusal(registry.publish(plan(2, n="str", share="float")))
        assert code == "FAILED_PRECONDITION"
        assert text.splitlines() == [
            "the inputs of 'train' changed incompatibly since version 1:",
            "- input n accepts less: the type is now str, was int",
            "- input share is now required",
            "nothing was deployed; deploy it with --breaking (allow_incompatible), or under another name",
        ]
        assert (await registry.get()).entry.latest == 1
        made = await registry.publish(plan(2, n="str", share="float"), allow_incompatible=True)
        assert [change.incompatible for change in made.version.workflow.changes] == [True, True]
        kept = (await registry.get(version=2)).version.workflow
        assert kept == made.version.workflow
        more = await registry.publish(plan(3, n="str", share="float:0.1", rounds="int:3"))
        assert [change.text for change in more.version.workflow.changes] == [
            "input share is no longer required, the default is 0.1",
            "input rounds is new, with the default 3",
        ]


async def test_an_alias_says_what_changes_for_its_callers(database_url: str) -> None:
    async with registering(database_url) as registry:
        await registry.publish(plan(1, n="int"), alias="production")
        await registry.publish(plan(2, m="int"), allow_incompatible=True)
        moved = await registry.move("production", 2)
        assert [change.text for change in moved.alias_moved.changes] == [
            "input n was removed",
            "input m is new and required",
        ]
        assert (moved.moved, moved.alias_moved.from_version) == (True, 1)
        assert not (await registry.move("production", 2)).moved
        removed = await registry.move("production", 0)
        assert (removed.moved, removed.alias_moved.version, removed.alias_moved.from_version) == (True, 0, 2)
        assert not (await registry.move("production", 0)).moved
        assert await refusal(registry.get(alias="production")) == (
            "NOT_FOUND",
            "unknown alias train@production: it has no alias, and its latest version is 2",
        )


async def test_an_alias_moves_only_from_where_it_is_expected(database_url: str) -> None:
    async with registering(database_url) as registry:
        for number in (1, 2, 3):
            await registry.publish(plan(number))
        await registry.move("production", 1, expected_version=0)
        code, text = await refusal(registry.move("production", 3, expected_version=2))
        assert (code, text) == (
            "ABORTED",
            "alias train@production points at version 1, not at version 2: it was moved meanwhile, look again",
        )
        code, text = await refusal(registry.publish(plan(4), alias="production", expected_version=0))
        assert code == "ABORTED"
        # One commit: the refused alias left no version behind.
        assert (await registry.get()).entry.latest == 3
        # A request whose answer was lost is repeated.
        assert (await registry.move("production", 3, expected_version=1)).moved
        assert not (await registry.move("production", 3, expected_version=1)).moved
        assert await refusal(registry.move("staging", 9)) == (
            "NOT_FOUND",
            "unknown version train@9: the latest is 3",
        )


@pytest.mark.parametrize("registries", [1, 2])
async def test_of_deploys_at_once_each_plan_gets_one_version(database_url: str, registries: int) -> None:
    plans = [plan(number) for number in range(5)]
    async with running(database_url) as tracker, serving(database_url, tracker.server.address, tracker) as one:
        for data in plans:
            await tracker.put(data)
        async with serving(database_url, tracker.server.address) as two:
            both = [one, two][:registries]
            calls = [registry.publish(data) for data in plans for registry in both for _ in range(4)]
            made = await asyncio.gather(*calls)
            by_plan = {(each.version.workflow.plan, each.version.version) for each in made}
            assert len(by_plan) == len(plans)
            assert {version for _, version in by_plan} == {1, 2, 3, 4, 5}
            assert sum(each.created for each in made) == len(plans)
            assert await two.kinds() == ["workflow_published"] * len(plans)


async def test_of_two_alias_moves_at_once_one_wins(database_url: str) -> None:
    async with running(database_url) as tracker, serving(database_url, tracker.server.address, tracker) as one:
        for number in range(1, 6):
            await one.publish(plan(number))
        await one.move("production", 1)
        async with serving(database_url, tracker.server.address) as two:
            ended = await outcomes(
                *((one, two)[to % 2].move("production", to, expected_version=1) for to in (2, 3, 4, 5))
            )
            won = [each for each in ended if isinstance(each, api.MoveAliasResponse)]
            lost = [each.code().name for each in ended if isinstance(each, grpc.aio.AioRpcError)]
            assert (len(won), lost) == (1, ["ABORTED"] * 3)
            assert (await two.get(alias="production")).version.version == won[0].alias_moved.version


async def test_types_have_versions_of_their_own(database_url: str) -> None:
    async with registering(database_url) as registry:
        await registry.publish(with_record(1, rate="float"))
        same = await registry.publish(with_record(2, rate="float"))
        assert [(one.name, one.version) for one in same.version.workflow.types] == [("digits:Options", 1)]
        code, text = await refusal(registry.publish(with_record(3, rate="int", seed="int")))
        assert code == "FAILED_PRECONDITION"
        assert text.splitlines()[1:3] == [
            "- input options, field rate accepts less: the type is now int, was float",
            "- input options: field seed is new and required",
        ]
        await registry.publish(with_record(4, rate="float", seed="int?"))
        found = await registry.get("digits:Options", kind=TYPE)
        assert (found.version.version, found.version.type.workflow_version) == (2, 3)
        assert [field.name for field in found.version.type.types[0].fields] == ["rate", "seed"]
        assert await registry.names("opt", kind=TYPE) == ["digits:Options"]
        assert (await registry.kinds()).count("type_registered") == 2
        links = await registry.stub.Links(api.LinksRequest(thing="type:digits:Options@1"))
        assert [(one.thing, one.relation) for one in links.used_by] == [
            ("workflow:train@2", "type"),
            ("workflow:train@1", "type"),
        ]
        own = await registry.stub.Links(api.LinksRequest(thing="workflow:train@3"))
        assert {one.relation: one.thing for one in own.uses}["type"] == "type:digits:Options@2"


async def test_the_form_is_one_schema_of_all_inputs(database_url: str) -> None:
    async with registering(database_url) as registry:
        await registry.publish(plan(1, doc="Trains.", n="int", label='str:"none"'))
        answer = await registry.stub.Form(api.FormRequest(ref=api.Ref(name="train")))
        assert json.loads(answer.schema_json) == {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "train",
            "type": "object",
            "description": "Trains.",
            "properties": {"n": {"type": "integer"}, "label": {"type": "string", "default": "none"}},
            "required": ["n"],
            "additionalProperties": False,
        }
        assert (answer.name, answer.version, answer.team, answer.plan) == (
            "train",
            1,
            "vision",
            plan_hash(plan(1, doc="Trains.", n="int", label='str:"none"')),
        )
        # A later version of the rules makes forms of its own.
        connection = await asyncpg.connect(database_url)
        await connection.execute("UPDATE penstock_registry.forms SET revision = revision - 1")
        assert await registry.stub.Form(api.FormRequest(ref=api.Ref(name="train"))) == answer
        assert await connection.fetchval("SELECT count(*) FROM penstock_registry.forms") == 2
        await connection.close()


async def test_names_are_found_by_beginnings_of_their_words_page_by_page(database_url: str) -> None:
    names = ["train_digits", "trainLetters", "evaluate-digits", "x.digits2", "other"]
    async with registering(database_url) as registry:
        for number, name in enumerate(names):
            await registry.publish(
                plan(number, name=f"m:{name}", doc="Reads the MNIST set." if number == 4 else ""), name
            )
        assert await registry.names() == sorted(names)
        assert await registry.names("dig") == ["evaluate-digits", "train_digits", "x.digits2"]
        assert await registry.names("TRAIN digits") == ["train_digits"]
        assert await registry.names("letters") == ["trainLetters"]
        assert await registry.names("mnist") == ["other"]
        assert await registry.names("vision") == sorted(names)
        assert await registry.names("it's & | ! ( :* \\ '") == []
        page = await registry.stub.List(api.ListRequest(page_size=3))
        rest = await registry.stub.List(api.ListRequest(page_size=3, page_token=page.next_page_token))
        assert [one.name for one in (*page.entries, *rest.entries)] == sorted(names)
        assert not rest.next_page_token
        for _ in range(4):
            await registry.publish(plan(9 + _), "other")
        first = await registry.stub.ListVersions(api.ListVersionsRequest(name="other", page_size=3))
        second = await registry.stub.ListVersions(
            api.ListVersionsRequest(name="other", page_size=3, page_token=first.next_page_token)
        )
        assert [one.version for one in (*first.versions, *second.versions)] == [5, 4, 3, 2, 1]
        assert (first.entry.latest, second.next_page_token) == (5, "")


@pytest.mark.parametrize(
    ("method", "request_", "code", "said"),
    [
        ("Publish", api.PublishRequest(name="a/b", plan=b"1" * 32), "INVALID_ARGUMENT", "invalid name 'a/b'"),
        ("Publish", api.PublishRequest(name="a.py", plan=b"1" * 32), "INVALID_ARGUMENT", "not ending with '.py'"),
        ("Publish", api.PublishRequest(name="a" * 101, plan=b"1" * 32), "INVALID_ARGUMENT", "at most 100"),
        ("Publish", api.PublishRequest(name="a", plan=b"1"), "INVALID_ARGUMENT", "32 bytes, not 1"),
        ("Publish", api.PublishRequest(name="a", plan=b"1" * 32), "NOT_FOUND", "unknown plan 3131"),
        ("Publish", api.PublishRequest(name="a", plan=b"1" * 32, team="\0"), "INVALID_ARGUMENT", "zero byte"),
        ("Publish", api.PublishRequest(name="a", plan=b"1" * 32, alias="Up"), "INVALID_ARGUMENT", "invalid alias 'Up'"),
        ("Publish", api.PublishRequest(name="a", plan=b"1" * 32, alias="latest"), "INVALID_ARGUMENT", "not 'latest'"),
        ("Publish", api.PublishRequest(name="a", plan=b"1" * 32, expected_version=1), "INVALID_ARGUMENT", "names none"),
        ("MoveAlias", api.MoveAliasRequest(name="a", alias="b", version=1), "NOT_FOUND", "unknown workflow 'a'"),
        ("MoveAlias", api.MoveAliasRequest(name="a", alias="b", version=-1), "INVALID_ARGUMENT", "count from 1"),
        ("MoveAlias", api.MoveAliasRequest(kind=TYPE, name="a", alias="b"), "INVALID_ARGUMENT", "only workflows"),
        ("Get", api.GetRequest(), "INVALID_ARGUMENT", "invalid name ''"),
        ("Get", api.GetRequest(ref=api.Ref(name="a")), "NOT_FOUND", "`penstock workflows` lists"),
        ("Get", api.GetRequest(ref=api.Ref(kind=TYPE, name="a\0")), "INVALID_ARGUMENT", "invalid name of a type"),
        ("Get", api.GetRequest(ref=api.Ref(kind=9, name="a")), "INVALID_ARGUMENT", "unknown kind 9"),  # pyright: ignore
        ("Form", api.FormRequest(ref=api.Ref(kind=TYPE, name="a")), "INVALID_ARGUMENT", "only workflows have a form"),
        ("List", api.ListRequest(page_size=501), "INVALID_ARGUMENT", "the limit is 500"),
        ("List", api.ListRequest(query="?!"), "INVALID_ARGUMENT", "invalid search"),
        ("List", api.ListRequest(query=" ".join("abcdefghijkl")), "INVALID_ARGUMENT", "12 words; the limit is 10"),
        ("ListVersions", api.ListVersionsRequest(name="a", page_token="x"), "INVALID_ARGUMENT", "page token"),
        ("Links", api.LinksRequest(), "INVALID_ARGUMENT", "invalid thing"),
    ],
)  # fmt: skip
async def test_bad_requests_are_named(database_url: str, method: str, request_: Any, code: str, said: str) -> None:
    async with registering(database_url) as registry:
        refused = await refusal(getattr(registry.stub, method)(request_))
        assert refused[0] == code
        assert said in refused[1]
        assert await registry.kinds() == []


async def test_a_follower_gets_what_any_registry_appends(database_url: str) -> None:
    async with running(database_url) as tracker, serving(database_url, tracker.server.address, tracker) as one:
        await one.publish(plan(1))
        async with serving(database_url, tracker.server.address) as two:
            call = two.stub.Read(api.ReadRequest(follow=True))
            batches = [(await call.read()).batch]
            await one.publish(plan(2), alias="production")
            async with asyncio.timeout(WAIT_S):
                batches.append((await call.read()).batch)
            assert [(batch.from_seq, len(batch.events)) for batch in batches] == [(1, 1), (2, 2)]
            assert batches[0].recorded_at_us <= batches[1].recorded_at_us
            assert batches[1].events[1].alias_moved.version == 2
            assert batches[1].events[1].caller == CALLER
            assert (await two.stub.Heads(api.HeadsRequest())).seq == 3
            ended = [one_.batch.from_seq async for one_ in two.stub.Read(api.ReadRequest(to_seq=2, follow=True))]
            assert ended == [1, 2]
            call.cancel()


async def test_the_plan_is_asked_for_only_where_it_is_new_and_a_tracker_that_is_away_is_said(database_url: str) -> None:
    async with registering(database_url) as registry:
        await registry.publish(plan(1))
    async with serving(database_url, "127.0.0.1:1") as alone:
        client: Client = alone
        assert (await client.publish(plan(1))).version.version == 1
        code, text = await refusal(client.publish(plan(2)))
        assert (code, text.startswith("no State Tracker has sent the plan")) == ("UNAVAILABLE", True)


async def test_a_search_finds_what_is_far_down_the_alphabet(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    near = stored.NEAR.replace(f"LIMIT {stored.NEAR_ROWS}", "LIMIT 3")
    monkeypatch.setattr(stored, "NEAR", near)
    async with registering(database_url) as registry:
        data = plan(name="m:w")
        for name in ("alpha-train", "beta", "gamma", "omega-train", "zeta-train"):
            await registry.publish(data, name, team="t")
        assert await registry.names("train") == ["alpha-train", "omega-train", "zeta-train"]
        first = await registry.stub.List(api.ListRequest(query="train", page_size=2))
        assert [entry.name for entry in first.entries] == ["alpha-train", "omega-train"]
        after = api.ListRequest(query="train", page_size=2, page_token=first.next_page_token)
        assert [entry.name for entry in (await registry.stub.List(after)).entries] == ["zeta-train"]
        assert await registry.names("train", team="others") == await registry.names("nothing") == []
