"""The pure core: events in, rows out."""
