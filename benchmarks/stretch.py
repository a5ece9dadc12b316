"""Makes the size of a centre's day out of a small sample: its records many times, each with keys of its own.

A sample of ten lines shows fixed costs alone. What is changed is what tells two records apart: ids, days, nodes, serial
numbers, names. All the rest stays the tool's own text.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path

Stretch = Callable[[bytes, int], bytes]
_MOMENT = re.compile(rb":\d\d:\d\d(?= \d{4} )|(?<==\d{14})\.\d{6}")


def lines(content: bytes, times: int) -> bytes:
    """Repeat a log's lines, each time at another minute and second, or at another fraction of a second."""
    return b"".join(_MOMENT.sub(_moment(i), content) for i in range(times))


def _moment(i: int) -> Callable[[re.Match[bytes]], bytes]:
    clock, fraction = b":%02d:%02d" % divmod(i % 3600, 60), b".%06d" % i
    return lambda found: clock if found[0].startswith(b":") else fraction


def hits(content: bytes, times: int) -> bytes:
    """Repeat saved hits, each time with other ids."""
    found = [hit for page in json.loads(content) for hit in page]
    pages = [[{**hit, "_id": f"{i}.{hit['_id']}"} for hit in found] for i in range(times)]
    return json.dumps([*pages, []]).encode()


def days(content: bytes, times: int) -> bytes:
    """Repeat pages of hits of 2017-12-13, each time a day later."""
    pages = content.strip()[1:-1]
    first = date(2017, 12, 13)
    moved = (pages.replace(b"2017-12-13", f"{first + timedelta(i)}".encode()) for i in range(times))
    return b"[" + b", ".join(moved) + b"]"


def processors(content: bytes, times: int) -> bytes:
    """Repeat the nodes of xtdb2proc's output, each time with other numbers."""
    return b"".join(re.sub(rb"processor_id=", b"processor_id=%d" % i, content) for i in range(1, times + 1))


def systems(content: bytes, times: int) -> bytes:
    """Repeat the tables of HPSS's report, each time of another system."""
    head, _, tables = content.partition(b"\n")
    return head + b"\n" + b"".join(re.sub(rb"(?m)^(\w+) +: ", rb"\g<1>%d : " % i, tables) for i in range(times))


def drives(content: bytes, times: int) -> bytes:
    """Repeat a tar archive's folders of drives, each time of other nodes and serial numbers."""
    return _archive(content, times, partial(_renamed, old=rb"(?<=nid)\d\d", serial=rb"CVF\d\d"))


def _renamed(name: str, text: bytes, i: int, *, old: bytes, serial: bytes) -> tuple[str, bytes]:
    numbered = b"%02d" % i
    return re.sub(old, numbered, name.encode()).decode(), re.sub(serial, b"CVF" + numbered, text)


def reports(content: bytes, times: int) -> bytes:
    """Repeat a tar archive's reports of mmperfmon, each time a day later."""

    def later(name: str, text: bytes, i: int) -> tuple[str, bytes]:
        day = f"{date(2019, 5, 15) + timedelta(i)}"
        return name.replace("2019-05-15", day), text.replace(b"2019-05-15", day.encode())

    return _archive(content, times, later)


def _archive(content: bytes, times: int, changed: Callable[[str, bytes, int], tuple[str, bytes]]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz", compresslevel=6, format=tarfile.GNU_FORMAT) as archive:
        for i in range(times):
            for info, text in _files(content):
                info.name, new = changed(info.name, text, i)
                info.size, info.pax_headers = len(new), {}
                info.mtime = int(info.mtime)
                archive.addfile(info, io.BytesIO(new))
    return made.getvalue()


def _files(content: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for info in archive:
            if (file := archive.extractfile(info)) is not None:
                yield info, file.read()


def stretched(sample: Path, folder: Path, stretch: Stretch, times: int) -> Path:
    """Write a file in the folder that holds the sample's records so many times; return its path."""
    content = sample.read_bytes()
    packed = sample.suffix == ".gz"
    path = folder / sample.name.removesuffix(".gz")
    path.write_bytes(stretch(gzip.decompress(content) if packed else content, times))
    return path
