"""Parameters that Lustre servers report at a fixed step: `lctl get_param` dumps, copies of /proc, exporters' text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import ClassVar, Final

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span
from iolake.extractors.files import match, mtime
from iolake.extractors.lustre import contested, named_systems, zone_of
from iolake.extractors.params.day import Day, EarlierJobs, NoReadings, OutOfOrder
from iolake.extractors.params.jobs import JobRows
from iolake.extractors.params.recordings import Days
from iolake.extractors.params.state import State, read_state
from iolake.schemas.lustre import LUSTRE_FS, LUSTRE_JOBSTATS, LUSTRE_MDT, LUSTRE_OST
from iolake.schemas.lustre_state import STATE_TABLES
from iolake.schemas.site import FileSystem, Site

_TABLES: Final = (LUSTRE_OST, LUSTRE_MDT, LUSTRE_FS, LUSTRE_JOBSTATS)
_JOB_ID: Final = re.compile(r"^(?P<job_id>\d+)$")


class Params(Extractor):
    """An input is a day's dumps: the pattern and the day (`…/%Y-%m-%d/*.txt#2026-03-01`), or all that it names."""

    source: ClassVar = "params"
    what: ClassVar = "lctl get_param dumps"
    heads: ClassVar = (
        r"^(obdfilter|mdt|mds|mgs|osd-\w+|ost|osc|osp|mdd|mdc|llite|ldlm)\.[\w.*-]+=",
        r"^[ \t]*- net type: \w|\Astatistics:[ \t\r]*$",
    )
    version: ClassVar = 10
    owner: ClassVar = "file_system"
    tables: ClassVar = (*_TABLES, *STATE_TABLES)
    contested: ClassVar = contested(_TABLES)
    batch_inputs: ClassVar = 8

    @classmethod
    def systems(cls, head: str) -> list[tuple[str, str | None]]:
        """Those whose targets it names."""
        return named_systems(head)

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield the days that have dumps.

        A server's first dump of the next day ends the day's last rows, and no name says which dumps these are. So the
        size and time of a day include all of the next day's dumps.
        """
        for name, where, zone in site.sources("file_system", self.source):
            for rank, text in enumerate(where.files):
                days = Days(site.pattern(text), zone)
                for day in sorted({day for _, _, day in match(days.pattern, span)}, key=str):
                    yield self._day_input(name, days, day, rank)

    def _day_input(self, owner: str, days: Days, day: date | None, rank: int) -> Input:
        files = [*days.files(day), *days.files_after(day)]
        size = sum(file.info.get("size") or 0 for file in files)
        changed = max((moment for file in files if (moment := mtime(file.info))), default=None)
        uri = f"{days.pattern}#{day.isoformat()}" if day else days.pattern
        return Input(self.source, owner, uri, day, size, changed, rank=rank)

    def hash(self, input: Input, site: Site) -> None:
        """None: only the rows show which of the next day's dumps matter."""

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the day's rows. A row starts at a reading and ends at its target's next one.

        The next one may be of a later day: the nearest that has dumps, within a month.
        """
        days = Days(input.uri.rpartition("#")[0] if input.day else input.uri, zone_of(input, site))
        owner = site.file_systems[input.owner]
        state = State(owner.backend)
        yield from read_state(state, days.recordings(input.day))
        try:
            for result in self._counted(input, owner, days, state.recordings):
                if not _is_superseded(result, input):
                    yield result
        except NoReadings:
            if not state.taken and state.unread:
                raise InputError(input.uri, _no_table(state.unread), "collect those of targets as well") from None
            if not state.taken:
                raise
        for kind, count in state.unread.items():
            reason = f"no table takes this parameter, which the day's dumps have {count} times; leave it out of them"
            yield Reject(input, reason, kind, rows=0, once=True)

    def _counted(self, input: Input, owner: FileSystem, days: Days, useful: set[str]) -> Iterator[Batch | Reject]:
        """Yield the rows of counters and jobs. Dumps that are out of order are read again, all in memory."""
        job_id = owner.sources[self.source].job_id
        pattern = re.compile(job_id) if job_id else _JOB_ID
        earlier = EarlierJobs(days.recordings_before(input.day), owner.backend)
        try:
            yield from Day(input, owner.backend, JobRows(pattern, earlier), useful=set(useful)).read(days)
        except OutOfOrder:  # raised before the first row
            jobs = JobRows(pattern, earlier)
            yield from Day(input, owner.backend, jobs, in_memory=True, useful=set(useful)).read(days)


def _no_table(unread: Counter[str]) -> str:
    """One line for all parameters of an input that has no others."""
    kinds = ", ".join(name for name, _ in unread.most_common(3))
    return f"{unread.total()} parameters of {len(unread)} kinds have no table, such as {kinds}"


def _is_superseded(result: Batch | Reject, input: Input) -> bool:
    return isinstance(result, Batch) and result.table.name in input.superseded
