"""The parameters that are neither a target's counters and space nor its jobs, each into a table of its own kind.

A value that cannot be read is left out alone. What no table takes is counted by its kind.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from iolake.extractors.base import Batch, InputError
from iolake.extractors.params import histograms, lnet
from iolake.extractors.params.dumps import PARAMETER
from iolake.extractors.params.joblist import TIME_LINE, date_us, microseconds
from iolake.extractors.params.listing import named_values, number
from iolake.extractors.params.reading import TARGET
from iolake.extractors.params.recordings import File, Recording, texts
from iolake.extractors.params.text import LNETCTL, TooLong, parameters
from iolake.schemas import lustre_state as tables
from iolake.schemas.table import Table

Row = dict[str, Any]
Connections = dict[tuple[str, str], dict[str, str]]
_ROWS: Final = 50_000
_KINDS: Final = 100
"""Kinds of parameters without a table that are named; the others are counted together."""
_QUOTA_TYPES: Final = {
    "usr": "user",
    "user": "user",
    "grp": "group",
    "group": "group",
    "prj": "project",
    "project": "project",
}
_PATH: Final = re.compile(
    r"(?P<device>obdfilter|osd-[\w-]+|mdt|mdd)/(?P<target>[^/]+)/(?P<parameter>brw_stats|recovery_status|changelog_users|num_exports)$"
)
"""A file under /proc, or a copy of it, that holds one parameter."""
_LIMITS: Final = re.compile(
    r"id:\s*(?P<id>\d{1,18})\s*\n\s*limits:\s*\{\s*hard:\s*(?P<hard>\d{1,20}),\s*soft:\s*(?P<soft>\d{1,20}),"
    r"\s*granted:\s*(?P<granted>\d{1,20}),\s*time:\s*(?P<time>\d{1,20})"
)
_USAGE: Final = re.compile(
    r"id:\s*(?P<id>\d{1,18})\s*\n\s*usage:\s*\{\s*inodes:\s*(?P<inodes>\d{1,20}),\s*kbytes:\s*(?P<kbytes>\d{1,20})"
)
_FIELD: Final = re.compile(r"^\s*(?P<name>[A-Za-z][\w -]*?):\s*(?P<value>\S.*?)\s*$", re.MULTILINE)
_READER: Final = re.compile(r"^(?P<reader>cl\d+\S*)\s+(?P<index>\d{1,18})(?:\s+\((?P<idle>\d{1,18})\))?", re.MULTILINE)
_OPERATION: Final = re.compile(
    r"^(?P<operation>[\w.-]+)\s+(?P<samples>\d{1,18}) samples(?: \[(?P<unit>\w+)\])?"
    r"(?: (?P<least>\d{1,20}) (?P<most>\d{1,20}) (?P<sum>\d{1,25})(?: (?P<squares>\d{1,40}))?)?",
    re.MULTILINE,
)


def read_state(state: State, recordings: Sequence[Recording]) -> Iterator[Batch]:
    """Read the other parameters of a day's recordings into `state`, and yield its rows.

    Damaged files are left out here: whoever reads the counters reports them.
    """
    for recording in recordings:
        for file in recording.files:
            try:
                _read_file(state, recording, file)
            except (InputError, TooLong, OSError):
                continue
            if state.full():
                yield from state.batches()
    yield from state.batches()


def _read_file(state: State, recording: Recording, file: File) -> None:
    name_of_file = file.uri.rstrip("/").rsplit("/", 1)[-1]
    before = state.taken
    connections: dict[str, Connections] = defaultdict(lambda: defaultdict(dict))
    for host, blocks in texts(file):
        dump = f"{name_of_file}:{host}" if host else name_of_file
        if of_path := _PATH.search(file.uri):
            name = ".".join(of_path.groups())
            state.add(dump, recording.us, name, "".join(blocks))
            continue
        for name, value in parameters(blocks):
            if (osp := OSP.fullmatch(name)) is None or "\n" in value.strip():
                state.add(dump, recording.us, name, value)
            elif state.backend in {None, osp["fs"]}:
                connections[dump][osp["mdt"], osp["target"]][osp["parameter"]] = value.strip()
    if recording.us is not None:
        for dump, found in connections.items():
            state.put_all(_connections(found), dump, recording.us)
    if state.taken > before:
        state.recordings.add(recording.name)


@dataclass
class State:
    """Rows of one day's dumps, table by table, and the kinds of parameters that no table takes."""

    backend: str | None
    rows: dict[str, dict[tuple[Any, ...], Row]] = field(default_factory=lambda: defaultdict(dict))
    unread: Counter[str] = field(default_factory=Counter)
    recordings: set[str] = field(default_factory=set)
    taken: int = 0

    def add(self, dump: str, us: int | None, name: str, value: str) -> None:
        """Add a parameter of a dump that was taken at `us`; its value's own time counts where it has one."""
        if (PARAMETER.fullmatch(name) and not _OPERATIONS.fullmatch(name)) or _is_of_another(name, self.backend):
            return
        snapshot, start = _times(value)
        if (moment := us if snapshot is None else snapshot) is None:
            return
        for pattern, read in _READERS:
            if parameter := pattern.fullmatch(name):
                self.taken += 1  # an empty histogram is one
                self.put_all(read(parameter, value), dump, moment, start)
                return
        if (operations := _OPERATIONS.fullmatch(name)) and (snapshot is not None or _OPERATION.search(value)):
            found: Iterable[tuple[Table, Row]] | None = _operations(operations, value)
        else:
            found = _settings(name, value)
        if found is not None:
            self.put_all(found, dump, moment, start)
        else:
            kind = _NUMBERED.sub("#", name)
            self.unread[kind if kind in self.unread or len(self.unread) < _KINDS else "further parameters"] += 1

    def put_all(self, found: Iterable[tuple[Table, Row]], dump: str, us: int, start: int | None = None) -> None:
        """Add rows of a dump; a row that comes again in one dump replaces the one before."""
        for table, row in found:
            whole = row | {"ts": us, "dump": dump, "start_time": start}
            names = [column.name for column in (*table.keys, *table.columns)]
            kept = {name: whole[name] for name in names if name in whole}
            self.rows[table.name][tuple(kept.get(key.name) for key in table.keys)] = kept
            # any text may hold something of a setting's form
            self.taken += table is not tables.LUSTRE_SETTING or _is_lustres(row)

    def full(self) -> bool:
        """Whether enough rows wait to fill a batch."""
        return sum(map(len, self.rows.values())) >= _ROWS

    def batches(self) -> Iterator[Batch]:
        """Yield the waiting rows, table by table, and drop them."""
        for table in tables.STATE_TABLES:
            if rows := self.rows.pop(table.name, None):
                yield Batch(table, pa.Table.from_pylist(list(rows.values()), table.batch_schema))


