"""mmperfmon's sensors and counters, and the tables and columns that they fill."""

from __future__ import annotations

from typing import Final, NamedTuple

from iolake.schemas.scale import SCALE_CLIENT, SCALE_NETWORK, SCALE_NSD, SCALE_SERVER
from iolake.schemas.table import Table


class Sensor(NamedTuple):
    """The table of a sensor, its counters' columns, and counters that are dropped without a unit of bytes."""

    table: Table
    columns: dict[str, str]
    sizes: frozenset[str] = frozenset()


_MEMORY: Final = {
    "mem_total": "mem_total_bytes",
    "mem_memtotal": "mem_total_bytes",
    "mem_free": "mem_free_bytes",
    "mem_memfree": "mem_free_bytes",
    "mem_cached": "mem_cached_bytes",
    "mem_buffers": "mem_buffered_bytes",
}

SENSORS: Final = {
    "CPU": Sensor(
        SCALE_SERVER,
        {
            "cpu_user": "cpu_user_pct",
            "cpu_sys": "cpu_sys_pct",
            "cpu_system": "cpu_sys_pct",
            "cpu_idle": "cpu_idle_pct",
            "cpu_iowait": "cpu_iowait_pct",
        },
    ),
    "Memory": Sensor(SCALE_SERVER, _MEMORY, frozenset(_MEMORY)),
    "Load": Sensor(SCALE_SERVER, {}),
    "Network": Sensor(SCALE_NETWORK, {"net_r": "net_in_bytes", "net_s": "net_out_bytes"}),
    "GPFSNSDDisk": Sensor(
        SCALE_NSD,
        {
            "gpfs_nsdds_bytes_read": "read_bytes",
            "gpfs_nsdds_bytes_written": "write_bytes",
            "gpfs_nsdds_read_ops": "read_ops",
            "gpfs_nsdds_write_ops": "write_ops",
        },
    ),
    "GPFSFilesystem": Sensor(
        SCALE_CLIENT,
        {
            "gpfs_fs_bytes_read": "disk_read_bytes",
            "gpfs_fs_bytes_written": "disk_write_bytes",
            "gpfs_fs_read_ops": "disk_read_ops",
            "gpfs_fs_write_ops": "disk_write_ops",
        },
    ),
    "GPFSFilesystemAPI": Sensor(
        SCALE_CLIENT,
        {
            "gpfs_fis_bytes_read": "read_bytes",
            "gpfs_fis_bytes_written": "write_bytes",
            "gpfs_fis_read_calls": "read_ops",
            "gpfs_fis_write_calls": "write_ops",
            "gpfs_fis_open_calls": "opens",
            "gpfs_fis_close_calls": "closes",
            "gpfs_fis_readdir_calls": "readdirs",
            "gpfs_fis_inodes_written": "inode_updates",
        },
    ),
}
"""Sensor to its table. Counters without a column go to the table's `metrics`."""


def sensor_of(counter: str) -> str | None:
    """Return the sensor that a counter belongs to, as far as its name tells; None where no table takes it."""
    for name, sensor in SENSORS.items():
        if counter in sensor.columns:
            return name
    prefixes = {"cpu_": "CPU", "mem_": "Memory", "gpfs_nsdds_": "GPFSNSDDisk", "gpfs_fs_": "GPFSFilesystem"}
    return next((name for prefix, name in prefixes.items() if counter.startswith(prefix)), None)
