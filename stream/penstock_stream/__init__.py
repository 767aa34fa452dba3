"""How news of the log travels: the stream port, positions, catching up. Kafka is one of two adapters."""
