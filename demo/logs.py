"""A run as Darshan would have logged it: counters, layouts, heat maps and traces that agree with its files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

import numpy as np

from iolake.demo.formats.darshan import Component, Heatmap, Log, Lustre, Record, Traced, encode, record_id
from iolake.demo.formats.darshan.records import AnyRecord
from iolake.demo.jobs import File, Interface, Interval, Job, Run
from iolake.demo.world import Cluster, FileSystem, World

_SIZES = ("0_100", "100_1K", "1K_10K", "10K_100K", "100K_1M", "1M_4M", "4M_10M", "10M_100M", "100M_1G", "1G_PLUS")
_LIMITS = (100, 1 << 10, 10 << 10, 100 << 10, 1 << 20, 4 << 20, 10 << 20, 100 << 20, 1 << 30)
_PREFIX: dict[Interface, str] = {"POSIX": "POSIX", "MPI-IO": "MPIIO", "STDIO": "STDIO"}
_HEAT_BINS = 16
HEAT_RANKS = 32
"""Jobs with more processes have no heat maps, to keep their logs small."""
Values: TypeAlias = dict[str, int | float]
"""Counters by their names without the module's prefix."""
_MOUNTS = (("/lagoon", "lustre"), ("/fjord", "lustre"), ("/home", "nfs4"), ("/dev", "devtmpfs"), ("/", "ext4"))


def log_bytes(world: World, job: Job, run: Run) -> bytes:
    """The log of one run, in format 3.41."""
    modules: dict[str, list[AnyRecord]] = {"POSIX": [], "MPI-IO": [], "LUSTRE": [], "STDIO": []}
    names: dict[int, str] = {}
    for file in run.files:
        number = record_id(file.path)
        names[number] = file.path
        for interface in _passed(file):
            modules[interface].append(_record(number, file, interface, run))
        if file.layout and file.layout.shown and file.file_system:
            modules["LUSTRE"].append(_layout(number, file, world.file_system(file.file_system)))
    if run.traced:
        hosts = [world.cluster(job.cluster).node_format.format(node + 1) for node in job.nodes]
        modules["DXT_POSIX"] = [_trace(file, run, hosts) for file in run.files if "POSIX" in _passed(file)]
    heat = [(interface, _heat(interface, run)) for interface in _PREFIX]
    modules["HEATMAP"] = [record for _, records in heat for record in records]
    names.update({_heat_id(interface): f"heatmap:{_PREFIX[interface]}" for interface, records in heat if records})
    start_s, end_s = int(run.start), int(run.end)
    log = Log(
        job_id=job.job_id,
        uid=job.uid,
        start_s=start_s,
        start_ns=int((run.start - start_s) * 1e9),
        end_s=end_s,
        end_ns=int((run.end - end_s) * 1e9),
        nprocs=run.nprocs,
        exe=f"{run.exe} {run.arguments}",
        mounts=_mounts(world, job),
        metadata={"lib_ver": "3.4.6", "h": "romio_no_indep_rw=true;cb_nodes=4"},
        names=names,
        modules={module: records for module, records in modules.items() if records},
        versions={"LUSTRE": 1, "DXT_POSIX": 1},
    )
    return encode(log)


def _mounts(world: World, job: Job) -> tuple[tuple[str, str], ...]:
    """(mount point, type) of what the nodes of the job's cluster mount."""
    scale = world.scale
    if scale.name in world.cluster(job.cluster).file_systems:
        return (scale.mount, "gpfs"), *(mount for mount in _MOUNTS if mount[1] != "lustre")
    return _MOUNTS


def log_name(cluster: Cluster, job: Job, run: Run) -> str:
    """The file name that Darshan gives: user, program, job, process, and the local start."""
    local = datetime.fromtimestamp(run.start, cluster.tz)
    seconds = local.hour * 3600 + local.minute * 60 + local.second
    program = run.exe.rsplit("/", 1)[-1]
    mark = record_id(f"{job.cluster} {job.job_id} {run.start}")
    process = 1000 + mark % 60000
    return f"{job.user}_{program}_id{job.job_id}-{process}_{local.month}-{local.day}-{seconds}-{mark}_1.darshan"


