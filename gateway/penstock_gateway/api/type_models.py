"""The bodies of answers about classes of inputs and outputs."""

from pydantic import Field

from .fields import Body, Time


class NamedType(Body):
    """A class that inputs or outputs of deployed workflows have."""

    name: str = Field(description="Its qualified name.")
    latest: int = Field(description="The highest version.")
    updated_at: Time


class NamedTypes(Body):
    types: list[NamedType]
    next: str | None = Field(description="Pass it as `after` to get the next page; null: this is the last one.")


class TypeField(Body):
    name: str
    type: str = Field(description="As it is written in Python.")
    required: bool


class TypeUse(Body):
    """A version of a workflow, and which of its inputs and outputs have the class."""

    name: str
    version: int
    inputs: list[str]
    outputs: list[str]


class TypeVersion(Body):
    version: int
    fields: list[TypeField]
    workflow: str = Field(description="The version of a workflow that brought it.")
    published_at: Time
    used_by: list[TypeUse] = Field(description="The latest version of each workflow.")


class TypeVersions(Body):
    """A class with its latest versions, newest first."""

    name: str
    versions: list[TypeVersion]
