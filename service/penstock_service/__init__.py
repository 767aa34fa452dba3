"""What every service is made of: its process, settings, gRPC server, health and database."""
