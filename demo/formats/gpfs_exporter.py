"""gpfs_exporter's metrics as Prometheus gives them to another (`/federate`): each sample with its node and its time.

A number is a float in its shortest form.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from iolake.demo.formats.mmcommands import Disk

OPERATIONS = ("opens", "closes", "reads", "writes", "read_dir", "inode_updates")
_PORT = 9303
_SEVENTH_DIGIT = 10**6


def perf(device: str, node: str, at_ms: int, counters: Sequence[int]) -> str:
    """A scrape of a node's counters, in the order of mmpmon's keys, at a millisecond since 1970."""
    read, written, *operations = counters
    samples = [
        ("perf_info", {"name": f"{node}-ib", "nodename": f"{node}-ib.example.org"}, 1),
        *(
            ("perf_operations_total", {"operation": name}, value)
            for name, value in zip(OPERATIONS, operations, strict=True)
        ),
        ("perf_read_bytes_total", {}, read),
        ("perf_write_bytes_total", {}, written),
    ]
    ended = f'gpfs_exporter_collect_error{{collector="mmpmon",instance="{node}:{_PORT}"}} 0 {at_ms}\n'
    return ended + _lines(device, node, at_ms, samples)


def space(device: str, node: str, at_ms: int, disks: Sequence[Disk], inodes: tuple[int, int, int]) -> str:
    """A scrape of mmdf's totals; `inodes` are used, allocated, and the most there may be."""
    used, allocated, most = inodes
    samples: list[tuple[str, Mapping[str, str], int]] = [
        *(("fs_" + name, {}, value) for name, value in _sizes(disks, "size_bytes", "free_bytes")),
        *(
            ("fs_metadata_" + name, {}, value)
            for name, value in _sizes([d for d in disks if d.metadata], "size_bytes", "free_bytes")
        ),
        ("fs_used_inodes", {}, used),
        ("fs_free_inodes", {}, allocated - used),
        ("fs_allocated_inodes", {}, allocated),
        ("fs_inodes", {}, most),
    ]
    for pool in dict.fromkeys(disk.pool for disk in disks):
        its = _sizes([d for d in disks if d.pool == pool], "total_bytes", "free_bytes")
        samples += [("fs_pool_" + name, {"pool": pool}, value) for name, value in its]
    return _lines(device, node, at_ms, samples)


def number(value: int) -> str:
    """A number as Go writes it: 123456, 1.234567e+06."""
    if value < _SEVENTH_DIGIT:
        return str(value)
    digits = str(value)
    fraction = digits[1:].rstrip("0")
    return f"{digits[0]}{'.' * bool(fraction)}{fraction}e+{len(digits) - 1:02d}"


def _sizes(disks: Iterable[Disk], total: str, free: str) -> list[tuple[str, int]]:
    disks = list(disks)
    return [(total, 1024 * sum(d.total for d in disks)), (free, 1024 * sum(d.free for d in disks))]


def _lines(device: str, node: str, at_ms: int, samples: Iterable[tuple[str, Mapping[str, str], int]]) -> str:
    lines = []
    for name, more, value in samples:
        labels = ",".join(
            f'{key}="{text}"' for key, text in {"fs": device, "instance": f"{node}:{_PORT}", **more}.items()
        )
        lines.append(f"gpfs_{name}{{{labels}}} {number(value)} {at_ms}\n")
    return "".join(lines)
