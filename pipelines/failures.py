"""Why a run counts as failed although it published all that it could: sources that gave nothing, or did not answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from iolake.extractors.base import Span
from iolake.pipelines.finding import find
from iolake.schemas.inputs import InputRecord
from iolake.schemas.site import OWNER_KINDS, Site, Source
from iolake.warehouse.errors import NoLake
from iolake.warehouse.lake import Lake
from iolake.warehouse.records import Load

_ENDED_DAYS = 30
"""Days without an input after which a source counts as ended."""


def failures(site: Site, sources: Sequence[str], span: Span, loads: Iterable[Load]) -> list[str]:
    """A sentence for each source of an owner that failed as a whole, or whose command or database did not answer.

    `loads` are all loads of a run over `sources` (all of the site's where empty) and `span`, those without news
    included.
    """
    by_source: dict[tuple[str, str], list[Load]] = defaultdict(list)
    for load in loads:
        by_source[load.info.source, load.info.owner].append(load)
    wanted = {key: where for key, where in _configured(site) if not sources or key[0] in sources}
    found = {key for key, of_it in by_source.items() if any(load.found for load in of_it)}
    silent = _nothing_found(site, span, [key for key in wanted if key not in found])
    read = [_not_read(source, owner, where, by_source[source, owner]) for (source, owner), where in wanted.items()]
    return [*(sentence for sentence in read if sentence), *silent]


def _configured(site: Site) -> Iterator[tuple[tuple[str, str], Source]]:
    """((source, owner), where it lies) of all sources of the site."""
    for kind in OWNER_KINDS:
        for name, owner in site.owners(kind).items():
            yield from (((source, name), where) for source, where in owner.sources.items())


def _not_read(source: str, owner: str, where: Source, loads: Sequence[Load]) -> str | None:
    """The message for a source that had no readable input, or for a server that did not answer for some days."""
    found = sum(load.found for load in loads)
    rejected = sum(load.count("rejected") for load in loads)
    newly = [record for load in loads for record in load.inputs if record.status == "rejected"]
    if rejected and rejected == found:
        how_many = f"all {found:,} inputs were" if found > 1 else "its one input was"
        return f"{source} of {owner}: {how_many} rejected{_why(newly)}"
    if newly and not where.files:
        asked = "command" if where.command is not None else "database"
        return f"{source} of {owner}: the {asked} did not answer for {len(newly):,} of {found:,} inputs{_why(newly)}"
    return None


def _why(rejected: Sequence[InputRecord]) -> str:
    return f": {rejected[-1].reason}" if rejected and rejected[-1].reason else "; `iolake rejects` shows why"


def _nothing_found(site: Site, span: Span, empty: Sequence[tuple[str, str]]) -> list[str]:
    """A sentence for each of the sources `empty` that should have an input in `span`.

    Of the whole past, that is every source. Of some days, it is a source that the lake never saw, and one whose
    newest input that the lake knows is no longer there, as where a mount is lost. A source that is there but has
    nothing new is for `iolake check` to judge.
    """
    today = datetime.now(UTC).date()
    if not empty or (span.since is not None and span.since >= today):
        return []  # inputs of the day may still come
    last = _last_days(site.lake_uri) if span != Span() else {}
    days = "" if span == Span() else f" in {span.since or 'the beginning'} to {span.until or today}"
    return [
        f"{source} of {owner}: nothing was found{days}; {_hint(site, source, owner)}"
        for source, owner in empty
        if (source, owner) not in last or _is_lost(site, source, owner, last[source, owner], span, today)
    ]


def _hint(site: Site, source: str, owner: str) -> str:
    """What may be wrong where nothing was found."""
    where = dict(_configured(site))[source, owner]
    folder = next((text for text in where.files if Path(site.pattern(text)).is_dir()), None)
    if not where.files:
        return 'site.toml names no files for it; most sources read files = "..."'
    if folder is not None:
        return f"{folder} is a folder; write {folder.rstrip('/')}/* for its files"
    return "is what site.toml names there, and mounted?"


def _is_lost(site: Site, source: str, owner: str, last: date, span: Span, today: date) -> bool:
    """Whether the inputs of a source's last day, which is not long ago, are gone."""
    is_past = span.until is not None and span.until < today
    if is_past or last < today - timedelta(days=_ENDED_DAYS):
        return False
    return not any(key[1] == owner for key in find(site, (source,), Span(last, last + timedelta(days=1))))


def _last_days(lake_uri: str) -> dict[tuple[str, str], date]:
    """The last day with an input in the lake, for each (source, owner) with days."""
    try:
        rows = Lake(lake_uri).sql(
            "SELECT source, owner, max(day) FROM inputs WHERE status <> 'rejected' AND day IS NOT NULL GROUP BY ALL"
        )
    except NoLake:
        return {}
    return {(source, owner): day for source, owner, day in rows.fetchall()}
