"""The rules of names, versions and aliases, without I/O."""
