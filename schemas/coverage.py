"""How much of a window must be seen, and how large a share may be: the numbers of promise P12."""

from __future__ import annotations

from typing import Final

SEEN_ENOUGH_PCT: Final = 95
"""A share, rate or peak is null where less than this of its window was seen; charts hatch such bins."""
LARGEST_SHARE: Final = 1.2
"""A share above it is null: clocks or names of the two sources don't match."""