def _passed(file: File) -> tuple[Interface, ...]:
    """The interfaces that a file's bytes pass through."""
    return ("MPI-IO", "POSIX") if file.interface == "MPI-IO" else (file.interface,)


def _record(number: int, file: File, interface: Interface, run: Run) -> Record:
    """One file's counters in one module. Names are Darshan's without the module's prefix until the end."""
    movers = run.nprocs if file.rank < 0 else 1
    values: Values = {"BYTES_READ": file.read, "BYTES_WRITTEN": file.written}
    values |= _times(file, run, movers) | _operations(file, interface, movers)
    if movers > 1:
        values |= _fastest_and_slowest(file, movers)
    if interface != "STDIO":
        values |= _sizes(file, "_AGG" if interface == "MPI-IO" else "") | _slowest_accesses(file, movers)
    return Record(number, file.rank, {f"{_PREFIX[interface]}_{name}": value for name, value in values.items()})


def _seconds(file: File) -> tuple[float, float, float]:
    """Seconds that a process reads, writes, and spends in metadata operations."""
    read_s, write_s = (during[1] - during[0] for during in (file.reading, file.writing))
    return read_s, write_s, 0.02 + file.opening_s


def _times(file: File, run: Run, movers: int) -> Values:
    """When the file was opened, read, written and closed, and the seconds of all processes."""
    begin = min(during[0] for during in (file.reading, file.writing) if during[1])
    end = max(file.reading[1], file.writing[1])
    read_s, write_s, meta_s = _seconds(file)
    values: Values = {
        "F_OPEN_START_TIMESTAMP": begin - 0.02 - file.opening_s - run.start,
        "F_OPEN_END_TIMESTAMP": begin - 0.01 - run.start,
        "F_CLOSE_START_TIMESTAMP": end - run.start,
        "F_CLOSE_END_TIMESTAMP": end + 0.01 - run.start,
        "F_READ_TIME": read_s * movers,
        "F_WRITE_TIME": write_s * movers,
        "F_META_TIME": meta_s * movers,
    }
    for way, length, during in (("READ", file.read, file.reading), ("WRITE", file.written, file.writing)):
        if length:
            values[f"F_{way}_START_TIMESTAMP"] = during[0] - run.start
            values[f"F_{way}_END_TIMESTAMP"] = during[1] - run.start
    return values


def _fastest_and_slowest(file: File, movers: int) -> Values:
    """A shared file's last rank is the fastest; rank 0 is the slowest, and moves what remains."""
    moved = file.read + file.written
    read_s, write_s, meta_s = _seconds(file)
    return {
        "FASTEST_RANK": movers - 1,
        "FASTEST_RANK_BYTES": moved // movers,
        "SLOWEST_RANK": 0,
        "SLOWEST_RANK_BYTES": moved - moved // movers * (movers - 1),
        "F_FASTEST_RANK_TIME": (read_s + write_s) * 0.97 + meta_s,
        "F_SLOWEST_RANK_TIME": read_s + write_s + meta_s,
    }


def _operations(file: File, interface: Interface, movers: int) -> Values:
    """The operations that an interface counts."""
    reads, writes = _accesses(file.read, file.transfer), _accesses(file.written, file.transfer)
    if interface == "MPI-IO":
        return {"COLL_OPENS": movers, "COLL_READS": reads, "COLL_WRITES": writes, "VIEWS": movers, "MODE": 9}
    values: Values = {
        "OPENS": movers * file.opens,
        "READS": reads,
        "WRITES": writes,
        "MAX_BYTE_READ": max(0, file.read - 1),
        "MAX_BYTE_WRITTEN": max(0, file.written - 1),
    }
    if interface == "POSIX":
        values |= {
            "STATS": movers * file.opens,
            "SEEKS": reads + writes,
            "MMAPS": -1,
            "MODE": 0o644,
            "FILE_ALIGNMENT": 1 << 20,
            "MEM_ALIGNMENT": 8,
            "SEQ_READS": max(0, reads - movers),
            "SEQ_WRITES": max(0, writes - movers),
            "FILE_NOT_ALIGNED": (reads + writes) if file.transfer % (1 << 20) else 0,
        }
    return values


