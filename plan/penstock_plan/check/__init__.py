"""The validation of a plan."""
