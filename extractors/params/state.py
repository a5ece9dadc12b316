"""The parameters that are neither a target's counters and space nor its jobs, each into a table of its own kind.

A value that cannot be read is left out alone. What no table takes is counted by its kind.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

import pyarrow as pa

from iolake.extractors.base import Batch, InputError
from iolake.extractors.params.dumps import PARAMETER
from iolake.extractors.params.joblist import TIME_LINE, date_us, microseconds
from iolake.extractors.params.reading import TARGET
from iolake.extractors.params.recordings import File, Recording, texts
from iolake.extractors.params.text import TooLong, parameters
from iolake.schemas import lustre_state as tables
from iolake.schemas.table import Table

Row = dict[str, Any]
Connections = dict[tuple[str, str], dict[str, str]]
_ROWS: Final = 50_000
_LARGEST: Final = 2**63 - 1
_QUOTA_TYPES: Final = {
    "usr": "user",
    "user": "user",
    "grp": "group",
    "group": "group",
    "prj": "project",
    "project": "project",
}
_LNETCTL: Final = ("net:", "statistics:")
_PATH: Final = re.compile(
    r"(?P<device>obdfilter|osd-[\w-]+|mdt|mdd)/(?P<target>[^/]+)/(?P<parameter>brw_stats|recovery_status|changelog_users|num_exports)$"
)
"""A file under /proc, or a copy of it, that holds one parameter."""
_SUFFIXES: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_HEAD: Final = re.compile(r"^(?P<name>\S.*?\S) {2,}(?:rpcs|ios|maps)\b")
_BUCKET: Final = re.compile(
    r"^\s*(?P<bucket>\d{1,15})(?P<suffix>[KMGT]?):\s+(?P<reads>\d{1,18})\s.*\|\s*(?P<writes>\d{1,18})\b"
)
_LIMITS: Final = re.compile(
    r"id:\s*(?P<id>\d{1,18})\s*\n\s*limits:\s*\{\s*hard:\s*(?P<hard>\d{1,18}),\s*soft:\s*(?P<soft>\d{1,18}),"
    r"\s*granted:\s*(?P<granted>\d{1,18}),\s*time:\s*(?P<time>\d{1,18})"
)
_USAGE: Final = re.compile(
    r"id:\s*(?P<id>\d{1,18})\s*\n\s*usage:\s*\{\s*inodes:\s*(?P<inodes>\d{1,18}),\s*kbytes:\s*(?P<kbytes>\d{1,15})"
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
        head = next(blocks, "")
        if head.startswith(_LNETCTL):
            state.add_lnet(dump, recording.us, head + "".join(blocks))
            continue
        if of_path := _PATH.search(file.uri):
            name = ".".join(of_path.groups())
            state.add(dump, recording.us, name, head + "".join(blocks))
            continue
        for name, value in parameters(chain([head], blocks)):
            if (osp := OSP.fullmatch(name)) and state.backend in {None, osp["fs"]}:
                connections[dump][osp["mdt"], osp["target"]][osp["parameter"]] = value.strip()
            elif not osp:
                state.add(dump, recording.us, name, value)
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
        for pattern, read in _readers(name, value):
            if (parameter := pattern.fullmatch(name)) is None:
                continue
            of = parameter.groupdict().get("fs")
            if of is not None and self.backend not in {None, of}:
                return
            snapshot, start = _times(value)
            moment = snapshot if snapshot is not None else us
            if moment is None:
                return
            self.put_all(read(parameter, value), dump, moment, start)
            self.taken += read is not _setting  # an empty histogram is one
            return
        if not PARAMETER.fullmatch(name):
            self.unread[_NUMBERED.sub("#", name)] += 1

    def add_lnet(self, dump: str, us: int | None, text: str) -> None:
        """Add what `lnetctl net show` or `lnetctl stats show` printed."""
        if us is not None:
            self.put_all(_lnet_interfaces(text) if text.startswith("net:") else _lnet_stats(text), dump, us)

    def put_all(self, found: Iterable[tuple[Table, Row]], dump: str, us: int, start: int | None = None) -> None:
        """Add rows of a dump; a row that comes again in one dump replaces the one before."""
        for table, row in found:
            whole = row | {"ts": us, "dump": dump, "start_time": start}
            names = [column.name for column in (*table.keys, *table.columns)]
            kept = {name: whole[name] for name in names if name in whole}
            self.rows[table.name][tuple(kept.get(key.name) for key in table.keys)] = kept
            # any text may hold something of a setting's form
            self.taken += table is not tables.LUSTRE_SETTING or _LUSTRES.match(str(row["component"])) is not None

    def full(self) -> bool:
        """Whether enough rows wait to fill a batch."""
        return sum(map(len, self.rows.values())) >= _ROWS

    def batches(self) -> Iterator[Batch]:
        """Yield the waiting rows, table by table, and drop them."""
        for table in tables.STATE_TABLES:
            if rows := self.rows.pop(table.name, None):
                yield Batch(table, pa.Table.from_pylist(list(rows.values()), table.batch_schema))


def _times(value: str) -> tuple[int | None, int | None]:
    """(snapshot, start) of a value, as Unix microseconds; None where it does not say."""
    found: dict[str, int | None] = {}
    for time in TIME_LINE.finditer(value):
        found[time["moment"]] = date_us(microseconds(time["seconds"], time["fraction"], time["scale"]))
    return found.get("snapshot_time"), found.get("start_time")


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 20 and int(text) <= _LARGEST else None


def _histograms(parameter: re.Match[str], value: str) -> Iterator[tuple[Table, Row]]:
    histogram = unit = None
    for line in value.splitlines():
        if head := _HEAD.match(line):
            histogram = head["name"]
            unit = _unit(histogram)
        elif histogram and (bucket := _BUCKET.match(line)):
            size = int(bucket["bucket"]) * _SUFFIXES[bucket["suffix"]]
            yield tables.LUSTRE_BRW, {
                "target": parameter["target"], "histogram": histogram, "bucket": size, "unit": unit,
                "reads": int(bucket["reads"]), "writes": int(bucket["writes"]),
            }  # fmt: skip


def _latencies(parameter: re.Match[str], value: str) -> Iterator[tuple[Table, Row]]:
    """`rd_1024K: { 512us: 3, 4096us: 5, }`: how many reads of up to 1024 KiB took up to 512 us."""
    counted: dict[tuple[str, int], Row] = {}
    for way, size, buckets in re.findall(r"^(rd|wr)_(\d{1,12}[KMGT]?): *\{([^}\n]*)\}", value, re.MULTILINE):
        for bucket, number in re.findall(r"(\d{1,15})us: *(\d{1,18})", buckets):
            row = counted.setdefault((size, int(bucket)), {"reads": 0, "writes": 0})
            row["reads" if way == "rd" else "writes"] = int(number)
    for (size, bucket), row in counted.items():
        yield tables.LUSTRE_BRW, row | {
            "target": parameter["target"], "histogram": f"I/O latency of {size}", "bucket": bucket, "unit": "us",
        }  # fmt: skip


def _unit(histogram: str) -> str | None:
    if "size" in histogram:
        return "B"
    if "1/1000s" in histogram or "msec" in histogram:
        return "ms"
    return "pages" if "pages" in histogram else None


def _export(parameter: re.Match[str], value: str) -> Iterator[tuple[Table, Row]]:
    for uuid in dict.fromkeys(value.split()):
        yield tables.LUSTRE_EXPORT, {"target": parameter["target"], "nid": parameter["nid"], "uuid": uuid}


def _limits(parameter: re.Match[str], value: str) -> Iterator[tuple[Table, Row]]:
    """Limits of space are in KiB, those of inodes in inodes."""
    of, scale = ("inodes", 1) if parameter["pool"].startswith("md") else ("bytes", 1024)
    for limit in _LIMITS.finditer(value):
        row: Row = {"pool": parameter["pool"], "quota_type": _QUOTA_TYPES[parameter["type"]], "id": int(limit["id"])}
        for name in ("hard", "soft", "granted"):
            amount = int(limit[name]) * scale
            row[f"{name}_{of}"] = amount if amount <= _LARGEST else None
        yield tables.LUSTRE_QUOTA, row | {"grace_s": int(limit["time"])}


def _usage(parameter: re.Match[str], value: str) -> Iterator[tuple[Table, Row]]:
    for usage in _USAGE.finditer(value):
        yield tables.LUSTRE_USAGE, {
            "target": parameter["target"], "quota_type": _QUOTA_TYPES[parameter["type"]], "id": int(usage["id"]),
            "used_bytes": int(usage["kbytes"]) * 1024, "used_inodes": int(usage["inodes"]),
        }  # fmt: skip


def _recovery(parameter: re.Match[str], value: str) -> Iterator[tuple[Table, Row]]:
    fields = {found["name"]: found["value"] for found in _FIELD.finditer(value)}
    if "status" not in fields:
        return
    completed, _, clients = fields.get("completed_clients", "").partition("/")
    connected, _, before = fields.get("connected_clients", "").partition("/")
    start = _number(fields.get("recovery_start", ""))
    yield tables.LUSTRE_RECOVERY, {
        "target": parameter["target"], "status": fields["status"],
        "recovery_start": date_us(start * 1_000_000) if start else None,
        "duration_s": _number(fields.get("recovery_duration", "")),
        "remaining_s": _number(fields.get("time_remaining", "")),
        "completed_clients": _number(completed), "connected_clients": _number(connected),
        "evicted_clients": _number(fields.get("evicted_clients", "")), "clients": _number(clients or before),
        "replayed_requests": _number(fields.get("replayed_requests", "").partition("/")[0]),
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


def _setting(parameter: re.Match[str], value: str) -> Iterator[tuple[Table, Row]]:
    text = value.strip()
    if "\n" in text:
        return
    number = _number(text)
    component = parameter.groupdict().get("component") or "server"
    yield tables.LUSTRE_SETTING, {
        "component": component, "parameter": parameter["parameter"], "number": number,
        "text": text[:200] if number is None else None,
    }  # fmt: skip


def _connections(settings: Connections) -> Iterator[tuple[Table, Row]]:
    """A row for each connection, whose parameters come one by one. Keys are (metadata target, target)."""
    for (mdt, target), found in settings.items():
        active, most = found.get("active"), found.get("max_create_count")
        others = [(name, value) for name, value in sorted(found.items()) if name not in {"active", "max_create_count"}]
        yield tables.LUSTRE_OSP, {
            "mdt": mdt, "target": target, "active": None if active is None else active == "1",
            "max_create_count": _number(most) if most else None, "settings": others,
        }  # fmt: skip


def _lnet_sections(text: str) -> Iterator[tuple[str, str, str]]:
    """(section, name, value) of each line of lnetctl's indented text; the section is the last line without a value."""
    section = ""
    for line in text.splitlines():
        name, mark, value = line.strip().removeprefix("- ").partition(":")
        if not mark:
            continue
        if value.strip():
            yield section, name.strip(), value.strip()
        else:
            section = name.strip()


