"""One trace a run, made of its events outside the hot path."""
