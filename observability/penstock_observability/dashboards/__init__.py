"""Grafana's dashboards as code. Needs the extra `dashboards`; no service does."""
