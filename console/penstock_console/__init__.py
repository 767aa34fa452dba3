"""The web console: static pages that use the REST API alone. The gateway serves them."""

from pathlib import Path
from typing import Final

PAGES: Final = Path(__file__).parent / "static"


def is_built() -> bool:
    """Say whether the pages are there: always in a wheel, in a checkout after `make console`."""
    return (PAGES / "index.html").is_file()
