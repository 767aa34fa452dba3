"""How names, aliases and queries are written."""

import re
from typing import Final

from penstock_proto.registry.v1 import service_pb2 as api
from penstock_proto.registry.v1.events_pb2 import EntryKind
from penstock_proto.state_tracker.v1.events_pb2 import Caller
from penstock_proto.wire import HASH_BYTES

from ..errors import BadRequest

NAME_CHARS_MAX: Final = 100
ALIAS_CHARS_MAX: Final = 50
TEXT_CHARS_MAX: Final = 200
CALLER_BYTES_MAX: Final = 4 * 1024
# Qualified names of classes are as long as a plan allows.
TYPE_CHARS_MAX: Final = 255
VERSION_MAX: Final = 2**63 - 1
QUERY_WORDS_MAX: Final = 10
# A workflow's name is never that of a file: no ":", no "/", no ".py" at its end. Nor is it a run id.
NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
ALIAS: Final = re.compile(r"[a-z][a-z0-9_-]*")
# It would read as the latest version, which no alias may hide.
LATEST: Final = "latest"
_WORD: Final = re.compile(r"[^\W_]+")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def check_workflow_name(name: str) -> None:
    if len(name) > NAME_CHARS_MAX or not NAME.fullmatch(name) or name.lower().endswith(".py"):
        raise BadRequest(
            f"invalid name {name[:NAME_CHARS_MAX]!r}: expected a letter, then letters, digits, '-', '_' and '.', "
            f"at most {NAME_CHARS_MAX} characters, not ending with '.py'"
        )


def check_alias(alias: str) -> None:
    if len(alias) > ALIAS_CHARS_MAX or not ALIAS.fullmatch(alias) or alias == LATEST:
        raise BadRequest(
            f"invalid alias {alias[:ALIAS_CHARS_MAX]!r}: expected a letter in lower case, then such letters, digits, "
            f"'-' and '_', at most {ALIAS_CHARS_MAX} characters, and not {LATEST!r}"
        )


def check_version(version: int) -> None:
    if not 1 <= version <= VERSION_MAX:
        raise BadRequest(f"invalid version {version}: versions count from 1")


def check_plan(plan: bytes) -> None:
    if len(plan) != HASH_BYTES:
        raise BadRequest(f"invalid plan: expected the SHA-256 of its bytes, {HASH_BYTES} bytes, not {len(plan)}")


def check_caller(caller: Caller) -> None:
    for what, text in (("user", caller.user), ("team", caller.team), ("client", caller.client)):
        check_text(f"caller.{what}", text)
    if (size := caller.ByteSize()) > CALLER_BYTES_MAX:
        raise BadRequest(f"the caller is described in {size:,} bytes; the limit is {CALLER_BYTES_MAX:,}")


def check_text(what: str, text: str) -> None:
    if len(text) > TEXT_CHARS_MAX or "\0" in text:
        raise BadRequest(
            f"{what} has {len(text)} characters or a zero byte; at most {TEXT_CHARS_MAX} are allowed, and no zero byte"
        )


def kind_of(kind: "EntryKind") -> "EntryKind":
    """Return the kind that is meant, workflows if none is named; raise BadRequest for one that is unknown."""
    meant = kind or EntryKind.ENTRY_KIND_WORKFLOW
    if meant not in EntryKind.values():
        raise BadRequest(f"unknown kind {meant}: choose from workflows and types")
    return meant


def check_ref(ref: api.Ref) -> None:
    """Raise BadRequest for what can name nothing; what merely does not exist is found out by looking."""
    kind = kind_of(ref.kind)
    if kind == EntryKind.ENTRY_KIND_WORKFLOW:
        check_workflow_name(ref.name)
    elif not 0 < len(ref.name) <= TYPE_CHARS_MAX or "\0" in ref.name:
        raise BadRequest(f"invalid name of a type: expected 1 to {TYPE_CHARS_MAX} characters")
    match ref.WhichOneof("which"):
        case "version":
            check_version(ref.version)
        case "alias":
            check_alias(ref.alias)
        case _:
            pass


def search_text(*texts: str) -> str:
    """Return the words that a name is found by: parts of names are words of their own."""
    words = [word for text in texts for part in _HUMP.split(text) for word in _WORD.findall(part.lower())]
    return " ".join(dict.fromkeys(words))


def search_query(query: str) -> str:
    """Return a query as Postgres reads it, in which each word stands for all words that begin with it."""
    words = _WORD.findall(_HUMP.sub(" ", query).lower())
    if len(words) > QUERY_WORDS_MAX:
        raise BadRequest(f"the search has {len(words)} words; the limit is {QUERY_WORDS_MAX}")
    if query.strip() and not words:
        raise BadRequest(f"invalid search {query[:NAME_CHARS_MAX]!r}: expected a letter or a digit")
    return " & ".join(f"'{word}':*" for word in words)
