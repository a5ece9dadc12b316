"""`mmperfmon query` reports: text, compressed or not, single files, folders or tar archives of them.

mmperfmon labels an interval by its end: 16:01:00 covers 16:00 to 16:01. Rows here start where it starts. pytokio's
JSON copies of such reports are read too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from operator import lt
from typing import ClassVar, Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span
from iolake.extractors.clock import local_seconds, utc_in_order
from iolake.extractors.counters import Flags, Ints
from iolake.extractors.daily import days_of, find_day_inputs, zone_of
from iolake.extractors.lustre import other_system, several_systems
from iolake.extractors.members import Member, members
from iolake.extractors.scale.cached import cached_report
from iolake.extractors.scale.cells import METRIC, Cells, Component, Dense, Floats, summed
from iolake.extractors.scale.report import Chunk, Entry, Report, read_reports
from iolake.extractors.scale.sensors import SENSORS
from iolake.extractors.scale.whole import whole_system
from iolake.schemas.lustre import LUSTRE_FS
from iolake.schemas.scale import SCALE_CLIENT, SCALE_NETWORK, SCALE_NSD, SCALE_SERVER
from iolake.schemas.site import OwnerKind, Site, SiteError, Source

_TABLES: Final = (SCALE_SERVER, SCALE_NETWORK, SCALE_NSD, SCALE_CLIENT)
"""Those that are filled from cells; `lustre_fs` sums up the NSDs."""
_NOTHING: Final = "holds no mmperfmon report"
_DEVICE: Final = re.compile(
    r"^[ \t]*\d+:[ \t]+[^|\n]+\|GPFSFilesystem\w*\|(?:[^|\n]+\|)?([^|\n]+)\|\w+[ \t\r]*$", re.MULTILINE
)
_CHECK: Final = "check what the pattern names"
_ROLES: Final = {"datatarget": "data", "mdtarget": "metadata", "mdserver": "mds"}
"""pytokio's words for roles, to those of the tables."""


class Mmperfmon(Extractor):
    """An input is a day's reports. Options of the source: `luns` and `servers`, regular expression to role.

    `interval_s` is the step of reports that have a single row.
    """

    source: ClassVar = "mmperfmon"
    what: ClassVar = "mmperfmon query"
    heads: ClassVar = (r"^Legend:|^ *Row +Timestamp",)
    version: ClassVar = 2
    owner: ClassVar[OwnerKind] = "file_system"
    tables: ClassVar = (*_TABLES, LUSTRE_FS)
    contested: ClassVar = frozenset({LUSTRE_FS.name})

    @classmethod
    def systems(cls, head: str) -> list[tuple[str, str | None]]:
        """Those whose clients its legend names."""
        return [(name, None) for name in dict.fromkeys(_DEVICE.findall(head))]

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield the days that have reports."""
        yield from find_day_inputs(site, self.owner, self.source, span)

    def hash(self, input: Input, site: Site) -> None:
        """Return None: a day's files are one input, and only its rows are hashed."""

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the day's rows, and a reject for each damaged file and each kind of value that was left out."""
        owner = site.file_systems[input.owner]
        where = owner.sources[self.source]
        zone = zone_of(input, site, self.owner)
        day = _Day(input, zone, owner.backend, where)
        for file in days_of(input, zone).files(input.day):
            yield from day.read(file.uri)
        yield from day.results()


class _Plan(NamedTuple):
    """Where a report's columns go.

    `columns` has the components and their places by table and column, `sizes` the places of sizes in bytes, and
    `untaken` the number of columns of sensors that no table takes.
    """

    columns: dict[tuple[str, str], tuple[list[Component], list[int]]]
    sizes: list[int]
    untaken: Counter[str]


