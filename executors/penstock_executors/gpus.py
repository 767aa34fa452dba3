"""Which GPUs a worker may give to its actions."""

import os
import re
from pathlib import Path

_DEVICE = re.compile(r"nvidia(\d+)")


def visible_gpus(devices: Path = Path("/dev")) -> list[str]:
    """Names for CUDA_VISIBLE_DEVICES: those that the worker itself sees, else all of the machine."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in (part.strip() for part in given.split(",")) if name and name != "-1"]
    if not devices.is_dir():
        return []
    return sorted((match[1] for entry in os.scandir(devices) if (match := _DEVICE.fullmatch(entry.name))), key=int)
