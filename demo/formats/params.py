"""`lctl get_param obdfilter.*.job_stats`: what each job did on each target, as the servers count it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_RPC = 4 << 20


@dataclass(frozen=True)
class JobEntry:
    """One job on one target: bytes since epoch second `start`, last changed at `changed`."""

    job: str
    start: int
    changed: int
    read: int
    written: int


def job_stats(target: str, entries: Iterable[JobEntry]) -> str:
    """The parameter of one target."""
    lines = [f"obdfilter.{target}.job_stats=", "job_stats:"]
    for entry in entries:
        lines += [
            f'- job_id:          "{entry.job}"',
            f"  snapshot_time:   {entry.changed}.000000000 secs.nsecs",
            f"  start_time:      {entry.start}.000000000 secs.nsecs",
            f"  elapsed_time:    {entry.changed - entry.start}.000000000 secs.nsecs",
            f"  read_bytes:      {_counter(entry.read)}",
            f"  write_bytes:     {_counter(entry.written)}",
        ]
    return "\n".join(lines) + "\n"


def _counter(total: int) -> str:
    samples = -(-total // _RPC)
    least, most = (min(4096, total), min(_RPC, total)) if total else (0, 0)
    return f"{{ samples: {samples:>11}, unit: bytes, min: {least:>8}, max: {most:>8}, sum: {total:>16} }}"
