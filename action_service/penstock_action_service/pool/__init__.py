"""One pool's decisions, without I/O: who runs where and when."""
