"""docker-compose.yml as the tests look at it."""

from pathlib import Path
from typing import Any

from penstock_stack import compose

ROOT = Path(__file__).parents[2]
FILE: dict[str, Any] = compose.load(ROOT / "docker-compose.yml", {"PENSTOCK_POSTGRES_PASSWORD": "secret"})
SECURE: dict[str, Any] = compose.load(ROOT / "docker-compose.secure.yml", {"PENSTOCK_CERTIFICATES_GID": "1000"})
SERVICES: dict[str, Any] = FILE["services"]
# Those that are built here.
OURS = compose.described(FILE)
# Those that answer calls; the others are workers.
SERVERS = {name: one for name, one in OURS.items() if "PENSTOCK_LISTEN" in one.environment}
WORKERS = {name: one for name, one in OURS.items() if name not in SERVERS}
