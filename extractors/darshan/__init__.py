"""Darshan logs of every release: many at once, straight from their bytes into columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar, Final

import numpy as np

from iolake.extractors.base import Batch, Extractor, Input, InputError, Outcome, Reject, Span, rejection
from iolake.extractors.darshan import large, legacy, log3, modules
from iolake.extractors.darshan.complete import Opened, RowBuilder, in_table_order
from iolake.extractors.darshan.content import hashed, read_content
from iolake.extractors.darshan.decoded import NAMES, Block, Content, Log, region_error
from iolake.extractors.darshan.gather import Gathering
from iolake.extractors.darshan.names import Names, read_names
from iolake.extractors.files import find_files
from iolake.schemas.darshan import TABLES
from iolake.schemas.darshan_legacy import DARSHAN_LEGACY
from iolake.schemas.site import OwnerKind, Site

_ALONE: Final = 32 << 20
"""A log of more inflated bytes than this is read by itself."""
_TOGETHER: Final = 256 << 20
"""Inflated bytes of the logs that are decoded as one."""


class Darshan(Extractor):
    """Darshan 3 logs, and those of Darshan 1 and 2, found by the site's patterns on its clusters."""

    source = "darshan"
    what: ClassVar = "Darshan logs"
    version = 8
    owner: ClassVar[OwnerKind] = "cluster"
    tables = (*TABLES, DARSHAN_LEGACY)
    inputs_name = "logs"
    batch_inputs = 2048
    content_addressed = True

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """The logs that the site's patterns name; a pattern without a date names them all."""
        return find_files(site, self.owner, self.source, span)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """One log's rows."""
        for result in self.read_many([input], site):
            if isinstance(result, Batch):
                yield Batch(result.table, result.data.drop_columns(["input_id"]), result.in_order)
            elif isinstance(result, Reject) and not result.part:
                raise InputError(input.uri, result.reason)
            elif isinstance(result, Reject):
                yield result

    def read_many(self, inputs: Sequence[Input], site: Site) -> Iterator[Batch | Reject | Outcome]:
        """Read many logs as one. Of those that have the same content, the first by name has the rows."""
        held: list[Opened] = []
        gathered = Gathering()
        seen: set[str] = set()
        for input in sorted(inputs, key=lambda i: i.uri):
            try:
                with read_content(input.uri) as content, hashed(content) as wait_for_hash:
                    if input.known_hash is not None and wait_for_hash() == input.known_hash:
                        yield Outcome(input, "unchanged", input.known_hash)
                        continue
                    log = open_log(content, input.uri)
                    sound = large.check(log, content, input.uri) if log.is_large else None
                    digest = wait_for_hash()
                    if digest in seen:
                        yield Outcome(input, "loaded", digest)
                        continue
                    places = {region.layout.module: region.at for region in log.all_regions}
                    opened = Opened(input, digest, log.head, places, log.left_out)
                    if sound:
                        yield from large.rows(sound, opened, content, site)
                        yield from _end(opened)
                    else:
                        gathered.add(len(held), log.all_regions)
                        held.append(opened)
                    seen.add(digest)
            except (InputError, OSError) as error:
                yield rejection(input, error)
                yield Outcome(input, "rejected")
                continue
            if gathered.size_bytes > _TOGETHER:
                yield from read_together(held, gathered, site)
                held, gathered = [], Gathering()
        yield from read_together(held, gathered, site)


def open_log(content: Content, uri: str) -> Log:
    """Open a log of any release. Raises InputError for another file and for a truncated log."""
    if not len(content):
        raise InputError(uri, "the file is empty", "the job's log was never written; remove it")
    if legacy.is_legacy(content):
        return legacy.open_log(content, uri, _ALONE)
    return log3.open_log(content, uri, _ALONE)


def read_together(opened: Sequence[Opened], gathered: Gathering, site: Site) -> Iterator[Batch | Reject | Outcome]:
    """Read the rows of many opened logs together. A log that turns out to be damaged is rejected alone."""
    order = in_table_order(opened)
    logs = [opened[number] for number in order]
    groups = gathered.groups(np.argsort(order))
    while logs:
        names, damaged_names = read_names(group for group in groups if group.layout.module == NAMES)
        blocks: list[Block] = []
        damaged = {number: (NAMES, problem) for number, problem in damaged_names.items()}
        for group in groups:
            if group.layout.module != NAMES:
                decoded = modules.decode(group)
                blocks += decoded.blocks
                damaged |= {number: (group.layout.module, problem) for number, problem in decoded.damaged.items()}
        if not damaged:
            yield from _rows(logs, names, blocks, site)
            return
        for number, (module, problem) in damaged.items():
            log = logs[number]
            yield rejection(log.input, region_error(log.input.uri, module, log.places[module], problem))
            yield Outcome(log.input, "rejected")
        sound = ~np.isin(np.arange(len(logs)), list(damaged))
        logs = [o for o, keep in zip(logs, sound, strict=True) if keep]
        groups = [left for group in groups if len((left := group.of_logs(sound)).logs)]


def _rows(
    logs: Sequence[Opened], names: Names, blocks: Sequence[Block], site: Site
) -> Iterator[Batch | Reject | Outcome]:
    builder = RowBuilder(logs, names, site)
    yield builder.logs()
    yield builder.mounts()
    tables = Counter(block.table.name for block in blocks)
    for block in blocks:
        yield replace(builder.batch(block), in_order=tables[block.table.name] == 1)
    for o in logs:
        yield from _end(o)


def _end(opened: Opened) -> Iterator[Reject | Outcome]:
    yield from (Reject(opened.input, reason, part) for part, reason in opened.left_out)
    yield Outcome(opened.input, "loaded", opened.log_id)
