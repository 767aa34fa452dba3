"""What is measured of the artifact service: bytes as they pass, and the disk when it is asked for."""

import shutil
from typing import Final

from penstock_observability import metrics
from penstock_observability.scraped import Stop

from .store import LocalStore

put_bytes: Final = metrics.ARTIFACT_BYTES.labels("put")
get_bytes: Final = metrics.ARTIFACT_BYTES.labels("get")


def register(store: LocalStore) -> Stop:
    """Let the metrics show the store's disk; the answer ends that."""
    stops = [
        metrics.ARTIFACT_DISK.register_one(lambda: shutil.disk_usage(store.folder).total),
        metrics.ARTIFACT_FREE.register_one(lambda: shutil.disk_usage(store.folder).free),
    ]

    def stop() -> None:
        for step in stops:
            step()

    return stop
