"""`python -m penstock_observability.dashboards FOLDER`: write the dashboards as Grafana reads them."""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from .overview import overview
from .pools import pools
from .services import services

BOARDS = {"overview": overview, "services": services, "pools": pools}


def files() -> dict[str, str]:
    """Return the content of each file by its name."""
    return {
        f"{name}.json": json.dumps(make().build(), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"
        for name, make in BOARDS.items()
    }


def main() -> None:
    """Write them."""
    folder = Path(sys.argv[1])
    for name, content in files().items():
        (folder / name).write_text(content)


if __name__ == "__main__":
    main()
