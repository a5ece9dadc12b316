"""collectd's documents from Elasticsearch or OpenSearch: saved hits as JSON, or a live server.

A document is collectd's reading of the time since its last one: a row ends at the document's time. The option
`interval_s` is collectd's Interval, 10 s where it is not set. Of a live server, `hosts` is what the nodes' names start
with, and `verify = false` accepts a self-signed certificate.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import ClassVar

from iolake.extractors.base import Batch, Extractor, Input, InputError, OptionError, Reject, Span
from iolake.extractors.collectd.columns import Document, Hit
from iolake.extractors.collectd.documents import DEFAULT_INTERVAL_S, Documents
from iolake.extractors.collectd.live import PAGE, documents
from iolake.extractors.daily import zone_of
from iolake.extractors.heads import JSON, has
from iolake.extractors.jsonhits import decoded
from iolake.extractors.lookback import bounds, find_files_and_days
from iolake.extractors.members import members
from iolake.schemas.nodes import NODE_CPU, NODE_DISK, NODE_MEMORY
from iolake.schemas.site import OwnerKind, Site, password


class Collectd(Extractor):
    """`files` of hits, or the `uri` of an index: https://user@server:9200/cori-collectd-*."""

    source: ClassVar = "collectd"
    what: ClassVar = "collectd's documents"
    heads: ClassVar = (rf"{JSON}{has('plugin', '@timestamp', 'hostname|host', 'collectd_type|type')}",)
    version: ClassVar = 3
    owner: ClassVar[OwnerKind] = "cluster"
    tables: ClassVar = (NODE_DISK, NODE_CPU, NODE_MEMORY)

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield files by the site's patterns, and a server's days."""
        yield from find_files_and_days(site, self.owner, self.source, span)

    def hash(self, input: Input, site: Site) -> str | None:
        """Return a file's hash; None for a server's day."""
        return None if "#" in input.uri else super().hash(input, site)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the rows; rejects count documents that no table takes."""
        options = next(w.options for name, w, _ in site.sources(self.owner, self.source) if name == input.owner)
        interval = options.get("interval_s", DEFAULT_INTERVAL_S)
        if not isinstance(interval, int) or not 0 < interval <= 86_400:
            raise InputError(input.uri, f"options.interval_s = {interval!r}", "write a number of seconds, such as 10")
        found = Documents()
        if input.day is not None and "#" in input.uri:
            start, end = bounds(input.day, zone_of(input, site, self.owner))
            secret = password(input.owner, self.source)
            verify, hosts = options.get("verify", True) is True, options.get("hosts")
            hits = documents(input.uri.rpartition("#")[0], secret, start, end, hosts, verify)
            while page := list(islice(hits, PAGE)):
                found.add(page)
        else:
            for member in members(input.uri):
                for some in decoded(member.file, input.uri, Hit, Document):
                    found.add(some)
        if (apart := found.apart()) is not None and abs(apart - interval) > interval / 4:
            reason = f"its documents are {apart} s apart, not {interval}"
            raise OptionError(input.uri, reason, "interval_s", apart)
        batches = list(found.batches(interval))
        if not batches and "#" not in input.uri:
            raise InputError(input.uri, "holds nothing of collectd's disk, cpu and memory", "check what was asked for")
        yield from batches
        for kind, count in found.others.most_common(20):
            yield Reject(input, f"{count} documents that no table takes", kind, once=kind not in found.faulty)
