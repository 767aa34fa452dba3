"""The parts of every service: its process, settings, gRPC server, health and database."""
