"""Sizes as people read them."""


def size(count: float) -> str:
    """Return a number of bytes in about four characters and its unit."""
    unit = "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if count < 1024:
            break
        count, unit = count / 1024, larger
    return f"{count:.0f} {unit}" if count >= 100 else f"{count:.3g} {unit}"
