"""What PyDarshan reads from logs, pickled; each log in a process of its own, as its library keeps state between logs.

    python darshan_oracle.py OUT LOG [LOG ...]

writes OUT/<log's name>.pickle, which holds: job (dict), exe, mounts [(point, type)], modules {name: dict},
names {id: name} and records {module: [dict]}, each record with id, rank and whatever PyDarshan gives for that module.
"""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from typing import Any

import darshan
from darshan.backend import cffi_backend as backend
from darshan.backend.apmpi import log_get_apmpi_record
from darshan.backend.apxc import log_get_apxc_record

METRICS = (
    "total_bytes",
    "unique_io_total_time_by_slowest",
    "unique_rw_only_time_by_slowest",
    "unique_md_only_time_by_slowest",
    "unique_io_slowest_rank",
    "shared_io_total_time_by_slowest",
    "agg_perf_by_slowest",
    "agg_time_by_slowest",
)
CATEGORY = (
    "count",
    "total_read_volume_bytes",
    "total_write_volume_bytes",
    "max_read_volume_bytes",
    "total_max_offset_bytes",
    "max_offset_bytes",
)
_HEADED = {"APMPI": log_get_apmpi_record, "APXC": log_get_apxc_record}


def dump(path: str) -> dict[str, Any]:
    """Everything that PyDarshan's backend reads from the log."""
    log = backend.log_open(path)
    modules = backend.log_get_modules(log)
    read = {
        "job": backend.log_get_job(log),
        "exe": backend.log_get_exe(log),
        "mounts": backend.log_get_mounts(log),
        "modules": modules,
        "names": backend.log_get_name_records(log),
        "records": {name: list(_records(log, name)) for name in modules},
        "counters": {name: backend.counter_names(name) for name in modules},
        "fcounters": {name: backend.fcounter_names(name) for name in modules},
    }
    backend.log_close(log)
    return read | {"derived": _derived(path, read)}


def _derived(path: str, read: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the accumulator makes of the modules' records: the metrics, and each category's counters."""
    report = darshan.DarshanReport(path, read_all=False)
    derived = {}
    for module in ("POSIX", "MPI-IO", "STDIO", "DFS", "DAOS"):
        if not read["records"].get(module):
            continue
        report.mod_read_all_records(module)
        metrics = backend.accumulate_records(report.records[module].to_df(), module, read["job"]["nprocs"])[0]
        derived[module] = {name: getattr(metrics, name) for name in METRICS}
        derived[module]["categories"] = [
            {name: getattr(category, name) for name in CATEGORY} for category in metrics.category_counters
        ]
    return derived


def _records(log: Any, module: str) -> Any:
    if module in _HEADED:
        yield _HEADED[module](log, module, "HEADER")
    while True:
        record = _HEADED[module](log, module, "PERF") if module in _HEADED else backend.log_get_record(log, module)
        if record is None:
            return
        yield record


def main(out: Path, logs: list[str]) -> None:
    """Dump each log in a child that inherits the imports but no state, two at a time."""
    waiting = 0
    for log in logs:
        if waiting == 2:
            os.wait()
            waiting -= 1
        if os.fork() == 0:
            (out / f"{Path(log).name}.pickle").write_bytes(pickle.dumps(dump(log)))
            os._exit(0)
        waiting += 1
    for _ in range(waiting):
        os.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