def _lnet_interfaces(text: str) -> Iterator[tuple[Table, Row]]:
    network: str | None = None
    row: Row | None = None
    for section, name, value in _lnet_sections(text):
        if name == "net type":
            network = value
        elif name == "nid":
            if row:
                yield tables.LNET_INTERFACE, row
            row = {"nid": value, "network": network, "interfaces": [], "counters": []}
        elif row is not None and name == "status":
            row["status"] = value
        elif row is not None and section == "interfaces":
            row["interfaces"].append(value)
        elif row is not None and (number := _number(value)) is not None:
            row["counters"].append((f"{section}.{name}", number))
            if section == "statistics" or name == "health value":
                row[name.replace(" ", "_")] = number
    if row:
        yield tables.LNET_INTERFACE, row


def _lnet_stats(text: str) -> Iterator[tuple[Table, Row]]:
    if not re.match(r"statistics:\s*\n\s+msgs_alloc:", text):
        return
    counters = {name: n for _, name, value in _lnet_sections(text) if (n := _number(value)) is not None}
    lengths = {f"{way}_bytes": counters.get(f"{way}_length") for way in ("send", "recv", "drop")}
    yield tables.LNET_STATS, counters | lengths | {"counters": list(counters.items())}


Reader = Callable[[re.Match[str], str], Iterator[tuple[Table, Row]]]
_DEVICE: Final = r"(?:osd-[\w-]+|obdfilter|mdt|mdd)"
_NUMBERED: Final = re.compile(r"(?<=OST|MDT)[0-9a-fA-F]{4}|\b[0-9a-fA-F]{4,}\b|\d+")
"""What tells parameters of one kind apart: numbers of targets, addresses."""
_LUSTRES: Final = re.compile(
    r"(?:mg[sc]|md[tdcs]|lo[dv]|lmv|os[cpst]|osd-[\w-]+|obdfilter|ldlm|llite|nodemap|qmt|lwp)(?:\.|$)"
)
"""The components that Lustre alone has."""
OSP: Final = re.compile(
    r"osp\.(?P<fs>[^=\s/]+)-(?P<target>(?:OST|MDT)[0-9a-fA-F]{4})-os[pc]-(?P<mdt>MDT[0-9a-fA-F]{4})\.(?P<parameter>\w+)"
)
_READERS: Final[tuple[tuple[re.Pattern[str], Reader], ...]] = (
    (re.compile(rf"{_DEVICE}\.{TARGET}\.brw_stats"), _histograms),
    (re.compile(r"osd-[\w-]+\.(?P<target>MGS)\.brw_stats"), _histograms),
    (re.compile(rf"{_DEVICE}\.{TARGET}\.io_latency_stats"), _latencies),
    (re.compile(r"osd-[\w-]+\.(?P<target>MGS)\.io_latency_stats"), _latencies),
    (re.compile(rf"{_DEVICE}\.{TARGET}\.exports\.(?P<nid>[^=\s]+)\.uuid"), _export),
    (re.compile(r"qmt\.(?P<fs>[^=\s/.]+)-QMT\w+\.(?P<pool>[\w-]+)\.glb-(?P<type>usr|grp|prj)"), _limits),
    (re.compile(rf"{_DEVICE}\.{TARGET}\.quota_slave(?:_\w+)?\.acct_(?P<type>user|group|project)"), _usage),
    (re.compile(rf"{_DEVICE}\.{TARGET}\.recovery_status"), _recovery),
    (re.compile(rf"mdd\.{TARGET}\.changelog_users"), _changelog),
    (re.compile(rf"(?P<component>(?:mdt|osd-[\w-]+|obdfilter)\.{TARGET})\.(?:md_)?stats"), _operations),
    (re.compile(rf"(?P<component>{_DEVICE}\.{TARGET}\.exports\.[^=\s]+)\.stats"), _operations),
    (re.compile(r"(?P<component>llite\.(?P<fs>[^=\s/]+)-[0-9a-f]{8,16})\.(?:read_ahead_)?stats"), _operations),
    (re.compile(rf"(?P<component>(?:osc|mdc)\.{TARGET}-(?:osc|mdc)-[0-9a-f]{{8,16}})\.(?:md_)?stats"), _operations),
    (re.compile(r"(?P<component>(?:ost|mds|mgs|ldlm)\.[\w.-]+)\.stats"), _operations),
    (re.compile(r"(?P<component>ldlm\.namespaces\.[^=\s]+)\.(?P<parameter>\w+)"), _setting),
    (re.compile(r"(?P<parameter>health_check|version|memused(?:_max)?|lnet_memused)"), _setting),
)  # fmt: skip
_ANY: Final = (re.compile(r"(?P<component>[^=\s]+)\.(?P<parameter>\w+)"), _setting)
"""A parameter with one value that no other reader takes."""


def _readers(name: str, value: str) -> Iterator[tuple[re.Pattern[str], Reader]]:
    """The readers to try: those of known names, and the general one for a value of one line."""
    yield from _READERS
    if "\n" not in value.strip() and not PARAMETER.fullmatch(name):
        yield _ANY
