"""The fields that bodies of requests and answers are made of."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from .context import HASH_PATTERN, NAME_CHARS_MAX, NAME_PATTERN

RunState = Literal["running", "cancelling", "succeeded", "failed", "cancelled"]
NodeState = Literal["waiting", "running", "succeeded", "failed", "skipped", "cancelled", "not_taken", "mapped"]
Name = Annotated[str, Field(max_length=NAME_CHARS_MAX, pattern=NAME_PATTERN)]
Time = Annotated[str, Field(description="RFC 3339, with microseconds.", examples=["2026-11-26T17:55:16.123456Z"])]
WORKFLOW_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$"
WHICH_PATTERN = r"^([0-9]{1,40}|[a-z][a-z0-9_-]{0,49})$"
ALIAS_PATTERN = r"^[a-z][a-z0-9_-]*$"
REFERENCE_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*(@([0-9]{1,40}|[a-z][a-z0-9_-]{0,49}))?$"
DeliveryState = Literal["waiting", "delivered", "dead"]
Role = Literal["viewer", "launcher", "operator", "admin"]
RunEnd = Literal["succeeded", "failed", "cancelled"]
SECRET_PATTERN = r"^[a-z][a-z0-9]*([_-][a-z0-9]+)*$"
WEBHOOK_PATTERN = r"^https?://[A-Za-z0-9._-]+(:[1-9][0-9]{0,3})?(/[!-\"$-\[\]-~]*)?$"
EMAIL_PATTERN = r"^[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,2}$"
CHANNEL_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
Channel = Annotated[str, Field(max_length=64, pattern=CHANNEL_PATTERN)]
Email = Annotated[str, Field(max_length=254, pattern=EMAIL_PATTERN)]
Secret = Annotated[str, Field(max_length=64, pattern=SECRET_PATTERN)]
HashText = Annotated[str, Field(pattern=HASH_PATTERN)]
# JSON Schema counts 1.0 among the integers.
WHOLE = BeforeValidator(lambda number: int(number) if _is_whole(number) else number)
Whole = Annotated[int, WHOLE]
Expected = Annotated[int, Field(ge=0, le=2**62), WHOLE]
INT32: Any = {"ge": -(2**31), "le": 2**31 - 1}


def _is_whole(number: object) -> bool:
    return isinstance(number, float) and number.is_integer()


class Body(BaseModel):
    """Base: what is not named does not exist."""

    model_config = ConfigDict(extra="forbid")
