"""One file for each kind of target, and which addresses may be called."""
