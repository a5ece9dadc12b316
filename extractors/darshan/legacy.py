"""Opening a Darshan 1 or 2 log: one compressed stream a rank, and in it a header, then equal records to the end."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Final

import numpy as np

from iolake.extractors.base import InputError
from iolake.extractors.darshan.decoded import Content, Head, Layout, Log, Region, recorded, run_span
from iolake.extractors.darshan.inflate import Compression, InflateError, inflate, inflated_pieces
from iolake.extractors.darshan.legacy_header import Header, read_header, starts_as_legacy, version_text
from iolake.extractors.darshan.legacy_layout import record_type
from iolake.extractors.darshan.legacy_records import layers
from iolake.extractors.darshan.second import left_out, second_log

MODULE: Final = "legacy"
"""The module in the layout of these logs' regions, which are header and records in one."""

_JOB_ID: Final = re.compile(r"(?:^|(?<=_))id(\d{1,18})(?=[_.])")
_MOST_HEADER: Final = 4096


def is_legacy(content: Content) -> bool:
    """Whether the file can be a log from before Darshan 3: these are compressed whole, if at all."""
    begin = bytes(content[:10])
    return begin.startswith((b"\x1f\x8b", b"BZh")) or starts_as_legacy(begin)


def open_log(content: Content, uri: str, hold: int) -> Log:
    """Open the log whose file holds `content`; one region has its header and records.

    The region of a log that inflates to more than `hold` bytes is left unread (data is None): `pieces` has it.
    A 1.x log has its job id in the file name alone. Raises InputError for a damaged log.
    """
    whole, content = content, _first(content)
    compression = _compression(content)
    try:
        held = inflate(content, compression, hold)
    except InflateError as error:
        raise InputError(uri, str(error), "copy the log again") from None
    data = None if held is None else bytes(held)
    header = read_header(data if data is not None else _beginning(content, compression), uri)
    modules: set[str] = set()
    for piece in [data] if data is not None else pieces(content, uri):
        modules |= _check(piece, header, uri)
    span = run_span(header.start_s * 1_000_000, header.end_s * 1_000_000)
    job_id = header.job_id if header.job_id is not None else _job_id(uri)
    head = Head(
        log_version=version_text(header.version),
        byte_order=header.byte_order,
        compression=compression,
        job_id=recorded(job_id),
        uid=recorded(header.uid),
        nprocs=recorded(header.nprocs),
        start_us=span.start_us,
        end_us=span.end_us,
        run_time_s=float(header.end_s - header.start_s + 1) if span.known else None,
        exe=header.exe,
        mounts=tuple((point, kind) for _, kind, point in header.mounts),
        metadata=header.metadata,
        modules=dict.fromkeys(sorted(modules), header.version),
    )
    behind = [left_out(len(content), len(whole))] if len(content) < len(whole) else []
    return Log(head, None, [Region(Layout(MODULE, header.version, header.byte_order), data)], behind)


def pieces(content: Content, uri: str) -> Iterator[bytes]:
    """A large log's header and records in pieces of some MiB, each again a header with whole records."""
    content = _first(content)
    compression = _compression(content)
    header = read_header(_beginning(content, compression), uri)
    size = record_type(header.version, header.byte_order).itemsize
    before, waiting = b"", b""
    try:
        for piece in inflated_pieces(content, compression):
            waiting += piece
            if not before:
                before, waiting = waiting[: header.format.first_record], waiting[header.format.first_record :]
            whole = len(waiting) - len(waiting) % size
            if whole:
                yield before + waiting[:whole]
                waiting = waiting[whole:]
    except InflateError as error:
        raise InputError(uri, str(error), "copy the log again") from None
    if waiting:
        yield before + waiting


def _check(data: bytes, header: Header, uri: str) -> set[str]:
    """The layers that the records show use of, once these are sure to be whole and of this log."""
    kind = record_type(header.version, header.byte_order)
    over = (len(data) - header.format.first_record) % kind.itemsize
    if over:
        reason = f"its records of {kind.itemsize} bytes leave a remainder of {over}"
        raise InputError(uri, reason, "copy the log again")
    rows = np.frombuffer(data, kind, offset=header.format.first_record)
    nprocs = recorded(header.nprocs)
    wrong = rows["rank"][(rows["rank"] < -1) | (rows["rank"] >= (np.inf if nprocs is None else nprocs))]
    if len(wrong):
        among = "unknown" if nprocs is None else nprocs
        raise InputError(uri, f"a record of rank {wrong[0]} in a log of {among} processes", "copy the log again")
    return layers(rows, header.version)


def _first(content: Content) -> Content:
    """The file's first log."""
    return content[: second_log(content)]


def _compression(content: Content) -> Compression:
    begin = bytes(content[:3])
    if begin.startswith(b"\x1f\x8b"):
        return "gzip"
    return "bzip2" if begin == b"BZh" else "none"


def _beginning(content: Content, compression: Compression) -> bytes:
    """The first bytes of a log, as many as its header can have."""
    begin = b""
    for piece in inflated_pieces(content, compression):
        begin += piece
        if len(begin) >= _MOST_HEADER:
            break
    return begin[:_MOST_HEADER]


def _job_id(uri: str) -> int | None:
    found = _JOB_ID.findall(os.path.basename(uri))
    return int(found[-1]) if found else None
