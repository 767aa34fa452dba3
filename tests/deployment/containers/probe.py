"""Piped into a container's Python: prints what the container may do, and how much it may use."""

import json
from pathlib import Path

# Of cgroups in version 2 and in version 1.
MEMORY = ("memory.max", "memory/memory.limit_in_bytes")
PIDS = ("pids.max", "pids/pids.max")


def first(names: tuple[str, ...]) -> str:
    """Return the text of the first file that there is."""
    paths = [Path("/sys/fs/cgroup") / name for name in names]
    return next((path.read_text().strip() for path in paths if path.exists()), "")


def cores() -> float:
    """Return how many cores the container may use."""
    if quota := first(("cpu.max",)):
        share, period = quota.split()
    else:
        share, period = first(("cpu/cpu.cfs_quota_us",)), first(("cpu/cpu.cfs_period_us",))
    return float("inf") if share in ("max", "-1") else int(share) / int(period)


def is_writable(folder: str) -> bool:
    """Whether a file can be made in a folder."""
    path = Path(folder) / "penstock-probe"
    try:
        path.touch()
    except OSError:
        return False
    path.unlink()
    return True


lines = Path("/proc/1/status").read_text().splitlines()
status = {name: value.split()[0] for name, _, value in (line.partition(":") for line in lines) if value.split()}
print(
    json.dumps(
        {
            "user": int(status["Uid"]),
            "capabilities": int(status["CapEff"], 16) | int(status["CapBnd"], 16),
            "no_new_privileges": status["NoNewPrivs"] == "1",
            "writable": [folder for folder in ("/", "/app", "/data", "/usr", "/tmp") if is_writable(folder)],
            "memory_bytes": int(first(MEMORY)),
            "pids": int(first(PIDS)),
            "cores": cores(),
        }
    )
)
