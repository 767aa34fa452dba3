"""The bodies of answers about artifacts: where they were recorded, and what used them."""

from typing import Any

from pydantic import Field

from .fields import Body, HashText, Time


class Artifact(Body):
    """An artifact where it was recorded; one that several runs made is listed once for each."""

    artifact: HashText
    codec: str
    type: str
    size_bytes: int
    href: str
    recorded_at: Time
    run: str
    workflow: str
    team: str
    node: str | None = Field(description="Whose output it is; null: it is an input of the run.")
    port: str = Field(description="Name of the output or input.")
    operator: str | None


class Artifacts(Body):
    artifacts: list[Artifact]
    next: str | None = Field(description="Pass it as `after` to get the next page; null: this is the last one.")
    lag: int | None = Field(description="Events that are not in this list yet; null: not known.")


class Use(Body):
    """A node that got it as an argument; without a node, an output of the run."""

    run: str
    node: str | None
    operator: str | None
    argument: str


class Lineage(Body):
    artifact: HashText
    codec: str
    type: str
    size_bytes: int
    href: str
    made: list[Artifact] = Field(description="The outputs that it was, the latest first.")
    given: list[Artifact] = Field(description="The runs that got it as an input.")
    used: list[Use] = Field(description="By those runs.")
    more: bool = Field(description="There is more of it than this.")


class Column(Body):
    name: str
    type: str


class Rows(Body):
    """Rows of a table."""

    artifact: HashText
    rows: int = Field(description="Number of all rows.")
    count: int = Field(description="Number of all columns.")
    columns: list[Column]
    first: list[list[Any]] = Field(description="The cells of each row that was asked for.")


class Preview(Body):
    artifact: HashText
    preview: dict[str, Any] | None = Field(description="Its `kind` says what else is in it.")
