"""Why a run was slow, as the job page begins: verdict, findings, its kind, accesses, targets, neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from iolake.reports import text
from iolake.warehouse import Lake

Row = dict[str, Any]
KIND_DAYS: Final = 90
"""How far back the history of a run's kind goes."""
PEERS: Final = 3
"""Runs of its kind that a run needs to be compared with them, as in `job_verdict`."""
_MOST_TARGETS: Final = 12
_MOST_NEIGHBOURS: Final = 5
_RUN: Final = "cluster = $1 AND date = $2::DATE AND run_id = $3"
_SIZES: Final = (
    "0_100",
    "100_1K",
    "1K_10K",
    "10K_100K",
    "100K_1M",
    "1M_4M",
    "4M_10M",
    "10M_100M",
    "100M_1G",
    "1G_PLUS",
)
_FINDINGS: Final = f"""
FROM findings WHERE {_RUN}
ORDER BY list_position(['high', 'medium', 'low', 'info'], severity), code
"""
_ONE: Final = {"targets": "target", "processes": "process", "restarts": "restart"}
_NEIGHBOURS: Final = f"""
FROM job_neighbours WHERE {_RUN}
ORDER BY coalesce(read_bytes, 0)::HUGEINT + coalesce(write_bytes, 0) DESC, overlap_s DESC,
  neighbour_cluster, neighbour_run_id
"""
_QUARTERS: Final = {1: "in the worst quarter", 2: "worse than half", 3: "better than half", 4: "in the best quarter"}
_LAYERS: Final = """
SELECT
  module, try_cast(sum(read_bytes) AS BIGINT) AS read_bytes, try_cast(sum(write_bytes) AS BIGINT) AS write_bytes,
  sum(read_s) AS read_s, sum(write_s) AS write_s, sum(meta_s) AS meta_s
FROM application_io
WHERE cluster = $1 AND date BETWEEN $3 AND $4 AND list_contains($2, log_id)
GROUP BY module
ORDER BY module
"""
_ACCESSES: Final = """
SELECT {sums} FROM log_features
WHERE cluster = $1 AND date BETWEEN $3 AND $4 AND list_contains($2, log_id)
""".format(
    sums=", ".join(
        f"try_cast(sum({way}_{size.lower()}) AS BIGINT) AS {way}_{size}" for way in ("read", "write") for size in _SIZES
    )
)
_TARGETS: Final = f"""
WITH own AS (
  SELECT o.*, s.start_time, s.end_time, s.elapsed_s
  FROM (FROM job_ost WHERE {_RUN}) o
  JOIN (FROM job_summary WHERE {_RUN}) s USING (cluster, run_id)
),
states AS (
  SELECT h.file_system, h.ost, avg(h.load_pct) / 100 AS load, max(h.used_pct) AS used_pct
  FROM target_states(NULL, (SELECT min(start_time)::DATE - 1 FROM own), $2::DATE) h
  JOIN (SELECT file_system, any_value(start_time) AS begins, any_value(end_time) AS ends FROM own GROUP BY ALL) o
    ON h.file_system = o.file_system AND h.ts < o.ends AND h.until > o.begins
  GROUP BY ALL
)
SELECT
  o.file_system, o.ost, o.files, o.ost_read_bytes, o.ost_write_bytes, o.ost_seen_pct,
  (o.ost_read_bytes::DOUBLE + o.ost_write_bytes) / nullif(o.elapsed_s, 0) AS bytes_per_s,
  l.load, l.used_pct
FROM own o
LEFT JOIN states l USING (file_system, ost)
ORDER BY greatest(coalesce(l.load, 0), coalesce(l.used_pct, 0) / 30) DESC, o.ost
"""


@dataclass(frozen=True)
class Judgement:
    """What the lake concludes of one run. A list is empty, and a row None, where the lake has nothing of it."""

    verdict: Row | None
    findings: Sequence[Row]
    kind: Sequence[Row]
    layers: Sequence[Row]
    accesses: Row | None
    targets: Sequence[Row]
    neighbours: Sequence[Row]


def is_compared(verdict: Row) -> bool:
    """Whether a row of `job_verdict` compares its run with others of its kind."""
    return (verdict.get("peers") or 0) >= PEERS and verdict["of_peers"] is not None


