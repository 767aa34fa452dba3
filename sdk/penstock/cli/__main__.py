"""`python -m penstock.cli` is `penstock`, wherever its script is."""

from . import main

main()