class _Day:
    """The reports of one day on their way into rows."""

    def __init__(self, input: Input, zone: ZoneInfo, backend: str | None, where: Source) -> None:
        self._input, self._zone, self._backend, self._options = input, zone, backend, where.options
        self._cells = {table.name: Cells(table) for table in _TABLES}
        self._systems: set[str] = set()
        self._untaken: Counter[str] = Counter()
        self._unitless: Counter[str] = Counter()
        self._single: list[tuple[Chunk, Ints]] = []
        self._steps: Counter[int] = Counter()
        self._silent: Counter[str] = Counter()
        self._damaged: InputError | None = None
        self._plans: dict[tuple[Entry, ...], _Plan] = {}
        self._found = 0
        self._odd = 0

    def read(self, uri: str) -> Iterator[Reject]:
        """Read one file of the day, and all that an archive holds."""
        try:
            for member in members(uri):
                part = f"{uri}: {member.name}" if member.name else uri
                try:
                    reports = list(_reports(member))
                except InputError as error:
                    self._damaged = self._damaged or error
                    yield Reject(self._input, f"{error.reason}; {error.remedy}", part)
                    continue
                if not reports:
                    self._silent[part if not self._silent else next(iter(self._silent))] += 1
                for report in reports:
                    self._take(report)
                    yield from (Reject(self._input, fault, part) for fault in _summary(report.faults))
        except InputError as error:
            self._damaged = self._damaged or error
            yield Reject(self._input, f"{error.reason}; {error.remedy}", uri)

    def _take(self, report: Report) -> None:
        for chunk in _joined(report.chunks):
            self._found += 1
            utc = self._in_order(chunk)
            steps = np.diff(utc)
            if len(steps) and steps.min() > 0:
                step = int(steps.min())
                self._steps[step] += len(utc)
                self._add(chunk, utc, step)
            else:
                self._single.append((chunk, utc))

    def _in_order(self, chunk: Chunk) -> Ints:
        """Put the chunk's rows into the order of their times, one a time; return when each ends (UTC)."""
        if not all(map(lt, chunk.row_ids, chunk.row_ids[1:])):
            order = np.argsort(np.array(chunk.row_ids), kind="stable")
            chunk.stamps = [chunk.stamps[i] for i in order]
            chunk.values, chunk.in_bytes = chunk.values[order], chunk.in_bytes[order]
            chunk.utc = None if chunk.utc is None else chunk.utc[order]
        utc = _utc(tuple(chunk.stamps), self._zone) if chunk.utc is None else chunk.utc
        keep = np.append(np.diff(utc) != 0, True)
        if not keep.all() or (np.diff(utc) < 0).any():
            utc, first = np.unique(utc[keep], return_index=True)
            rows = np.flatnonzero(keep)[first]
            chunk.values, chunk.in_bytes = chunk.values[rows], chunk.in_bytes[rows]
        return utc

    def _add(self, chunk: Chunk, utc: Ints, step: int) -> None:
        start_us = (utc - step) * 1_000_000
        plan = self._plan(tuple(chunk.entries))
        self._untaken.update(plan.untaken)
        for place in plan.sizes:
            unitless = _drop_unitless(chunk.values[:, place], chunk.in_bytes[:, place])
            self._unitless[chunk.entries[place].counter] += unitless
        for (table, column), (components, places) in plan.columns.items():
            self._odd += self._cells[table].add(components, start_us, step, column, chunk.values[:, places])

    def _plan(self, entries: tuple[Entry, ...]) -> _Plan:
        """Return where a report's columns go; reports of other hours have the same ones."""
        if entries not in self._plans:
            self._plans[entries] = plan = _Plan({}, [], Counter())
            for place, entry in enumerate(entries):
                sensor = SENSORS.get(entry.sensor)
                if sensor is None:
                    plan.untaken[entry.sensor or "no legend"] += 1
                    continue
                if entry.counter in sensor.sizes:
                    plan.sizes.append(place)
                component = self._component(sensor.table.name, entry.host, entry.device)
                if component is not None:
                    column = sensor.columns.get(entry.counter, METRIC + entry.counter)
                    components, places = plan.columns.setdefault((sensor.table.name, column), ([], []))
                    components.append(component)
                    places.append(place)
        return self._plans[entries]

    def _component(self, table: str, host: str, device: str) -> Component | None:
        """Return the component's keys; None where it belongs to another file system."""
        if table == SCALE_SERVER.name:
            return (host,)
        if table == SCALE_CLIENT.name:
            system = device.rpartition("|")[2]
            self._systems.add(system)
            return (host,) if self._backend in {None, system} else None
        return host, device

    def results(self) -> Iterator[Batch | Reject]:
        """Yield the batches, and the rejects of the whole day."""
        if not self._found:
            raise self._damaged or InputError(self._input.uri, _NOTHING, _CHECK)
        self._settle_single_rows()
        if self._backend is None and len(self._systems) > 1:
            raise several_systems(self._input.uri, self._systems)
        if self._backend and self._systems and self._backend not in self._systems:
            raise other_system(self._input.uri, self._backend, self._systems)
        network, servers = self._cells[SCALE_NETWORK.name], self._cells[SCALE_SERVER.name]
        if (interfaces := network.dense()) is not None:
            _add_network(servers, network, interfaces)
        roles = {
            SCALE_SERVER.name: [self._role("servers", server, "nsd") for (server,) in servers.components],
            SCALE_NSD.name: [self._role("luns", nsd, None) for _, nsd in self._cells[SCALE_NSD.name].components],
        }
        for name, cells in self._cells.items():
            if (dense := cells.dense()) is not None:
                if name == SCALE_SERVER.name:
                    _derive(dense)
                yield cells.batch(dense, roles.get(name))
                if name == SCALE_NSD.name and LUSTRE_FS.name not in self._input.superseded:
                    whole = whole_system(cells, dense, roles[name])
                    if isinstance(whole, str):
                        yield Reject(self._input, whole, LUSTRE_FS.name)
                    elif whole is not None:
                        yield whole
        yield from self._left_out()

    def _settle_single_rows(self) -> None:
        """Add the reports of a single row by the option's step, or by that of the day's other reports."""
        if not self._single:
            return
        step = self._options.get("interval_s") or next((s for s, _ in self._steps.most_common(1)), None)
        if not isinstance(step, int):
            reason, mend = "has a single row, so its interval is unknown", "set options.interval_s in site.toml"
            raise InputError(self._input.uri, f"each report {reason}", mend)
        for chunk, utc in self._single:
            self._add(chunk, utc, step)

    def _role(self, key: str, name: str, otherwise: str | None) -> str | None:
        """Return the role that the first matching pattern of an option gives a server or LUN."""
        found = self._options.get(key, {})
        if not isinstance(found, dict) or not all(isinstance(role, str) for role in found.values()):
            mend = f"write {key} = {{ 'pattern' = 'role' }}"
            raise SiteError("site.toml", [f"mmperfmon.options.{key}: is not a table of roles; {mend}"])
        for pattern, role in found.items():
            try:
                if re.search(pattern, name):
                    return _ROLES.get(role, role)
            except re.error as error:
                problem = f"mmperfmon.options.{key}: {pattern!r} is not a regular expression: {error}"
                raise SiteError("site.toml", [problem]) from None
        return otherwise

    def _left_out(self) -> Iterator[Reject]:
        for first, count in self._silent.items():
            yield Reject(self._input, f"{_NOTHING}, one of {count} such files of the day; {_CHECK}", first)
        for counter, count in self._unitless.items():
            if count:
                reason = f"{count} sizes have no unit; query mmperfmon without -r"
                yield Reject(self._input, reason, counter)
        for sensor, count in sorted(self._untaken.items()):
            reason = f"no table takes this sensor, which the day's reports have in {count} columns"
            yield Reject(self._input, reason, f"sensor {sensor}", rows=0, once=True)
        if self._odd:
            yield Reject(self._input, f"{self._odd} values are negative, infinite or beyond 2**53", "values")


