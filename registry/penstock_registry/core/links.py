"""Things of the registry as text, and what they are made from or use."""

from typing import NamedTuple

from penstock_proto.registry.v1.events_pb2 import WorkflowPublished


class Link(NamedTuple):
    """A thing, what another is to it, and that other."""

    thing: str
    relation: str
    used: str


def workflow(name: str, version: int) -> str:
    return f"workflow:{name}@{version}"


def workflow_name(thing: str) -> str:
    """Return the name of the workflow that a thing is a version of; empty if it is another kind of thing."""
    return thing.removeprefix("workflow:").rpartition("@")[0] if thing.startswith("workflow:") else ""


def type_(name: str, version: int) -> str:
    return f"type:{name}@{version}"


def of_workflow(published: WorkflowPublished) -> list[Link]:
    """A version is a plan, a plan is made from a bundle of code, and both speak of types."""
    thing, plan = workflow(published.name, published.version), f"plan:{published.plan.hex()}"
    found = [Link(thing, "plan", plan)]
    if published.interface.bundle:
        found.append(Link(plan, "bundle", f"bundle:{published.interface.bundle.hex()}"))
    return found + [Link(thing, "type", type_(one.name, one.version)) for one in published.types]
