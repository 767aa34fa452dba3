"""The Dependency Manager: finds the actions that became ready."""

from .errors import DependencyManagerError
from .shell import DependencyManager

__all__ = ["DependencyManager", "DependencyManagerError"]
