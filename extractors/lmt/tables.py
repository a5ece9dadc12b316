"""The rows of the Lustre tables from a day of an LMT database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iolake.extractors.base import Batch
from iolake.extractors.counters import Flags, Ints, Placement, listed_amounts
from iolake.extractors.lmt.database import Database, Kind
from iolake.extractors.lmt.samples import (
    MDS,
    MDT,
    OPERATIONS,
    OSS,
    OST,
    ROUTER,
    SPACE,
    UNNAMED,
    Day,
    Labels,
    Opened,
    Samples,
    Series,
    numbers,
)
from iolake.extractors.lustre import Sums, counts_map, names, own_names, rows, times
from iolake.schemas.lustre import LUSTRE_MDT, LUSTRE_OST, LUSTRE_SERVER, LUSTRE_TARGET, MD_OP_COLUMN

_KIB = 1024


class Components:
    """The targets and servers that the database knows, by their ids."""

    def __init__(self, db: Database, backend: str | None) -> None:
        self.ost = _labels(db, "OST_INFO", "OST_ID", "OST_NAME", backend)
        self.mdt = _labels(db, "MDS_INFO", "MDS_ID", "MDS_NAME", backend)
        self.oss = _labels(db, "OSS_INFO", "OSS_ID", "HOSTNAME", None)
        self.mds = _labels(db, "MDS_INFO", "MDS_ID", "HOSTNAME", None)
        self.router = _labels(db, "ROUTER_INFO", "ROUTER_ID", "HOSTNAME", None)
        self.operations = _labels(db, "OPERATION_INFO", "OPERATION_ID", "OPERATION_NAME", None)


def _labels(db: Database, table: str, id: str, name: str, backend: str | None) -> Labels:
    if not db.has(table, (id, name)):
        return Labels({})
    found = db.rows(table, {id: "integer", name: "text"}, f"{id} IS NOT NULL AND {name} IS NOT NULL")
    own = own_names(found[name].to_pylist(), backend, db.uri)
    ids = found[id].to_pylist()
    return Labels({ids[row]: label for row, label in own.items()})


def ost_batches(day: Day, labels: Labels, sums: Sums) -> Iterator[Batch]:
    """`lustre_ost`, piece after piece of the day; the traffic is added to `sums`."""
    for opened in _pieces(day, OST, labels):
        (read, written), reset = opened.amounts(OST.counters)
        every = np.ones(len(read), bool)
        place = Placement(opened.start_us, opened.end_us, day.edges)
        sums.add(place, {"read_bytes": (read, every), "write_bytes": (written, every)}, reset)
        columns = {
            **opened.columns("ost", labels.values),
            "read_bytes": pa.array(read),
            "write_bytes": pa.array(written),
            "reset": pa.array(reset),
            **_space({name: opened.at_start(name) for name in SPACE}),
        }
        yield Batch(LUSTRE_OST, rows(LUSTRE_OST, columns, len(read)), in_order=True)


def server_batches(day: Day, known: Components) -> Iterator[Batch]:
    """`lustre_server`: storage servers, metadata servers and routers."""
    for role, kind, labels in (("oss", OSS, known.oss), ("mds", MDS, known.mds), ("router", ROUTER, known.router)):
        for opened in _pieces(day, kind, labels):
            columns = opened.columns("server", labels.values)
            columns["role"] = names(np.zeros(len(opened.opening), np.int32), [role])
            columns["cpu_pct"] = opened.at_start("PCT_CPU")
            if kind is OSS:
                columns["mem_pct"] = opened.at_start("PCT_MEMORY")
            if kind is ROUTER:
                counted, reset = opened.amounts(ROUTER.counters)
                columns |= {"routed_bytes": pa.array(counted[0]), "reset": pa.array(reset)}
            yield Batch(LUSTRE_SERVER, rows(LUSTRE_SERVER, columns, len(opened.opening)))


def _pieces(day: Day, kind: Samples, labels: Labels) -> Iterator[Opened]:
    """The intervals of each piece; nothing where the database has no such samples."""
    if _has(day.db, kind) and labels.values:
        yield from day.intervals(kind, labels)


def _has(db: Database, kind: Samples) -> bool:
    """Whether the database has the columns that a row of the samples needs."""
    return db.has(kind.table, (kind.id, "TS_ID", *kind.counters))


def mdt_batches(day: Day, known: Components, sums: Sums) -> Iterator[Batch]:
    """`lustre_mdt`, the day in one; the operations are added to `sums`.

    It holds the whole day and the sample before it, because a sample may omit a counter, which then has its earlier
    value. Targets whose operations are not sampled have rows between the samples of their space.
    """
    space = pa.concat_tables(day.pieces(MDT, known.mdt)) if _has(day.db, MDT) and known.mdt.values else None
    parts: list[dict[str, np.ndarray]] = []
    for code, us, readings, listed in _listings(day, known):
        counted, reset = listed_amounts(readings, listed)
        start, end = us[:-1], us[1:]
        today = start >= day.edges[0]
        parts.append(
            {
                "code": np.full(int(today.sum()), code),
                "start": start[today],
                "end": end[today],
                "counted": counted[today],
                "reset": reset[today],
            }
        )
    if parts:
        whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        yield _counted(day, known, whole, space, sums)
    if space is not None:
        seen = pa.array(np.concatenate([part["code"] for part in parts]) if parts else [], pa.int64())
        yield from _uncounted(day, known.mdt, space.filter(pc.invert(pc.is_in(space["code"], seen))))


def _counted(day: Day, known: Components, whole: Mapping[str, np.ndarray], space: pa.Table | None, sums: Sums) -> Batch:
    """Rows of the intervals between the samples of operations: `code`, `start`, `end`, `counted` and `reset`."""
    operations = known.operations.values
    place = Placement(whole["start"], whole["end"], day.edges)
    every = np.ones(len(whole["start"]), bool)
    counts = {name: np.ascontiguousarray(whole["counted"][:, i]) for i, name in enumerate(operations)}
    own = {column: counts.pop(name, None) for name, column in MD_OP_COLUMN.items()}
    collected = {column: values for column, values in own.items() if values is not None}
    sums.add(place, {column: (values, every) for column, values in collected.items()}, whole["reset"])
    columns = {
        "mdt": names(whole["code"].astype(np.int32), known.mdt.values),
        "ts": times(whole["start"]),
        "interval_s": pa.array((whole["end"] - whole["start"]) / 1e6),
        **{column: pa.array(values) for column, values in collected.items()},
        **(_space_at(space, whole["code"], whole["start"]) if space is not None else {}),
        "reset": pa.array(whole["reset"]),
        "other_ops": counts_map(counts, every),
    }
    return Batch(LUSTRE_MDT, rows(LUSTRE_MDT, columns, len(every)))


def _uncounted(day: Day, labels: Labels, space: pa.Table) -> Iterator[Batch]:
    """Rows of the intervals between the samples of space, of targets that have no others."""
    if len(space):
        series = Series(space)
        opened = Opened.between(series, Series(day.first_after(MDT, labels, series.codes)).firsts())
        columns = {**opened.columns("mdt", labels.values), **_space({name: opened.at_start(name) for name in SPACE})}
        yield Batch(LUSTRE_MDT, rows(LUSTRE_MDT, columns, len(opened.opening)))


def _listings(day: Day, known: Components) -> Iterator[tuple[int, Ints, Ints, Flags]]:
    """(place of the target's name, times, readings, listed (times, operations)) of each metadata target."""
    if not _has(day.db, OPERATIONS) or not known.mdt.values:
        return
    before, after = day.last_before(OPERATIONS, known.mdt), day.first_after(OPERATIONS, known.mdt)
    samples = pa.concat_tables([before, *day.pieces(OPERATIONS, known.mdt), after])
    code, us = samples["code"].to_numpy(), samples["us"].to_numpy()
    operation, reading = known.operations.codes(numbers(samples["OPERATION_ID"])), samples["SAMPLES"].to_numpy()
    today = (us >= day.ticks.us.min()) & (us <= day.ticks.us.max())
    day.left_out[OPERATIONS, UNNAMED] += int((today & (operation < 0)).sum())
    for target in np.unique(code[operation >= 0]):
        own = (code == target) & (operation >= 0)
        moments, slot = np.unique(us[own], return_inverse=True)
        later = np.flatnonzero(moments > day.ticks.us.max())[1:]  # other targets' first times after the day
        shape = (len(moments) - len(later), len(known.operations.values))
        inside = slot < shape[0]
        readings, listed = np.zeros(shape, np.int64), np.zeros(shape, bool)
        readings[slot[inside], operation[own][inside]] = reading[own][inside]
        listed[slot[inside], operation[own][inside]] = True
        yield int(target), moments[: shape[0]], readings, listed


def _space_at(samples: pa.Table, code: Ints, us: Ints) -> dict[str, pa.Array]:
    """Space and inodes of metadata targets at some times; null where they were not sampled then."""
    place = {key: row for row, key in enumerate(zip(*(samples[k].to_pylist() for k in ("code", "us")), strict=True))}
    found = pa.array([place.get(key) for key in zip(code.tolist(), us.tolist(), strict=True)], pa.int64())
    return _space({name: samples[name].take(found) for name in SPACE})


def _space(samples: Mapping[str, pa.Array | pa.ChunkedArray]) -> dict[str, pa.Array | pa.ChunkedArray]:
    return {
        "used_bytes": pc.multiply(samples["KBYTES_USED"], _KIB),
        "total_bytes": pc.multiply(pc.add(samples["KBYTES_USED"], samples["KBYTES_FREE"]), _KIB),
        "used_inodes": samples["INODES_USED"],
        "total_inodes": pc.add(samples["INODES_USED"], samples["INODES_FREE"]),
    }


def target_batch(day: Day, backend: str | None) -> Batch:
    """`lustre_target`: which server serves each target, as the database has it now, dated to the day's first sample.

    Where a target is listed with several ids, for example on two servers, the last that it was given counts.
    """
    found: dict[str, dict[str, Any]] = {}
    standby: dict[str, str] = {}
    if day.db.has("OSS_INFO", ["HOSTNAME"]):
        columns: dict[str, Kind] = dict.fromkeys(("HOSTNAME", "FAILOVERHOST"), "text")
        servers = day.db.rows("OSS_INFO", columns, "HOSTNAME IS NOT NULL").to_pylist()
        standby = {server["HOSTNAME"]: server["FAILOVERHOST"] for server in servers}
    for kind, name, role, more in ((OST, "OST_NAME", "ost", ("OFFLINE",)), (MDT, "MDS_NAME", "mdt", ())):
        if not day.db.has(kind.info, (kind.id, name)):
            continue
        columns = {kind.id: "integer", **dict.fromkeys((name, "HOSTNAME", "DEVICE_NAME", *more), "text")}
        listed = day.db.rows(kind.info, columns, f"{name} IS NOT NULL ORDER BY {kind.id}").to_pylist()
        for row, target in own_names([target[name] for target in listed], backend, day.db.uri).items():
            server = listed[row]["HOSTNAME"]
            found[target] = {
                "target": target,
                "role": role,
                "ts": int(day.edges[0]),
                "server": server,
                "failover_server": standby.get(server),
                "device": listed[row]["DEVICE_NAME"],
                "state": {"0": "up", "1": "offline"}.get(listed[row].get("OFFLINE")),
            }
    return Batch(LUSTRE_TARGET, pa.Table.from_pylist([*found.values()], LUSTRE_TARGET.batch_schema))
