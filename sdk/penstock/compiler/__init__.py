"""Stage 1: a declared workflow becomes a typed plan and a bundle of code."""
