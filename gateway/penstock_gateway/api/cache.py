"""Results that later runs reuse: why they were or were not, and how they are forgotten."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends
from penstock.cli.cache import of_explanation
from penstock.client.cache import NotCached
from penstock.client.run_id import parse_run_id
from pydantic import ConfigDict, Field, model_validator
from starlette.responses import Response

from ..edge.answers import answer
from ..edge.bodies import described, json_body
from ..edge.problems import Problem
from .context import RUN_PATTERN, Caller, Here, NodeName, RunId
from .fields import Body, Name
from .models import Reused

router = APIRouter(prefix="/v1", tags=["cache"])
ONE_OF: Final = "name one of: an operator, a run, or all"


class CacheKeyPart(Body):
    kind: Literal["code", "package", "output", "secret", "argument", "key"]
    name: str
    value: str = Field(description="A version, text, or a hash in hex.")


class CacheExplanation(Body):
    run: str
    node: str
    operator: str
    attempt: int
    hit: bool = Field(description="The outputs are those of `origin`.")
    reason: str | None = Field(description="The reason why the operator was called.")
    differences: list[str] = Field(description="All that is not as it was for `origin`, the operator's latest result.")
    origin: Reused | None
    key: list[CacheKeyPart] = Field(description="All that decides about the result.")


class Forget(Body):
    """Results that are to be computed again. Runs keep the outputs that they have."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [{"required": ["operator"]}, {"required": ["run"]}, {"required": ["all"]}],
            "dependentRequired": {"node": ["run"]},
            "examples": [{"operator": "digits:train"}],
        },
    )

    operator: Name = Field(default="", min_length=1, description="MODULE:NAME")
    run: str = Field(default="", description="Only results that this run has computed.", pattern=RUN_PATTERN)
    node: Name = Field(default="", min_length=1, description="With `run`: only this node's.")
    all: Literal[True] = Field(default=True, description="All results of the team.")
    team: Name = Field(default="", description="The owner of the results; by default the caller's, or the run's.")

    @model_validator(mode="after")
    def _one_of_them(self) -> "Forget":
        given = self.model_fields_set
        if len(given & {"operator", "run", "all"}) != 1:
            raise ValueError(ONE_OF)
        if "node" in given and "run" not in given:
            raise ValueError("name the run of the node, too")
        return self


class Forgotten(Body):
    forgotten: int


@router.get("/runs/{run:part}/nodes/{node:part}/cache", response_model=CacheExplanation)
async def explain(here: Here, run: RunId, node: NodeName) -> Response:
    """Say why the result of a node was reused, or was computed. Not found: its operator has no cache."""
    view = await here.views.get(parse_run_id(run))
    if (index := view.index_of.get(node)) is None:
        raise Problem("not-found", f"{view.plan.name} has no node {node!r}")
    try:
        return answer(of_explanation(await here.client.cache.explain_node(view.id, index, node)))
    except NotCached as error:
        raise Problem("not-found", str(error)) from None


@router.post("/cache:invalidate", response_model=Forgotten, openapi_extra=described(Forget))
async def invalidate(here: Here, caller: Caller, body: Annotated[Forget, Depends(json_body(Forget))]) -> Response:
    """Forget results, so that later runs compute them again. Harmless when repeated."""
    run = parse_run_id(body.run) if body.run else None
    node = (await here.views.get(run)).index_of.get(body.node) if run is not None and body.node else None
    if body.node and node is None:
        raise Problem("not-found", f"run {body.run} has no node {body.node!r}")
    count = await here.client.cache.invalidate(body.operator, run=run, node=node, team=body.team or caller.team or None)
    return answer({"forgotten": count})
