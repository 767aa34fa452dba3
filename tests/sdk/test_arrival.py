"""What one operator returned, another gets as plain Python would hand it over."""

import dataclasses
import datetime
import enum
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import pydantic
import pytest
from penstock import operator, testing, workflow
from penstock.errors import CompileErrors, OperatorFailed


@dataclasses.dataclass
class Config:
    rate: float = 0.1

    def text(self) -> str:
        return f"Config {self.rate}"


@dataclasses.dataclass
class Adam(Config):
    beta: float = 0.9

    def text(self) -> str:
        return f"Adam {self.rate} {self.beta}"


class Shape(pydantic.BaseModel):
    def area(self) -> int:
        return 0


class Square(Shape):
    side: int = 1

    def area(self) -> int:
        return self.side**2


class Mode(enum.StrEnum):
    TRAIN = "train"


class Unknown:
    """Nothing that a codec knows."""


@operator
def configs() -> list[Adam]:
    return [Adam(0.5, 0.7)]


@operator
def shapes() -> tuple[Square, ...]:
    return (Square(side=3),)


@operator
def mode() -> Mode:
    return Mode.TRAIN


@operator
def names() -> frozenset[str]:
    return frozenset({"a"})


@operator
def key() -> str | uuid.UUID:
    return "00000000-0000-0000-0000-000000000005"


@operator
def start() -> datetime.datetime:
    return datetime.datetime(2024, 3, 1, 9, tzinfo=ZoneInfo("Europe/Berlin"))


@operator
def told(configs: list[Config], shapes: tuple[Shape, ...], mode: str, names: Any, key: str | uuid.UUID) -> str:
    return f"{configs[0].text()} {shapes[0].area()} {mode!r} {names!r} {key!r}"


@operator
def later(first: datetime.datetime) -> str:
    return (first + datetime.timedelta(days=60)).isoformat()


@operator
def cut() -> Config:
    return Adam()


@operator
def unknown() -> Unknown:
    return Unknown()


@workflow
def handing_over() -> dict[str, str]:
    return {"told": told(configs(), shapes(), mode(), names(), key()), "later": later(start())}


@workflow
def cutting_down() -> Config:
    return cut()


@workflow
def returning_the_unknown() -> None:
    unknown()


def test_an_operator_gets_what_another_one_returned() -> None:
    assert testing.run(handing_over) == handing_over()


def test_a_subclass_is_refused_where_its_base_is_declared() -> None:
    with pytest.raises(OperatorFailed, match=r"expected exactly .*Config, given .*Adam"):
        testing.run(cutting_down)


def test_a_type_that_no_codec_carries_is_an_error_of_the_workflow() -> None:
    with pytest.raises(CompileErrors, match="Unknown has no codec: make it a dataclass"):
        testing.run(returning_the_unknown)
