"""The rows of the Lustre tables from a day of an LMT database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from extractors.base import Batch
from extractors.counters import Flags, Ints, Placement, listed_amounts
from extractors.lmt.database import Database
from extractors.lmt.samples import MDS, MDT, OPERATIONS, OSS, OST, ROUTER, SPACE, Day, Labels, Opened, Samples
from extractors.lustre import MD_OP_COLUMN, Sums, counts_map, names, own_names, rows, times
from schemas.lustre import LUSTRE_MDT, LUSTRE_OST, LUSTRE_SERVER, LUSTRE_TARGET

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
    if table not in db.tables:
        return Labels({})
    found = db.select({id: "integer", name: "text"}, f"{table} WHERE {name} IS NOT NULL")
    own = own_names(found[name].to_pylist(), backend, db.uri)
    ids = found[id].to_pylist()
    return Labels({ids[row]: label for row, label in own.items()})


def ost_batches(day: Day, labels: Labels, sums: Sums) -> Iterator[Batch]:
    """`lustre_ost`, piece after piece of the day; the traffic is added to `sums`."""
    for opened in _pieces(day, OST, labels):
        (read, written), reset = opened.amounts(OST.counters)
        every = np.ones(len(read), bool)
        place = Placement(opened.start_us, opened.end_us, day.edges)
        sums.add(place, {"read_bytes": (read, every), "write_bytes": (written, every)})
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
    if labels.values and kind.table in day.db.tables:
        yield from day.intervals(kind, labels)


def mdt_batches(day: Day, known: Components, sums: Sums) -> Iterator[Batch]:
    """`lustre_mdt`, the day in one; the operations are added to `sums`.

    The whole day is held, with the sample before it: only so is it known where a counter stood that a sample does
    not list.
    """
    parts: list[dict[str, np.ndarray]] = []
    operations = known.operations.values
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
    if not parts:
        return
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    place = Placement(whole["start"], whole["end"], day.edges)
    every = np.ones(len(whole["start"]), bool)
    counts = {name: np.ascontiguousarray(whole["counted"][:, i]) for i, name in enumerate(operations)}
    own = {column: counts.pop(name, None) for name, column in MD_OP_COLUMN.items()}
    collected = {column: values for column, values in own.items() if values is not None}
    sums.add(place, {column: (values, every) for column, values in collected.items()})
    columns = {
        "mdt": names(whole["code"].astype(np.int32), known.mdt.values),
        "ts": times(whole["start"]),
        "interval_s": pa.array((whole["end"] - whole["start"]) / 1e6),
        **{column: pa.array(values) for column, values in collected.items()},
        **_mdt_space(day, known.mdt, whole["code"], whole["start"]),
        "reset": pa.array(whole["reset"]),
        "other_ops": counts_map(counts, every),
    }
    yield Batch(LUSTRE_MDT, rows(LUSTRE_MDT, columns, len(every)))


def _listings(day: Day, known: Components) -> Iterator[tuple[int, Ints, Ints, Flags]]:
    """(place of the target's name, times, readings, listed (times, operations)) of each metadata target."""
    if OPERATIONS.table not in day.db.tables or not known.mdt.values:
        return
    before, after = day.last_before(OPERATIONS, known.mdt), day.first_after(OPERATIONS, known.mdt)
    samples = pa.concat_tables([before, *day.pieces(OPERATIONS, known.mdt), after])
    code, us = samples["code"].to_numpy(), samples["us"].to_numpy()
    operation, reading = known.operations.codes(samples["OPERATION_ID"].to_numpy()), samples["SAMPLES"].to_numpy()
    for target in np.unique(code):
        own = (code == target) & (operation >= 0)
        moments, slot = np.unique(us[own], return_inverse=True)
        later = np.flatnonzero(moments > day.ticks.us.max())[1:]  # other targets' first times after the day
        shape = (len(moments) - len(later), len(known.operations.values))
        inside = slot < shape[0]
        readings, listed = np.zeros(shape, np.int64), np.zeros(shape, bool)
        readings[slot[inside], operation[own][inside]] = reading[own][inside]
        listed[slot[inside], operation[own][inside]] = True
        yield int(target), moments[: shape[0]], readings, listed


def _mdt_space(day: Day, labels: Labels, code: Ints, us: Ints) -> dict[str, pa.Array]:
    """Space and inodes of metadata targets at some times; null where they were not sampled then."""
    if MDT.table not in day.db.tables:
        return {}
    samples = pa.concat_tables([*day.pieces(MDT, labels)])
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
    """`lustre_target`: which server serves each target, as the database has it now, dated to the day's first sample."""
    found: list[dict[str, Any]] = []
    standby: dict[str, str] = {}
    if "OSS_INFO" in day.db.tables:
        servers = day.db.select({"HOSTNAME": "text", "FAILOVERHOST": "text"}, "OSS_INFO").to_pylist()
        standby = {server["HOSTNAME"]: server["FAILOVERHOST"] for server in servers}
    for table, name, role, more in (("OST_INFO", "OST_NAME", "ost", ("OFFLINE",)), ("MDS_INFO", "MDS_NAME", "mdt", ())):
        if table not in day.db.tables:
            continue
        listed = day.db.select(dict.fromkeys((name, "HOSTNAME", "DEVICE_NAME", *more), "text"), table).to_pylist()
        for row, target in own_names([target[name] for target in listed], backend, day.db.uri).items():
            server = listed[row]["HOSTNAME"]
            found.append(
                {
                    "target": target,
                    "role": role,
                    "ts": int(day.edges[0]),
                    "server": server,
                    "failover_server": standby.get(server),
                    "device": listed[row]["DEVICE_NAME"],
                    "state": {"0": "up", "1": "offline"}.get(listed[row].get("OFFLINE")),
                }
            )
    return Batch(LUSTRE_TARGET, pa.Table.from_pylist(found, LUSTRE_TARGET.batch_schema))
