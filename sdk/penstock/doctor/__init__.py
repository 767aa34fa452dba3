"""Looks a deployment over: asks every service, judges the answers, and says what to do. `penstock doctor` prints it."""
