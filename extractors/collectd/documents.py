"""collectd's documents of an Elasticsearch index, and the rows of the tables of nodes that they make.

Many documents have the same texts and differ in their numbers alone: each different text is looked at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from iolake.extractors.base import Batch
from iolake.extractors.clock import utc_us
from iolake.extractors.codes import Codes
from iolake.extractors.collectd.columns import LARGEST, documents_of
from iolake.extractors.counters import Ints
from iolake.extractors.lustre import integers, rows, times
from iolake.schemas.nodes import NODE_CPU, NODE_DISK, NODE_MEMORY

DEFAULT_INTERVAL_S: Final = 10
"""collectd's own default of `Interval`."""
_PIECE: Final = 200_000
"""Documents that are divided at once."""
_TIME: Final = "%Y-%m-%dT%H:%M:%S%.fZ"
_FEW: Final = 100
_NO_DOCUMENT: Final = "no document of collectd"
"""Distances between documents that are too few to tell collectd's interval."""
_COLUMNS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "cpu": {
        "user": ("cpu_user_pct",),
        "system": ("cpu_sys_pct",),
        "idle": ("cpu_idle_pct",),
        "wait": ("cpu_iowait_pct",),
    },
    "disk": {"disk_octets": ("read_bytes", "write_bytes"), "disk_ops": ("read_ops", "write_ops")},
    "memory": {
        "used": ("mem_used_bytes",),
        "free": ("mem_free_bytes",),
        "cached": ("mem_cached_bytes",),
        "buffered": ("mem_buffered_bytes",),
        "slab_recl": ("mem_slab_bytes",),
        "slab_unrecl": ("mem_slab_unreclaimable_bytes",),
    },
}
"""The columns of each plugin and kind of documents: a disk's type has two, a type_instance of the others one."""
PLUGINS: Final = tuple(_COLUMNS)
_TYPES: Final = {"cpu": "percent", "memory": "memory"}
"""The type of the documents whose kind is their type_instance."""
_TABLES: Final = {"disk": NODE_DISK, "cpu": NODE_CPU, "memory": NODE_MEMORY}
_KEYS: Final = {"cpu": ("node", "core"), "disk": ("node", "device"), "memory": ("node",)}
_FIRST_US, _LAST_US = 946_684_800_000_000, 4_102_444_800_000_000
_TEXTS: Final = attrgetter("plugin", "collectd_type", "type", "hostname", "host", "plugin_instance", "type_instance")
_TIME_OF: Final = attrgetter("time")
_NUMBERS: Final = (attrgetter("read"), attrgetter("write"), attrgetter("value"))
_Texts = tuple[str | None, ...]
_Floats = npt.NDArray[np.float64]


class _Series(NamedTuple):
    """The documents of one component and kind: the bytes of a disk, the idle time of a core."""

    node: str
    instance: str
    kind: str


class _Kept(NamedTuple):
    """Documents of a plugin: the number of their series, when, and values (columns, documents); NaN is unknown."""

    series: Ints
    us: Ints
    values: _Floats


class _Whole(NamedTuple):
    """All documents of a plugin: the number of their series, their place in `moments` (microseconds), and values."""

    series: Ints
    at: Ints
    values: _Floats
    moments: Ints


