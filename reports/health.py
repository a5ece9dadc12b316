"""The lake's own health: how old the newest data of each source is, what is missing, what was rejected, what failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from typing import Final

from iolake.schemas.settings import CheckSettings
from iolake.schemas.site import OWNER_KINDS, Site
from iolake.warehouse import Lake

_DERIVE_S: Final = 3600
"""Marts may be stale for so long after a commit: the ingest that published it derives them at its end."""
_DAY_S: Final = 86400.0


class Level(IntEnum):
    """Severity, with the value of Nagios' exit status."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: how bad, which check found it, and a sentence for a person."""

    level: Level
    check: str
    text: str
    source: str | None = None
    owner: str | None = None


@dataclass(frozen=True)
class SourceHealth:
    """One source of one owner. Counts are of inputs of the days that the check covers."""

    source: str
    owner: str
    newest: datetime | None
    """UTC; when the last thing happened that the lake knows from it; null where it knows nothing."""
    age_s: float | None
    limit_s: float
    """An older age is a warning, and one of twice the limit critical."""
    found: int = 0
    rejected: int = 0
    gap_days: int = 0


@dataclass(frozen=True)
class Health:
    """The answer of `check`, at one moment and of one snapshot."""

    at: datetime
    snapshot: int
    sources: list[SourceHealth]
    stale: dict[str, int]
    """Stale partitions by mart; a mart without any is left out."""
    last_run: datetime | None
    """UTC; when the newest load was published."""
    died: int
    """Loads whose process ended before it published them."""
    problems: list[Problem] = field(default_factory=list)

    @property
    def level(self) -> Level:
        """The worst of its problems."""
        return max((problem.level for problem in self.problems), default=Level.OK)

    @property
    def worst_first(self) -> list[Problem]:
        """Its problems, critical ones first."""
        return sorted(self.problems, key=lambda problem: -problem.level)


def check(
    lake: Lake,
    site: Site | None = None,
    to_ask: Iterable[tuple[str, str, date]] = (),
    died: int = 0,
    now: datetime | None = None,
) -> Health:
    """What is wrong with the lake at `now` (UTC, by default this moment), held to the limits of site.toml.

    Without a site, each source that the lake has is held to the default limits. `to_ask` names (source, owner, day)
    that the site's commands and databases could be asked for; `died` counts the loads that dead processes left.
    """
    now = now or datetime.now(UTC).replace(tzinfo=None)
    settings = site.check if site else CheckSettings()
    sources = list(_sources(lake, site, settings, set(to_ask), now))
    stale = dict(
        lake.sql("SELECT table_name, count(*) FROM derived WHERE NOT fresh GROUP BY ALL ORDER BY ALL").fetchall()
    )
    (last_run,) = lake.sql("SELECT max(committed_at) FROM loads").fetchall()[0]
    problems = [problem for source in sources for problem in _of_source(source, settings)]
    problems += _of_marts(lake, stale, now)
    problems += _of_last_run(lake, last_run, died)
    return Health(now, lake.snapshot, sources, stale, last_run, died, problems)


def _sources(
    lake: Lake, site: Site | None, settings: CheckSettings, to_ask: set[tuple[str, str, date]], now: datetime
) -> Iterator[SourceHealth]:
    since = (now - timedelta(days=settings.look_back_days)).date()
    limits = _limits(site)
    newest = {
        (source, owner): last
        for source, owner, last in lake.sql(
            "SELECT source, owner, max(coalesce(last_ts, day + INTERVAL 1 DAY)) FROM inputs "
            "WHERE status IN ('loaded', 'unchanged', 'superseded') GROUP BY ALL"
        ).fetchall()
    }
    counts = {
        (source, owner): (found, rejected)
        for source, owner, found, rejected in lake.sql(
            "SELECT source, owner, sum(found)::BIGINT, sum(rejected)::BIGINT FROM coverage "
            "WHERE day >= $1 OR day IS NULL GROUP BY ALL",
            [since],
        ).fetchall()
    }
    known = limits if site else dict.fromkeys(newest.keys() | counts.keys(), None)
    for (source, owner), own_limit in sorted(known.items()):
        limit = timedelta(days=min(own_limit if own_limit is not None else settings.max_age_days, 1e6))
        last = newest.get((source, owner))
        found, rejected = counts.get((source, owner), (0, 0))
        age_s = None if last is None else (now - last).total_seconds()
        asked = {day for s, o, day in to_ask if (s, o) == (source, owner)}
        until = max(since, (now - min(limit, timedelta(days=3650))).date())
        gaps = _gaps(lake, source, owner, (since, until), asked)
        yield SourceHealth(source, owner, last, age_s, limit.total_seconds(), found, rejected, gaps)


