"""What the log means, without I/O: runs, transitions, outcomes, the inputs of a run."""
