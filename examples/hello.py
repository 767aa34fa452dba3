"""The smallest workflow: `penstock run examples/hello.py:hello --name Ada --greeting Hi`."""

from typing import Literal

from penstock import operator, workflow


@operator
def greet(name: str, greeting: str) -> str:
    """Greet one person."""
    print(f"greeting {name}")
    return f"{greeting}, {name}!"


@operator
def join(lines: list[str]) -> str:
    """Put the greetings together."""
    return " ".join(lines)


@workflow
def hello(name: str = "world", greeting: Literal["Hello", "Hi"] = "Hello") -> str:
    """Greet two at the same time, then join the greetings."""
    return join([greet(name, greeting), greet("everybody", greeting)])