def _is_lustres(setting: Row) -> bool:
    return setting["parameter"] in _LUSTRES_OWN or _LUSTRES.match(str(setting["component"])) is not None


def _is_of_another(name: str, backend: str | None) -> bool:
    """Whether a parameter is of a target or mount of a file system, and not of the owner's."""
    found = [] if backend is None else [of["target"] or of["mount"] for of in _OF.finditer(name)]
    return bool(found) and backend not in found


def _times(value: str) -> tuple[int | None, int | None]:
    """(snapshot, start) of a value, as Unix microseconds; None where it does not say."""
    found: dict[str, int | None] = {}
    for time in TIME_LINE.finditer(value):
        found[time["moment"]] = date_us(microseconds(time["seconds"], time["fraction"], time["scale"]))
    return found.get("snapshot_time"), found.get("start_time")


def _export(parameter: re.Match[str], value: str) -> Iterator[tuple[Table, Row]]:
    for uuid in dict.fromkeys(value.split()):
        yield tables.LUSTRE_EXPORT, {"target": parameter["target"], "nid": parameter["nid"], "uuid": uuid}


def _scaled(text: str, scale: int = 1) -> int | None:
    """An amount; None where a server subtracted below zero, which it prints as almost 2^64."""
    return number(str(int(text) * scale))


