"""For tests of workflows: running one in the test's own process, without services, and comparing its plan."""

from .context import context
from .golden import assert_golden
from .run import run

__all__ = ["assert_golden", "context", "run"]
