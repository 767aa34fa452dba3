"""Read models of all runs, made from the log by a follower."""
