"""The jobs' bytes as the servers themselves count them, in dumps of their job_stats."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from iolake.demo.formats.params import JobEntry, job_stats
from iolake.demo.jobs import Interval, Job
from iolake.demo.servers import Traffic
from iolake.demo.world import local_days

DUMP_S = 600
CLEANUP_S = 1200
"""A job that is silent for so long leaves the list, and starts from zero when it comes back."""


@dataclass(frozen=True)
class Flow:
    """Bytes of one file on one target, spread evenly over steps [begin, end), the remainder over the first of them."""

    begin: int
    end: int
    amount: int
    writing: bool

    def until(self, step: int) -> int:
        """Bytes moved before a step begins."""
        passed = min(max(step - self.begin, 0), self.end - self.begin)
        each, rest = divmod(self.amount, self.end - self.begin)
        return each * passed + min(rest, passed)


@dataclass
class Episode:
    """A job's stay in a target's list, from its first byte until it has been silent for long enough."""

    job: str
    flows: list[Flow] = field(default_factory=list)
    last: int = 0

    def entry(self, step: int, seen: Traffic) -> JobEntry:
        """What the list shows of it when a step begins."""
        changed = max(min(flow.end, step) for flow in self.flows if flow.begin < step)
        read, written = (sum(f.until(step) for f in self.flows if f.writing == way) for way in (False, True))
        at = seen.first + self.flows[0].begin * seen.step_s, seen.first + changed * seen.step_s
        return JobEntry(self.job, *at, read, written)


def write_job_stats(folder: Path, seen: Traffic, jobs: Iterable[Job], dark: Interval | None) -> None:
    """A dump of all targets each ten minutes: <folder>/<day>/<epoch seconds>.txt, last changed at that time.

    It writes none for [begin, end) of `dark`.
    """
    dump_steps, silence = max(1, DUMP_S // seen.step_s), CLEANUP_S // seen.step_s
    shown: dict[int, dict[int, list[Episode]]] = defaultdict(lambda: defaultdict(list))
    for ost, episodes in enumerate(_episodes(seen, jobs, silence)):
        for episode in episodes:
            first = episode.flows[0].begin // dump_steps + 1
            for dump in range(first, (episode.last + silence - 1) // dump_steps + 1):
                shown[dump * dump_steps][ost].append(episode)
    for day, begin, end in local_days(seen.first, seen.first + seen.steps * seen.step_s, seen.fs.tz):
        (folder / day.isoformat()).mkdir(parents=True, exist_ok=True)
        for at in range(begin, end, dump_steps * seen.step_s):
            if dark and dark[0] <= at < dark[1]:
                continue
            step = (at - seen.first) // seen.step_s
            texts = [
                job_stats(seen.fs.target(ost), (episode.entry(step, seen) for episode in shown[step][ost]))
                for ost in range(seen.fs.osts)
            ]
            path = folder / day.isoformat() / f"{at}.txt"
            path.write_text("".join(texts))
            os.utime(path, (at, at))


def server_name(cluster: str, job_id: int) -> str:
    """The servers' name of a job: it names the cluster too, because jobs of two clusters come here."""
    return f"{cluster}:{job_id}"


def _episodes(seen: Traffic, jobs: Iterable[Job], silence: int) -> list[list[Episode]]:
    """Each target's episodes, of one job one after the other."""
    flows: dict[tuple[int, str], list[Flow]] = defaultdict(list)
    for job in jobs:
        name = server_name(job.cluster, job.job_id)
        for file in (file for run in job.runs for file in run.files if file.file_system == seen.fs.name):
            assert file.layout is not None, "a file on Lustre has a layout"
            for length, during, writing in ((file.read, file.reading, False), (file.written, file.writing, True)):
                if not length:
                    continue
                steps = seen.steps_of(during)
                for ost, amount in zip(file.layout.osts, file.layout.bytes_on_targets(length), strict=True):
                    if amount:
                        flows[ost, name].append(Flow(*steps, amount, writing))
    found: list[list[Episode]] = [[] for _ in range(seen.fs.osts)]
    for (ost, name), of_job in flows.items():
        episode = Episode(name)
        for flow in sorted(of_job, key=lambda flow: (flow.begin, flow.end)):
            if episode.flows and flow.begin - episode.last >= silence:
                found[ost].append(episode)
                episode = Episode(name)
            episode.flows.append(flow)
            episode.last = max(episode.last, flow.end)
        found[ost].append(episode)
    return found
