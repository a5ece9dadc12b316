"""Finds the inputs of a site, and decides which source fills a table that several of them have for one day."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date

from iolake.extractors.base import Extractor, Input, Span
from iolake.pipelines import registry
from iolake.schemas.errors import IolakeError
from iolake.schemas.site import Site, SiteError

log = logging.getLogger("iolake")

LoadKey = tuple[str, str, date | None]
"""(source, owner, day): the inputs of one load."""
_Rank = tuple[int, int]
"""(position of the source in site.toml, position of the pattern in the source); the lowest wins."""


def find(site: Site, sources: tuple[str, ...], span: Span) -> dict[LoadKey, list[Input]]:
    """The inputs of `sources`, or of all sources, by (source, owner, day); each names the tables that it may not fill.

    Where several sources fill the same table of a file system, the first in site.toml fills it for a day, and of the
    patterns of one source the first. Raises SiteError.
    """
    wanted = registry.chosen(site, sources)
    rivals = _rivals(site, wanted)
    ranked = list(_ranked(site, rivals, span))
    best = _best_ranks(ranked, rivals)
    found: dict[LoadKey, list[Input]] = defaultdict(list)
    for input, rank in ranked:
        if input.source in wanted:
            lost = _lost_tables(input, rank, rivals[input.source], best)
            found[input.source, input.owner, input.day].append(replace(input, superseded=lost) if lost else input)
    return found


def _rivals(site: Site, wanted: Mapping[str, Extractor]) -> dict[str, Extractor]:
    """The wanted sources, and those that fill the same tables."""
    contested = frozenset[str]().union(*(e.contested for e in wanted.values()))
    return {s: e for s, e in registry.chosen(site, ()).items() if s in wanted or e.contested & contested}


def _ranked(site: Site, extractors: Mapping[str, Extractor], span: Span) -> Iterator[tuple[Input, _Rank]]:
    """Each input of some sources once, with its rank."""
    for source, extractor in extractors.items():
        owners = site.owners(extractor.owner)
        for input in _once(_inputs(extractor, site, span)):
            yield input, (list(owners[input.owner].sources).index(source), input.rank)


def _inputs(extractor: Extractor, site: Site, span: Span) -> Iterator[Input]:
    """The inputs that an extractor finds. Where `find` fails, one unreadable input for each owner (P5)."""
    try:
        for input in extractor.find(site, span):
            yield replace(input, place=site.place(input.uri))
    except SiteError:
        raise
    except Exception as error:
        log.error("%s: %s", extractor.source, error, exc_info=log.isEnabledFor(logging.DEBUG))
        why = f"its inputs cannot be listed: {_reason(error)}"
        for name, _where, _zone in site.sources(extractor.owner, extractor.source):
            yield Input(extractor.source, name, extractor.source, unreadable=why)


def _reason(error: Exception) -> str:
    """What kept an extractor from listing its inputs, and what to do about it."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}; check the path that site.toml names, and its permissions"
    if isinstance(error, IolakeError):
        return f"{error}; check what site.toml names"
    return f"{type(error).__name__}: {error}; please report it"


def _once(inputs: Iterable[Input]) -> Iterator[Input]:
    """Each input once, under the first pattern that names it."""
    seen: set[str] = set()
    for input in inputs:
        if input.input_id not in seen:
            seen.add(input.input_id)
            yield input


def _best_ranks(
    ranked: Iterable[tuple[Input, _Rank]], extractors: Mapping[str, Extractor]
) -> dict[tuple[str, date, str], _Rank]:
    """The lowest rank of any input, by owner, day and contested table."""
    best: dict[tuple[str, date, str], _Rank] = {}
    for input, rank in ranked:
        for table in extractors[input.source].contested:
            key = (input.owner, input.day or date.max, table)
            best[key] = min(best.get(key, rank), rank)
    return best


def _lost_tables(
    input: Input, rank: _Rank, extractor: Extractor, best: Mapping[tuple[str, date, str], _Rank]
) -> frozenset[str]:
    """The contested tables that an input of lower rank fills on the same day."""
    day = input.day or date.max
    return frozenset(table for table in extractor.contested if best[input.owner, day, table] < rank)
