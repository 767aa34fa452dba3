"""Typed, parallel, durable machine-learning workflows in ordinary Python."""
