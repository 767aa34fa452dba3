"""Durations counted in buckets, four to each doubling: percentiles of any sum of them, right to 13 percent."""

from collections.abc import Mapping


def bucket_of(duration_us: int) -> int:
    """Return the bucket of a duration."""
    if duration_us < 4:
        return max(0, duration_us)
    bits = duration_us.bit_length()
    return 4 * (bits - 2) + ((duration_us >> (bits - 3)) & 3)


def middle_us(bucket: int) -> int:
    """Return the middle of a bucket."""
    if bucket < 4:
        return bucket
    shift, quarter = divmod(bucket, 4)
    low = (4 + quarter) << (shift - 1)
    return low + (1 << (shift - 1)) // 2


def percentile_us(counts: Mapping[int, int], share: float) -> int:
    """Return the duration below which this share of all lies; 0 of none."""
    total = sum(counts.values())
    left = share * total
    for bucket in sorted(counts):
        left -= counts[bucket]
        if left <= 0:
            return middle_us(bucket)
    return 0
