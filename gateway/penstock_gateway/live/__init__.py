"""Events of runs as they are recorded, shared by all who watch."""