def _slowest_accesses(file: File, movers: int) -> Values:
    """Size and time of the slowest read and write."""
    read_s, write_s, _ = _seconds(file)
    values: Values = {}
    if reads := _accesses(file.read, file.transfer):
        values |= {"MAX_READ_TIME_SIZE": min(file.transfer, file.read), "F_MAX_READ_TIME": read_s / reads * movers}
    if writes := _accesses(file.written, file.transfer):
        values |= {"MAX_WRITE_TIME_SIZE": min(file.transfer, file.written)}
        values |= {"F_MAX_WRITE_TIME": write_s / writes * movers}
    return values


def _accesses(length: int, transfer: int) -> int:
    return -(-length // transfer)


def _sizes(file: File, suffix: str) -> Values:
    """The histogram of access sizes, and the commonest of them: whole transfers, and what remains of each file."""
    values: Values = {}
    common: dict[int, int] = {}
    for way, length in (("READ", file.read), ("WRITE", file.written)):
        whole, rest = divmod(length, file.transfer)
        for size, count in ((file.transfer, whole), (rest, 1)):
            if size and count:
                bin_name = _SIZES[sum(size > limit for limit in _LIMITS)]
                key = f"SIZE_{way}{suffix}_{bin_name}"
                values[key] = values.get(key, 0) + count
                common[size] = common.get(size, 0) + count
    for place, (size, count) in enumerate(sorted(common.items(), key=lambda item: -item[1])[:4], 1):
        values[f"ACCESS{place}_ACCESS"], values[f"ACCESS{place}_COUNT"] = size, count
    return values


def _layout(number: int, file: File, fs: FileSystem) -> Lustre:
    layout = file.layout
    assert layout is not None, "a file on Lustre has a layout"
    component = Component(osts=layout.osts, stripe_size=layout.stripe_size)
    return Lustre(number, file.rank, [component], fs_osts=fs.osts, fs_mdts=fs.mdts, stripe_offset=-1)


def _trace(file: File, run: Run, hosts: Sequence[str]) -> Traced:
    """Each access of a file by one process: one after the other, end to end."""
    rank = max(file.rank, 0)
    host = hosts[rank * len(hosts) // run.nprocs]
    parts = [
        _segments(length, file.transfer, during, run.start)
        for length, during in ((file.written, file.writing), (file.read, file.reading))
    ]
    return Traced(record_id(file.path), rank, host, writes=parts[0], reads=parts[1])


def _segments(length: int, transfer: int, during: Interval, start: float) -> list[tuple[float, ...]]:
    count = _accesses(length, transfer)
    each = (during[1] - during[0]) / max(1, count)
    begin = during[0] - start
    return [
        (k * transfer, min(transfer, length - k * transfer), begin + k * each, begin + (k + 1) * each)
        for k in range(count)
    ]


def _heat_id(interface: Interface) -> int:
    return record_id(f"heatmap:{_PREFIX[interface]}")


def _heat(interface: Interface, run: Run) -> list[Heatmap]:
    """Bytes by process and time through one interface; none for it where the job has too many processes.

    A shared file's bytes are the processes' in equal parts, the first taking what remains; a file's bytes are
    spread evenly over the bins that it touches, the first taking what remains.
    """
    files = [file for file in run.files if interface in _passed(file)]
    if run.nprocs > HEAT_RANKS or not files:
        return []
    width = (run.end - run.start) / _HEAT_BINS
    moved = np.zeros((2, run.nprocs, _HEAT_BINS), dtype=np.int64)
    for file in files:
        for way, length, during in ((0, file.written, file.writing), (1, file.read, file.reading)):
            if not length:
                continue
            first = int((during[0] - run.start) / width)
            last = min(_HEAT_BINS - 1, int((during[1] - run.start) / width))
            ranks = slice(None) if file.rank < 0 else slice(file.rank, file.rank + 1)
            block = moved[way, ranks, first : last + 1]
            each, rest = divmod(length, block.size)
            block += each
            block[0, 0] += rest
    return [
        Heatmap(_heat_id(interface), rank, width, writes=moved[0, rank], reads=moved[1, rank])
        for rank in range(run.nprocs)
        if moved[:, rank].any()
    ]
