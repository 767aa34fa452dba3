"""The embedded stack: every service in one process over an embedded Postgres."""
