"""How news of the log travels: the stream port, positions, catching up, and the gRPC edge that all services share."""