def _limits(parameter: re.Match[str], value: str) -> Iterator[tuple[Table, Row]]:
    """Limits of space are in KiB, those of inodes in inodes."""
    of, scale = ("inodes", 1) if parameter["pool"].startswith("md") else ("bytes", 1024)
    for limit in _LIMITS.finditer(value):
        row: Row = {"pool": parameter["pool"], "quota_type": _QUOTA_TYPES[parameter["type"]], "id": int(limit["id"])}
        for name in ("hard", "soft", "granted"):
            row[f"{name}_{of}"] = _scaled(limit[name], scale)
        yield tables.LUSTRE_QUOTA, row | {"grace_s": number(limit["time"])}


def _usage(parameter: re.Match[str], value: str) -> Iterator[tuple[Table, Row]]:
    for usage in _USAGE.finditer(value):
        yield tables.LUSTRE_USAGE, {
            "target": parameter["target"], "quota_type": _QUOTA_TYPES[parameter["type"]], "id": int(usage["id"]),
            "used_bytes": _scaled(usage["kbytes"], 1024), "used_inodes": _scaled(usage["inodes"]),
        }  # fmt: skip


def _recovery(parameter: re.Match[str], value: str) -> Iterator[tuple[Table, Row]]:
    fields = {found["name"]: found["value"] for found in _FIELD.finditer(value)}
    if "status" not in fields:
        return
    completed, _, clients = fields.get("completed_clients", "").partition("/")
    connected, _, before = fields.get("connected_clients", "").partition("/")
    start = number(fields.get("recovery_start", ""))
    yield tables.LUSTRE_RECOVERY, {
        "target": parameter["target"], "status": fields["status"],
        "recovery_start": date_us(start * 1_000_000) if start else None,
        "duration_s": number(fields.get("recovery_duration", "")),
        "remaining_s": number(fields.get("time_remaining", "")),
        "completed_clients": number(completed), "connected_clients": number(connected),
        "evicted_clients": number(fields.get("evicted_clients", "")), "clients": number(clients or before),
        "replayed_requests": number(fields.get("replayed_requests", "").partition("/")[0]),
    }  # fmt: skip


def _changelog(parameter: re.Match[str], value: str) -> Iterator[tuple[Table, Row]]:
    current = re.search(r"current[_ ]index: *(\d{1,18})", value)
    row: Row = {"mdt": parameter["target"], "current_index": int(current[1]) if current else None}
    readers = list(_READER.finditer(value))
    for reader in readers:
        idle = reader["idle"]
        yield tables.LUSTRE_CHANGELOG, row | {
            "reader": reader["reader"], "reader_index": int(reader["index"]), "idle_s": int(idle) if idle else None,
        }  # fmt: skip
    if not readers and current:
        yield tables.LUSTRE_CHANGELOG, row | {"reader": "-"}


def _operations(parameter: re.Match[str], value: str) -> Iterator[tuple[Table, Row]]:
    for found in _OPERATION.finditer(value):
        numbers = {name: float(found[name]) if found[name] else None for name in ("least", "most", "sum", "squares")}
        yield tables.LUSTRE_OPERATION, {
            "component": parameter["component"], "operation": found["operation"], "unit": found["unit"],
            "samples": int(found["samples"]), "least": numbers["least"], "most": numbers["most"],
            "sum": numbers["sum"], "sum_of_squares": numbers["squares"],
        }  # fmt: skip


def _settings(name: str, value: str) -> Iterator[tuple[Table, Row]] | None:
    """Rows of a parameter that no reader knows: one value, or a list of names and values. None for another text."""
    component, _, parameter = name.rpartition(".")
    text = value.strip()
    values = {"": "; ".join(text.splitlines())} if name in _MESSAGES or "\n" not in text else named_values(text)
    if not values or not re.fullmatch(r"\w+", parameter):
        return None
    return _setting_rows(component or "server", parameter, values)


def _setting_rows(component: str, parameter: str, values: dict[str, str]) -> Iterator[tuple[Table, Row]]:
    for name, text in values.items():
        as_number = number(text)
        yield tables.LUSTRE_SETTING, {
            "component": component, "parameter": f"{parameter}.{name}" if name else parameter,
            "number": as_number, "text": text[:200] if as_number is None else None,
        }  # fmt: skip


