"""The types that machine-learning workflows pass around; subclass them to tell yours apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Self, cast

from typing_extensions import TypeVar

Row = TypeVar("Row", default=Any, covariant=True)
Payload = TypeVar("Payload", default=Any, covariant=True)

# Their names as the type checker knows them, whatever module they live in.
NAMES = ("Dataset", "FeatureSet", "Model", "Metrics", "Report")


@dataclass(frozen=True, eq=False)
class Dataset(Generic[Row]):
    """Rows as columns of equal length. `Row` is the class that describes one row, for the type checker.

    Args:
        columns: Each a numpy array, a list or an Arrow array; the first axis counts rows.
        name: Where the rows came from, for people.
    """

    columns: dict[str, Any]
    name: str = ""

    def __post_init__(self) -> None:
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of a Dataset must be equally long, not {lengths}")

    def __len__(self) -> int:
        return next((len(column) for column in self.columns.values()), 0)

    def __getitem__(self, column: str) -> Any:
        return self.columns[column]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each row by column name; for small datasets and previews."""
        for values in zip(*self.columns.values(), strict=True):
            yield dict(zip(self.columns, values, strict=True))

    def select(self, *names: str) -> Self:
        """The same rows, with these columns only."""
        return replace(self, columns={name: self.columns[name] for name in names})

    def take(self, rows: Sequence[int]) -> Self:
        """The rows at these positions, in this order."""
        return replace(self, columns={name: _take(column, rows) for name, column in self.columns.items()})

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]], name: str = "") -> Self:
        """Columns from rows that all have the same names."""
        columns: dict[str, list[Any]] = {}
        for number, row in enumerate(rows):
            if columns and row.keys() != columns.keys():
                raise ValueError(f"row {number} has {sorted(row)}, rows before it {sorted(columns)}")
            for key, value in row.items():
                columns.setdefault(key, []).append(value)
        return cls(cast("dict[str, Any]", columns), name)

    def to_arrow(self) -> Any:
        """A pyarrow.Table with these columns."""
        import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]

        return pa.table(self.columns)  # pyright: ignore

    @classmethod
    def from_arrow(cls, table: Any, name: str = "") -> Self:
        """Columns of a pyarrow.Table, kept as Arrow arrays."""
        return cls({key: table.column(key) for key in table.column_names}, name)

    def to_pandas(self) -> Any:
        """A pandas.DataFrame with these columns."""
        import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

        return pd.DataFrame(self.columns)

    @classmethod
    def from_pandas(cls, frame: Any, name: str = "") -> Self:
        """Columns of a pandas.DataFrame as numpy arrays, text as lists; its index is dropped."""
        arrays = {str(key): frame[key].to_numpy() for key in frame.columns}
        return cls({key: each.tolist() if each.dtype.hasobject else each for key, each in arrays.items()}, name)


@dataclass(frozen=True, eq=False)
class FeatureSet(Generic[Row]):
    """What a model is fitted on: a matrix of features and, for supervised learning, their labels.

    Args:
        features: Array (B, F).
        labels: Array (B,) or (B, K); None where there are none.
        names: One a feature, or none.
    """

    features: Any
    labels: Any = None
    names: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        if self.labels is not None and len(self.labels) != len(self.features):
            raise ValueError(f"{len(self.features)} rows of features, but {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.features)

    def take(self, rows: Sequence[int]) -> Self:
        """The rows at these positions, in this order."""
        labels = None if self.labels is None else _take(self.labels, rows)
        return replace(self, features=_take(self.features, rows), labels=labels)


@dataclass(frozen=True, eq=False)
class Model(Generic[Payload]):
    """A trained model: its weights or bytes, and what is needed to use it.

    Args:
        payload: Such as a torch state_dict, an onnx.ModelProto, ONNX bytes.
        format: What the payload is, in the trainer's words: "torch", "onnx".
        metadata: JSON values: layer sizes, class names, the seed.
    """

    payload: Payload
    format: str = ""
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, eq=False)
class Metrics(Mapping[str, float]):
    """Numbers by name; reads like a dict."""

    numbers: dict[str, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", {str(name): float(number) for name, number in self.numbers.items()})

    def __getitem__(self, name: str) -> float:
        return self.numbers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True)
class Report:
    """What people read when a run has ended."""

    title: str
    markdown: str = ""
    metrics: Metrics = field(default_factory=lambda: Metrics({}))


def _take(column: Any, rows: Sequence[int]) -> Any:
    if hasattr(column, "iloc"):  # pandas
        return column.iloc[rows]
    if hasattr(column, "ndim"):  # an array or a tensor; its own `take` would flatten it
        return column[rows if hasattr(rows, "shape") else list(rows)]
    if hasattr(column, "take"):  # Arrow
        return column.take(rows)
    return [column[row] for row in rows]
