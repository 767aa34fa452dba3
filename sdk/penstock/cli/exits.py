"""Exit codes, the same for all commands."""

SUCCEEDED = 0
FAILED = 1
# What was typed, or the workflow, is wrong: nothing was started.
USAGE = 2
CANCELLED = 3
INTERRUPTED = 130
