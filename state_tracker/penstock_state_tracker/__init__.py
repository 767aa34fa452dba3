"""The only writer of the logs."""
