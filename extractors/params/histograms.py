"""Histograms that Lustre prints: bulk reads and writes of targets, and the requests of clients.

A histogram has a line with its name and the names of its columns, and a line for each range. The line above says what
the columns count: reads and writes, or the requests of a metadata connection, which modify.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from iolake.schemas import lustre_state as tables
from iolake.schemas.table import Table

Found = Iterator[tuple[Table, dict[str, Any]]]

_SUFFIXES: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_HEAD: Final = re.compile(r"^\s*(?P<name>\S.*?\S) {2,}(?:rpcs|ios|maps|calls)\b")
_WAYS: Final = re.compile(r"\s*(?:(?:read|write|modify)\b[\s|]*)+")
_COLUMNS: Final = {"read": "reads", "write": "writes", "modify": "writes"}
_BUCKET: Final = re.compile(
    r"^\s*(?:\d{1,15}[KMGT]?\s*-\s*)?(?P<bucket>\d{1,15})(?P<suffix>[KMGT]?)\s*:\s+(?P<first>\d{1,18})\b"
    r"[^|\n]*(?:\|\s*(?P<second>\d{1,18})\b)?"
)


def bulk(parameter: re.Match[str], value: str) -> Found:
    """Rows of `lustre_brw` from a target's brw_stats."""
    for row in _rows(value):
        yield tables.LUSTRE_BRW, {"target": parameter["target"], "reads": None, "writes": None} | row


def requests(parameter: re.Match[str], value: str) -> Found:
    """Rows of `lustre_request` from rpc_stats, a mount's extents_stats, or brw_stats of a client's export."""
    for row in _rows(value):
        yield tables.LUSTRE_REQUEST, {"component": parameter["component"]} | row


def latencies(parameter: re.Match[str], value: str) -> Found:
    """`rd_1024K: { 512us: 3, 4096us: 5, }`: how many reads of up to 1024 KiB took up to 512 us."""
    counted: dict[tuple[str, int], dict[str, Any]] = {}
    for way, size, buckets in re.findall(r"^(rd|wr)_(\d{1,12}[KMGT]?): *\{([^}\n]*)\}", value, re.MULTILINE):
        for bucket, number in re.findall(r"(\d{1,15})us: *(\d{1,18})", buckets):
            row = counted.setdefault((size, int(bucket)), {"reads": 0, "writes": 0})
            row["reads" if way == "rd" else "writes"] = int(number)
    for (size, bucket), row in counted.items():
        yield tables.LUSTRE_BRW, row | {
            "target": parameter["target"], "histogram": f"I/O latency of {size}", "bucket": bucket, "unit": "us",
        }  # fmt: skip


def _rows(value: str) -> Iterator[dict[str, Any]]:
    ways, histogram, unit = ["reads", "writes"], None, None
    for line in value.splitlines():
        if _WAYS.fullmatch(line):
            ways = [_COLUMNS[way] for way in re.findall(r"\w+", line)]
        elif head := _HEAD.match(line):
            histogram = head["name"]
            unit = _unit(histogram)
        elif histogram and (bucket := _BUCKET.match(line)):
            counts = [int(count) for count in bucket.group("first", "second") if count is not None]
            size = int(bucket["bucket"]) * _SUFFIXES[bucket["suffix"]]
            yield {"histogram": histogram, "bucket": size, "unit": unit} | dict(zip(ways, counts, strict=False))


def _unit(histogram: str) -> str | None:
    if "size" in histogram or histogram == "extents":
        return "B"
    if "1/1000s" in histogram or "msec" in histogram:
        return "ms"
    return "pages" if "pages" in histogram else None
