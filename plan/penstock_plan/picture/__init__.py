"""A plan as a picture: an SVG document that needs nothing else."""

from .drawing import draw

__all__ = ["draw"]
