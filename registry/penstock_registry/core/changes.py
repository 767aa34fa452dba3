"""What changed between the inputs of two versions, and whether calls of the earlier one still work."""

from collections.abc import Iterator

from penstock_plan.spelling import spell_both
from penstock_plan.types import Relation
from penstock_proto.plan.v1.plan_pb2 import PlanInput, Type
from penstock_proto.registry.v1.events_pb2 import Change, Interface
from penstock_proto.value.v1.value_pb2 import Value

CHANGES_MAX = 100
SHOWN_CHARS_MAX = 60


def input_changes(old: Interface, new: Interface) -> list[Change]:
    """Return the differences, incompatible ones first, at most CHANGES_MAX of them.

    Incompatible is what may refuse a call that the old version accepts: an input that is gone, a new one without a
    default, one that is required now, a type that accepts less.
    """
    found = list(Comparison(old, new).changes())
    found.sort(key=lambda change: not change.incompatible)
    if len(found) > CHANGES_MAX:
        left = found[CHANGES_MAX - 1 :]
        more = Change(text=f"{len(left)} more changes", incompatible=any(each.incompatible for each in left))
        found[CHANGES_MAX - 1 :] = [more]
    return found


class Comparison:
    """Two interfaces beside each other."""

    def __init__(self, old: Interface, new: Interface) -> None:
        self._old, self._new = old, new
        self._accepts = Relation(new.types, old.types, by_fields=True)

    def changes(self) -> Iterator[Change]:
        was = {each.name: each for each in self._old.inputs}
        now = {each.name: each for each in self._new.inputs}
        for name in was:
            if name not in now:
                yield _incompatible(f"input {name} was removed")
        for name, each in now.items():
            if name in was:
                yield from self._input(was[name], each)
            elif each.required:
                yield _incompatible(f"input {name} is new and required")
            else:
                yield Change(text=f"input {name} is new, with the default {_shown(each.default)}")

    def _input(self, was: PlanInput, now: PlanInput) -> Iterator[Change]:
        subject = f"input {now.name}"
        if now.required and not was.required:
            yield _incompatible(f"{subject} is now required")
        elif was.required and not now.required:
            yield Change(text=f"{subject} is no longer required, the default is {_shown(now.default)}")
        elif not was.required and was.default != now.default:
            yield Change(text=f"{subject}: the default is now {_shown(now.default)}, was {_shown(was.default)}")
        if not self._accepts.is_assignable(was.type, now.type):
            yield from self._narrowed(subject, was.type, now.type)
        elif not Relation(self._old.types, self._new.types, by_fields=True).is_assignable(now.type, was.type):
            before, after = spell_both(self._new.types, was.type, now.type, self._old.types)
            yield Change(text=f"{subject} accepts more: the type is now {after}, was {before}")

    def _narrowed(self, subject: str, was: int, now: int) -> Iterator[Change]:
        """Name the field that accepts less, if it is one of a record; otherwise the types."""
        before, after = self._old.types[was], self._new.types[now]
        if before.name == after.name == "record":
            yield from self._fields(subject, before, after)
        elif _is_alike(before, after):
            for own, other in zip(before.args, after.args, strict=True):
                if not self._accepts.is_assignable(own, other):
                    yield from self._narrowed(f"{subject}, {before.name} items", own, other)
        else:
            old_text, new_text = spell_both(self._new.types, was, now, self._old.types)
            yield _incompatible(f"{subject} accepts less: the type is now {new_text}, was {old_text}")

    def _fields(self, subject: str, was: Type, now: Type) -> Iterator[Change]:
        before = {field.name: field for field in was.fields}
        after = {field.name: field for field in now.fields}
        for name, field in before.items():
            if name not in after:
                yield _incompatible(f"{subject}: field {name} was removed")
            elif not self._accepts.is_assignable(field.type, after[name].type):
                yield from self._narrowed(f"{subject}, field {name}", field.type, after[name].type)
        for name, field in after.items():
            if field.required and not (name in before and before[name].required):
                how = "now required" if name in before else "new and required"
                yield _incompatible(f"{subject}: field {name} is {how}")


def _is_alike(was: Type, now: Type) -> bool:
    """Whether only the parameters differ."""
    return (
        was.name == now.name
        and was.name not in ("union", "literal")
        and 0 < len(was.args) == len(now.args)
        and (was.variadic, was.constraints_json) == (now.variadic, now.constraints_json)
    )


def _incompatible(text: str) -> Change:
    return Change(text=text, incompatible=True)


def _shown(value: Value) -> str:
    if value.codec != "json" or value.WhichOneof("body") != "inline":
        return f"a value of {value.type_name or value.codec}"
    text = value.inline.decode(errors="replace")
    return text if len(text) <= SHOWN_CHARS_MAX else f"{text[: SHOWN_CHARS_MAX - 3]}..."
