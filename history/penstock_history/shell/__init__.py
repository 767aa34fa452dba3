"""The shell: follows the log and writes the tables."""
