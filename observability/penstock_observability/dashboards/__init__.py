"""Grafana's dashboards as code. Needs the extra `dashboards`; no service does."""

import warnings

# Grafana reads the classic form from files; the library would have us write its successor.
warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
