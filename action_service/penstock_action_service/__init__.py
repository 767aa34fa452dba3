"""The scheduler: ready attempts become grants for workers, and their results become reports."""
