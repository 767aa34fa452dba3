"""The client for ordinary code can do what the asyncio one can."""

import inspect

from penstock import AsyncClient, Client
from penstock.client import AsyncRegistry, Registry


def public(cls: type) -> dict[str, list[str]]:
    """The parameters of each public method, by name."""
    methods = inspect.getmembers(cls, callable)
    return {name: [*inspect.signature(method).parameters] for name, method in methods if not name.startswith("_")}


def test_both_have_the_same_methods_with_the_same_arguments() -> None:
    assert public(Client) == public(AsyncClient)
    assert public(Registry) == public(AsyncRegistry)