def _connections(settings: Connections) -> Iterator[tuple[Table, Row]]:
    """A row for each connection, whose parameters come one by one. Keys are (metadata target, target)."""
    for (mdt, target), found in settings.items():
        active, most = found.get("active"), found.get("max_create_count")
        others = [(name, value) for name, value in sorted(found.items()) if name not in {"active", "max_create_count"}]
        yield tables.LUSTRE_OSP, {
            "mdt": mdt, "target": target, "active": None if active is None else active == "1",
            "max_create_count": number(most) if most else None, "settings": others,
        }  # fmt: skip


Reader = Callable[[re.Match[str], str], Iterator[tuple[Table, Row]]]
_DEVICE: Final = r"(?:osd-[\w-]+|obdfilter|mdt|mdd)"
_NUMBERED: Final = re.compile(r"(?<=OST|MDT)[0-9a-fA-F]{4}|\b[0-9a-fA-F]{4,}\b|\d+")
"""What tells parameters of one kind apart: numbers of targets, addresses."""
_OPERATIONS: Final = re.compile(r"(?P<component>[^=\s]+)\.(?:md_|ldlm_|read_ahead_)?stats")
_OF: Final = re.compile(
    r"\.(?:(?:filter|mdt|srv|cli|ctl)-)?(?P<target>[^=\s/.]+?)-(?:(?:OST|MDT)[0-9a-fA-F]{4}|QMT[0-9a-fA-F]+|clilov-)"
    r"|^llite\.(?P<mount>[^=\s/.]+)-[0-9a-f]{8,16}\b"
)
"""The file system in a parameter's name."""
_MESSAGES: Final = {"health_check"}
"""Parameters whose lines are messages."""
_LUSTRES: Final = re.compile(
    r"(?:mg[sc]|md[tdcs]|lo[dv]|lmv|os[cpst]|osd-[\w-]+|obdfilter|ldlm|llite|nodemap|qmt|lwp)(?:\.|$)"
)
"""The components that Lustre alone has."""
_LUSTRES_OWN: Final = {"health_check", "jobid_var", "lnet_memused"}
"""The same of a server's own parameters."""
OSP: Final = re.compile(
    r"osp\.(?P<fs>[^=\s/]+)-(?P<target>(?:OST|MDT)[0-9a-fA-F]{4})-os[pc]-(?P<mdt>MDT[0-9a-fA-F]{4})\.(?P<parameter>\w+)"
)
_READERS: Final[tuple[tuple[re.Pattern[str], Reader], ...]] = (
    (re.compile(rf"{_DEVICE}\.{TARGET}\.brw_stats"), histograms.bulk),
    (re.compile(r"osd-[\w-]+\.(?P<target>MGS)\.brw_stats"), histograms.bulk),
    (re.compile(rf"{_DEVICE}\.{TARGET}\.io_latency_stats"), histograms.latencies),
    (re.compile(r"osd-[\w-]+\.(?P<target>MGS)\.io_latency_stats"), histograms.latencies),
    (re.compile(r"(?P<component>[^=\s]+\.exports\.[^=\s]+)\.brw_stats"), histograms.requests),
    (re.compile(r"(?P<component>(?:osc|mdc|osp)\.[^=\s]+)\.rpc_stats"), histograms.requests),
    (re.compile(r"(?P<component>llite\.[^=\s]+)\.extents_stats"), histograms.requests),
    (re.compile(rf"{_DEVICE}\.{TARGET}\.exports\.(?P<nid>[^=\s]+)\.uuid"), _export),
    (re.compile(r"mgs\.(?P<target>MGS)\.exports\.(?P<nid>[^=\s]+)\.uuid"), _export),
    (re.compile(r"qmt\.[^=\s/.]+-QMT\w+\.(?P<pool>[\w-]+)\.glb-(?P<type>usr|grp|prj)"), _limits),
    (re.compile(rf"{_DEVICE}\.{TARGET}\.quota_slave(?:_\w+)?\.acct_(?P<type>user|group|project)"), _usage),
    (re.compile(rf"{_DEVICE}\.{TARGET}\.recovery_status"), _recovery),
    (re.compile(rf"mdd\.{TARGET}\.changelog_users"), _changelog),
    (re.compile(f"{LNETCTL}net"), lnet.interfaces),
    (re.compile(f"{LNETCTL}statistics"), lnet.statistics),
)  # fmt: skip
