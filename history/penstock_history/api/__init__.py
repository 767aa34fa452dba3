"""The gRPC edge: answers from the tables."""
