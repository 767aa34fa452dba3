"""How news of the log travels: the stream port, positions, catching up."""
