"""Schedulers by their own files: one extractor a scheduler, each with a reader of text into rows of `other_jobs`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Final, TypeAlias

import polars as pl

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span
from iolake.extractors.files import find_files
from iolake.extractors.jobs.files import read_content
from iolake.extractors.jobs.table import job_table
from iolake.schemas.jobs import OTHER_JOBS
from iolake.schemas.site import OwnerKind, Site
from iolake.schemas.table import Table

Job: TypeAlias = dict[str, str | None]
"""A row's values by column of other_jobs, as text."""

_SHOWN: Final = 20


@dataclass
class Records:
    """The jobs of a file, and (part, reason) of records that were left out."""

    jobs: list[Job] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)


class SchedulerFiles(Extractor):
    """`files` that a scheduler writes itself; `parse` makes rows of one's text."""

    version = 1
    owner: ClassVar[OwnerKind] = "cluster"
    tables: ClassVar[list[Table]] = [OTHER_JOBS]

    @abstractmethod
    def parse(self, text: str, uri: str) -> Records:
        """The jobs that ended, by the text of a file; InputError where it is of another kind."""

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Files by the site's patterns."""
        yield from find_files(site, self.owner, self.source, span)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """`other_jobs`; rejects name the records and values that were left out."""
        zone = next(zone for name, _, zone in site.sources(self.owner, self.source) if name == input.owner)
        text = read_content(input.uri).decode("utf-8", "replace")
        records = self.parse(text, input.uri)
        if records.jobs:
            names = list(dict.fromkeys(name for job in records.jobs for name in job))
            columns = {name: [job.get(name) for job in records.jobs] for name in names}
            yield from job_table(pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String)), input, zone)
        for part, reason in records.problems[:_SHOWN]:
            yield Reject(input, reason, part, rows=1)
        if (more := len(records.problems) - _SHOWN) > 0:
            yield Reject(input, f"{more} more like the last one", "and others", rows=more)


def known(value: str | None, *nothing: str) -> str | None:
    """The value, or None where it is empty or one of the words for nothing."""
    return None if value is None or value in ("", *nothing) else value


def refuse(uri: str, what: str, remedy: str) -> InputError:
    """The error for a file that holds nothing of its kind."""
    return InputError(uri, f"holds no {what}", remedy)
