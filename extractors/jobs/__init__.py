"""Jobs that Slurm did not run: a NERSC jobs database, and CSV or Parquet files of any other scheduler.

A file has a column for each column of `other_jobs` that the site can fill, by the same name: `scheduler_id`,
`start_time` and `end_time` at least; `start_time` is empty for a job that never started, which needs a
`submit_time`. `table.py` says how values are written. In Parquet, `timelimit_s` may be a duration and `node_list` a
list. CSV is UTF-8, with commas, semicolons, tabs or bars. Further columns are left out and named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span
from iolake.extractors.files import find_files
from iolake.extractors.jobs.database import read_summary
from iolake.extractors.jobs.files import SQLITE, read_content, read_table
from iolake.extractors.jobs.table import job_table
from iolake.extractors.lookback import find_days
from iolake.extractors.mysql import try_to_connect, unreachable
from iolake.schemas.jobs import OTHER_JOBS
from iolake.schemas.site import OwnerKind, Site
from iolake.schemas.table import Table


class Jobs(Extractor):
    """`files` (CSV or Parquet), or the `uri` of a NERSC jobs database: sqlite:///file, mysql://user@host/name.

    Option `hostname` is the cluster's name in that database, where it is not the site's.
    """

    source = "jobs"
    what: ClassVar = "jobs of another scheduler"
    heads: ClassVar = (r"\A\W*+(?=.*\bscheduler_id\b)(?=.*\bstart_time\b).*\bend_time\b",)
    version = 7
    owner: ClassVar[OwnerKind] = "cluster"
    tables: ClassVar[list[Table]] = [OTHER_JOBS]

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Files by the site's patterns, an SQLite file as a whole, and a MySQL database one day after the other.

        A server is asked once whether it answers; one that does not is one input, whatever the days.
        """
        yield from find_files(site, self.owner, self.source, span)
        for name, where, zone in site.sources(self.owner, self.source):
            uri = site.resolve(where.uri or "")
            if uri.startswith("sqlite:///"):
                path = Path(uri.removeprefix("sqlite:///"))
                status = path.stat() if path.exists() else None
                mtime = datetime.fromtimestamp(status.st_mtime, UTC) if status else None
                yield Input(self.source, name, uri, None, status.st_size if status else None, mtime)
            elif where.uri is not None:
                try:
                    try_to_connect(uri, name, self.source)
                except (InputError, OSError) as error:
                    yield Input(self.source, name, uri, unreadable=unreachable(uri, error))
                    continue
                yield from find_days(self.source, name, f"{uri}#", where, zone, span)

    def hash(self, input: Input, site: Site) -> str | None:
        """The hash of a file's content; None for a server's answer."""
        if "#" in input.uri and urlsplit(input.uri).scheme != "":
            return None
        return super().hash(replace(input, uri=input.uri.removeprefix("sqlite:///")), site)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """`other_jobs`; rejects name the columns, rows and values that were left out."""
        where, zone = next((w, z) for name, w, z in site.sources(self.owner, self.source) if name == input.owner)
        if where.uri is not None:
            yield from job_table(read_summary(input, where, zone), input, zone)
            return
        content = read_content(input.uri)
        if content.startswith(SQLITE):
            if "://" in input.uri or not Path(input.uri).read_bytes()[:16].startswith(SQLITE):
                raise InputError(input.uri, "is an SQLite database", 'copy it here and write uri = "sqlite:///..."')
            yield from job_table(read_summary(input, where, zone), input, zone)
            return
        found = read_table(content, input.uri, OTHER_JOBS.batch_schema.names)
        yield from job_table(found.frame.drop(found.unread, strict=False), input, zone)
        for name in found.unread:
            yield Reject(input, "is not a column of other_jobs; left out", f"column {name}")
        if too_long := found.too_long:
            reason = f"{len(too_long)} rows have more values than the header, such as line {too_long[0]}; left out"
            yield Reject(input, reason, "lines", rows=len(too_long))