def _limits(site: Site | None) -> dict[tuple[str, str], float | None]:
    """The age limit in days of each source of the site; None where it names none of its own."""
    return {
        (name, owner): source.max_age_days
        for kind in OWNER_KINDS
        for owner, of in (site.owners(kind).items() if site else ())
        for name, source in of.sources.items()
    }


def _gaps(lake: Lake, source: str, owner: str, days: tuple[date, date], to_ask: set[date]) -> int:
    """Days of [first, last) without an input, although later ones have one or the site could be asked for them."""
    known = dict(
        lake.sql(
            "SELECT day, gap FROM coverage WHERE source = $1 AND owner = $2 AND day >= $3 AND day < $4",
            [source, owner, *days],
        ).fetchall()
    )
    missing = {day for day, gap in known.items() if gap}
    never_asked = {day for day in to_ask if days[0] <= day < days[1]} - known.keys()
    return len(missing | never_asked)


def _of_source(found: SourceHealth, settings: CheckSettings) -> Iterator[Problem]:
    def problem(level: Level, check: str, text: str) -> Problem:
        return Problem(level, check, f"{found.source} of {found.owner}: {text}", found.source, found.owner)

    if found.age_s is None:
        yield problem(Level.CRITICAL, "age", "the lake has no data of it")
    elif found.age_s > found.limit_s:
        level = Level.CRITICAL if found.age_s > 2 * found.limit_s else Level.WARNING
        yield problem(level, "age", f"the newest data is {_age(found.age_s)} old, the limit is {_age(found.limit_s)}")
    if found.gap_days:
        days = "1 day has" if found.gap_days == 1 else f"{found.gap_days} days have"
        yield problem(Level.WARNING, "gaps", f"{days} no input")
    if found.rejected and found.rejected == found.found:
        yield problem(Level.CRITICAL, "rejects", f"every one of {found.found:,} inputs was rejected")
    elif found.rejected > settings.max_rejected_pct / 100 * found.found:
        yield problem(Level.WARNING, "rejects", f"{found.rejected:,} of {found.found:,} inputs were rejected")


def _of_marts(lake: Lake, stale: Mapping[str, int], now: datetime) -> Iterator[Problem]:
    (newest,) = lake.sql("SELECT max(committed_at) FROM snapshots").fetchall()[0]
    if stale and newest is not None and (now - newest).total_seconds() > _DERIVE_S:
        count, marts = sum(stale.values()), ", ".join(stale)
        yield Problem(Level.WARNING, "marts", f"{count:,} stale partitions of {marts}; `iolake derive` computes them")


def _of_last_run(lake: Lake, last_run: datetime | None, died: int) -> Iterator[Problem]:
    if died:
        yield Problem(
            Level.CRITICAL,
            "last run",
            f"a run died before it published {died:,} loads; the next ingest goes on from there",
        )
    if last_run is None:
        yield Problem(Level.CRITICAL, "last run", "nothing was ever loaded; `iolake ingest` loads what the site has")
        return
    for (source,) in lake.sql(
        "SELECT source FROM loads WHERE run_id = (SELECT arg_max(run_id, committed_at) FROM loads) "
        "GROUP BY source HAVING sum(rejected) > 0 AND sum(rejected) = sum(found) ORDER BY source"
    ).fetchall():
        yield Problem(
            Level.CRITICAL,
            "last run",
            f"the last run rejected every input of {source}; `iolake rejects` says why",
            source,
        )


def _age(seconds: float) -> str:
    """A length of time in hours, or in days from two on."""
    return f"{seconds / 3600:.0f} h" if seconds < 2 * _DAY_S else f"{seconds / _DAY_S:.1f} days"
