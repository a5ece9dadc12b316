"""The slowest jobs beside their peers, each with its verdict, scheduler record, application and file system."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from iolake.reports import text
from iolake.reports.judgement import PEERS, rows
from iolake.warehouse import Lake

WORST_JOBS: Final = """\
SELECT
  cluster, job_id, job_name, user_name, state, nnodes, start_time, elapsed_s,
  exe_names[1] AS program, read_bytes, write_bytes, files, performance_bytes_per_s,
  count(*) OVER peers AS peers,
  performance_bytes_per_s / median(performance_bytes_per_s) OVER peers AS of_peers,
  file_system, fs_read_bytes, fs_write_bytes, fs_seen_pct, read_share, write_share,
  fullest_ost, fullest_ost_pct, overloaded_osts, cause, culprit, lost_s, sentence
FROM job_summary
LEFT JOIN (SELECT cluster, run_id, date, cause, culprit, lost_s, sentence FROM job_verdict)
  USING (cluster, run_id, date)
WHERE performance_bytes_per_s IS NOT NULL AND read_bytes::DOUBLE + write_bytes >= 1 << 30{days}
WINDOW peers AS (PARTITION BY cluster, exe_names[1], file_system, write_bytes > read_bytes)
ORDER BY peers < {fewest}, of_peers, performance_bytes_per_s
LIMIT {limit}"""
"""Peers are jobs of the same program, cluster, file system and direction; fewer than PEERS of them are not compared."""


def worst_query(limit: int = 5, since: date | None = None, until: date | None = None) -> str:
    """The query for the jobs that ended in [since, until) and were slowest beside their peers of those days."""
    days = (f"\n  AND date >= DATE '{since}'" if since else "") + (f"\n  AND date < DATE '{until}'" if until else "")
    return WORST_JOBS.format(limit=int(limit), days=days, fewest=PEERS)


def worst_jobs(lake: Lake, limit: int = 5, since: date | None = None, until: date | None = None) -> str:
    """The jobs that ended in [since, until) and were slowest beside their peers, as text, and the query for them."""
    query = worst_query(limit, since, until)
    jobs = rows(lake, query)
    if not jobs:
        return (
            "no job in the lake has moved a GiB and has a Darshan log; `iolake ingest darshan slurm` loads what is new"
        )
    head = "Jobs that moved data slowest beside others of the same program, the worst first (times are UTC)"
    blocks = [_block(place, job) for place, job in enumerate(jobs, 1)]
    return "\n\n".join([head, *blocks, f"This is the answer of\n\n{query}"])


def _block(place: int, job: dict[str, Any]) -> str:
    nodes = f"{text.number(job['nnodes'])} node{'' if job['nnodes'] == 1 else 's'}"
    when = f"started {text.moment(job['start_time'])}, ran {text.seconds(job['elapsed_s'])}"
    moved = f"read {text.size(job['read_bytes'])} and wrote {text.size(job['write_bytes'])}"
    files = f"{text.number(job['files'])} file{'' if job['files'] == 1 else 's'}"
    peers = (
        "too few jobs like it to compare"
        if job["peers"] < PEERS
        else f"{text.percent(100 * job['of_peers'], 0)} of the median of {job['peers']} such jobs"
    )
    lines = [
        f"{place}. job {job['job_id']} on {job['cluster']}",
        f"   verdict      {job['sentence'] or 'none'}",
        f"   scheduler    {job['job_name'] or job['program']} of {job['user_name'] or 'an unknown user'}, {nodes}, "
        f"{job['state'] or 'state unknown'}; {when}",
        f"   application  {job['program']} {moved} in {files}",
        f"   performance  {text.rate(job['performance_bytes_per_s'])} by its slowest process; {peers}",
        f"   file system  {_file_system(job)}",
    ]
    if job["fs_read_bytes"] is not None:
        lines += [
            f"   its share    of reads   {_share(job['read_share'])}",
            f"                of writes  {_share(job['write_share'])}",
        ]
    if job["fullest_ost"] is not None:
        lines.append(f"   targets      {_targets(job)}")
    return "\n".join(lines)


def _file_system(job: dict[str, Any]) -> str:
    if job["file_system"] is None:
        return "none of site.toml's"
    if job["fs_read_bytes"] is None:
        return f"{job['file_system']}; its servers' traffic is not in the lake"
    moved = f"read {text.size(job['fs_read_bytes'])} and wrote {text.size(job['fs_write_bytes'])}"
    return f"{job['file_system']} meanwhile {moved}"


def _targets(job: dict[str, Any]) -> str:
    over = job["overloaded_osts"]
    failed = f"; {over} on servers that had taken over others'" if over else ""
    return f"fullest {job['fullest_ost']} at {text.percent(job['fullest_ost_pct'])}{failed}"


def _share(share: float | None) -> str:
    return text.UNKNOWN if share is None else f"{text.percent(100 * share):>9}  {text.bar(share)}".rstrip()
