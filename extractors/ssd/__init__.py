"""Health of solid-state drives: folders and archives of isdct's output, and JSON of nvme-cli and smartctl.

An input is a day's files. Files of one folder or archive are one snapshot: isdct's are as old as the file
`timestamp_<YYYYMMDDHHMMSS>` says, else as the earliest of them; a JSON document as it says itself, else as its file.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

import pyarrow as pa

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span, quoted
from iolake.extractors.daily import days_of, find_day_inputs, zone_of
from iolake.extractors.files import mtime, named_time
from iolake.extractors.heads import JSON, has
from iolake.extractors.jsontext import storable
from iolake.extractors.members import Member, members
from iolake.extractors.ssd import smart
from iolake.extractors.ssd.drive import finished, isdct_row, merge
from iolake.extractors.ssd.isdct import cached_isdct, read_isdct
from iolake.schemas.site import OwnerKind, Site
from iolake.schemas.ssd import SSD_HEALTH

_STAMP: Final = re.compile(r"(?:.*/)?timestamp_(\d{14})")
_DEVICE: Final = re.compile(r"(?P<node>[^/]+)/[^/]*?(?P<device>nvme\d+(?:n\d+)?|sd[a-z]+)[^/]*")
_NOTHING: Final = "holds no health of drives"
_CHECK: Final = "check what the pattern names"
_YEAR_2100: Final = 4_102_444_800
_GAP: Final = r"[ \t]{1,20}"
_ISDCT: Final = "serial_number|model_number|device_path|endurance_analyzer|percentage_used|available_spare"
"""Attributes that isdct prints, by pytokio's names; one of them is in each drive's record."""


class Ssd(Extractor):
    """Option `name` is a regular expression for the path of a JSON file, with the groups `node` and `device`.

    By default that is `<node>/<anything>nvme0n1<anything>`.
    """

    source: ClassVar = "ssd"
    what: ClassVar = "health of drives"
    heads: ClassVar = (
        rf"^-{_GAP}(Intel\b.*|SMART Attributes|SMART and Health Information){_GAP}[A-Z0-9]{{8,40}}(-\d+)?{_GAP}-",
        rf"{JSON}{has('smartctl', 'device|serial_number')}",
        rf"{JSON}{has('critical_warning', 'data_units_read')}",
        rf"{JSON}{has('sn', 'mn', 'fr|vid|subnqn')}",
        rf"{JSON}{has('Devices', 'SerialNumber', 'DevicePath|ModelNumber|Firmware')}",
        rf"\A\s*+\{{\s*\"[A-Z0-9]{{8,40}}(-\d+)?\"\s*:\s*\{{{has('timestamp', _ISDCT)}",
    )
    version: ClassVar = 3
    owner: ClassVar[OwnerKind] = "cluster"
    tables: ClassVar = (SSD_HEALTH,)

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield the days that have files."""
        yield from find_day_inputs(site, self.owner, self.source, span)

    def hash(self, input: Input, site: Site) -> None:
        """Return None: a day's files are one input, and only its rows are hashed."""

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the day's rows, one a drive and snapshot; rejects name the files that were left out."""
        zone = zone_of(input, site, self.owner)
        where = next(where for name, where, _ in site.sources(self.owner, self.source) if name == input.owner)
        day = _Day(input, zone, where.options.get("name"))
        days = days_of(input, zone)
        for file in days.files(input.day):
            yield from day.read(file.uri, mtime(file.info), named_time(days.pattern, file.uri))
        yield from day.results()


