"""The bodies of answers about runs that are repaired."""

from pydantic import Field

from .fields import Body, HashText


class Reopened(Body):
    run: str
    reopened: int = Field(description="Nodes that wait again; 0: the run was open.")


class ForkedNode(Body):
    node: str
    operator: str
    reasons: list[str] = Field(description="The reasons why it runs.")


class PlannedFork(Body):
    """What a fork reuses and runs."""

    run: str | None = Field(description="The new run; null: none was started.")
    forked_from: str
    plan: HashText
    reused: int = Field(description="Nodes whose outputs are taken over.")
    runs: int = Field(description="Nodes that run.")
    nodes: list[ForkedNode] = Field(description="The first 1,000 of those that run.")


class Paused(Body):
    run: str
    paused: bool
