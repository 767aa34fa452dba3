"""The types that machine-learning operators exchange."""

from __future__ import annotations

import numpy as np
import pytest
from penstock import Dataset, FeatureSet, Metrics, Model, Report

from tests.sdk.programs import Digits


def test_a_dataset_is_columns_of_equal_length() -> None:
    data = Digits({"pixels": np.arange(4), "label": ["a", "b", "c", "d"]})
    assert len(data) == 4 and list(data["pixels"]) == [0, 1, 2, 3]
    taken = data.take([3, 0])
    assert type(taken) is Digits and list(taken.rows()) == [{"pixels": 3, "label": "d"}, {"pixels": 0, "label": "a"}]
    assert list(data.select("label").columns) == ["label"]
    assert len(Dataset[object]({})) == 0
    with pytest.raises(ValueError, match="equally long"):
        Digits({"a": [1], "b": [1, 2]})


def test_rows_frames_and_tables() -> None:
    data = Digits.from_rows([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], "rows")
    assert data.columns == {"a": [1, 2], "b": ["x", "y"]} and data.name == "rows"
    table = data.to_arrow()
    assert Digits.from_arrow(table)["a"].to_pylist() == [1, 2]
    again = Digits.from_pandas(data.to_pandas())
    assert list(again["b"]) == ["x", "y"] and type(again) is Digits
    with pytest.raises(ValueError, match="row 1 has"):
        Dataset.from_rows([{"a": 1}, {"b": 1}])


def test_features_and_labels_go_together() -> None:
    features = FeatureSet[object](np.zeros((3, 2)), np.array([1, 2, 3]), ["x", "y"])
    assert len(features) == 3
    assert features.take([2]).labels == [3] and features.take([2]).features.shape == (1, 2)
    with pytest.raises(ValueError, match="3 rows of features, but 1 labels"):
        FeatureSet(np.zeros((3, 2)), [1])


def test_metrics_read_like_a_dict() -> None:
    metrics = Metrics({"accuracy": 1})
    assert metrics["accuracy"] == 1.0 and dict(metrics) == {"accuracy": 1.0} and metrics == {"accuracy": 1.0}
    assert Report("Title", metrics=metrics) == Report("Title", metrics=metrics)
    assert Model(b"weights").payload == b"weights"
