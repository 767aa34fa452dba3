"""Operators and workflows as people declare them."""
