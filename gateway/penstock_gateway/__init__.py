"""The REST gateway: what the services offer over gRPC, for any program that speaks HTTP. It keeps no state."""
