"""Every record and counter of every real Darshan 3 log, against PyDarshan, but for differences named with a reason."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from darshan.backend.cffi_backend import counter_names

from iolake.extractors.base import Batch, Input, Reject
from iolake.extractors.darshan import Darshan
from iolake.schemas.darshan import autoperf
from iolake.schemas.site import Site

SITE = Site.model_validate({"clusters": {"c": {}}})
TABLES = {
    "POSIX": "darshan_posix",
    "MPI-IO": "darshan_mpiio",
    "STDIO": "darshan_stdio",
    "H5F": "darshan_h5f",
    "H5D": "darshan_h5d",
    "PNETCDF_FILE": "darshan_pnetcdf_file",
    "PNETCDF_VAR": "darshan_pnetcdf_var",
    "BG/Q": "darshan_bgq",
    "DFS": "darshan_dfs",
    "DAOS": "darshan_daos",
}
BGQ = ["CSJOBID", "NNODES", "RANKSPERNODE", "DDRPERNODE", "INODES", *(f"{d}NODES" for d in "ABCDE"), "TORUSENABLED"]


@dataclass(frozen=True)
class Difference:
    """A value that differs from PyDarshan's: its module, version and byte order, its name, our value and theirs."""

    module: str
    version: int
    byte_order: str
    what: str
    ours: Any
    theirs: Any


Row = dict[str, Any]
NAMED: dict[str, Callable[[Difference], bool]] = {
    "POSIX 3 is copied 16 bytes short, which loses the variances": lambda d: (
        (d.module, d.version) == ("POSIX", 3) and "_F_VARIANCE_RANK_" in d.what and d.theirs == 0
    ),
    "big-endian POSIX before 4 leaves three doubles unswapped": lambda d: (
        d.module == "POSIX"
        and d.version < 4
        and d.byte_order == "big"
        and d.what in {"POSIX_F_META_TIME", "POSIX_F_MAX_READ_TIME", "POSIX_F_MAX_WRITE_TIME"}
        and np.float64(d.ours).view(np.int64).byteswap() == np.float64(d.theirs).view(np.int64)
    ),
    "marks of no mmap count are added up in a shared record": lambda d: (
        (d.module, d.what, d.ours) == ("POSIX", "POSIX_MMAPS", None) and d.theirs < -1
    ),
    "a time below zero was not measured, and is null": lambda d: "_F_" in d.what and d.ours is None and d.theirs < 0,
    "a log without mounts has its command line dropped": lambda d: d.what == "exe" and d.theirs == "",
    "ids of records that a version does not have are 0, as if there were such a record": lambda d: (
        ((d.module, d.what) == ("POSIX", "POSIX_RENAMED_FROM") and d.version < 4 and (d.ours, d.theirs) == (None, 0))
        or ((d.module, d.version, d.what) == ("H5D", 1, "H5D_FILE_REC_ID") and (d.ours, d.theirs) == (None, 0))
    ),
    "Lustre 1 has no extents: PyDarshan makes up a start": lambda d: (
        (d.module, d.version, d.what) == ("LUSTRE", 1, "extent_start") and (d.ours, d.theirs) == (None, 0)
    ),
}


