"""Selects the rows of an input's own cluster: the output of sacct may hold several clusters, in any order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import polars as pl

from iolake.extractors.base import Input, InputError
from iolake.extractors.slurm.fields import NOTHING
from iolake.extractors.slurm.lines import Rows


class OwnCluster:
    """The name that an input has for its cluster, decided once for all of it.

    It is the site's name for it wherever the input has that, in upper or lower case. An input of one cluster
    alone may have another name for it, but not one of `others`, the site's other clusters.
    """

    def __init__(self, input: Input, others: Collection[str], again: Callable[[], Iterable[Rows]]) -> None:
        self._input, self._others, self._again = input, others, again
        self._name: str | None = None
        self.left_out: set[str] = set()

    def rows(self, frame: pl.DataFrame, last: bool) -> pl.DataFrame:
        """The block's rows that name this cluster or no cluster; InputError where the input is of others alone.

        `last` says that the input has no other block.
        """
        names = _names(frame)
        if not names:
            return frame
        if self._name is None:
            self._name = self._decide(names, last)
        strange = names - {self._name}
        if not strange:
            return frame
        if self._input.owner.lower() in strange:
            raise self._refused({self._name, *strange})
        self.left_out |= strange
        own = (pl.col("cluster").str.to_lowercase() == self._name) | pl.col("cluster").is_in(NOTHING)
        return frame.filter(own.fill_null(value=True))

    def _decide(self, names: set[str], last: bool) -> str:
        own, names = self._input.owner.lower(), set(names)
        if own not in names and not last:
            for rows in self._again():
                names |= _names(rows.frame)
                if own in names:
                    break
        if own in names:
            return own
        if len(names) == 1 and not names & set(self._others):
            return names.pop()
        raise self._refused(names, ", none of them this one")

    def _refused(self, names: set[str], why: str = " in an order that can't be read once") -> InputError:
        reason = f"holds the clusters {', '.join(sorted(names))}{why}"
        return InputError(self._input.uri, reason, f"write it with sacct --clusters={self._input.owner}")


def _names(frame: pl.DataFrame) -> set[str]:
    """Lower-case."""
    if "cluster" not in frame.columns:
        return set()
    return {name.lower() for name in frame["cluster"].unique() if name is not None and name not in NOTHING}
