"""Tells somebody when a run ends. See docs/notifications.md."""