def judge(lake: Lake, cluster: str, run_id: str, day: date, logs: Sequence[Row]) -> Judgement:
    """What the lake concludes of a run that ended on `day` (UTC); `logs` holds log_id and date of each of its logs."""
    run = [cluster, day, run_id]
    verdict = rows(lake, f"FROM job_verdict WHERE {_RUN}", *run)
    layers: list[Row] = []
    accesses: list[Row] = []
    if logs:
        days = [log["date"] for log in logs]
        of_logs = [cluster, [log["log_id"] for log in logs], min(days), max(days)]
        layers = rows(lake, _LAYERS, *of_logs)
        accesses = rows(lake, _ACCESSES, *of_logs)
    return Judgement(
        verdict[0] if verdict else None,
        rows(lake, _FINDINGS, *run),
        history(lake, cluster, run_id, day),
        layers,
        accesses[0] if accesses else None,
        rows(lake, _TARGETS, *run),
        rows(lake, _NEIGHBOURS, *run),
    )


def history(lake: Lake, cluster: str, run_id: str, day: date, days: int = KIND_DAYS) -> list[Row]:
    """Each metric of a run beside its own kind's runs of the `days` days before; see the macro umami."""
    return rows(lake, "FROM umami($1, $2, $3::DATE, $4)", cluster, run_id, day, days)


def section(found: Judgement) -> Iterator[str]:
    """The judgement as text, each part under its heading."""
    yield from _heading("Verdict")
    verdict = found.verdict
    yield f"  {verdict['sentence'] if verdict else 'The lake has no verdict of this run.'}"
    if verdict and verdict["confidence"] is not None:
        yield f"  cause {verdict['cause']}, culprit {verdict['culprit']}; confidence {verdict['confidence']:.2f} of 1"
    for finding in found.findings:
        yield f"  {finding['severity']:<6}  {finding['code']}: {finding['sentence']}"
        yield f"          {value_of(finding)}. {finding['advice']}"
    yield from _heading("Beside its kind")
    yield from _kind(found)
    if found.layers:
        yield from _heading("Access sizes and I/O time")
        yield from _accesses(found)
    if found.targets:
        yield from _heading("Its targets")
        yield from _targets(found.targets)
    if found.neighbours:
        yield from _heading("Neighbours")
        yield from _neighbours(found.neighbours)


def value_of(finding: Row) -> str:
    """A finding's evidence: its value, and the threshold that it is held against."""
    return f"{amount(finding['value'], finding['unit'])}, the threshold is {finding['threshold']:,.4g}"


def _kind(found: Judgement) -> Iterator[str]:
    verdict = found.verdict
    if verdict and verdict["of_peers"] is not None:
        of_peers = text.percent(100 * verdict["of_peers"], 0)
        yield f"  it moved data at {of_peers} of the median of {verdict['peers']} runs of its kind within a week"
    table = umami_table(found.kind)
    yield from (f"  {line}" for line in table)
    if not table:
        yield f"  no run of its kind ended in the {KIND_DAYS} days before"


def umami_table(metrics: Sequence[Row]) -> list[str]:
    """Lines of a table: metric, value, median of its kind, percentile as a bar, and how good that is."""
    known = [m for m in metrics if m["history"] and m["value"] is not None]
    if not known:
        return []
    lines = [("metric", "value", "median", "runs", "percentile", "", "")]
    lines += [
        (
            m["metric"],
            amount(m["value"], m["unit"]),
            amount(m["middle"], m["unit"]),
            str(m["history"]),
            f"{m['percentile']:.0f}",
            "[" + text.bar(m["percentile"] / 100, 12) + "]",
            _how_good(m),
        )
        for m in known
    ]
    return text.columns(lines, [1, 2, 3, 4])


def _how_good(metric: Row) -> str:
    """The quarter of its kind that a run is in; many runs may have the very median, which is in none."""
    if metric["value"] == metric["middle"]:
        return "as always" if metric["low"] == metric["high"] else "as usual"
    return _QUARTERS.get(metric["quartile"], "")