class _Day:
    """A day's files on their way into rows."""

    def __init__(self, input: Input, zone: ZoneInfo, name: Any) -> None:
        self._input, self._zone = input, zone
        self._name = re.compile(name) if isinstance(name, str) else _DEVICE
        self._isdct: dict[tuple[str, str], tuple[str, dict[str, str]]] = {}
        self._times: dict[str, datetime] = {}
        self._stamps: dict[str, datetime] = {}
        self._rows: list[tuple[dict[str, Any], dict[str, str], str]] = []
        self._identities: dict[str, dict[str, Any]] = {}
        self._left_out: Counter[str] = Counter()
        self._damaged: InputError | None = None

    def read(self, uri: str, changed: datetime | None, named: datetime | None) -> Iterator[Reject]:
        """Read one file of the day, and all that an archive holds; `named` is the local time in the file's name."""
        try:
            for member in members(uri):
                try:
                    self._take(member, member.mtime or self._taken(changed, named))
                except InputError as error:
                    self._damaged = self._damaged or error
                    yield Reject(self._input, f"{error.reason}; {error.remedy}", self._path(member))
        except InputError as error:
            self._damaged = self._damaged or error
            yield Reject(self._input, f"{error.reason}; {error.remedy}", uri)

    def _taken(self, changed: datetime | None, named: datetime | None) -> datetime | None:
        """When a file that has no time in it was written: the time in its name, else its last change if on its day.

        A copy of another day is dated to the day's start. An archive tells its members' own times.
        """
        if named is not None:
            return named.replace(tzinfo=self._zone)
        day = self._input.day
        if day is None or (changed is not None and changed.astimezone(self._zone).date() == day):
            return changed
        return datetime.combine(day, datetime.min.time(), self._zone)

    @staticmethod
    def _path(member: Member) -> str:
        return f"{member.uri}/{member.name}" if member.name else member.uri

    def _take(self, member: Member, changed: datetime | None) -> None:
        path = self._path(member)
        if stamp := _STAMP.fullmatch(path):
            self._stamp(_folders(path.rpartition("/")[0])[0], stamp[1])
            return
        text = member.text()
        if text.lstrip().startswith(("{", "[")):
            self._take_json(path, text, changed)
            return
        drive = read_isdct(text.splitlines())
        if drive is None:
            self._leave_out(path)
            return
        serial, attributes = drive
        _, root, node = _folders(path.rpartition("/")[0])
        _, known = self._isdct.setdefault((root, serial), (node, {}))
        merge(known, attributes)
        if changed is not None:
            self._times[root] = min(changed, self._times.get(root, changed))

    def _leave_out(self, part: str) -> None:
        """Count a part that holds no health; of an archive of a million such, the first is named."""
        self._left_out[part if not self._left_out else next(iter(self._left_out))] += 1

    def _stamp(self, folder: str, digits: str) -> None:
        try:
            self._stamps[folder] = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=self._zone)
        except ValueError:
            self._leave_out(f"{folder}/timestamp_{digits}")

    def _take_json(self, path: str, text: str, changed: datetime | None) -> None:
        try:
            documents = _documents(text)
        except (ValueError, RecursionError) as error:
            raise InputError(path, f"is not JSON{quoted(error)}", "copy it again") from None
        for document in documents:
            kind = smart.kind_of(document)
            if kind is None:
                self._take_cache(path, text)
                return
            self._take_document(path, document, kind, changed)

    def _take_document(self, path: str, document: dict[str, Any], kind: str, changed: datetime | None) -> None:
        named = self._name.search(path)
        parts = named.groupdict() if named else {}
        node, device = parts.get("node"), parts.get("device")
        if kind == "list":
            for listed in document["Devices"]:
                if isinstance(listed, dict):
                    found = smart.identity(listed)
                    short = str(found.get("device")).rpartition("/")[2]
                    self._identities[f"{node}:{short}"] = found
            return
        if kind == "id-ctrl":
            self._identities[f"{node}:{device}"] = smart.identity(document)
            return
        taken = None
        if kind == "smartctl":
            row, others, taken = smart.smartctl(document)
        else:
            row, others = smart.smart_log(document)
        moment = datetime.fromtimestamp(taken, UTC) if taken and taken < _YEAR_2100 else changed
        if moment is None:
            raise InputError(path, "does not say when it was taken", "put smartctl's JSON there, with its local_time")
        row["ts"] = moment.astimezone(UTC).replace(tzinfo=None)
        row["node"] = node
        row.setdefault("device", device)
        self._rows.append((row, others, f"{node}:{device}" if node or device else ""))

    def _take_cache(self, path: str, text: str) -> None:
        """Take pytokio's JSON copy of isdct's output."""
        try:
            for serial, node, epoch, attributes in cached_isdct(text):
                ts = datetime.fromtimestamp(epoch, UTC).replace(tzinfo=None)
                if not 0 < epoch < _YEAR_2100:
                    raise ValueError(f"{epoch} is not a date")
                row = isdct_row(ts, node, serial, attributes)
                self._rows.append((row, dict(row["attributes"] or []), ""))
        except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
            reason = "is JSON, but neither of nvme-cli, smartctl nor pytokio's copy of isdct's output"
            raise InputError(path, f"{reason}{quoted(error)}", _CHECK) from None

    def results(self) -> Iterator[Batch | Reject]:
        """Yield the batch, and what was left out."""
        rows: dict[tuple[str, datetime], dict[str, Any]] = {}
        undated: set[str] = set()
        for (root, serial), (node, attributes) in self._isdct.items():
            moment = self._stamps.get(root) or self._times.get(root)
            if moment is None:
                undated.add(root)
                continue
            row = isdct_row(moment.astimezone(UTC).replace(tzinfo=None), node, serial, attributes)
            rows.setdefault((row["ssd"], row["ts"]), row)
        for row, others, place in self._rows:
            known = self._identities.get(place) or self._identities.get(re.sub(r"n\d+$", "", place)) or {}
            whole = finished({**{k: v for k, v in known.items() if v is not None}, **_known(row)}, others)
            whole.setdefault("ssd", whole.get("serial_number") or place)
            if not whole["ssd"]:
                self._leave_out("a drive without a serial number, node and device")
                continue
            rows.setdefault((whole["ssd"], whole["ts"]), whole)
        if not rows:
            raise self._damaged or InputError(self._input.uri, _NOTHING, _CHECK)
        for root in sorted(undated):
            yield Reject(self._input, "does not say when it was taken; add a file timestamp_<YYYYMMDDHHMMSS>", root)
        for first, count in self._left_out.items():
            yield Reject(self._input, f"{_NOTHING}, one of {count} such; {_CHECK}", first)
        yield Batch(SSD_HEALTH, pa.Table.from_pylist(list(rows.values()), SSD_HEALTH.batch_schema))


@lru_cache(maxsize=1024)
def _folders(name: str) -> tuple[str, str, str]:
    """Return the path of a folder, that of the folder above it, and its own name."""
    folder = PurePosixPath(name)
    return str(folder), str(folder.parent), folder.name


def _known(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def _documents(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects of a text: one, a list of them, or several after each other."""
    decoder, at, found = json.JSONDecoder(), 0, []
    text = text.strip()
    while at < len(text):
        document, at = decoder.raw_decode(text, at)
        found += document if isinstance(document, list) else [document]
        while at < len(text) and text[at].isspace():
            at += 1
    if not all(isinstance(document, dict) for document in found):
        raise ValueError("holds no objects")
    return [storable(document) for document in found]
