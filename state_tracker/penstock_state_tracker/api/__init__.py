"""What callers ask of a State Tracker, one file for each kind of question."""
