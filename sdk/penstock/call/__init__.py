"""Stage 2, in a worker's process: arguments are decoded, the operator is called, its result encoded."""