def amount(value: float | None, unit: str | None) -> str:
    """A number with its unit, for people."""
    if value is None:
        return text.UNKNOWN
    if unit == "B":
        return text.size(value)
    if unit == "B/s":
        return text.rate(value)
    if unit == "s":
        return f"{value:,.4g} s" if value < 10_000 else f"{value:,.0f} s"
    shown = _ONE.get(unit or "", unit) if value == 1 else unit
    return f"{value:,.4g} {shown}" if shown else f"{value:,.4g}"


def _accesses(found: Judgement) -> Iterator[str]:
    layers = [("", "read", "written", "reading", "writing", "metadata")]
    layers += [
        (
            layer["module"],
            *(text.size(layer[name]) for name in ("read_bytes", "write_bytes")),
            *(amount(layer[name], "s") for name in ("read_s", "write_s", "meta_s")),
        )
        for layer in found.layers
    ]
    yield from (f"  {line}" for line in text.columns(layers, range(1, 6)))
    yield "  times are those of all processes together; MPI-IO and DAOS show bytes of another layer again"
    sizes = found.accesses
    counted = [s for s in _SIZES if sizes and (sizes[f"read_{s}"] or sizes[f"write_{s}"])]
    if sizes is None or not counted:
        return
    most = max(sizes[f"{way}_{size}"] or 0 for way in ("read", "write") for size in counted)
    by = "POSIX, DFS" if any(layer["module"] == "DFS" for layer in found.layers) else "POSIX"
    lines = [(f"bytes an access ({by})", "reads", "", "writes", "")]
    for size in counted:
        read, written = sizes[f"read_{size}"], sizes[f"write_{size}"]
        name = size.replace("_PLUS", " and more").replace("_", " to ")
        lines.append((name, text.number(read), _part(read, most), text.number(written), _part(written, most)))
    yield from (f"  {line}" for line in text.columns(lines, [1, 3]))


def _part(count: int | None, most: int) -> str:
    return text.bar((count or 0) / most, 10) if most else ""


def _targets(targets: Sequence[Row]) -> Iterator[str]:
    lines = [("target", "files", "full", "moved by all", "beside the mean target")]
    lines += [
        (
            f"{t['file_system']} {t['ost']}",
            text.number(t["files"]),
            text.percent(t["used_pct"], 1),
            text.rate(t["bytes_per_s"]),
            text.UNKNOWN if t["load"] is None else f"{t['load']:.2f} times",
        )
        for t in targets[:_MOST_TARGETS]
    ]
    yield from (f"  {line}" for line in text.columns(lines, [1, 2, 3, 4]))
    if len(targets) > _MOST_TARGETS:
        yield f"  and {len(targets) - _MOST_TARGETS} more, less full and less loaded"


def _neighbours(neighbours: Sequence[Row]) -> Iterator[str]:
    lines = [("file system", "job", "user", "program", "both ran", "read", "written", "share", "known by")]
    lines += [
        (
            n["file_system"],
            f"{n['neighbour_cluster']} {n['neighbour_job_id']}",
            n["neighbour_user"] or text.UNKNOWN,
            n["neighbour_exe"] or text.UNKNOWN,
            amount(n["overlap_s"], "s"),
            text.size(n["read_bytes"]),
            text.size(n["write_bytes"]),
            text.UNKNOWN if n["share"] is None else text.percent(100 * n["share"], 1),
            n["measured_by"],
        )
        for n in neighbours[:_MOST_NEIGHBOURS]
    ]
    yield from (f"  {line}" for line in text.columns(lines, [4, 5, 6, 7]))
    for name in dict.fromkeys(n["file_system"] for n in neighbours):
        there = [n for n in neighbours if n["file_system"] == name]
        own, others = there[0]["own_share"], [n["share"] for n in there]
        if own is not None and None not in others:
            rest = 1 - own - sum(others)
            yield (
                f"  of all bytes of {name} meanwhile the job moved {text.percent(100 * own, 1)}, "
                f"{text.count(len(there), 'neighbour')} {text.percent(100 * sum(others), 1)}; "
                f"{text.percent(100 * max(rest, 0), 1)} is unexplained"
            )


def _heading(title: str) -> Iterator[str]:
    yield ""
    yield f"{title} ".ljust(78, "─")


def rows(lake: Lake, query: str, *values: Any) -> list[Row]:
    """A query's answer, one dict a row."""
    return lake.rows(query, list(values))
