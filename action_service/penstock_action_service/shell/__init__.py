"""What surrounds a pool's core: its connections, its workers' sessions, its lease."""
