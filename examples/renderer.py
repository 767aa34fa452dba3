"""A view of tables for the console: docs/plugins.md builds it step by step."""

import pandas as pd
from penstock import operator, rendering, workflow
from penstock.rendering import Rendering

ROWS_MAX = 2_000


@operator(cpu=0.5, memory="512Mi", timeout_s=30)
def draw(table: pd.DataFrame) -> Rendering:
    """Draw each column of numbers as a histogram."""
    numbers = table.select_dtypes("number").head(ROWS_MAX)
    if numbers.empty:
        return rendering.markdown("This table has **no numbers**.")
    return rendering.vega_lite(
        {
            "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
            "data": {"values": numbers.to_dict("records")},
            "columns": 3,
            "repeat": list(numbers.columns),
            "spec": {
                "width": 180,
                "height": 120,
                "mark": "bar",
                "encoding": {
                    "x": {"field": {"repeat": "repeat"}, "type": "quantitative", "bin": True},
                    "y": {"aggregate": "count"},
                },
            },
        }
    )


@workflow
def histograms(table: pd.DataFrame) -> Rendering:
    """Histograms of the columns."""
    return draw(table)
