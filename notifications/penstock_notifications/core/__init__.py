"""The pure core: which runs, which message, when again. No I/O, no clock."""
