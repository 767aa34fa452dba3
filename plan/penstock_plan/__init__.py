"""The compiled workflow: types, validation, graph."""
