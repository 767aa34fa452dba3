"""A plan for people: described, outlined, and compared with another."""
