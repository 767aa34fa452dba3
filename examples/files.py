"""Clean 200 CSV files in parallel, and join them into one table and one report.

    penstock run examples/files.py:sales
    penstock get RUN table sales.parquet

The example writes its files itself. Files that you have: `docs/patterns.md`.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from penstock import Metrics, Report, operator, workflow

SHOPS = ("north", "south", "east", "west")


class Joined(NamedTuple):
    table: pd.DataFrame
    report: Report


@operator
def write(day: int, rows: int) -> Path:
    """The sales of one day, with the gaps that real files have; yours would come from a bucket."""
    random = np.random.default_rng(day)
    frame = pd.DataFrame(
        {"shop": random.choice(SHOPS, rows), "amount": random.gamma(2.0, 20.0, rows).round(2), "day": day}
    )
    frame.loc[random.random(rows) < 0.1, "amount"] = np.nan
    path = Path(f"day-{day:03}.csv")
    frame.to_csv(path, index=False)
    return path


@operator(retries=1)
def clean(file: Path) -> pd.DataFrame:
    """What was sold in each shop, without the rows that have gaps."""
    frame = pd.read_csv(file).dropna()
    return frame.groupby(["day", "shop"], as_index=False)["amount"].sum()


@operator(memory="1Gi")
def join(parts: list[pd.DataFrame]) -> Joined:
    table = pd.concat(parts, ignore_index=True)
    totals = table.groupby("shop")["amount"].sum().sort_values(ascending=False)
    lines = [f"| {shop} | {amount:,.2f} |" for shop, amount in totals.items()]
    text = "\n".join(["| shop | sales |", "|---|---:|", *lines])
    metrics = Metrics({"files": len(parts), "sales": totals.sum()})
    return Joined(table, Report(f"Sales of {len(parts)} days", text, metrics))


@workflow
def sales(rows: int = 500) -> Joined:
    """Write, clean and join the files of 200 days."""
    return join([clean(write(day, rows)) for day in range(200)])
