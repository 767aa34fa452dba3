"""The table of all metrics, for people: `python -m penstock_observability.reference FILE` puts it into a document."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client import Counter, Histogram

from . import metrics
from .scraped import Scraped

BEGIN: Final = "<!-- metrics: made by `python -m penstock_observability.reference docs/observability.md` -->\n"
END: Final = "<!-- end of metrics -->"


class Declared(NamedTuple):
    """One metric as it is exposed: counters end in `_total`."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


def declared() -> Iterator[Declared]:
    """Return the metrics of `metrics.py`, in its order."""
    for metric in vars(metrics).values():
        if isinstance(metric, Counter | Histogram | Scraped):
            (family,) = metric.describe()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            yield Declared(name, family.type, _labels(metric), family.documentation)


def _labels(metric: Counter | Histogram | Scraped) -> tuple[str, ...]:
    if isinstance(metric, Scraped):
        return metric.labels
    return tuple(vars(metric)["_labelnames"])  # the library tells them nowhere else


def table() -> str:
    """Return the table in Markdown."""
    rows = [f"| `{one.name}` | {one.kind} | {', '.join(one.labels)} | {one.text} |" for one in declared()]
    return "\n".join(["| metric | kind | labels | meaning |", "|---|---|---|---|", *rows, ""])


def updated(document: str) -> str:
    """Return the document with the table between its marks as it is now."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def main() -> None:
    """Bring a document up to date."""
    path = Path(sys.argv[1])
    path.write_text(updated(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