@pytest.fixture(scope="module")
def theirs(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """PyDarshan's reading of each sample, by path."""
    out = tmp_path_factory.mktemp("oracle")
    logs = [str(path) for path in logs_of(samples)]
    subprocess.run([sys.executable, str(Path(__file__).with_name("darshan_oracle.py")), str(out), *logs], check=True)
    return {log: pickle.loads((out / f"{Path(log).name}.pickle").read_bytes()) for log in logs}


@pytest.fixture(scope="module")
def ours(samples: Path) -> dict[str, dict[str, list[Row]]]:
    """The extractor's rows of each sample, all read at once, by path and table."""
    inputs = [Input("darshan", "c", str(path)) for path in logs_of(samples)]
    by_id = {i.input_id: i.uri for i in inputs}
    rows: dict[str, dict[str, list[Row]]] = {i.uri: {} for i in inputs}
    for result in Darshan().read_many(inputs, SITE):
        assert not isinstance(result, Reject), result
        if isinstance(result, Batch):
            for row in result.data.to_pylist():
                rows[by_id[row["input_id"]]].setdefault(result.table.name, []).append(row)
    return rows


def logs_of(samples: Path) -> list[Path]:
    """Every sample but the copies: of one content, one has the rows."""
    found = {p.read_bytes(): p for p in (*samples.glob("darshan/3.x/*.darshan"), *samples.glob("pytokio/*.darshan"))}
    return sorted(found.values())


def test_every_value_is_pydarshans_or_differs_for_a_named_reason(
    ours: dict[str, dict[str, list[Row]]], theirs: dict[str, dict[str, Any]]
) -> None:
    """And each named difference is there, so that the list does not outlive its reasons."""
    seen: Counter[str] = Counter()
    unexplained = []
    for path, read in theirs.items():
        for difference in differences(ours[path], read):
            reason = next((reason for reason, applies in NAMED.items() if applies(difference)), None)
            seen[str(reason)] += 1
            if reason is None:
                unexplained.append((Path(path).name, difference))
    assert not unexplained, "\n".join(map(str, unexplained[:50]))
    assert set(seen) == set(NAMED)


def differences(rows: dict[str, list[Row]], read: dict[str, Any]) -> Iterator[Difference]:
    """Where a log's rows are not what PyDarshan reads."""
    (log,) = rows["darshan_logs"]
    modules = read["modules"]
    yield from _unequal("log", 0, log["byte_order"], _log(log, rows.get("darshan_mounts", [])), _their_log(read))
    for module, records in read["records"].items():
        where = module, modules[module]["ver"], log["byte_order"]
        if module in TABLES:
            mine = {(r["record_id"], r["rank"]): r for r in rows.get(TABLES[module], [])}
            their = {(r["id"], r["rank"]): _counters(module, r) for r in records}
        elif module == "LUSTRE":
            mine, their = _lustre(rows["darshan_lustre"], records)
        elif module == "HEATMAP":
            mine, their = _heatmap(rows["darshan_heatmap"], records)
        elif module in {"DXT_POSIX", "DXT_MPIIO"}:
            mine, their = _dxt([r for r in rows["darshan_dxt"] if r["module"] == module], records)
        elif module == "APMPI":
            mine = {(r["record_id"], r["rank"]): r for r in rows["darshan_apmpi"]}
            their = _mpi(records)
        else:
            assert module == "APXC"
            mine = {(r["record_id"], r["rank"]): r for r in rows["darshan_apxc"]}
            their = _routers(records)
        yield from _compare(where, mine, their, read["names"])


def _compare(where: tuple[str, int, str], mine: Any, their: Any, names: dict[int, str]) -> Iterator[Difference]:
    yield from _unequal(*where, {"records": sorted(mine, key=str)}, {"records": sorted(their, key=str)})
    for key in mine.keys() & their.keys():
        yield from _unequal(*where, mine[key], their[key])
        if "path" in mine[key]:
            yield from _unequal(*where, mine[key], {"path": names.get(key[0])})


def _unequal(module: str, version: int, byte_order: str, mine: Row, their: Row) -> Iterator[Difference]:
    for what, value in their.items():
        if mine[what] != value and not (_is_nan(mine[what]) and _is_nan(value)):
            yield Difference(module, version, byte_order, what, mine[what], value)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and np.isnan(value)


def _log(log: Row, mounts: list[Row]) -> Row:
    epoch = np.datetime64(0, "us")
    return log | {
        "start_us": int((np.datetime64(log["start_time"], "us") - epoch).astype(int)),
        "end_us": int((np.datetime64(log["end_time"], "us") - epoch).astype(int)),
        "metadata": dict(log["metadata"]),
        "mounts": sorted((m["mount_point"], m["fs_type"]) for m in mounts),
        "module_versions": dict(log["module_versions"]),
        "partial_modules": set(log["partial_modules"]),
    }


def _their_log(read: dict[str, Any]) -> Row:
    job, modules = read["job"], read["modules"]
    return {
        "uid": job["uid"],
        "job_id": job["jobid"],
        "nprocs": job["nprocs"],
        "start_us": job["start_time_sec"] * 1_000_000 + job["start_time_nsec"] // 1000,
        "end_us": job["end_time_sec"] * 1_000_000 + job["end_time_nsec"] // 1000,
        "run_time_s": pytest.approx(job["run_time"], abs=1e-6),
        "log_version": job["log_ver"],
        "metadata": job["metadata"],
        "exe": read["exe"],
        "mounts": sorted(read["mounts"]),
        "module_versions": {name: m["ver"] for name, m in modules.items()},
        "partial_modules": {name for name, m in modules.items() if m["partial_flag"]},
    }


def _value(value: Any) -> Any:
    """Theirs as ours should be: what is marked as not recorded is null."""
    return None if value == -1 else value


def _counters(module: str, record: Row) -> Row:
    if module == "BG/Q":
        names, fnames = [f"BGQ_{name}" for name in BGQ], ["BGQ_F_TIMESTAMP"]
    else:
        names, fnames = counter_names(module), counter_names(module, fcnts=True)
    values = {n: _value(v) for n, v in zip(names, record["counters"].tolist(), strict=True)}
    if module == "POSIX":
        values["POSIX_RENAMED_FROM"] = record["counters"][names.index("POSIX_RENAMED_FROM")].astype(np.uint64).item()
    values |= {n: _value(v) for n, v in zip(fnames, record["fcounters"].tolist(), strict=True)}
    if "file_rec_id" in record:
        values[f"{module}_FILE_REC_ID"] = record["file_rec_id"]
    return values


def _lustre(mine: list[Row], records: list[Row]) -> tuple[dict[Any, Row], dict[Any, Row]]:
    names = (
        "stripe_size",
        "stripe_count",
        "stripe_pattern",
        "component_flags",
        "extent_start",
        "extent_end",
        "mirror_id",
    )
    their = {}
    for record in records:
        for place, component in enumerate(record["components"]):
            values = dict(zip(names, (_value(v) for v in component["counters"].tolist()), strict=True))
            values |= {"osts": component["ost_ids"].tolist(), "pool": component["pool_name"]}
            their[record["id"], record["rank"], place] = values
    shown = {
        (r["record_id"], r["rank"], r["component"]): r | {"pool": r["pool"] or ""}
        for r in mine
        if r["osts"] is not None
    }
    for row in shown.values():
        row["extent_end"] = _value(row["extent_end"])
    return shown, their


def _heatmap(mine: list[Row], records: list[Row]) -> tuple[dict[Any, Row], dict[Any, Row]]:
    their = {
        (r["id"], r["rank"], place): {
            "interval_s": r["bin_width_seconds"],
            "start_s": place * r["bin_width_seconds"],
            "write_bytes": r["write_bins"][place],
            "read_bytes": r["read_bins"][place],
        }
        for r in records
        for place in range(r["nbins"])
    }
    return {(r["record_id"], r["rank"], r["bin"]): r for r in mine}, their


def _dxt(mine: list[Row], records: list[Row]) -> tuple[dict[Any, Row], dict[Any, Row]]:
    their = {}
    for number, r in enumerate(records):
        segments = [("write", s) for s in r["write_segments"]] + [("read", s) for s in r["read_segments"]]
        for place, (operation, s) in enumerate(segments):
            their[r["id"], number, place] = {
                "rank": r["rank"],
                "hostname": r["hostname"],
                "operation": operation,
                "offset": _value(s["offset"]),
                "length": s["length"],
                "start_s": s["start_time"],
                "end_s": s["end_time"],
            }
    return {(r["record_id"], r["record"], r["segment"]): r for r in mine}, their


def _mpi(records: list[Row]) -> dict[Any, Row]:
    header, *performance = records
    shared = {
        "sync_measured": bool(header["sync_flag"]),
        "MPI_TOTAL_COMM_TIME_VARIANCE": header["variance_total_mpitime"],
        "MPI_TOTAL_COMM_SYNC_TIME_VARIANCE": header["variance_total_mpisynctime"],
    }
    their = {}
    for record in performance:
        assert set(record["all_counters"]) == {c.name for c in autoperf.APMPI}
        values = {name: _value(value.item()) for name, value in record["all_counters"].items()}
        their[record["id"], record["rank"]] = shared | values | {"node_name": record["node_name"]}
    return their


def _routers(records: list[Row]) -> dict[Any, Row]:
    header, *performance = records
    shared = {
        "APXC_GROUPS": header["ngroups"],
        "APXC_CHASSIS_COUNT": header["nchassis"],
        "APXC_BLADES": header["nblades"],
        "APXC_APPID": header["appid"],
    }
    their = {}
    for record in performance:
        place = {f"APXC_{name.upper()}": record[name] for name in ("group", "chassis", "blade", "node")}
        counters = {name: int(value) for name, value in record["counters"].items()}
        their[record["id"], record["rank"]] = shared | place | counters
    return their
