"""Penstock's contracts: protobuf messages and gRPC services."""
