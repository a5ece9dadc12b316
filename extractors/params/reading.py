"""One dump's reading of a target."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from iolake.extractors.params.joblist import Counters, Job

TARGET = r"(?P<fs>[^=\s/]+)-(?P<target>(?P<kind>OST|MDT)[0-9a-fA-F]{4})"
"""A target's full name: the file system before the last hyphen, then kind and hexadecimal index."""
U64 = 2**64 - 1
"""The largest number that the kernel counts up to."""
MOST_KIB = 2**53 - 1
"""A larger number of KiB overflows BIGINT as bytes."""


@dataclass
class Reading:
    """A target at the moment `us`; None where the dump does not say when. `counters` is None where it has none.

    With `ends_only` it ends the rows of the reading before it, and begins none.
    """

    us: int | None = None
    start_us: int | None = None
    counters: Counters | None = None
    space: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, Job] | None = None
    ends_only: bool = False

    def lists(self) -> Iterator[str]:
        """The names of the lists that it has: counters, jobs."""
        if self.counters is not None:
            yield "counters"
        if self.jobs is not None:
            yield "jobs"

    def merge(self, other: Reading) -> None:
        """Add what another reading of the same moment has; where they differ, the other one, read later, wins.

        A copy may be cut short, so each may have what the other lacks.
        """
        self.start_us = other.start_us or self.start_us
        self.space |= other.space
        if other.counters is not None:
            self.counters = (self.counters or {}) | other.counters
        if other.jobs is not None:
            self.jobs = (self.jobs or {}) | other.jobs


Dump = dict[tuple[str, str], Reading]
"""(file system, target) to its reading in one dump."""
