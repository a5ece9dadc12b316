"""The lake's health as programs read it: Nagios' lines with their perfdata, JSON, and OpenMetrics text."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from iolake.reports.health import Health, Level

Labels = Mapping[str, str]


def nagios_lines(health: Health) -> str:
    """A short status line, then a line for each problem, as the Nagios plug-in API has multi-line output.

    Perfdata follow a bar: totals on the first line, the age of each source with its limits on the last.
    """
    first = f"IOLAKE {health.level.name} - {_clean(_message(health))} | {' '.join(_totals(health))}"
    problems = [f"{p.level.name}: {_clean(p.text)}" for p in health.worst_first] if len(health.problems) > 1 else []
    ages = " ".join(_ages(health))
    known = f"ages of {sum(s.age_s is not None for s in health.sources)} of {len(health.sources)} sources"
    return "\n".join([first, *problems, *([f"{known} | {ages}"] if ages else [])])


def unknown_line(why: str) -> str:
    """The line of a lake that could not be checked."""
    return f"IOLAKE {Level.UNKNOWN.name} - {_clean(why)}"


def json_text(health: Health) -> str:
    """One JSON object: status, problems, and the figures of each source. Times are UTC, ages and limits in seconds."""
    return json.dumps(
        {
            "status": health.level.name,
            "at": health.at.isoformat(),
            "snapshot": health.snapshot,
            "last_run": health.last_run.isoformat() if health.last_run else None,
            "died_loads": health.died,
            "problems": [
                {"status": p.level.name, "check": p.check, "source": p.source, "owner": p.owner, "text": p.text}
                for p in health.worst_first
            ],
            "sources": [
                {
                    "source": s.source,
                    "owner": s.owner,
                    "newest": s.newest.isoformat() if s.newest else None,
                    "age_s": s.age_s,
                    "limit_s": s.limit_s,
                    "found": s.found,
                    "rejected": s.rejected,
                    "gap_days": s.gap_days,
                }
                for s in health.sources
            ],
            "stale_mart_partitions": health.stale,
        },
        ensure_ascii=False,
    )


def unknown_json(why: str, now: datetime) -> str:
    """The JSON object of a lake that could not be checked, at `now` (UTC)."""
    return json.dumps({"status": Level.UNKNOWN.name, "at": now.isoformat(), "error": why}, ensure_ascii=False)


def openmetrics(health: Health | None, now: datetime) -> str:
    """The same as OpenMetrics text, which Prometheus' older text parsers read too; without a health, the status alone.

    Unknown is left out, never zero. `now` is the moment of the check, UTC.
    """
    lines = [
        *_family("iolake_check_status", "0 ok, 1 warning, 2 critical, 3 unknown.", [({}, _status(health))]),
        *_family("iolake_check_timestamp_seconds", "When the lake was checked.", [({}, _epoch(now))]),
    ]
    if health is not None:
        lines += _of_sources(health)
        lines += _family(
            "iolake_stale_mart_partitions",
            "Partitions of a mart that queries compute, for they are not stored.",
            [({"mart": mart}, float(count)) for mart, count in health.stale.items()],
        )
        lines += _family("iolake_snapshot", "Number of the newest snapshot.", [({}, float(health.snapshot))])
        lines += _family(
            "iolake_died_loads", "Loads whose process ended before it published them.", [({}, float(health.died))]
        )
        last: list[tuple[Labels, float]] = [({}, _epoch(health.last_run))] if health.last_run else []
        lines += _family("iolake_last_run_timestamp_seconds", "When the last run published its loads.", last)
        failed = {p.text for p in health.problems if p.check == "last run"}
        lines += _family(
            "iolake_last_run_failed",
            "1 where the last run died or rejected a whole source.",
            [({}, float(bool(failed)))],
        )
    return "\n".join([*lines, "# EOF", ""])


def write_aside(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old text or the new one, whole, and may read it whoever wrote it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")  # not *.prom: node_exporter reads those
    try:
        aside.write_text(text, encoding="utf-8")
        aside.chmod(0o644)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _message(health: Health) -> str:
    """The worst problem, and how many there are."""
    if health.problems:
        counts = Counter(problem.level.name.lower() for problem in health.worst_first)
        levels = ", ".join(f"{count} {name}" for name, count in counts.items())
        several = f"{len(health.problems)} problems ({levels}), the first: " if len(health.problems) > 1 else ""
        return several + health.worst_first[0].text
    return (
        f"{len(health.sources)} sources, the newest data of each within its limit, no gap, {_total(health)[1]} rejected"
    )


def _totals(health: Health) -> Iterable[str]:
    found, rejected = _total(health)
    yield f"found={found};;;0"
    yield f"rejected={rejected};;;0"
    yield f"gaps={sum(s.gap_days for s in health.sources)};0;;0"
    yield f"stale={sum(health.stale.values())};;;0"
    yield f"died={health.died};;0;0"
    if health.last_run is not None:
        yield f"'since last run'={(health.at - health.last_run).total_seconds():.0f}s;;;0"


def _ages(health: Health) -> Iterable[str]:
    for s in health.sources:
        if s.age_s is not None:
            limits = f"{s.limit_s:.0f};{2 * s.limit_s:.0f}" if _limited(s.limit_s) else ";"
            yield f"{_quoted(f'age {s.source} {s.owner}')}={s.age_s:.0f}s;{limits};0"


def _of_sources(health: Health) -> list[str]:
    named = [({"source": s.source, "owner": s.owner}, s) for s in health.sources]
    newest = [(labels, _epoch(s.newest)) for labels, s in named if s.newest]
    ages = [(labels, s.age_s) for labels, s in named if s.age_s is not None]
    limits = [(labels, s.limit_s) for labels, s in named if _limited(s.limit_s)]
    return [
        *_family("iolake_newest_data_timestamp_seconds", "When the newest data of a source happened.", newest),
        *_family("iolake_newest_data_age_seconds", "How old it was at the check.", ages),
        *_family("iolake_newest_data_limit_seconds", "The age from which on it is a warning.", limits),
        *_family(
            "iolake_found_inputs", "Inputs found of the days looked back.", [(k, float(s.found)) for k, s in named]
        ),
        *_family("iolake_rejected_inputs", "Those rejected.", [(k, float(s.rejected)) for k, s in named]),
        *_family("iolake_gap_days", "Days of them without any input.", [(k, float(s.gap_days)) for k, s in named]),
    ]


def _family(name: str, doc: str, samples: Iterable[tuple[Labels, float]]) -> list[str]:
    """A gauge: its type, its unit where its name ends with one, its help, and its samples."""
    unit = ["# UNIT " + name + " seconds"] if name.endswith("_seconds") else []
    texts = [f"{name}{_labels(labels)} {_number(value)}" for labels, value in samples]
    return [f"# TYPE {name} gauge", *unit, f"# HELP {name} {doc}", *texts]


def _labels(labels: Labels) -> str:
    pairs = (f'{name}="{_escaped(text)}"' for name, text in labels.items())
    return "{" + ",".join(pairs) + "}" if labels else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.3f}"


def _clean(text: str) -> str:
    """One line without the bar that begins perfdata."""
    return " ".join(text.replace("|", "/").split())


def _quoted(label: str) -> str:
    """A label of perfdata, which holds no equals sign, and a quote as two."""
    return "'" + _clean(label).replace("'", "''").replace("=", "-") + "'"


def _limited(seconds: float) -> bool:
    return math.isfinite(seconds) and seconds < 1e10


def _total(health: Health) -> tuple[int, int]:
    return sum(s.found for s in health.sources), sum(s.rejected for s in health.sources)


def _status(health: Health | None) -> float:
    return float(Level.UNKNOWN if health is None else health.level)


def _epoch(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()
