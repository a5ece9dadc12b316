"""Darshan's record id of a path: Bob Jenkins' 64-bit hash "lookup8" with level 0."""

from __future__ import annotations

from functools import lru_cache

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C13
# (shift, to the left) of the twelve steps that mix the three words
_STEPS = (
    (43, False),
    (9, True),
    (8, False),
    (38, False),
    (23, True),
    (5, False),
    (35, False),
    (49, True),
    (11, False),
    (12, False),
    (18, True),
    (22, False),
)


@lru_cache(maxsize=65536)
def record_id(path: str | bytes) -> int:
    """The unsigned 64-bit id by which Darshan knows `path`, in every release since 1.0."""
    key = path.encode() if isinstance(path, str) else path
    a = b = 0
    c = _GOLDEN
    whole = len(key) - len(key) % 24
    for start in range(0, whole, 24):
        words = (int.from_bytes(key[start + at : start + at + 8], "little") for at in (0, 8, 16))
        a, b, c = _mix(*(word + add & _MASK for word, add in zip((a, b, c), words, strict=True)))
    tail = key[whole:]
    # the lowest byte of the last word is kept for the length
    a += int.from_bytes(tail[:8], "little")
    b += int.from_bytes(tail[8:16], "little")
    c += len(key) + (int.from_bytes(tail[16:], "little") << 8)
    return _mix(a & _MASK, b & _MASK, c & _MASK)[2]


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    """Three words mixed so that each bit of one touches every bit of the others."""
    for shift, left in _STEPS:
        a = (a - b - c & _MASK) ^ (c << shift & _MASK if left else c >> shift)
        a, b, c = b, c, a
    return a, b, c
