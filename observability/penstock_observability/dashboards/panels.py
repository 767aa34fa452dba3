"""The two kinds of panel there are, and the dashboard around them."""

from collections.abc import Iterable, Mapping
from itertools import count

from grafana_foundation_sdk.builders import common, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, Row
from grafana_foundation_sdk.models.common import (
    BigValueGraphMode,
    LegendDisplayMode,
    LegendPlacement,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType, DataSourceRef

SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
TAG = "penstock"
WIDTH = 24
LINES_HEIGHT, NUMBER_HEIGHT = 8, 4

Panel = timeseries.Panel | stat.Panel


def lines(title: str, queries: Mapping[str, str], *, unit: str = "short", text: str = "") -> timeseries.Panel:
    """Return a panel of lines over time, two beside each other; `queries` are legend -> PromQL."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(text)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .span(WIDTH // 2)
        .height(LINES_HEIGHT)
        .fill_opacity(10)
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.RIGHT)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
    )
    for number, (legend, expr) in enumerate(queries.items()):
        panel.with_target(_query(expr, number).legend_format(legend))
    return panel


def number(title: str, expr: str, *, unit: str = "short", text: str = "", decimals: int = 0) -> stat.Panel:
    """Return a panel of one number as of now, six beside each other."""
    return (
        stat.Panel()
        .title(title)
        .description(text)
        .datasource(SOURCE)
        .unit(unit)
        .decimals(decimals)
        .span(WIDTH // 6)
        .height(NUMBER_HEIGHT)
        .graph_mode(BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_query(expr, 0))
    )


def dashboard(name: str, title: str, text: str, rows: Mapping[str, Iterable[Panel]]) -> Dashboard:
    """Return a dashboard of rows: title -> panels."""
    board = (
        Dashboard(title)
        .uid(f"penstock-{name}")
        .description(text)
        .tags([TAG])
        .editable()
        .refresh("30s")
        .time("now-1h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(DashboardLink("Penstock").type(DashboardLinkType.DASHBOARDS).tags([TAG]).keep_time(True))
    )
    ids = count(1)
    for row, panels in rows.items():
        board.with_row(Row(row).id(next(ids)))
        for panel in panels:
            board.with_panel(panel.id(next(ids)))
    return board


def quantile(share: float, metric: str, by: str = "", only: str = "") -> str:
    """Return a query of a histogram's quantile over the panel's interval; `only` chooses labels."""
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({share:g}, sum by ({labels}) (rate({metric}_bucket{only}[$__rate_interval])))"


def rate(metric: str, by: str = "") -> str:
    """Return a query of a counter's growth a second, of all processes together."""
    return f"sum by ({by}) (rate({metric}[$__rate_interval]))" if by else f"sum(rate({metric}[$__rate_interval]))"


def _query(expr: str, number: int) -> prometheus.Dataquery:
    return prometheus.Dataquery().datasource(SOURCE).expr(expr).ref_id(chr(ord("A") + number)).range()
