"""What a plan must fulfil before anything believes it."""
