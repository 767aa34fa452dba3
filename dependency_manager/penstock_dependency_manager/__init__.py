"""What became ready."""
