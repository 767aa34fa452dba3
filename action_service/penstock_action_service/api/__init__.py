"""The gRPC services of the Action Service: for people and tools, and for workers."""