class Documents:
    """Collects documents as columns, which take a fraction of the memory of JSON."""

    def __init__(self) -> None:
        self._texts: Codes[_Texts] = Codes()
        self._times: list[str | None] = []
        self._read: list[tuple[Ints, _Floats]] = []
        self._series: dict[str, Codes[_Series]] = {plugin: Codes() for plugin in PLUGINS}
        self._kept: dict[str, list[_Kept]] = {plugin: [] for plugin in PLUGINS}
        self.others: Counter[str] = Counter()
        """The number of documents that no table takes, by plugin, type and instance."""
        self.faulty = {_NO_DOCUMENT}
        """Those of `others` that are damaged, or no document of collectd."""

    def add(self, found: Sequence[msgspec.Struct] | Sequence[dict[str, Any]]) -> None:
        """Add documents, as hits or alone."""
        documents = documents_of(found)
        numbers = np.array([list(map(number, documents)) for number in _NUMBERS], np.float64)
        self._read.append((self._texts.of(map(_TEXTS, documents)), numbers))
        self._times += map(_TIME_OF, documents)
        if len(self._times) >= _PIECE:
            self._settle()

    def _settle(self) -> None:
        """Divide the documents read so far among the tables; count those that no table takes."""
        if not self._read:
            return
        texts, numbers = (np.concatenate(parts, axis=-1) for parts in zip(*self._read, strict=True))
        us = np.asarray(utc_us(self._times).fill_null(-1))
        taken = [_taken(found) for found in self._texts]
        for found, (plugin, _), count in zip(self._texts, taken, np.bincount(texts).tolist(), strict=True):
            if plugin is None:
                self.others[_label(found)] += count
        self._texts, self._times, self._read = Codes(), [], []
        for plugin in PLUGINS:
            codes = self._series[plugin]
            series = np.array([codes[its] if its and named == plugin else -1 for named, its in taken])
            mine = np.flatnonzero(np.array([named == plugin for named, _ in taken])[texts])
            if len(mine):
                values = numbers[:2] if plugin == "disk" else numbers[2:]
                self._keep(plugin, _Kept(series[texts[mine]], us[mine], values[:, mine]))

    def _keep(self, plugin: str, found: _Kept) -> None:
        """Keep the documents of a plugin that have a time, a name and a number; count the others."""
        values = np.where((found.values > -1) & (found.values < LARGEST), found.values, np.nan)
        is_time = (found.us >= _FIRST_US) & (found.us <= _LAST_US)
        good = np.flatnonzero((found.series >= 0) & is_time & ~np.isnan(values).all(axis=0))
        if len(good) < len(found.us):
            kind = f"{plugin} without a time, name or number"
            self.faulty.add(kind)
            self.others[kind] += len(found.us) - len(good)
        self._kept[plugin].append(_Kept(found.series[good], found.us[good], values[:, good]))

    def batches(self, interval_s: int) -> Iterator[Batch]:
        """Yield the rows of each table that the documents fill; a rate times the interval is an amount."""
        for plugin, whole in self._whole.items():
            yield _batch(plugin, whole, list(self._series[plugin]), interval_s)

    def apart(self) -> int | None:
        """Return the usual seconds between two documents of a component; None where they vary."""
        found = [_steps(whole) for whole in self._whole.values()]
        steps, counts = np.unique(np.concatenate(found or [np.empty(0)]), return_counts=True)
        if counts.sum() < _FEW or counts.max() <= counts.sum() / 2:
            return None
        return int(steps[counts.argmax()])

    @cached_property
    def _whole(self) -> dict[str, _Whole]:
        """The documents of each plugin that has some; no more are added then."""
        self._settle()
        found = {}
        for plugin in [plugin for plugin, parts in self._kept.items() if parts]:
            parts = zip(*self._kept.pop(plugin), strict=True)
            series, us, values = (np.concatenate(arrays, axis=-1) for arrays in parts)
            moments, at = np.unique(us, return_inverse=True)
            found[plugin] = _Whole(series, at, values, moments)
        return found


def _taken(texts: _Texts) -> tuple[str | None, _Series | None]:
    """Return the plugin and series of documents with these texts.

    The plugin is None where no table takes them, the series where the node or the component has no name.
    """
    plugin, collectd_type, type, hostname, host, instance, part = texts
    kind, node = collectd_type or type, hostname or host
    if plugin in _TYPES:
        if kind != _TYPES[plugin]:
            return None, None
        kind = part
    if plugin is None or kind is None or kind not in _COLUMNS.get(plugin, {}):
        return None, None
    if plugin == "memory":
        instance = ""
    return plugin, None if not node or instance is None else _Series(node, instance, kind)


def _label(texts: _Texts) -> str:
    """Return how documents that no table takes are named: by plugin, type and instance."""
    plugin, collectd_type, type, *_, part = texts
    if plugin is None:
        return _NO_DOCUMENT
    return " ".join(text for text in (plugin, collectd_type or type, part) if text is not None).strip()[:80]


def _steps(whole: _Whole) -> _Floats:
    """Return the whole seconds, above zero, between two documents of the same component and kind."""
    series, at = np.divmod(np.sort(whole.series * len(whole.moments) + whole.at), len(whole.moments))
    step_s: _Floats = np.rint(np.diff(whole.moments[at])[np.diff(series) == 0] / 1e6)
    return step_s[step_s > 0]


def _batch(plugin: str, whole: _Whole, series: Sequence[_Series], interval_s: int) -> Batch:
    """Return the rows of a table: the documents of a component and moment side by side, the last one of each kind."""
    table = _TABLES[plugin]
    components = sorted({(its.node, its.instance) for its in series})
    places = {component: place for place, component in enumerate(components)}
    component = np.array([places[its.node, its.instance] for its in series], np.int64)[whole.series]
    found, row = np.unique(whole.at * len(components) + component, return_inverse=True)
    columns: dict[str, pa.Array] = {}
    for kind, names in _COLUMNS[plugin].items():
        is_kind = np.array([its.kind == kind for its in series], bool)[whole.series]
        for name, values in zip(names, whole.values, strict=True):
            mine = is_kind & ~np.isnan(values)
            column = np.full(len(found), np.nan)
            column[row[mine]] = values[mine] * (interval_s if plugin == "disk" else 1)
            columns[name] = _whole(column) if pa.types.is_integer(table[name].type) else _known(column)
            if name == "cpu_idle_pct":
                columns["cpu_pct"] = _known(100 - column)
    at, component = np.divmod(found, len(components))
    for place, key in enumerate(_KEYS[plugin]):
        columns[key] = pa.array([names[place] for names in components], pa.string()).take(pa.array(component))
    columns["ts"] = times(whole.moments[at] - interval_s * 1_000_000)
    columns["interval_s"] = pa.array(np.full(len(found), float(interval_s)))
    return Batch(table, rows(table, columns, len(found)).cast(table.batch_schema))


def _known(values: _Floats) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


def _whole(values: _Floats) -> pa.Array:
    """Return the nearest whole numbers; null where a value is unknown or beyond the range of the column."""
    known = values < 2.0**63
    return integers(np.rint(np.where(known, values, 0)).astype(np.int64), known)