def _reports(member: Member) -> Iterator[Report]:
    text = member.text()
    if text.lstrip().startswith("{"):
        yield cached_report(member.uri, text)
    else:
        yield from read_reports(text)


@lru_cache(maxsize=64)
def _utc(stamps: tuple[str, ...], zone: ZoneInfo) -> Ints:
    """Return the UTC seconds of local times in their order. Reports of many servers have the same ones."""
    local = local_seconds(stamps)
    forward = [step for step in np.diff(local).tolist() if step > 0]
    utc, _ = utc_in_order(local, zone, min(forward, default=None))
    return utc


def _joined(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Yield the chunks, those of the same rows side by side in one: the parts of a wide report."""
    same: dict[tuple[str, ...], list[Chunk]] = {}
    for chunk in chunks:
        if chunk.stamps:
            same.setdefault(tuple(chunk.stamps), []).append(chunk)
    for parts in same.values():
        first = parts[0]
        if len(parts) > 1 and all(part.row_ids == first.row_ids for part in parts):
            entries = [entry for part in parts for entry in part.entries]
            values, in_bytes = (np.hstack([getattr(p, n) for p in parts]) for n in ("values", "in_bytes"))
            yield Chunk(entries, first.row_ids, first.stamps, values, in_bytes, first.utc)
        else:
            yield from parts


def _drop_unitless(values: Floats, in_bytes: Flags) -> int:
    """Make null the values, other than zero, that the report gives no unit; return how many."""
    unclear = ~in_bytes & ~np.isnan(values) & (values != 0)
    values[unclear] = np.nan
    return int(unclear.sum())


def _add_network(servers: Cells, network: Cells, interfaces: Dense) -> None:
    """Add each server's traffic over all interfaces but the loopback."""
    hosts = {server: i for i, server in enumerate(dict.fromkeys(server for server, _ in network.components))}
    group = np.array([-1 if interface == "lo" else hosts[server] for server, interface in network.components])
    outside = group[interfaces.component] >= 0
    wanted = Dense(
        interfaces.component[outside],
        interfaces.start_us[outside],
        interfaces.interval_s[outside],
        {name: values[outside] for name, values in interfaces.columns.items()},
    )
    sums = summed(wanted, group[wanted.component], ["net_in_bytes", "net_out_bytes"])
    for server, code in hosts.items():
        mine = sums.component == code
        for name, values in sums.columns.items():
            servers.add([(server,)], sums.start_us[mine], sums.interval_s[mine], name, values[mine][:, None])


def _derive(servers: Dense) -> None:
    """Add the busy share of the processors and the used memory."""
    columns = servers.columns
    unknown = np.full(len(servers.start_us), np.nan)
    idle, user, system = (columns.get(f"cpu_{kind}_pct", unknown) for kind in ("idle", "user", "sys"))
    columns["cpu_pct"] = np.where(np.isnan(idle), user + system, 100 - idle)
    total, free = (columns.get(f"mem_{kind}_bytes", unknown) for kind in ("total", "free"))
    used = np.where(free <= total, total - free, np.nan)
    columns["mem_used_bytes"] = used
    columns["mem_pct"] = 100 * used / np.where(total > 0, total, np.nan)


def _summary(faults: Iterable[str]) -> Iterator[str]:
    """The first fault, and how many there are."""
    found = list(faults)
    if found:
        yield found[0] + (f" (one of {len(found)} such lines)" if len(found) > 1 else "")
