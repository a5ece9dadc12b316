"""CSV of interface counters, as any SNMP poller can write it: ts, router, interface, in_octets, out_octets.

`ts` is in seconds since 1970, or ISO 8601 with an offset or on the endpoint's clock. The counters are ifHCInOctets and
ifHCOutOctets: octets since the router started. An empty field is a reading that failed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span, quoted
from iolake.extractors.daily import days_of, find_day_inputs, zone_of
from iolake.extractors.members import members
from iolake.extractors.network.series import FIRST_S, LAST_S, Interfaces, counter_batch
from iolake.schemas.network import NETWORK_INTERFACE
from iolake.schemas.site import OwnerKind, Site

_COLUMNS: Final = ("ts", "router", "interface", "in_octets", "out_octets")
_WAYS: Final = {"in": "in_octets", "out": "out_octets"}
_MORE: Final = "write them as ts, router, interface, in_octets, out_octets"


class InterfaceCounters(Extractor):
    """An input is a day's files. An interface's first reading of a later day ends the day's last row."""

    source: ClassVar = "interface_counters"
    what: ClassVar = "octets of interfaces"
    heads: ClassVar = (r"\A\W*+(?=.*\bts\b)(?=.*\brouter\b)(?=.*\binterface\b).*\b(in|out)_octets\b",)
    version: ClassVar = 2
    owner: ClassVar[OwnerKind] = "endpoint"
    tables: ClassVar = (NETWORK_INTERFACE,)

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield the days that have files."""
        yield from find_day_inputs(site, self.owner, self.source, span, with_next=True)

    def hash(self, input: Input, site: Site) -> None:
        """Return None: only the rows tell which of the next day's readings matter."""

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the rows; rejects count lines that are not readings."""
        zone = zone_of(input, site, self.owner)
        days = days_of(input, zone)
        found: Interfaces = {}
        for file in days.files(input.day):
            odd = _read(file.uri, zone, found)
            if odd:
                yield Reject(input, f"{odd} lines are not readings", file.uri)
        later: Interfaces = {}
        for file in days.files_after(input.day):
            try:
                _read(file.uri, zone, later)
            except InputError:
                continue  # it is rejected with its own day
        for key, series in found.items():
            after = [ts for ts in later.get(key, {}) if ts > max(series)]
            if after:
                series[min(after)] = later[key][min(after)]
        batch = counter_batch(found)
        if batch is None:
            reason = "has no interface with two readings" if found else "holds no readings of interfaces"
            raise InputError(input.uri, reason, _MORE)
        yield batch


def _read(uri: str, zone: ZoneInfo, found: Interfaces) -> int:
    """Add a file's readings; return how many lines are not readings."""
    odd = 0
    for member in members(uri):
        rows = csv.DictReader(member.lines())
        try:
            missing = [name for name in _COLUMNS if name not in (rows.fieldnames or [])]
            if missing:
                raise InputError(uri, f"has no column {', '.join(missing)}", _MORE)
            for row in rows:
                ts = _seconds(row["ts"], zone)
                texts = {way: row[name] or "" for way, name in _WAYS.items()}
                counters = {w: int(t) for w, t in texts.items() if t.isascii() and t.isdigit() and len(t) < 19}
                if ts is None or not row["router"] or not row["interface"] or not counters:
                    odd += 1
                    continue
                found.setdefault((row["router"], row["interface"]), {}).setdefault(ts, {}).update(counters)
        except csv.Error as error:
            raise InputError(uri, f"is not CSV{quoted(error)}", _MORE) from None
    return odd


def _seconds(text: str | None, zone: ZoneInfo) -> int | None:
    """Return seconds since 1970 of a time; None for anything else."""
    try:
        if (text or "").isdigit():
            seconds = int(text or "")
        else:
            moment = datetime.fromisoformat(text or "")
            seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC).timestamp())
    except (ValueError, OverflowError):
        return None
    return seconds if FIRST_S <= seconds < LAST_S else None
