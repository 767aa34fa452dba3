"""The shell: follows the logs, writes the outbox, empties it."""
